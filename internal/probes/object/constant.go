// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package object

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
)

// setConstant sets a global variable to what the configuration says.
//
// Returns an error if there is no such variable or the value does not fit its type.
func setConstant(spec *ebpf.CollectionSpec, name string, v any) error {
	variable := spec.Variables[name]
	if variable == nil {
		return fmt.Errorf("the object has no global variable %q; it has %s", name, names(maps.Keys(spec.Variables), nil))
	}
	var t btf.Type
	if variable.Type != nil {
		t = variable.Type.Type
	}
	data := make([]byte, variable.Size())
	if err := encode(data, t, v); err != nil {
		return err
	}
	return variable.Set(data)
}

// encode writes a value as one of the type. A nil type is an unsigned integer.
func encode(into []byte, t btf.Type, v any) error {
	if t == nil {
		t = plain(len(into))
	}
	wrong := func() error { return fmt.Errorf("it is of the type %s, and %v is none", record.Describe(t), v) }
	switch u := btf.UnderlyingType(t).(type) {
	case *btf.Int:
		if u.Encoding == btf.Bool {
			b, ok := v.(bool)
			if !ok {
				return wrong()
			}
			if b {
				into[0] = 1
			}
			return nil
		}
		n, err := whole(v)
		if err != nil {
			return wrong()
		}
		return put(into, n, u.Encoding == btf.Signed || u.Encoding == btf.Char, t)
	case *btf.Enum:
		if name, ok := v.(string); ok {
			for _, e := range u.Values {
				if e.Name == name {
					return put(into, number{uint64(e.Value), u.Signed && int64(e.Value) < 0}, u.Signed, t)
				}
			}
			var known []string
			for _, e := range u.Values {
				known = append(known, e.Name)
			}
			return fmt.Errorf("%s has no value %q; it has %s", record.Describe(t), name, names(slices.Values(known), nil))
		}
		n, err := whole(v)
		if err != nil {
			return wrong()
		}
		return put(into, n, u.Signed, t)
	case *btf.Float:
		f, ok := v.(float64)
		if n, isInt := v.(int); isInt {
			f, ok = float64(n), true
		}
		switch {
		case ok && len(into) == 8:
			binary.LittleEndian.PutUint64(into, math.Float64bits(f))
		case ok && len(into) == 4:
			binary.LittleEndian.PutUint32(into, math.Float32bits(float32(f)))
		default:
			return wrong()
		}
		return nil
	case *btf.Array:
		return encodeArray(into, u, t, v)
	}
	return fmt.Errorf("it is of the type %s, which cannot be set", record.Describe(t))
}

func encodeArray(into []byte, a *btf.Array, t btf.Type, v any) error {
	if text, ok := v.(string); ok {
		elem, isInt := btf.UnderlyingType(a.Type).(*btf.Int)
		if !isInt || elem.Size != 1 {
			return fmt.Errorf("it is of the type %s, and %q is none", record.Describe(t), text)
		}
		if len(text) >= len(into) {
			return fmt.Errorf("%s has no room for the %d bytes of %q and the one that ends it", record.Describe(t), len(text), text)
		}
		copy(into, text)
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		return fmt.Errorf("it is of the type %s, and %v is none", record.Describe(t), v)
	}
	size, err := record.Sizeof(a.Type)
	if err != nil {
		return err
	}
	if len(list) > int(a.Nelems) || len(list)*size > len(into) {
		return fmt.Errorf("%s has no room for %d elements", record.Describe(t), len(list))
	}
	for i, e := range list {
		if err := encode(into[i*size:(i+1)*size], a.Type, e); err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	return nil
}

// number is an integer of up to 64 bits and a sign.
type number struct {
	bits     uint64
	negative bool
}

func whole(v any) (number, error) {
	switch n := v.(type) {
	case int:
		return number{uint64(n), n < 0}, nil
	case int64:
		return number{uint64(n), n < 0}, nil
	case uint64:
		return number{n, false}, nil
	case float64: // YAML's large numbers
		if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			return number{uint64(int64(n)), n < 0}, nil
		}
	}
	return number{}, errors.New("no integer")
}

// put writes an integer, if it is in the range of the type.
func put(into []byte, n number, signed bool, t btf.Type) error {
	width := uint(len(into) * 8)
	var fits bool
	switch {
	case n.negative && !signed:
		fits = false
	case n.negative:
		fits = width >= 64 || int64(n.bits) >= -1<<(width-1)
	case signed:
		fits = n.bits <= 1<<(width-1)-1
	default:
		fits = width >= 64 || n.bits <= 1<<width-1
	}
	if !fits {
		text := fmt.Sprint(n.bits)
		if n.negative {
			text = fmt.Sprint(int64(n.bits))
		}
		return fmt.Errorf("%s is out of the range of %s", text, record.Describe(t))
	}
	switch len(into) {
	case 1:
		into[0] = byte(n.bits)
	case 2:
		binary.LittleEndian.PutUint16(into, uint16(n.bits))
	case 4:
		binary.LittleEndian.PutUint32(into, uint32(n.bits))
	case 8:
		binary.LittleEndian.PutUint64(into, n.bits)
	default:
		return fmt.Errorf("an integer of %d bytes cannot be set", len(into))
	}
	return nil
}
