// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import "strings"

// distributionOf guesses the vendor from a release string or a version banner.
// It is for people to read only; nothing is decided by it.
func distributionOf(s string) string {
	s = strings.ToLower(s)
	for _, v := range []struct{ mark, name string }{
		{"ubuntu", "ubuntu"},
		{"debian", "debian"},
		{"+deb", "debian"},
		{"bpo", "debian"},
		{"-cloud-amd64", "debian"},
		{"-cloud-arm64", "debian"},
		{".el", "rhel"},
		{"red hat", "rhel"},
		{".fc", "fedora"},
		{".amzn", "amazon"},
		{".azl", "azurelinux"},
		{".cm2", "mariner"},
		{"-arch", "arch"},
		{"suse", "suse"},
		{"-default", "suse"},
		{"-cos-", "cos"},
		{"talos", "talos"},
	} {
		if strings.Contains(s, v.mark) {
			return v.name
		}
	}
	return ""
}
