// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Command routes serves patterns of net/http.ServeMux on a port of loopback: "routes PORT", or
// "routes PORT CERTIFICATE KEY" for TLS.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"time"
)

type key struct{}

func main() {
	ok := func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.URL.Path)) }
	inner := http.NewServeMux()
	inner.HandleFunc("GET /api/items/{item}", ok)
	mux := http.NewServeMux()
	for _, p := range []string{
		"GET /users/{id}", "POST /users", "/files/{path...}", "example.com/hosted/{x}", "GET example.com/both", "/{$}", "/tree/",
	} {
		mux.HandleFunc(p, ok)
	}
	mux.Handle("/api/", inner)
	late := http.NewServeMux()
	late.HandleFunc("GET /late/{x}", ok)
	mux.Handle("/late/", http.TimeoutHandler(late, time.Minute, "")) // it serves on another goroutine
	// As a tracer does, it hands a copy of the request on.
	copies := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, 1)))
	})
	s := &http.Server{Addr: "127.0.0.1:" + os.Args[1], Handler: copies, ReadHeaderTimeout: time.Minute}
	if len(os.Args) > 2 {
		log.Fatal(s.ListenAndServeTLS(os.Args[2], os.Args[3]))
	}
	log.Fatal(s.ListenAndServe())
}
