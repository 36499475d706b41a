// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// flights are the first bytes of a handshake of Go's own client and server, with their
// headers of records.
type flights struct {
	client, server []byte
	state          tls.ConnectionState // as the client sees it
}

// recorder keeps the first that is written.
type recorder struct {
	net.Conn
	first []byte
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.first == nil {
		r.first = append([]byte(nil), b...)
	}
	return r.Conn.Write(b)
}

func handshake(t testing.TB, client, server *tls.Config) flights {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	server.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	client.InsecureSkipVerify = true
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	from, to := &recorder{Conn: a}, &recorder{Conn: b}
	s := tls.Server(to, server)
	go func() {
		_, _ = s.Write([]byte("x"))
	}()
	c := tls.Client(from, client)
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return flights{from.first, to.first, c.ConnectionState()}
}

// content is what the first record holds.
func content(t testing.TB, b []byte) []byte {
	t.Helper()
	if len(b) < 5 || b[0] != 22 {
		t.Fatalf("no handshake: % x", b[:min(16, len(b))])
	}
	return b[5:min(len(b), 5+int(binary.BigEndian.Uint16(b[3:])))]
}

// What is read is what Go's client knows of its own connection.
func TestGo(t *testing.T) {
	for name, test := range map[string]*struct{ client, server tls.Config }{
		"1.3":                       {client: tls.Config{ServerName: "Www.Example.com"}},
		"1.3 without the large key": {client: tls.Config{ServerName: "example.com", CurvePreferences: []tls.CurveID{tls.X25519}}},
		"1.3 after a retry": {
			client: tls.Config{ServerName: "retry.example.com", CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP384}},
			server: tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP384}},
		},
		"1.2":                   {client: tls.Config{ServerName: "old.example.com", MaxVersion: tls.VersionTLS12}},
		"1.2 of the server":     {client: tls.Config{ServerName: "old.example.com"}, server: tls.Config{MaxVersion: tls.VersionTLS12}},
		"1.2, one suite":        {client: tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}}},
		"1.0":                   {client: tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, server: tls.Config{MinVersion: tls.VersionTLS10}},
		"no name":               {},
		"an address is no name": {client: tls.Config{ServerName: "127.0.0.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := handshake(t, &test.client, &test.server)
			var got Facts
			if Read(content(t, f.client), &got) || Read(content(t, f.server), &got) {
				t.Error("more is asked for")
			}
			want := Facts{ServerName: strings.ToLower(test.client.ServerName), Version: f.state.Version, Cipher: f.state.CipherSuite}
			if net.ParseIP(want.ServerName) != nil {
				want.ServerName = ""
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if got.CipherName() != tls.CipherSuiteName(f.state.CipherSuite) || "TLS "+strings.Replace(got.VersionName()+".0", "1.0.0", "1.0", 1)[:3] != tls.VersionName(f.state.Version) || got.Protocol() != "tls" {
				t.Errorf("%q %q %q", got.Protocol(), got.VersionName(), got.CipherName())
			}
		})
	}
}

// Stored conversations of openssl s_client with openssl s_server.
func TestOpenSSL(t *testing.T) {
	for file, want := range map[string][3]string{
		"tls1_2": {"tls", "1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
		"tls1_3": {"tls", "1.3", "TLS_AES_256_GCM_SHA384"},
	} {
		var got Facts
		for i, e := range segmenttest.Read(t, "../testdata/captures/"+file+".txt") {
			if i < 2 {
				Read(content(t, []byte(e.Bytes)), &got)
			}
		}
		if g := [3]string{got.Protocol(), got.VersionName(), got.CipherName()}; g != want || got.ServerName != "" {
			t.Errorf("%s: got %q and the name %q, want %q", file, g, got.ServerName, want)
		}
	}
}

// Cut after any byte, a hello tells what it tells whole, or nothing, and asks for more unless
// it has told all.
func TestEveryCut(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		f := handshake(t, &tls.Config{ServerName: "example.com", MaxVersion: version}, &tls.Config{})
		for side, b := range map[string][]byte{"client": content(t, f.client), "server": content(t, f.server)} {
			var whole Facts
			Read(b, &whole)
			if whole == (Facts{}) {
				t.Fatalf("nothing is read of the %s", side)
			}
			for n := range b {
				var got Facts
				more := Read(b[:n], &got)
				if got != whole && got != (Facts{}) {
					t.Fatalf("%s: after %d bytes %+v, of all %+v", side, n, got, whole)
				}
				if got == (Facts{}) && !more {
					t.Fatalf("%s: after %d bytes nothing more is asked for", side, n)
				}
				if got == whole && more {
					t.Fatalf("%s: after %d bytes, which tell all, more is asked for", side, n)
				}
			}
		}
	}
}

// Whatever a client says, nothing but a name is taken for one.
func TestName(t *testing.T) {
	long := strings.Repeat("a", 253)
	for name, want := range map[string]string{
		"": "", "example.com": "example.com", "EXAMPLE.com": "example.com", "_x.a-b.example": "_x.a-b.example",
		"a b": "", "a\x00b": "", "häuser": "", "a/b": "", "a:1": "", long: long, long + "a": "",
	} {
		if got, _ := plainName([]byte(name)); got != want {
			t.Errorf("%q: got %q", name, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		h := handshake(f, &tls.Config{ServerName: "example.com", MaxVersion: version}, &tls.Config{})
		f.Add(content(f, h.client), 40)
		f.Add(content(f, h.server), 60)
	}
	f.Add([]byte{2, 0, 0, 38, 3, 0, 31: 0, 38: 0, 41: 5}, 3)
	f.Fuzz(func(t *testing.T, b []byte, at int) {
		var whole, part Facts
		Read(b, &whole)
		if whole.ServerName != strings.ToLower(whole.ServerName) || len(whole.ServerName) > 253 {
			t.Fatalf("the name %q", whole.ServerName)
		}
		if whole.Version == 0 && whole.Cipher != 0 || whole.Version != 0 && whole.VersionName() == "" {
			t.Fatalf("%+v", whole)
		}
		if at < 0 || at > len(b) {
			return
		}
		if Read(b[:at], &part); part != whole && part != (Facts{}) {
			t.Fatalf("after %d bytes %+v, of all %+v", at, part, whole)
		}
	})
}
