# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
"""Calls every kind of method of gRPC's test service, with trace context in the metadata.

Messages are made by hand: field 2 of a SimpleRequest is response_size, field 7 its
response_status, whose field 1 is the code.
"""

import sys

import grpc

port, rounds = sys.argv[1], int(sys.argv[2])
service = "/grpc.testing.TestService/"
metadata = (("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),)


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def expect(code, call):
    try:
        call()
    except grpc.RpcError as e:
        assert e.code() is code, e
        return
    assert code is grpc.StatusCode.OK


with grpc.insecure_channel("127.0.0.1:" + port) as channel:
    empty = channel.unary_unary(service + "EmptyCall")
    unary = channel.unary_unary(service + "UnaryCall")
    output = channel.unary_stream(service + "StreamingOutputCall")
    upload = channel.stream_unary(service + "StreamingInputCall")
    duplex = channel.stream_stream(service + "FullDuplexCall")
    unknown = channel.unary_unary(service + "UnimplementedCall")
    ok = grpc.StatusCode.OK
    for i in range(rounds):
        expect(ok, lambda: empty(b"", metadata=metadata))
        if i % 2:
            expect(ok, lambda: unary(b"\x10" + varint(i * 100), metadata=metadata))
        else:
            expect(grpc.StatusCode.NOT_FOUND, lambda: unary(b"\x3a\x02\x08\x05", metadata=metadata))
        expect(ok, lambda: list(output(b"", metadata=metadata)))
        expect(ok, lambda: upload(iter([b""] * (1 + i % 3)), metadata=metadata))
        expect(ok, lambda: list(duplex(iter([b""] * (1 + i % 3)), metadata=metadata)))
        expect(grpc.StatusCode.UNIMPLEMENTED, lambda: unknown(b"", metadata=metadata))
