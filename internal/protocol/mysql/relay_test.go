// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mysql

import (
	"net"
	"sync"
	"testing"
)

// relay passes connections to a server and keeps what passed.
type relay struct {
	l     net.Listener
	mu    sync.Mutex
	wg    sync.WaitGroup
	conns [][]event
}

func newRelay(t *testing.T, network, address string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{l: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(network, address)
			if err != nil {
				client.Close()
				continue
			}
			r.mu.Lock()
			i := len(r.conns)
			r.conns = append(r.conns, nil)
			r.wg.Add(2)
			r.mu.Unlock()
			go r.copy(i, Request, client, server)
			go r.copy(i, Response, server, client)
		}
	}()
	return r
}

func (r *relay) copy(i int, d Direction, from, to net.Conn) {
	defer r.wg.Done()
	b := make([]byte, 256<<10)
	for {
		n, err := from.Read(b)
		r.mu.Lock()
		r.conns[i] = append(r.conns[i], event{d, string(b[:n])})
		r.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	if d == Request {
		to.(interface{ CloseWrite() error }).CloseWrite()
	} else {
		from.Close()
		to.Close()
	}
}

// take waits for the connections to end and gives their conversations.
func (r *relay) take() [][]event {
	r.wg.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.conns
	r.conns = nil
	return c
}

func (r *relay) port() string {
	_, port, _ := net.SplitHostPort(r.l.Addr().String())
	return port
}
