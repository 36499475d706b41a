// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"bytes"
	"slices"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/redis"
)

// scattered are the commands whose keys do not come first, or not in a row. Where
// their "?" stand is not known.
var scattered = []string{
	"EVAL", "EVAL_RO", "EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO", "XREAD", "XREADGROUP", "XGROUP CREATE",
	"ZUNION", "ZUNIONSTORE", "ZINTER", "ZINTERSTORE", "ZINTERCARD", "ZDIFF", "ZDIFFSTORE", "SINTERCARD",
	"LMPOP", "BLMPOP", "ZMPOP", "BZMPOP", "MIGRATE", "BITOP", "SORT", "SORT_RO", "GEORADIUS", "GEORADIUSBYMEMBER",
	"MEMORY USAGE", "OBJECT ENCODING", "OBJECT FREQ", "OBJECT IDLETIME", "OBJECT REFCOUNT", "DEBUG OBJECT",
}

// appendText writes a command as redis-cli would take it, with its keys and "?" for each
// run of other arguments.
func appendText(b []byte, operation string, in *redis.Exchange) []byte {
	b = append(b, operation...)
	if slices.Contains(scattered, operation) {
		return append(b, " ?"...)
	}
	between := operation == "MSET" || operation == "MSETNX"
	for _, k := range in.Keys {
		b = append(append(b, ' '), quote(k)...)
		if between {
			b = append(b, " ?"...)
		}
	}
	if in.KeysTruncated {
		return append(b, " ..."...)
	}
	if !between && in.Args > int64(len(in.Keys)) {
		b = append(b, " ?"...)
	}
	return b
}

// quote keeps a key in one word.
func quote(k []byte) []byte {
	if len(k) == 0 || bytes.ContainsAny(k, " \t\r\n\"'") {
		return append(append([]byte{'"'}, bytes.ReplaceAll(k, []byte{'"'}, []byte(`\"`))...), '"')
	}
	return k
}
