// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Asks a server over TLS, on some connections at the same time.
"use strict";
const https = require("https");

const [port, count] = process.argv.slice(2).map(Number);
const agent = new https.Agent({ keepAlive: true, maxSockets: 3, rejectUnauthorized: false });
let left = count;
for (let i = 0; i < count; i++) {
	https.get({ port, host: "127.0.0.1", path: `/hello?node=${i}`, agent }, (res) => {
		if (res.statusCode !== 200) process.exit(1);
		res.resume();
		res.on("end", () => {
			if (--left === 0) agent.destroy();
		});
	});
}
