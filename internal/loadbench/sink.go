// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // exporters compress by default

	"github.com/ebpfreceiver/ebpfreceiver/internal/timeslice"
)

// runSink takes OTLP over gRPC and forgets it. Its first line of output is its address.
func runSink(ctx context.Context) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	// It stands for another host, and is in the way of what is measured as little as it can be.
	if err := timeslice.Set(timeslice.Min); err != nil && !errors.Is(err, timeslice.ErrUnsupported) {
		return err
	}
	s := grpc.NewServer(grpc.MaxRecvMsgSize(64 << 20))
	ptraceotlp.RegisterGRPCServer(s, &traces{})
	pmetricotlp.RegisterGRPCServer(s, &metrics{})
	plogotlp.RegisterGRPCServer(s, &logs{})
	context.AfterFunc(ctx, s.Stop)
	fmt.Println(l.Addr())
	return s.Serve(l)
}

type traces struct {
	ptraceotlp.UnimplementedGRPCServer
}

func (*traces) Export(context.Context, ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	return ptraceotlp.NewExportResponse(), nil
}

type metrics struct {
	pmetricotlp.UnimplementedGRPCServer
}

func (*metrics) Export(context.Context, pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	return pmetricotlp.NewExportResponse(), nil
}

type logs struct {
	plogotlp.UnimplementedGRPCServer
}

func (*logs) Export(context.Context, plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	return plogotlp.NewExportResponse(), nil
}
