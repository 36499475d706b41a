// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"fmt"
	"strings"
)

// Template is a text with fields in braces, as in "{task} waited {delta_us} us". A
// brace is written twice to stand for itself.
type Template struct {
	parts []part
}

type part struct {
	text  string
	field int // index into the fields, -1 for text
}

// ParseTemplate takes a template apart. field gives the index of the field with a path.
//
// Returns an error if a brace has no other, or field returns one.
func ParseTemplate(text string, field func(path string) (int, error)) (*Template, error) {
	t := &Template{}
	var plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			t.parts = append(t.parts, part{plain.String(), -1})
			plain.Reset()
		}
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case (c == '{' || c == '}') && i+1 < len(text) && text[i+1] == c:
			plain.WriteByte(c)
			i++
		case c == '{':
			n := strings.IndexByte(text[i:], '}')
			if n < 0 {
				return nil, fmt.Errorf("%q: a brace is open at the end", text)
			}
			path := text[i+1 : i+n]
			if path == "" {
				return nil, fmt.Errorf("%q: the path of a field is missing between braces", text)
			}
			index, err := field(path)
			if err != nil {
				return nil, err
			}
			flush()
			t.parts = append(t.parts, part{field: index})
			i += n
		case c == '}':
			return nil, fmt.Errorf("%q: a brace is closed that is not open; write }} for a brace", text)
		default:
			plain.WriteByte(c)
		}
	}
	flush()
	return t, nil
}

// CheckTemplate tells whether the braces of a template are right.
func CheckTemplate(text string) error {
	_, err := ParseTemplate(text, func(string) (int, error) { return 0, nil })
	return err
}

// Append writes the text to buf. value writes the value of a field.
func (t *Template) Append(buf []byte, value func(buf []byte, field int) []byte) []byte {
	for i := range t.parts {
		p := &t.parts[i]
		if p.field < 0 {
			buf = append(buf, p.text...)
			continue
		}
		buf = value(buf, p.field)
	}
	return buf
}

// Static gives the text of a template without fields.
func (t *Template) Static() (string, error) {
	switch {
	case len(t.parts) == 0:
		return "", nil
	case len(t.parts) == 1 && t.parts[0].field < 0:
		return t.parts[0].text, nil
	}
	return "", errors.New("it has fields")
}
