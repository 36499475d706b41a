// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// A driver is this program as the load: some connections that each send an operation and
// wait for its answer, at full speed or paced. It prints, for each line of input, what
// it has done since the last one.

// drive loads a server at full speed.
func drive(kind, address string) func() (func(), error) {
	return func() (func(), error) {
		_, _, end, err := self(1, []string{"GOMAXPROCS=1"}, "-drive", kind, "-address", address)
		return end, err
	}
}

// pace is a paced driver.
type pace struct {
	in  io.Writer
	out *bufio.Reader
}

// paced loads a server with a number of operations per second.
func paced(kind, address string, rate int) (*pace, func(), error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := on(1, exe, "-drive", kind, "-address", address, "-rate", strconv.Itoa(rate))
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	end, err := start(cmd)
	if err != nil {
		return nil, nil, err
	}
	p := &pace{in, bufio.NewReader(out)}
	if _, err := p.out.ReadString('\n'); err != nil {
		end()
		return nil, nil, fmt.Errorf("the driver did not start: %w", err)
	}
	return p, end, nil
}

// lap is what was done since the last one.
type lap struct {
	operations int
	p50, p99   time.Duration
}

func (p *pace) lap() (l lap, err error) {
	if _, err = p.in.Write([]byte("\n")); err != nil {
		return l, err
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		return l, err
	}
	_, err = fmt.Sscan(line, &l.operations, &l.p50, &l.p99)
	return l, err
}

// runDriver is the driver itself. A rate of 0 is full speed.
func runDriver(ctx context.Context, kind, address string, rate int) error {
	open, ok := callers()[kind]
	if !ok {
		return fmt.Errorf("there is no driver %q", kind)
	}
	var (
		mu    sync.Mutex
		took  []time.Duration
		calls []func() error
	)
	n := connections
	if rate > 0 {
		n = 8
	}
	for range n {
		call, err := open(ctx, address)
		if err != nil {
			return err
		}
		if err := call(); err != nil {
			return err
		}
		calls = append(calls, call)
	}
	failed := make(chan error, n)
	began := time.Now()
	for i, call := range calls {
		go func() {
			for k := 0; ; k++ {
				if rate > 0 {
					time.Sleep(time.Until(began.Add(time.Duration(k*n+i) * time.Second / time.Duration(rate))))
				}
				sent := time.Now()
				if err := call(); err != nil {
					failed <- err
					return
				}
				if rate > 0 {
					mu.Lock()
					took = append(took, time.Since(sent))
					mu.Unlock()
				}
			}
		}()
	}
	fmt.Println("ready")
	go func() {
		for in := bufio.NewReader(os.Stdin); ; {
			if _, err := in.ReadString('\n'); err != nil {
				if rate > 0 {
					failed <- context.Canceled
				}
				return
			}
			mu.Lock()
			all := took
			took = nil
			mu.Unlock()
			slices.Sort(all)
			if len(all) == 0 {
				all = append(all, 0)
			}
			fmt.Println(len(all), int64(all[len(all)/2]), int64(all[len(all)*99/100])) // ns
		}
	}()
	select {
	case err := <-failed:
		return errors.Join(errors.New("the load broke off"), err)
	case <-ctx.Done():
	case <-time.After(time.Hour):
	}
	return nil
}
