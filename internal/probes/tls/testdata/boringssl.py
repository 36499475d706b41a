# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
"""A client of the library BoringSSL, as Debian packages it: boringssl.py LIBSSL PORT PATH N."""

import ctypes
import os
import socket
import sys
import time

path, port, prefix, n = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
ctypes.CDLL(os.path.join(os.path.dirname(path), "libcrypto.so.0"), mode=ctypes.RTLD_GLOBAL)
ssl = ctypes.CDLL(path)
for f in ("TLS_method", "SSL_CTX_new", "SSL_new"):
    getattr(ssl, f).restype = ctypes.c_void_p
ctx = ctypes.c_void_p(ssl.SSL_CTX_new(ctypes.c_void_p(ssl.TLS_method())))
conn = ctypes.c_void_p(ssl.SSL_new(ctx))
sock = socket.create_connection(("127.0.0.1", port))
sock.setblocking(True)
assert ssl.SSL_set_fd(conn, sock.fileno()) == 1
assert ssl.SSL_set_tlsext_host_name(conn, b"boringssl.example") == 1
assert ssl.SSL_connect(conn) == 1, "the handshake failed"
for i in range(n):
    if i and prefix.startswith("/warm"):
        time.sleep(1)  # it is to be there when its library is looked for
    request = b"GET %s/%d HTTP/1.1\r\nHost: x:%d\r\n\r\n" % (prefix.encode(), i, port)
    assert ssl.SSL_write(conn, request, len(request)) == len(request)
    answer = b""
    while not answer.endswith(b"hello\n"):
        piece = ctypes.create_string_buffer(4096)
        got = ssl.SSL_read(conn, piece, 4096)
        assert got > 0, "the answer ended early: %r" % answer
        answer += piece.raw[:got]
