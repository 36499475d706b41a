// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseEnviron(t *testing.T) {
	env, err := parseEnviron([]byte("PATH=/bin\x00OTEL_SERVICE_NAME=shop\x00XOTEL_SERVICE_NAME=no\x00OTEL_RESOURCE_ATTRIBUTES= a = 1 ,b=x%2Cy%3Dz,c=\x00"))
	require.NoError(t, err)
	assert.Equal(t, environment{"shop", []attribute{{"a", "1"}, {"b", "x,y=z"}, {"c", ""}}}, env)
	assert.Equal(t, "x,y=z", env.get("b"))
	assert.Empty(t, env.get("d"))

	// A bad value discards the attributes, and nothing else.
	env, err = parseEnviron([]byte("OTEL_RESOURCE_ATTRIBUTES=a=%zz\x00OTEL_SERVICE_NAME=shop"))
	require.ErrorIs(t, err, errAttributes)
	assert.Equal(t, environment{serviceName: "shop"}, env)

	env, err = parseEnviron([]byte("OTEL_SERVICE_NAME=\xff"))
	require.NoError(t, err)
	assert.Empty(t, env.serviceName)

	env, err = parseEnviron(nil)
	require.NoError(t, err)
	assert.Zero(t, env)
}

func TestParseAttributesErrors(t *testing.T) {
	for _, text := range []string{"a", "=b", "a=1,b", "a=%", "a=%ff", strings.Repeat("a=b,", maxAttributes+1)} {
		list, err := parseAttributes(text)
		require.ErrorIs(t, err, errAttributes, text)
		assert.Nil(t, list)
	}
	for _, text := range []string{"", " ", ",", "a=b,"} {
		_, err := parseAttributes(text)
		require.NoError(t, err, text)
	}
}

func TestRedact(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"mysql --user=a --password=geheim db", "mysql --user=a --password=REDACTED db"},
		{"mysql --password geheim db", "mysql --password REDACTED db"},
		{"x --password -v", "x --password -v"},
		{"x --api-key k --port 80", "x --api-key REDACTED --port 80"},
		{"x --no-pager --author me", "x --no-pager --author me"},
		{"java -Ddb.password=p -Xmx1g Main", "java -Ddb.password=REDACTED -Xmx1g Main"},
		{"env AWS_SECRET_ACCESS_KEY=abc cmd", "env AWS_SECRET_ACCESS_KEY=REDACTED cmd"},
		{"psql postgres://u:p@h/db", "psql postgres://u:REDACTED@h/db"},
		{"curl https://h/?a=1&token=t&b=2", "curl https://h/?a=1&token=REDACTED&b=2"},
		{"grep password file", "grep password file"},
		{"password x", "password x"},
	} {
		assert.Equal(t, strings.Fields(tt.want), Redact(strings.Fields(tt.args)), tt.args)
	}
	assert.Equal(t, []string{"curl", "-H", "Authorization: REDACTED"}, Redact([]string{"curl", "-H", "Authorization: Bearer abc def"}))
	assert.Equal(t, []string{`{"secret":REDACTED}`}, Redact([]string{`{"secret":"a b"}`}))
	assert.Empty(t, Redact(nil))
}
