// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// HasBTFString tells whether the kernel's types mention a name at all. It finds
// enumerators of unnamed enums, which cannot be looked up in another way.
//
// Returns an error if the raw types are not at hand.
func (k *Kernel) HasBTFString(name string) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if has, known := k.strings[name]; known {
		return has, nil
	}
	has, err := k.findString(name)
	if err != nil {
		return false, err
	}
	if k.strings == nil {
		k.strings = make(map[string]bool)
	}
	k.strings[name] = has
	return has, nil
}

func (k *Kernel) findString(name string) (bool, error) {
	if k.rawBTF == nil {
		return k.hasEnumerator(name)
	}
	raw, err := k.rawBTF()
	if err != nil {
		return false, fmt.Errorf("read the kernel's BTF: %w", err)
	}
	return bytes.Contains(raw, []byte("\x00"+name+"\x00")), nil
}

// hasEnumerator looks through types that are only there in parsed form.
func (k *Kernel) hasEnumerator(name string) (bool, error) {
	types, err := k.BTF()
	if err != nil {
		return false, err
	}
	for typ, err := range types.All() {
		if err != nil {
			return false, fmt.Errorf("read the kernel's BTF: %w", err)
		}
		enum, ok := typ.(*btf.Enum)
		if !ok {
			continue
		}
		for _, v := range enum.Values {
			if v.Name == name {
				return true, nil
			}
		}
	}
	return false, nil
}
