# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
"""Asks a server over TLS: one request after the other on one connection
(http.client), or each on a connection of its own, all at the same time (asyncio,
which moves the records by itself)."""
import asyncio
import http.client
import ssl
import sys

port, how, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def one_by_one():
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context)
    for i in range(count):
        connection.request("GET", f"/hello?{how}={i}")
        response = connection.getresponse()
        assert response.status == 200
        response.read()


async def ask(i):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(f"GET /hello?{how}={i} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
    assert b" 200 " in await reader.readline()
    await reader.read()
    writer.close()


async def all_at_once():
    await asyncio.gather(*(ask(i) for i in range(count)))


if how == "asyncio":
    asyncio.run(all_at_once())
else:
    one_by_one()
