// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Command chi serves routes of chi on a port of loopback: "chi PORT". For each request it prints what chi
// says of it: "METHOD ROUTE STATUS".
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

func main() {
	r := chi.NewRouter()
	r.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			next.ServeHTTP(ww, r)
			fmt.Printf("%s %s %d\n", r.Method, chi.RouteContext(r.Context()).RoutePattern(), ww.Status())
		})
	})
	ok := func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.URL.Path)) }
	r.Get("/uuid", ok)
	r.Get("/", ok)
	r.Get("/users/{id}", ok)
	r.Post("/users", ok)
	r.Get("/files/*", ok)
	r.Get("/stream/{n:[0-9]+}", func(w http.ResponseWriter, _ *http.Request) {
		for range 3 {
			_, _ = w.Write([]byte("some\n"))
			w.(http.Flusher).Flush()
		}
	})
	parts := chi.NewRouter()
	parts.Get("/", ok)
	parts.Put("/{part}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	r.Route("/api/v1", func(r chi.Router) {
		r.With(middleware.NoCache).Get("/items/{item}", ok)
		r.Mount("/items/{item}/parts", parts)
	})
	r.Mount("/late", http.TimeoutHandler(http.HandlerFunc(ok), time.Minute, ""))
	s := &http.Server{Addr: "127.0.0.1:" + os.Args[1], Handler: r, ReadHeaderTimeout: time.Minute, Protocols: new(http.Protocols)}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	log.Fatal(s.ListenAndServe())
}
