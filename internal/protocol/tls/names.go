// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tls

import (
	"crypto/tls"
	"strings"
)

// Protocol is the name of the protocol, "tls" or for SSL 3.0 "ssl", "" when it is not known.
func (f *Facts) Protocol() string {
	switch {
	case f.Version == 0:
		return ""
	case f.Version == VersionSSL3:
		return "ssl"
	default:
		return "tls"
	}
}

// VersionName is the version as "1.2", "" when it is not known.
func (f *Facts) VersionName() string {
	switch f.Version {
	case VersionSSL3:
		return "3"
	case VersionTLS1:
		return "1"
	case 0x0302:
		return "1.1"
	case Version12:
		return "1.2"
	case Version13:
		return "1.3"
	default:
		return ""
	}
}

// CipherName is the description of the cipher suite in IANA's registry, "" when it is not
// known.
func (f *Facts) CipherName() string {
	if f.Version == 0 {
		return ""
	}
	if name := tls.CipherSuiteName(f.Cipher); !strings.HasPrefix(name, "0x") {
		return name
	}
	return others[f.Cipher]
}

// others are suites that OpenSSL and GnuTLS offer and Go does not know (IANA's registry of TLS
// Cipher Suites).
var others = map[uint16]string{
	0x0033: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA",
	0x0039: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA",
	0x003d: "TLS_RSA_WITH_AES_256_CBC_SHA256",
	0x0067: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256",
	0x006b: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256",
	0x009e: "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
	0x009f: "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
	0x1304: "TLS_AES_128_CCM_SHA256",
	0x1305: "TLS_AES_128_CCM_8_SHA256",
	0xc024: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
	0xc028: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
	0xc09c: "TLS_RSA_WITH_AES_128_CCM",
	0xc09d: "TLS_RSA_WITH_AES_256_CCM",
	0xc09e: "TLS_DHE_RSA_WITH_AES_128_CCM",
	0xc09f: "TLS_DHE_RSA_WITH_AES_256_CCM",
	0xc0ac: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM",
	0xc0ad: "TLS_ECDHE_ECDSA_WITH_AES_256_CCM",
	0xccaa: "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
}
