// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import (
	"debug/dwarf"
	"strings"
)

// FieldOffset is where a field lies in a struct of a Go program, in bytes, by the program's
// debugging information. name has the package, as "runtime.m". False when there is no such
// information. It reads much of it: ask once.
func (f *File) FieldOffset(name, field string) (int64, bool) {
	d, err := f.elf.DWARF()
	if err != nil {
		return 0, false
	}
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return 0, false
	}
	inside := false
	for r := d.Reader(); ; {
		e, err := r.Next()
		if err != nil || e == nil {
			return 0, false
		}
		called, _ := e.Val(dwarf.AttrName).(string)
		switch {
		case e.Tag == dwarf.TagCompileUnit:
			// Go's linker puts the types of all packages there.
			inside = called == name[:dot] || called == "runtime"
		case inside && e.Tag == dwarf.TagStructType && called == name:
			t, err := d.Type(e.Offset)
			if err != nil {
				return 0, false
			}
			return offsetOf(t, field)
		case e.Tag != 0:
			r.SkipChildren()
		}
	}
}

func offsetOf(t dwarf.Type, field string) (int64, bool) {
	s, ok := t.(*dwarf.StructType)
	if !ok {
		return 0, false
	}
	for _, f := range s.Field {
		if f.Name == field {
			return f.ByteOffset, true
		}
	}
	return 0, false
}
