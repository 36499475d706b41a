// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package foreign gets BPF objects that nobody here wrote, for tests: they are compiled or
// taken out of a package when the test runs, and none is committed.
package foreign

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrMissing wraps what has to be installed first.
var ErrMissing = errors.New("run scripts/install-deps.sh test")

// Ext is how the names of objects end that [Example] and [Tool] write.
const Ext = ".bpf.o"

// Example compiles one of the examples in C that the library which loads programs comes with, into
// a folder. It is compiled as the library's own go:generate lines say. It gives the object's path.
func Example(name, into string) (string, error) {
	const compiler = "clang-19"
	clang, err := exec.LookPath(compiler)
	if err != nil {
		return "", fmt.Errorf("needs %s: %w", compiler, ErrMissing)
	}
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cilium/ebpf").Output()
	if err != nil {
		return "", fmt.Errorf("find the library: %w", err)
	}
	examples := filepath.Join(strings.TrimSpace(string(dir)), "examples")
	sources, err := filepath.Glob(filepath.Join(examples, name, "*.c"))
	if err != nil {
		return "", fmt.Errorf("example %s: %w", name, err)
	}
	if len(sources) != 1 {
		return "", fmt.Errorf("example %s has %d sources", name, len(sources))
	}
	path := filepath.Join(into, name+Ext)
	out, err := exec.Command(clang, "-target", "bpfel", "-O2", "-g", "-mcpu=v2", "-D__TARGET_ARCH_x86",
		"-I"+filepath.Join(examples, "headers"), "-c", sources[0], "-o", path).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("compile the example %s: %w: %s", name, err, out)
	}
	return path, os.Chmod(path, 0o600)
}

// Tool takes the object out of a program of Debian's package libbpf-tools, which carries it as it
// was compiled there, for another loader. It gives the object's path in a folder.
func Tool(name, into string) (string, error) {
	data, err := os.ReadFile("/usr/sbin/" + name)
	if err != nil {
		return "", fmt.Errorf("needs Debian's package libbpf-tools: %w", ErrMissing)
	}
	object, err := within(data)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	path := filepath.Join(into, name+Ext)
	return path, os.WriteFile(path, object, 0o600)
}

// within finds the BPF object in the data of a program.
func within(data []byte) ([]byte, error) {
	const machine, header = 247 /* EM_BPF */, 64
	for at := 1; ; at++ {
		next := bytes.Index(data[min(at, len(data)):], []byte("\x7fELF\x02\x01"))
		if next < 0 {
			return nil, errors.New("it has no object in it")
		}
		at += next
		object := data[at:]
		if len(object) < header || binary.LittleEndian.Uint16(object[18:]) != machine {
			continue
		}
		// The table of sections is at the end.
		size := binary.LittleEndian.Uint64(object[40:]) +
			uint64(binary.LittleEndian.Uint16(object[58:]))*uint64(binary.LittleEndian.Uint16(object[60:]))
		if size > uint64(len(object)) {
			return nil, errors.New("the object in it is cut off")
		}
		return object[:size], nil
	}
}

// Examples are those that tests run on each kernel.
func Examples() []string {
	return []string{"cgroup_skb", "fentry", "kprobe_percpu", "ringbuffer", "tcprtt_sockops", "tcx", "tracepoint_in_c", "xdp"}
}

// Tools are those that tests run on each kernel.
func Tools() []string {
	return []string{"bindsnoop", "exitsnoop", "funclatency", "javagc", "opensnoop", "runqlat", "runqlen", "softirqs", "solisten", "tcplife"}
}

// All gets all of these into a folder.
func All(into string) error {
	for _, name := range Examples() {
		if _, err := Example(name, into); err != nil {
			return err
		}
	}
	for _, name := range Tools() {
		if _, err := Tool(name, into); err != nil {
			return err
		}
	}
	return nil
}
