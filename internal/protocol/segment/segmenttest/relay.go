// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package segmenttest

import (
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
)

// Relay passes the connections of clients on to a server and keeps what passed, each read as
// an Event. A read is kept before it is passed on: a request stands before its response.
type Relay struct {
	listener net.Listener
	mu       sync.Mutex
	wg       sync.WaitGroup
	conns    [][]Event
}

// NewRelay listens on a free port of loopback. network and address are the server's, as of
// net.Dial. It ends with the test.
func NewRelay(t testing.TB, network, address string) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{listener: l}
	done := make(chan struct{})
	go func() {
		defer close(done)
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
			go r.pass(i, segment.Request, client, server)
			go r.pass(i, segment.Response, server, client)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return r
}

func (r *Relay) pass(i int, d segment.Direction, from, to net.Conn) {
	defer r.wg.Done()
	b := make([]byte, 256<<10)
	for {
		n, err := from.Read(b)
		if n > 0 || err != nil {
			r.mu.Lock()
			if n > 0 {
				r.conns[i] = append(r.conns[i], Event{d, string(b[:n])})
			}
			if err != nil {
				r.conns[i] = append(r.conns[i], Event{d, ""})
			}
			r.mu.Unlock()
		}
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok && d == segment.Request {
		_ = half.CloseWrite()
		return
	}
	from.Close()
	to.Close()
}

// Addr is where clients connect: "127.0.0.1:port".
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Port is that of Addr.
func (r *Relay) Port() string { return strconv.Itoa(r.listener.Addr().(*net.TCPAddr).Port) }

// Take waits for the connections to end and gives their conversations.
func (r *Relay) Take() [][]Event {
	r.wg.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.conns
	r.conns = nil
	return c
}
