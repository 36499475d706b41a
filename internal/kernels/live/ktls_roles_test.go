// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package live

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Of include/uapi/linux/tls.h.
const (
	tlsTX     = 1
	tlsRX     = 2
	aesGCM128 = 51
)

// cryptoInfo is a struct tls12_crypto_info_aes_gcm_128, with keys that both ends know.
func cryptoInfo(version uint16) string {
	b := binary.NativeEndian.AppendUint16(nil, version)
	b = binary.NativeEndian.AppendUint16(b, aesGCM128)
	b = append(b, "iv-8byte"...)
	b = append(b, "a key of 16bytes"...)
	b = append(b, "salt"...)
	return string(append(b, make([]byte, 8)...)) // the number of the first record
}

// encrypt hands a connection over to the kernel's TLS. how is a version, as "0x304", and whether
// there is a handshake before, which the process carries by itself.
func encrypt(fd int, role, how string) error {
	var version uint16
	if _, err := fmt.Sscanf(how, "0x%x", &version); err != nil {
		return err
	}
	if strings.HasSuffix(how, " handshake") {
		if err := handshake(fd, role == "way-server"); err != nil {
			return fmt.Errorf("handshake: %w", err)
		}
	}
	info := cryptoInfo(version)
	return errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 8}), // not for ever
		unix.SetsockoptString(fd, unix.SOL_TCP, unix.TCP_ULP, "tls"),
		unix.SetsockoptString(fd, unix.SOL_TLS, tlsTX, info),
		unix.SetsockoptString(fd, unix.SOL_TLS, tlsRX, info))
}

// handshake exchanges what a handshake begins with, in clear: a ClientHello for www.example.com
// and a ServerHello that chooses TLS 1.2 with TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256.
func handshake(fd int, server bool) error {
	name := "www.example.com"
	sni := binary.BigEndian.AppendUint16(nil, 0)
	sni = binary.BigEndian.AppendUint16(sni, uint16(len(name)+5))
	sni = binary.BigEndian.AppendUint16(sni, uint16(len(name)+3))
	sni = append(sni, 0)
	sni = binary.BigEndian.AppendUint16(sni, uint16(len(name)))
	sni = append(sni, name...)
	hello := append([]byte{3, 3}, make([]byte, 33)...) // random, no session
	client := append(bytes.Clone(hello), 0, 2, 0xc0, 0x2f, 1, 0)
	client = binary.BigEndian.AppendUint16(client, uint16(len(sni)))
	client = record(1, append(client, sni...))
	answer := record(2, append(bytes.Clone(hello), 0xc0, 0x2f, 0))
	say, hear := client, answer
	if server {
		say, hear = answer, client
		if err := hearAll(fd, hear); err != nil {
			return err
		}
	}
	if _, err := unix.Write(fd, say); err != nil {
		return err
	}
	if server {
		return nil
	}
	return hearAll(fd, hear)
}

// record is one of a handshake message of a type.
func record(kind byte, body []byte) []byte {
	b := []byte{22, 3, 3, 0, byte(len(body) + 4), kind, 0, 0, byte(len(body))}
	return append(b, body...)
}

// hearAll reads what is to come, and not more: what follows is the kernel's.
func hearAll(fd int, want []byte) error {
	have := make([]byte, len(want))
	for at := 0; at < len(have); {
		n, err := unix.Read(fd, have[at:])
		if err != nil {
			return err
		}
		if n == 0 {
			return errors.New("the connection ended")
		}
		at += n
	}
	if !bytes.Equal(have, want) {
		return errors.New("something else came")
	}
	return nil
}
