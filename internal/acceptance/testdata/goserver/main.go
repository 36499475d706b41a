// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Command goserver is the same as service.py, in Go: goserver PORT.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/hello", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
	http.HandleFunc("/call", func(w http.ResponseWriter, r *http.Request) {
		res, err := http.Get(r.URL.Query().Get("url"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body) // its status is the answer
		w.WriteHeader(res.StatusCode)
		fmt.Fprintln(w, res.StatusCode)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
