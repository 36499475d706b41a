// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Command https is built by many toolchains, also old ones:
//
//	https serve PORT                 a server with a certificate of its own
//	https get N CALLERS HOW URL      so many requests by each caller, of URL/CALLER-NUMBER; HOW is
//	                                 h1, h2, or "close" for a connection for each, wrapped
package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"sync"
	"time"
)

func main() {
	if os.Args[1] == "serve" {
		serve(os.Args[2])
	}
	n, _ := strconv.Atoi(os.Args[2])
	callers, _ := strconv.Atoi(os.Args[3])
	get(n, callers, os.Args[4], os.Args[5])
}

func serve(port string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(err)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprintln(w, r.URL.Path)
	})
	s := http.Server{Addr: "127.0.0.1:" + port, TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	}}
	log.Fatal(s.ListenAndServeTLS("", ""))
}

// layout ends the program where a Conn is not what bpf/include/tls_go.h reads of it.
func layout() {
	conn := reflect.TypeOf((*tls.Conn)(nil)).Elem().Field(0)
	fd := reflect.TypeOf((*net.TCPConn)(nil)).Elem().Field(0).Type.Field(0)
	poll := fd.Type.Elem().Field(0)
	sysfd, ok := poll.Type.FieldByName("Sysfd")
	if conn.Type != reflect.TypeOf((*net.Conn)(nil)).Elem() || fd.Type.String() != "*net.netFD" || poll.Type.String() != "poll.FD" || !ok || sysfd.Offset != 16 {
		log.Fatal(conn.Type, fd.Type, poll.Type, sysfd.Offset)
	}
}

func get(n, callers int, how, url string) {
	layout()
	var wg sync.WaitGroup
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: how == "h2", DisableKeepAlives: how == "close",
		MaxIdleConnsPerHost: callers,
	}}
	if how == "close" {
		client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			return &twice{&wrapped{Conn: c}}, err
		}
	}
	for c := 0; c < callers; c++ {
		wg.Add(1)
		go func(c int) {
			defer wg.Done()
			for i := 0; i < n; i++ {
				res, err := client.Post(fmt.Sprintf("%s/%d-%d", url, c, i), "text/plain", bytes.NewReader(make([]byte, 100*(i%10))))
				check(err)
				_, err = io.Copy(io.Discard, res.Body)
				check(err)
				check(res.Body.Close())
				if res.StatusCode != http.StatusOK {
					log.Fatal(res.Status)
				}
			}
		}(c)
	}
	wg.Wait()
	time.Sleep(2 * time.Second) // the receiver finds its executable, and reads
}

// wrapped is a connection as programs make them that count its bytes.
type wrapped struct {
	net.Conn
	read int64
}

func (w *wrapped) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.read += int64(n)
	return n, err
}

type twice struct{ net.Conn }

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
