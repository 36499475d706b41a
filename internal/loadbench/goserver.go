// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"
)

// runGo serves the page of nginx with net/http, and tells how many requests it took at
// /status, in nginx's form. It prints the addresses of the page and of the status.
func runGo(encrypted bool) error {
	page := []byte(strings.Repeat("The quick brown fox jumps over the lazy dog. ", 14)[:612])
	var n atomic.Uint64
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		_, _ = w.Write(page)
	})
	mux.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "Active\nserver\n %[1]d %[1]d %[1]d\n", n.Load())
	})
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := fmt.Sprintf("http://%s/", plain.Addr())
	if !encrypted {
		fmt.Println(address, address+"status")
		return http.Serve(plain, mux)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	fmt.Println(fmt.Sprintf("https://%s/", l.Addr()), address+"status")
	go func() { _ = http.Serve(plain, mux) }()
	return http.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}}), mux)
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// startGo runs this program as the server, on one processor.
func startGo(ctx context.Context, encrypted bool) (*server, func(), error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	kind := "plain"
	if encrypted {
		kind = "tls"
	}
	cmd := exec.Command("taskset", "-c", "0", self, "-serve", kind)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	end, err := start(ctx, cmd)
	if err != nil {
		return nil, nil, err
	}
	s := &server{worker: cmd.Process.Pid} // taskset becomes what it runs
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		_, err = fmt.Sscan(line, &s.url, &s.status)
	}
	if err != nil {
		end()
		return nil, nil, fmt.Errorf("the Go server did not start: %w", err)
	}
	return s, end, nil
}
