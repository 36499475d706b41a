// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// one decodes a query and its response and gives the exchange as text.
func one(t *testing.T, query, response string, captured int) string {
	t.Helper()
	cfg := NewConfig(Options{Answers: true})
	got := ""
	p := NewPairs[int](cfg, func(_ int, e *Exchange) { got = line(e) })
	for _, b := range []string{query, response} {
		m := p.Decode([]byte(b[:min(captured, len(b))]), len(b))
		if m == nil {
			t.Fatalf("%x is refused", b)
		}
		p.Message(Client, 1, 0, m, 10, int64(len(b)), Tag{})
	}
	return got
}

func TestRecords(t *testing.T) {
	name := dnsmessage.MustNewName
	for want, add := range map[string]func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader){
		"[www.example.com A 300 192.0.2.7]": func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) {
			must(b.AResource(h, dnsmessage.AResource{A: [4]byte{192, 0, 2, 7}}))
		},
		"[www.example.com AAAA 300 2001:db8::7]": func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) {
			must(b.AAAAResource(h, dnsmessage.AAAAResource{AAAA: [16]byte{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 15: 7}}))
		},
		"[www.example.com CNAME 300 cdn.example.com]": func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) {
			must(b.CNAMEResource(h, dnsmessage.CNAMEResource{CNAME: name("cdn.example.com.")}))
		},
		"[www.example.com NS 300 ns.example.com]": func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) {
			must(b.NSResource(h, dnsmessage.NSResource{NS: name("ns.example.com.")}))
		},
		"[www.example.com PTR 300 .]": func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) {
			must(b.PTRResource(h, dnsmessage.PTRResource{PTR: name(".")}))
		},
		"[www.example.com MX 300 10 mail.example.com]": func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) {
			must(b.MXResource(h, dnsmessage.MXResource{Pref: 10, MX: name("mail.example.com.")}))
		},
		`[www.example.com TXT 300 "v=1" "a\"b\009"]`: func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) {
			must(b.TXTResource(h, dnsmessage.TXTResource{TXT: []string{"v=1", "a\"b\t"}}))
		},
		"[www.example.com SRV 300 1 2 5060 sip.example.com]": func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) {
			must(b.SRVResource(h, dnsmessage.SRVResource{Priority: 1, Weight: 2, Port: 5060, Target: name("sip.example.com.")}))
		},
		"[www.example.com SOA 300 ns.example.com who.example.com 1 2 3 4 5]": func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) {
			must(b.SOAResource(h, dnsmessage.SOAResource{NS: name("ns.example.com."), MBox: name("who.example.com."), Serial: 1, Refresh: 2, Retry: 3, Expire: 4, MinTTL: 5}))
		},
		"[www.example.com HTTPS 300 1 . mandatory=alpn alpn=h2,h3 no-default-alpn port=8443 ipv4hint=192.0.2.1,192.0.2.2 ech=/g== ipv6hint=2001:db8::1 key999=0x6869]": raw(65,
			"0001 00  0000 0002 0001  0001 0006 02 6832 02 6833  0002 0000  0003 0002 20fb  0004 0008 c0000201 c0000202  0005 0001 fe"+
				"0006 0010 20010db8000000000000000000000001  03e7 0002 6869"),
		"[www.example.com SVCB 300 0 cdn]":                 raw(64, "0000 03 63646e 00"),
		`[www.example.com CAA 300 128 issue "ca.example"]`: raw(257, "80 05 6973737565 63612e6578616d706c65"),
		"[www.example.com HTTPS 300 ]":                     raw(65, "0001 00 0003 0002 20"), // cut parameter
		"[www.example.com TYPE4711 300 ]":                  raw(4711, "00"),
		"[www.example.com MX 300 ]":                        raw(15, "0001 c0ff"), // a pointer forward
		"[www.example.com TXT 300 ]":                       raw(16, "09 61"),
	} {
		query := ask(7, "www.example.com.", dnsmessage.TypeALL)
		got := one(t, query, reply(7, "www.example.com.", dnsmessage.TypeALL, 0, add), 4096)
		if !strings.HasSuffix(got, " complete "+want) {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

// raw adds a record of any type whose content is in hexadecimal.
func raw(typ dnsmessage.Type, content string) func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) {
	data, err := hex.DecodeString(strings.ReplaceAll(content, " ", ""))
	must(err)
	return func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) {
		must(b.UnknownResource(h, dnsmessage.UnknownResource{Type: typ, Data: data}))
	}
}

func TestExchange(t *testing.T) {
	query := ask(7, "www.example.com.", dnsmessage.TypeA)
	for _, c := range []struct {
		query, response string
		captured        int
		want            string
	}{
		{query, reply(7, "www.example.com.", dnsmessage.TypeA, 0, addresses(3)), 4096,
			"www.example.com A NOERROR 3 44/92 complete [www.example.com A 300 10.0.0.0] [www.example.com A 300 10.0.0.1] [www.example.com A 300 10.0.0.2]"},
		{query, reply(7, "WWW.example.COM.", dnsmessage.TypeA, 3, nil), 4096, "www.example.com A NXDOMAIN 0 44/44 complete"},
		{query, reply(7, "www.example.com.", dnsmessage.TypeA, 23, nil), 4096, "www.example.com A BADCOOKIE 0 44/44 complete"}, // above what the header holds
		{query, reply(7, "www.example.com.", dnsmessage.TypeA, 0, addresses(3)), 60, "www.example.com A NOERROR 3 44/92 complete [www.example.com A 300 10.0.0.0]"},
		{query, reply(7, "www.example.com.", dnsmessage.TypeA, 2, nil), 20, "SERVFAIL 0 44/44 complete"}, // the question is cut
		{ask(7, ".", dnsmessage.TypeNS), reply(7, ".", dnsmessage.TypeNS, 0, nil), 4096, ". NS NOERROR 0 28/28 complete"},
		{query, "\x00\x07\x82\x05\x00\x00\x00\x00\x00\x00\x00\x00", 4096, "www.example.com A REFUSED 0 44/12 complete truncated"}, // without a question
		{"\x00\x07\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01\xc0\x0c\x00\x1c\x00\x01", "\x00\x07\x81\x00\x00\x00\x00\x00\x00\x00\x00\x00", 4096,
			"a A a AAAA NOERROR 0 25/12 complete"}, // two questions
		{"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05a.\\ \xff\x00\x00\x01\x00\x01", "\x00\x07\x81\x00\x00\x00\x00\x00\x00\x00\x00\x00", 4096,
			`a\.\\\032\255 A NOERROR 0 23/12 complete`},
	} {
		if got := one(t, c.query, c.response, c.captured); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	head := "\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
	for b, want := range map[string]error{
		"short":                                ErrShort,
		head + "\xc0\x0c\x00\x01\x00\x01":      ErrName, // to itself
		head + "\x01a\xc0\x0c\x00\x01\x00\x01": ErrName, // to its own beginning
		head + "\x40a\x00\x00\x01\x00\x01":     ErrName, // an unassigned kind of label
		head + "\xc0\x02\x00\x01\x00\x01":      ErrName, // into the header
		head + strings.Repeat("\x3f"+strings.Repeat("x", 63), 4) + "\x00\x00\x01\x00\x01": ErrName, // 257 bytes
		"\x00\x07\x18\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01":            ErrOdd,  // no such opcode
		"\x00\x07\x01\x00\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01":            ErrOdd,  // no room for the questions
	} {
		var d Decoder
		if _, err := d.Decode([]byte(b), len(b)); !errors.Is(err, want) {
			t.Errorf("%q: %v, not %v", b, err, want)
		}
	}
}
