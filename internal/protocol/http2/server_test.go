// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// bytesCodec passes messages as they are.
type bytesCodec struct{}

func (bytesCodec) Marshal(v any) ([]byte, error)   { return *v.(*[]byte), nil }
func (bytesCodec) Unmarshal(b []byte, v any) error { *v.(*[]byte) = slices.Clone(b); return nil }
func (bytesCodec) Name() string                    { return "bytes" }

// tally is what the server itself counts.
type tally struct {
	mu    sync.Mutex
	calls map[string]*[3]int // calls, messages received, messages sent by "method code"
}

type rpcKey struct{}

type rpcInfo struct {
	method  string
	in, out int
}

func (y *tally) TagRPC(ctx context.Context, i *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, rpcKey{}, &rpcInfo{method: i.FullMethodName})
}
func (y *tally) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (y *tally) HandleConn(context.Context, stats.ConnStats)                       {}
func (y *tally) HandleRPC(ctx context.Context, s stats.RPCStats) {
	i := ctx.Value(rpcKey{}).(*rpcInfo)
	y.mu.Lock()
	defer y.mu.Unlock()
	switch s := s.(type) {
	case *stats.InPayload:
		i.in++
	case *stats.OutPayload:
		i.out++
	case *stats.End:
		y.add(fmt.Sprintf("%s %d", i.method, status.Code(s.Error)), i.in, i.out)
	}
}

func (y *tally) add(key string, in, out int) {
	if y.calls == nil {
		y.calls = map[string]*[3]int{}
	}
	if y.calls[key] == nil {
		y.calls[key] = new([3]int)
	}
	c := y.calls[key]
	c[0]++
	c[1] += in
	c[2] += out
}

func (y *tally) String() string {
	var list []string
	for k, v := range y.calls {
		list = append(list, fmt.Sprintf("%s: %d calls, %d received, %d sent", k, v[0], v[1], v[2]))
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

// serveAny answers each message with one of its length, or as the method's name says.
func serveAny(_ any, s grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(s)
	n := 0
	for {
		var m []byte
		if err := s.RecvMsg(&m); err != nil {
			if !errors.Is(err, io.EOF) {
				return err
			}
			break
		}
		n++
		if strings.HasSuffix(method, "Bidi") {
			if err := s.SendMsg(&m); err != nil {
				return err
			}
		}
	}
	reply := make([]byte, 10*n)
	switch {
	case strings.HasSuffix(method, "Fail"):
		return status.Error(codes.ResourceExhausted, "too much")
	case strings.HasSuffix(method, "ServerStream"):
		for range 20 {
			if err := s.SendMsg(&reply); err != nil {
				return err
			}
		}
	case !strings.HasSuffix(method, "Bidi"):
		return s.SendMsg(&reply)
	}
	return nil
}

// Unary and streaming calls of grpc-go, many at a time: calls, codes and messages are those
// that the server counted.
func TestGRPCServer(t *testing.T) {
	y := &tally{}
	srv := grpc.NewServer(grpc.StatsHandler(y), grpc.ForceServerCodec(bytesCodec{}), grpc.UnknownServiceHandler(serveAny))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(l)
	r := segmenttest.NewRelay(t, "tcp", l.Addr().String())
	cc, err := grpc.NewClient(r.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(bytesCodec{})))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 30 {
				callAny(t, cc, []string{"/demo.Echo/Unary", "/demo.Echo/ServerStream", "/demo.Echo/ClientStream", "/demo.Echo/Bidi", "/demo.Echo/Fail"}[j%5], i*700+j)
			}
		})
	}
	wg.Wait()
	cc.Close()
	srv.GracefulStop()
	conns := r.Take()
	if len(conns) != 1 {
		t.Fatalf("%d connections", len(conns))
	}
	for _, limit := range []int{1 << 20, 8 << 10} {
		seen := &tally{}
		c := newConn(t, Options{})
		c.play(conns[0], whole, func(n int) int { return min(n, limit) })
		c.p.Close(CloseNormal, c.now)
		known := 0
		for i, e := range c.all {
			if e.GRPCStatusKnown && e.RequestMessages >= 0 && e.ResponseMessages >= 0 {
				known++
			}
			path := strings.Fields(c.got[i])[2]
			seen.add(fmt.Sprintf("%s %d", path, e.GRPCStatus), int(e.RequestMessages), int(e.ResponseMessages))
		}
		s := c.cfg.Stats()
		if limit == 1<<20 && (seen.String() != y.String() || known != 240) {
			t.Errorf("seen:\n%s\nthe server's own:\n%s", seen, y)
		}
		t.Logf("captured %d bytes of each segment: %d of 240 exchanges, all known of %d; %+v", limit, len(c.all), known, *s)
	}
	t.Logf("\n%s", y)
}

func callAny(t *testing.T, cc *grpc.ClientConn, method string, size int) {
	s, err := cc.NewStream(context.Background(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		t.Error(err)
		return
	}
	sends := 1
	if strings.HasSuffix(method, "ClientStream") || strings.HasSuffix(method, "Bidi") {
		sends = 7
	}
	m := make([]byte, size)
	for range sends {
		if err := s.SendMsg(&m); err != nil {
			t.Error(err)
			return
		}
	}
	s.CloseSend()
	for err == nil {
		var m []byte
		err = s.RecvMsg(&m)
	}
	if want := strings.HasSuffix(method, "Fail"); !errors.Is(err, io.EOF) && !want || want && status.Code(err) != codes.ResourceExhausted {
		t.Errorf("%s: %v", method, err)
	}
}

// net/http's HTTP/2 server and x/net's client, many requests at a time: method, path, status and sizes are
// those that the server's handler counted.
func TestH2CServer(t *testing.T) {
	var mu sync.Mutex
	var want []string
	handler := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		n, _ := io.Copy(io.Discard, q.Body)
		code, size := 200+int(n)%5, int(n)*3
		w.Header().Set("Trailer", "X-Sum")
		w.WriteHeader(code)
		if code != 204 {
			w.Write(make([]byte, size))
		} else {
			size = 0
		}
		w.Header().Set("X-Sum", "1")
		mu.Lock()
		want = append(want, fmt.Sprintf("%s %s %d %d/%d complete", q.Method, q.URL.Path, code, n, size))
		mu.Unlock()
	})
	srv := &http.Server{Handler: handler, Protocols: new(http.Protocols)}
	srv.Protocols.SetUnencryptedHTTP2(true)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(l)
	defer srv.Close()
	r := segmenttest.NewRelay(t, "tcp", l.Addr().String())
	tr := &http2.Transport{AllowHTTP: true, DialTLSContext: func(ctx context.Context, network, addr string, _ *tls.Config) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			for j := range 40 {
				q, _ := http.NewRequest(http.MethodPost, fmt.Sprintf("http://%s/p/%d/%d", r.Addr(), i, j), strings.NewReader(strings.Repeat("b", i*900+j)))
				resp, err := tr.RoundTrip(q)
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
	wg.Wait()
	tr.CloseIdleConnections()
	var got []string
	for _, ev := range r.Take() {
		c := newConn(t, Options{})
		c.play(ev, whole, whole)
		c.p.Close(CloseNormal, c.now)
		for _, g := range c.got {
			_, g, _ = strings.Cut(g, " ")
			got = append(got, g)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if len(got) != 240 || !slices.Equal(got, want) {
		t.Errorf("%d exchanges, the server's handler counted %d", len(got), len(want))
		for i := range min(len(got), len(want), 5) {
			t.Log(got[i], "|", want[i])
		}
	}
}
