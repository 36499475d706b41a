// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// The same as service.py, for Node: service.js PORT
const http = require("node:http");

http.createServer((req, res) => {
  const url = new URL(req.url, "http://localhost");
  if (url.pathname !== "/call") {
    res.end("hello\n");
    return;
  }
  http.get(url.searchParams.get("url"), { agent: false }, (answer) => {
    answer.resume().on("end", () => {
      res.statusCode = answer.statusCode;
      res.end(`${answer.statusCode}\n`);
    });
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
