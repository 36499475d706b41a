// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Command mux serves routes of gorilla/mux on a port of loopback: "mux PORT". For each request it prints
// what mux says of it: "METHOD ROUTE STATUS".
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/gorilla/mux"
)

type key struct{}

type writer struct {
	http.ResponseWriter
	status int
}

func (w *writer) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func main() {
	r := mux.NewRouter()
	r.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			*r.Context().Value(key{}).(*string), _ = mux.CurrentRoute(r).GetPathTemplate()
			next.ServeHTTP(w, r)
		})
	})
	ok := func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.URL.Path)) }
	r.HandleFunc("/uuid", ok)
	r.HandleFunc("/", ok)
	r.HandleFunc("/users/{id:[0-9]+}", ok).Methods("GET")
	r.HandleFunc("/users", ok).Methods("POST")
	r.PathPrefix("/files/").HandlerFunc(ok)
	r.HandleFunc("/stream/{n}", func(w http.ResponseWriter, _ *http.Request) {
		for range 3 {
			_, _ = w.Write([]byte("some\n"))
			_ = http.NewResponseController(w.(*writer).ResponseWriter).Flush()
		}
	})
	items := r.PathPrefix("/api/v1/items").Subrouter()
	items.HandleFunc("/{item}", ok).Methods("GET")
	items.HandleFunc("/{item}/parts/{part}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	r.Host("example.com").HandlerFunc(ok)                                                                                    // has no path
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { //nolint:gosec // loopback
		var route string
		ww := &writer{w, http.StatusOK}
		r.ServeHTTP(ww, req.WithContext(context.WithValue(req.Context(), key{}, &route)))
		fmt.Printf("%s %s %d\n", req.Method, route, ww.status)
	})))
}
