// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The protocols, and the sides of a connection. internal/stream has the same. */
#ifndef __EBPFRECEIVER_PROTO_H
#define __EBPFRECEIVER_PROTO_H

enum role { ROLE_UNKNOWN, ROLE_SERVER, ROLE_CLIENT };
enum proto {
	PROTO_UNKNOWN,
	PROTO_HTTP1,
	PROTO_HTTP2,
	PROTO_POSTGRESQL,
	PROTO_MYSQL,
	PROTO_REDIS,
	PROTO_MEMCACHED,
	PROTO_KAFKA,
	PROTO_AMQP,
	PROTO_NATS,
	PROTO_MQTT,
	PROTO_MONGODB,
	PROTO_DNS,
	PROTO_SLOTS = 16, /* room in tables: of a power of two */
};

#endif
