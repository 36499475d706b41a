// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c" //nolint:staticcheck // net/http does not take an upgrade
)

// runWebServer serves HTTP/1.1 and, without TLS, HTTP/2 by prior knowledge and by upgrade, on
// the port that the first argument names, until its input ends, and tells what it counted.
func runWebServer() {
	var mu sync.Mutex
	served := map[string]int{}
	handler := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		n, err := io.Copy(io.Discard, q.Body)
		if err != nil {
			return // the client is gone
		}
		mu.Lock()
		served[fmt.Sprintf("%s %s %d", q.Method, q.URL.Path, q.ProtoMajor)]++
		mu.Unlock()
		if q.URL.Path == "/missing" {
			w.WriteHeader(http.StatusNotFound)
		}
		fmt.Fprint(w, strings.Repeat("x", int(n)))
	})
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	s := &http.Server{Handler: h2c.NewHandler(handler, &http2.Server{})} //nolint:staticcheck // as above
	done := make(chan error)
	go func() { done <- s.Serve(l) }()
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		panic(err)
	}
	if err := s.Close(); err != nil {
		panic(err)
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		panic(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(served); err != nil {
		panic(err)
	}
}
