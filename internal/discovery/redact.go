// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"regexp"
	"strings"
)

const redacted = "REDACTED"

// secretName is what names of options and variables whose values are secrets
// contain.
const secretName = `(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|api[-_.]?key|access[-_.]?key|private[-_.]?key|credentials?|auth(?:orization)?|bearer|cookie|signature)`

var (
	// --db-password=x, PASSWORD=x, -Dapi.key=x, ?token=x, {"secret":"x"}
	secretAssigned = regexp.MustCompile(`(?i)([\w.-]*` + secretName + `[\w.-]*"?\s*[=:]\s*)("[^"]*"|[^\s&;,"]+)`)
	// Authorization: Bearer x
	secretHeader = regexp.MustCompile(`(?i)((?:proxy-)?authorization|cookie)(\s*[:=]\s*).+`)
	// --password x: the next argument is the value
	secretOption = regexp.MustCompile(`(?i)^--?[\w.-]*` + secretName + `$`)
	// scheme://user:x@host
	secretURL = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://[^/\s:@]*:)[^/\s@]+@`)
)

// Redact returns the arguments of a process with what looks like a secret
// replaced by REDACTED. It cannot know all secrets: a program that takes one
// under an ordinary name shows it.
func Redact(args []string) []string {
	out := make([]string, len(args))
	next := false
	for i, a := range args {
		if next && !strings.HasPrefix(a, "-") {
			out[i], next = redacted, false
			continue
		}
		next = i > 0 && secretOption.MatchString(a)
		a = secretURL.ReplaceAllString(a, "${1}"+redacted+"@")
		a = secretHeader.ReplaceAllString(a, "${1}${2}"+redacted)
		out[i] = secretAssigned.ReplaceAllString(a, "${1}"+redacted)
	}
	return out
}
