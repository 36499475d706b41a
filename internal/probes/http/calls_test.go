// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// tally counts the calls that a server or a client of grpc-go ended, by method and code.
type tally struct {
	mu    sync.Mutex
	calls map[string]int
}

type methodKey struct{}

func (y *tally) TagRPC(ctx context.Context, i *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, methodKey{}, i.FullMethodName)
}

func (y *tally) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if end, ok := s.(*stats.End); ok {
		y.mu.Lock()
		defer y.mu.Unlock()
		y.calls[ctx.Value(methodKey{}).(string)[1:]+" "+status.Code(end.Error).String()]++
	}
}

func (y *tally) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (y *tally) HandleConn(context.Context, stats.ConnStats) {}

func (y *tally) print() {
	y.mu.Lock()
	defer y.mu.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(y.calls); err != nil {
		panic(err)
	}
}

// callServer is the service of gRPC's interoperability tests.
type callServer struct {
	grpc_testing.UnimplementedTestServiceServer
}

func (callServer) EmptyCall(context.Context, *grpc_testing.Empty) (*grpc_testing.Empty, error) {
	return &grpc_testing.Empty{}, nil
}

func (callServer) UnaryCall(_ context.Context, q *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
	if s := q.GetResponseStatus(); s != nil {
		return nil, status.Error(codes.Code(s.GetCode()), s.GetMessage())
	}
	return &grpc_testing.SimpleResponse{Payload: payload(int(q.GetResponseSize()))}, nil
}

func payload(n int) *grpc_testing.Payload { return &grpc_testing.Payload{Body: make([]byte, n)} }

func (callServer) StreamingOutputCall(q *grpc_testing.StreamingOutputCallRequest, s grpc_testing.TestService_StreamingOutputCallServer) error {
	for _, p := range q.GetResponseParameters() {
		if err := s.Send(&grpc_testing.StreamingOutputCallResponse{Payload: payload(int(p.GetSize()))}); err != nil {
			return err
		}
	}
	return nil
}

func (callServer) StreamingInputCall(s grpc_testing.TestService_StreamingInputCallServer) error {
	sum := 0
	for {
		q, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return s.SendAndClose(&grpc_testing.StreamingInputCallResponse{AggregatedPayloadSize: int32(sum)})
		}
		if err != nil {
			return err
		}
		sum += len(q.GetPayload().GetBody())
	}
}

func (callServer) FullDuplexCall(s grpc_testing.TestService_FullDuplexCallServer) error {
	for {
		q, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, p := range q.GetResponseParameters() {
			if err := s.Send(&grpc_testing.StreamingOutputCallResponse{Payload: payload(int(p.GetSize()))}); err != nil {
				return err
			}
		}
	}
}

// runCallServer serves on the port that the first argument names until its input ends, and
// tells what it counted.
func runCallServer() {
	y := &tally{calls: map[string]int{}}
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	s := grpc.NewServer(grpc.StatsHandler(y))
	grpc_testing.RegisterTestServiceServer(s, callServer{})
	done := make(chan error)
	go func() { done <- s.Serve(l) }()
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		panic(err)
	}
	s.GracefulStop()
	if err := <-done; err != nil {
		panic(err)
	}
	y.print()
}

// runCallClient calls every kind of method of the server on the port that the first argument
// names, as many rounds as the second says, several at a time, and tells what it counted.
func runCallClient() {
	y := &tally{calls: map[string]int{}}
	rounds, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	cc, err := grpc.NewClient("127.0.0.1:"+os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithStatsHandler(y))
	if err != nil {
		panic(err)
	}
	c := grpc_testing.NewTestServiceClient(cc)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range rounds {
				if err := callAll(c, i*37+j); err != nil {
					panic(err)
				}
			}
		})
	}
	wg.Wait()
	if err := cc.Close(); err != nil {
		panic(err)
	}
	y.print()
}

// callAll makes one call of each kind. n varies their sizes.
func callAll(c grpc_testing.TestServiceClient, n int) error {
	ctx := context.Background()
	expect := func(err error, code codes.Code) error {
		if status.Code(err) != code {
			return fmt.Errorf("want %v: %w", code, err)
		}
		return nil
	}
	_, empty := c.EmptyCall(ctx, &grpc_testing.Empty{})
	_, unary := c.UnaryCall(ctx, &grpc_testing.SimpleRequest{ResponseSize: int32(n * 331 % 5000), Payload: payload(n * 97 % 3000)})
	_, notFound := c.UnaryCall(ctx, &grpc_testing.SimpleRequest{ResponseStatus: &grpc_testing.EchoStatus{Code: int32(codes.NotFound), Message: "no"}})
	_, internal := c.UnaryCall(ctx, &grpc_testing.SimpleRequest{ResponseStatus: &grpc_testing.EchoStatus{Code: int32(codes.Internal), Message: "no"}})
	_, unimplemented := c.UnimplementedCall(ctx, &grpc_testing.Empty{})
	return errors.Join(
		expect(empty, codes.OK), expect(unary, codes.OK), expect(notFound, codes.NotFound), expect(internal, codes.Internal),
		expect(unimplemented, codes.Unimplemented),
		download(ctx, c, n), upload(ctx, c, n), duplex(ctx, c, n))
}

func sizes(n int) (p []*grpc_testing.ResponseParameters) {
	for i := range 1 + n%4 {
		p = append(p, &grpc_testing.ResponseParameters{Size: int32(i * n % 2000)})
	}
	return p
}

func download(ctx context.Context, c grpc_testing.TestServiceClient, n int) error {
	s, err := c.StreamingOutputCall(ctx, &grpc_testing.StreamingOutputCallRequest{ResponseParameters: sizes(n)})
	for err == nil {
		_, err = s.Recv()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func upload(ctx context.Context, c grpc_testing.TestServiceClient, n int) error {
	s, err := c.StreamingInputCall(ctx)
	if err != nil {
		return err
	}
	for i := range 1 + n%4 {
		if err := s.Send(&grpc_testing.StreamingInputCallRequest{Payload: payload(i * n % 2000)}); err != nil {
			return err
		}
	}
	_, err = s.CloseAndRecv()
	return err
}

func duplex(ctx context.Context, c grpc_testing.TestServiceClient, n int) error {
	s, err := c.FullDuplexCall(ctx)
	if err != nil {
		return err
	}
	for range 1 + n%3 {
		p := sizes(n)
		if err := s.Send(&grpc_testing.StreamingOutputCallRequest{ResponseParameters: p}); err != nil {
			return err
		}
		for range p {
			if _, err := s.Recv(); err != nil {
				return err
			}
		}
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	if _, err = s.Recv(); errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
