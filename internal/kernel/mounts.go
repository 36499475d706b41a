// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bufio"
	"bytes"
	"strconv"
	"strings"
)

// Mounts says where file systems are mounted. An empty string means nowhere.
type Mounts struct {
	Tracefs    string
	Debugfs    string
	Securityfs string
	// BPFFS is the first mount of the BPF file system; Delegated is one whose
	// options delegate BPF commands to a token.
	BPFFS     string
	Delegated string
	// CgroupV2 is the unified hierarchy; CgroupV1 maps a controller to its
	// hierarchy.
	CgroupV2 string
	CgroupV1 map[string]string
}

// parseMounts reads /proc/self/mountinfo, see proc_pid_mountinfo(5).
func parseMounts(mountinfo []byte) Mounts {
	var m Mounts
	first := func(at *string, path string) {
		if *at == "" {
			*at = path
		}
	}
	for s := bufio.NewScanner(bytes.NewReader(mountinfo)); s.Scan(); {
		before, after, ok := strings.Cut(s.Text(), " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(rest) < 3 {
			continue
		}
		path, options := unescapeMount(fields[4]), rest[2]
		switch rest[0] {
		case "tracefs":
			first(&m.Tracefs, path)
		case "debugfs":
			first(&m.Debugfs, path)
		case "securityfs":
			first(&m.Securityfs, path)
		case "bpf":
			first(&m.BPFFS, path)
			if strings.Contains(options, "delegate_cmds=") {
				first(&m.Delegated, path)
			}
		case "cgroup2":
			first(&m.CgroupV2, path)
		case "cgroup":
			for controller := range strings.SplitSeq(options, ",") {
				if m.CgroupV1 == nil {
					m.CgroupV1 = make(map[string]string)
				}
				if m.CgroupV1[controller] == "" && controller != "rw" && controller != "ro" {
					m.CgroupV1[controller] = path
				}
			}
		}
	}
	return m
}

// unescapeMount undoes the octal escapes of mountinfo, as in "\040" for a space.
func unescapeMount(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(v))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
