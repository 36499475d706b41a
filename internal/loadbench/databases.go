// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
)

func startRedis(_ context.Context, dir string) (*workload, func(), error) {
	port, err := freePort()
	if err != nil {
		return nil, nil, err
	}
	cmd := on(0, "redis-server", "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--dir", dir, "--loglevel", "warning")
	end, err := start(cmd)
	if err != nil {
		return nil, nil, err
	}
	w := &workload{
		probe: "redis", pid: cmd.Process.Pid, target: discovery.Selector{PID: cmd.Process.Pid}, address: fmt.Sprintf("127.0.0.1:%d", port),
		count: func() (uint64, error) { return redisCalls(port, "get") },
		load: func() (func(), error) {
			return start(on(1, "redis-benchmark", "-q", "-p", strconv.Itoa(port), "-t", "get", "-c", strconv.Itoa(connections), "-l"))
		},
	}
	err = eventually(func() error {
		out, err := exec.Command("redis-cli", "-p", strconv.Itoa(port), "set", "key:__rand_int__", "0123456789").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return exec.Command("redis-cli", "-p", strconv.Itoa(port), "get", "key:__rand_int__").Run()
	})
	if err != nil {
		end()
		return nil, nil, fmt.Errorf("redis-server did not start: %w", err)
	}
	return w, end, nil
}

// redisCalls asks the server how often a command was called.
func redisCalls(port int, command string) (uint64, error) {
	out, err := exec.Command("redis-cli", "-p", strconv.Itoa(port), "info", "commandstats").Output()
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(out), "cmdstat_"+command+":calls=")
	n, _, _ := strings.Cut(rest, ",")
	if !ok {
		return 0, fmt.Errorf("the server tells no calls of %s", command)
	}
	return strconv.ParseUint(n, 10, 64)
}

func startMemcached(_ context.Context, _ string) (*workload, func(), error) {
	port, err := freePort()
	if err != nil {
		return nil, nil, err
	}
	cmd := on(0, "memcached", "-u", "nobody", "-t", "1", "-l", "127.0.0.1", "-p", strconv.Itoa(port))
	end, err := start(cmd)
	if err != nil {
		return nil, nil, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	w := &workload{
		probe: "memcached", pid: cmd.Process.Pid, target: discovery.Selector{PID: cmd.Process.Pid}, address: address,
		count: func() (uint64, error) { return memcachedGets(address) },
		load:  drive("memcached", address),
	}
	if err := eventually(func() error { _, err := w.count(); return err }); err != nil {
		end()
		return nil, nil, fmt.Errorf("memcached did not start: %w", err)
	}
	return w, end, nil
}

func memcachedGets(address string) (uint64, error) {
	text, err := once(address, "stats\r\n", "END\r\n")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 3 && f[1] == "cmd_get" {
			return strconv.ParseUint(f[2], 10, 64)
		}
	}
	return 0, errors.New("the server tells no cmd_get")
}

// startPostgreSQL runs a server with the tables of pgbench, which is loaded with selects.
func startPostgreSQL(ctx context.Context, dir string) (*workload, func(), error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		return nil, nil, errors.Join(errors.New("PostgreSQL is not installed"), err)
	}
	bin := slices.Max(found)
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, nil, err
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	if err := errors.Join(os.Chmod(dir, 0o711), os.Mkdir(filepath.Join(dir, "data"), 0o700), os.Chown(filepath.Join(dir, "data"), uid, gid)); err != nil {
		return nil, nil, err
	}
	data := filepath.Join(dir, "data")
	as := func(cmd *exec.Cmd) *exec.Cmd { // who it runs as
		cmd.Dir = data
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		return cmd
	}
	run := func(name string, args ...string) error {
		out, err := as(exec.CommandContext(ctx, filepath.Join(bin, name), args...)).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, out)
		}
		return nil
	}
	if err := run("initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync"); err != nil {
		return nil, nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, nil, err
	}
	cmd := as(on(0, filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(port), "-k", data, "-c", "listen_addresses=127.0.0.1",
		"-c", "fsync=off", "-c", "shared_preload_libraries=pg_stat_statements", "-c", "log_min_messages=fatal"))
	end, err := start(cmd)
	if err != nil {
		return nil, nil, err
	}
	connect := []string{"-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "postgres"}
	psql := func(query string) (string, error) {
		out, err := exec.CommandContext(ctx, filepath.Join(bin, "psql"), append(slices.Clone(connect), "-AtX", "-c", query)...).Output()
		return strings.TrimSpace(string(out)), err
	}
	w := &workload{
		probe: "sql", pid: cmd.Process.Pid, target: discovery.Selector{Exe: filepath.Join(bin, "postgres")}, address: fmt.Sprintf("127.0.0.1:%d", port),
		count: func() (uint64, error) {
			// Unlike the server's other counts these are there at once.
			n, err := psql("select coalesce(sum(calls), 0) from pg_stat_statements where query like 'SELECT abalance%'")
			if err != nil {
				return 0, err
			}
			return strconv.ParseUint(n, 10, 64)
		},
		load: func() (func(), error) {
			return start(on(1, filepath.Join(bin, "pgbench"), append(slices.Clone(connect), "-n", "-S", "-c", "8", "-T", "3600", "postgres")...))
		},
	}
	err = eventually(func() error { _, err := psql("create extension if not exists pg_stat_statements"); return err })
	if err == nil {
		err = run("pgbench", append(slices.Clone(connect), "-q", "-i", "-s", "1", "postgres")...)
	}
	if err != nil {
		end()
		return nil, nil, fmt.Errorf("PostgreSQL did not start: %w", err)
	}
	return w, end, nil
}
