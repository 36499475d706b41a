// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"os/user"
	"strconv"
)

// owners remembers the names of users. It is not safe for concurrent use.
type owners map[uint32]string

// maxOwners is far more users than run processes on one host, and about 100 KB.
const maxOwners = 1024

// name gives the number as text when the user has no name here.
func (o owners) name(uid uint32) string {
	if name, ok := o[uid]; ok {
		return name
	}
	number := strconv.FormatUint(uint64(uid), 10)
	name := number
	if u, err := user.LookupId(number); err == nil {
		name = u.Username
	}
	if len(o) >= maxOwners {
		clear(o)
	}
	o[uid] = name
	return name
}
