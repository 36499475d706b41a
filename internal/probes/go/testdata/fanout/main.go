// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Command fanout serves HTTP for the tests of the Instrument "go":
//
//	fanout PORT             answers
//	fanout PORT URL...      asks each URL, followed by the path that it was asked for,
//	                        in a goroutine of its own
package main

import (
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"time"
)

func main() {
	backends := os.Args[2:]
	client := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	get := func(url string) error {
		res, err := client.Get(url)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		errs := make([]error, len(backends))
		var wg sync.WaitGroup
		for i, b := range backends {
			wg.Add(1)
			go func() {
				defer wg.Done()
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
				done := make(chan error)
				go func() { done <- get(b + r.URL.Path) }() // a goroutine of a goroutine
				errs[i] = <-done
			}()
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
		}
		fmt.Fprintln(w, "done")
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
