// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"fmt"
	"regexp"
	"strings"
)

// compileGlob compiles a glob for whole paths: `*` matches any run of
// characters but a slash, `**` any run, `?` one character but a slash, `[a-z]`
// and `[!a-z]` one character of a class, and `\` takes the next one literally.
// An empty pattern gives nil.
func compileGlob(pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, nil
	}
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*':
			if strings.HasPrefix(pattern[i:], "**") {
				b.WriteString(`.*`)
				i++
			} else {
				b.WriteString(`[^/]*`)
			}
		case '?':
			b.WriteString(`[^/]`)
		case '[':
			class, length, err := globClass(pattern[i:])
			if err != nil {
				return nil, err
			}
			b.WriteString(class)
			i += length - 1
		case '\\':
			if i++; i == len(pattern) {
				return nil, fmt.Errorf("glob %q ends in a backslash", pattern)
			}
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		default:
			// Bytes above 0x7f are parts of characters; QuoteMeta leaves them.
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	b.WriteString(`\z`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, fmt.Errorf("glob %q: %w", pattern, err)
	}
	return re, nil
}

// globClass translates the class that text begins with and tells its length.
func globClass(text string) (class string, length int, err error) {
	start, open := 1, "["
	if strings.HasPrefix(text[1:], "!") || strings.HasPrefix(text[1:], "^") {
		start, open = 2, "[^/"
	}
	end := strings.IndexByte(text[start:], ']')
	if end <= 0 {
		return "", 0, fmt.Errorf("glob has a class that is empty or never closed: %q", text)
	}
	inner := strings.NewReplacer(`\`, `\\`, `[`, `\[`, `^`, `\^`).Replace(text[start : start+end])
	return open + inner + "]", start + end + 1, nil
}
