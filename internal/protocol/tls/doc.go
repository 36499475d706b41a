// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package tls reads what the two ends of a TLS connection say of it in clear before they
// encrypt: the ClientHello and the ServerHello (RFC 8446 section 4.1, RFC 5246 section 7.4.1).
package tls
