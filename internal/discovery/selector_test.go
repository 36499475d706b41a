// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func compile(t *testing.T, s Selector) *Matcher {
	t.Helper()
	m, err := s.Compile()
	require.NoError(t, err)
	return m
}

func TestSelectorCompileErrors(t *testing.T) {
	for _, tt := range []struct {
		name  string
		sel   Selector
		field string
		want  string
	}{
		{"empty", Selector{}, "", "needs at least one of exe, cmdline, ports, container_id, cgroup, pid, user"},
		{"name alone", Selector{ServiceName: "a"}, "", "needs at least one of exe, cmdline, ports, container_id, cgroup, pid, user"},
		{"open class", Selector{Exe: "/bin/[a"}, "exe", `exe: glob has a class that is empty or never closed: "[a"`},
		{"backwards class", Selector{Exe: "/bin/[z-a]"}, "exe", "exe: glob \"/bin/[z-a]\": error parsing regexp: invalid character class range: `z-a`"},
		{"trailing backslash", Selector{Cgroup: `/a\`}, "cgroup", `cgroup: glob "/a\\" ends in a backslash`},
		{"regexp", Selector{Cmdline: "("}, "cmdline", "cmdline: error parsing regexp: missing closing ): `(`"},
		{"port zero", Selector{Ports: "0"}, "ports", `ports: "0" is not a port between 1 and 65535`},
		{"port too high", Selector{Ports: "80,65536"}, "ports", `ports: "65536" is not a port between 1 and 65535`},
		{"port name", Selector{Ports: "http"}, "ports", `ports: "http" is not a port between 1 and 65535`},
		{"range backwards", Selector{Ports: "90-80"}, "ports", `ports: range "90-80" is backwards`},
		{"range open", Selector{Ports: "90-"}, "ports", `ports: "" is not a port between 1 and 65535`},
		{"container", Selector{ContainerID: "docker://ab"}, "container_id", `container_id: "docker://ab" is not hexadecimal in lower case`},
		{"pid", Selector{PID: -1}, "pid", "pid: -1 is not between 1 and 4194304"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := tt.sel.Compile()
			require.Nil(t, m)
			var fe *FieldError
			require.ErrorAs(t, err, &fe)
			assert.Equal(t, tt.field, fe.Field)
			assert.EqualError(t, err, tt.want)
		})
	}
}

func TestMatch(t *testing.T) {
	c := &Candidate{
		PID: 42, UID: 33, User: "www-data", Exe: "/usr/sbin/nginx-debug",
		Cmdline: "nginx: worker process", ContainerID: "0123abcd",
		Cgroups: []string{"/", "/system.slice/nginx.service"}, Ports: []uint16{8080},
	}
	for _, tt := range []struct {
		name string
		sel  Selector
		want bool
	}{
		{"exe exact", Selector{Exe: "/usr/sbin/nginx-debug"}, true},
		{"exe prefix is not enough", Selector{Exe: "/usr/sbin/nginx"}, false},
		{"exe star", Selector{Exe: "/usr/sbin/nginx*"}, true},
		{"star stops at a slash", Selector{Exe: "/usr/*"}, false},
		{"two stars cross", Selector{Exe: "/usr/**"}, true},
		{"two stars in front", Selector{Exe: "**/nginx-*"}, true},
		{"question mark", Selector{Exe: "/usr/sbin/ngin?-debug"}, true},
		{"class", Selector{Exe: "/usr/sbin/[m-o]ginx*"}, true},
		{"class not", Selector{Exe: "/usr/sbin/[!m-o]ginx*"}, false},
		{"negated class does not match a slash", Selector{Exe: "/usr[!x]sbin/*"}, false},
		{"dot is literal", Selector{Exe: "/usr.sbin/nginx*"}, false},
		{"escape", Selector{Exe: `/usr/sbin/nginx\*`}, false},
		{"cmdline", Selector{Cmdline: "^nginx: (worker|master)"}, true},
		{"cmdline no", Selector{Cmdline: "^worker"}, false},
		{"port", Selector{Ports: "443, 8000-8999"}, true},
		{"port no", Selector{Ports: "443,8081-8999"}, false},
		{"container", Selector{ContainerID: "0123"}, true},
		{"container no", Selector{ContainerID: "123"}, false},
		{"cgroup", Selector{Cgroup: "/system.slice/*.service"}, true},
		{"cgroup no", Selector{Cgroup: "/user.slice/**"}, false},
		{"pid", Selector{PID: 42}, true},
		{"pid no", Selector{PID: 43}, false},
		{"user name", Selector{User: "www-data"}, true},
		{"user id", Selector{User: "33"}, true},
		{"user root", Selector{User: "0"}, false},
		{"user other", Selector{User: "root"}, false},
		{"all", Selector{Exe: "**", Ports: "8080", User: "33", PID: 42}, true},
		{"all but one", Selector{Exe: "**", Ports: "8080", User: "34", PID: 42}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, compile(t, tt.sel).Match(c))
		})
	}
}

func TestDecide(t *testing.T) {
	shop := compile(t, Selector{ServiceName: "shop", Exe: "/opt/shop/*"})
	opt := compile(t, Selector{ServiceName: "other", Exe: "/opt/**"})
	debug := compile(t, Selector{Exe: "**-debug"})

	s := &Selection{Targets: []*Matcher{shop, opt}, Exclude: []*Matcher{debug}, Self: 7}
	assert.Equal(t, Decision{true, shop}, s.Decide(&Candidate{PID: 1, Exe: "/opt/shop/web"}), "first match wins")
	assert.Equal(t, Decision{true, opt}, s.Decide(&Candidate{PID: 1, Exe: "/opt/mail/web"}))
	assert.Equal(t, "other", s.Decide(&Candidate{PID: 1, Exe: "/opt/mail/web"}).ServiceName())
	assert.False(t, s.Decide(&Candidate{PID: 1, Exe: "/opt/shop/web-debug"}).Selected, "exclude beats targets")
	assert.False(t, s.Decide(&Candidate{PID: 1, Exe: "/usr/bin/true"}).Selected)
	assert.False(t, s.Decide(&Candidate{PID: 7, Exe: "/opt/shop/web"}).Selected, "never the collector itself")
	assert.False(t, s.All())
	assert.False(t, s.NeedsPorts())

	all := &Selection{Exclude: []*Matcher{compile(t, Selector{Ports: "22"})}, Self: 7}
	assert.True(t, all.All())
	assert.True(t, all.NeedsPorts())
	assert.True(t, all.Decide(&Candidate{PID: 1}).Selected)
	assert.Empty(t, all.Decide(&Candidate{PID: 1}).ServiceName())
	assert.False(t, all.Decide(&Candidate{PID: 1, Ports: []uint16{80, 22}}).Selected)
	assert.False(t, all.Decide(&Candidate{PID: 7}).Selected)
}
