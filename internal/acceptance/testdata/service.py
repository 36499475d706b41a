# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
"""A small web service: service.py PORT [threads]

GET  /hello         says hello
GET  /slow?ms=N     says it N milliseconds later
GET  /chunked       says it in chunks
GET  /call?url=URL  gets that URL while it handles the request, and says its status
POST /any           says how many bytes it was sent
"""
import http.client
import http.server
import sys
import time
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, text, status=200):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        if url.path == "/slow":
            time.sleep(int(query["ms"][0]) / 1000)
        if url.path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for _ in range(20):
                self.wfile.write(b"400\r\n" + b"x" * 0x400 + b"\r\n")
                time.sleep(0.001)
            self.wfile.write(b"0\r\n\r\n")
            return
        if url.path == "/call":
            other = urllib.parse.urlsplit(query["url"][0])
            client = http.client.HTTPConnection(other.netloc)
            client.request("GET", urllib.parse.urlunsplit(("", "", other.path, other.query, "")))
            response = client.getresponse()
            response.read()
            client.close()
            self.answer("%d\n" % response.status, response.status)
            return
        self.answer("hello\n")

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            n = 0
            while size := int(self.rfile.readline(), 16):
                n += len(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        else:
            n = len(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer("%d\n" % n)

    def log_message(self, *args):
        pass


threads = len(sys.argv) > 2 and sys.argv[2] == "threads"
server = http.server.ThreadingHTTPServer if threads else http.server.HTTPServer
server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
