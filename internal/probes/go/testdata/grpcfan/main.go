// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Command grpcfan serves HTTP and gRPC's health check on two ports of loopback. With more
// arguments it asks others for each request, all of them at a time in goroutines:
//
//	grpcfan PORT GRPCPORT [GRPC-SERVER HTTP-SERVER...]
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

type service struct {
	grpc_health_v1.UnimplementedHealthServer
	next  grpc_health_v1.HealthClient // nil: none
	urls  []string
	httpc *http.Client
}

// ask asks all others about id.
func (s *service) ask(ctx context.Context, id string) error {
	if s.next == nil {
		return nil
	}
	answers := make(chan error)
	go func() {
		_, err := s.next.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: id})
		answers <- err
	}()
	for _, url := range s.urls {
		go func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/r/"+id, nil)
			if err != nil {
				answers <- err
				return
			}
			res, err := s.httpc.Do(req)
			if err == nil {
				_, err = io.Copy(io.Discard, res.Body)
				err = errors.Join(err, res.Body.Close())
			}
			answers <- err
		}()
	}
	var errs []error
	for range 1 + len(s.urls) {
		errs = append(errs, <-answers)
	}
	return errors.Join(errs...)
}

// Check implements grpc_health_v1.HealthServer.
func (s *service) Check(ctx context.Context, r *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}, s.ask(ctx, r.Service)
}

func main() {
	s := &service{httpc: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}}
	if len(os.Args) > 3 {
		conn, err := grpc.NewClient(os.Args[3], grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			log.Fatal(err)
		}
		s.next, s.urls = grpc_health_v1.NewHealthClient(conn), os.Args[4:]
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, s)
	go func() { log.Fatal(server.Serve(l)) }()
	http.HandleFunc("GET /r/{id}", func(w http.ResponseWriter, r *http.Request) {
		if err := s.ask(r.Context(), r.PathValue("id")); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	})
	h := &http.Server{Addr: "127.0.0.1:" + os.Args[1], ReadHeaderTimeout: time.Minute}
	log.Fatal(h.ListenAndServe())
}
