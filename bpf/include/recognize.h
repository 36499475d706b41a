// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What protocol a connection speaks, from the first bytes of a segment in
 * either direction. User space looks again and more closely; here it is only
 * decided which connections are worth copying from. */
#ifndef __EBPFRECEIVER_RECOGNIZE_H
#define __EBPFRECEIVER_RECOGNIZE_H

#include "rules.h"
#include "socket.h"

/* Bytes of a segment that are looked at, a power of two: as far as the name of a
 * command in MongoDB's handshake. */
#define LOOK 64

/* The protocols that somebody dissects, a bit for each enum proto. Set by user
 * space while the programs run. With ALL_SAID no other protocol will be added: only
 * then is a connection that speaks none of them given up. */
__u32 wanted_protocols = 0;
#define ALL_SAID (1U << 31)

#define FOUR(a, b, c, d) ((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16 | (__u32)(d) << 24)

enum message { MSG_NONE, MSG_REQUEST, MSG_RESPONSE };

/* HTTP/1 by the first four bytes of a message (RFC 9110 section 9, RFC 4918,
 * RFC 3253, RFC 5323 and methods that caches and clients use). */
static __always_inline enum message http1_message(__u32 four)
{
	switch (four) {
	case FOUR('H', 'T', 'T', 'P'):
		return MSG_RESPONSE;
	case FOUR('G', 'E', 'T', ' '):
	case FOUR('P', 'O', 'S', 'T'):
	case FOUR('P', 'U', 'T', ' '):
	case FOUR('H', 'E', 'A', 'D'):
	case FOUR('D', 'E', 'L', 'E'):
	case FOUR('O', 'P', 'T', 'I'):
	case FOUR('P', 'A', 'T', 'C'):
	case FOUR('C', 'O', 'N', 'N'):
	case FOUR('T', 'R', 'A', 'C'):
	case FOUR('Q', 'U', 'E', 'R'):
	case FOUR('P', 'U', 'R', 'G'):
	case FOUR('P', 'R', 'O', 'P'):
	case FOUR('M', 'K', 'C', 'O'):
	case FOUR('C', 'O', 'P', 'Y'):
	case FOUR('M', 'O', 'V', 'E'):
	case FOUR('L', 'O', 'C', 'K'):
	case FOUR('U', 'N', 'L', 'O'):
	case FOUR('R', 'E', 'P', 'O'):
	case FOUR('S', 'E', 'A', 'R'):
		return MSG_REQUEST;
	}
	return MSG_NONE;
}

/* The length of a WINDOW_UPDATE or a PING frame, or 0 (RFC 9113 sections 6.7, 6.9). */
static __always_inline __u32 http2_control(const __u8 *b)
{
	if (b[0] || b[1] || b[5] & 0x80)
		return 0;
	if (b[2] == 4 && b[3] == 8 && !b[4])
		return 9 + 4;
	if (b[2] == 8 && b[3] == 6 && b[4] <= 1 && !(b[5] | b[6] | b[7] | b[8]))
		return 9 + 8;
	return 0;
}

/* HTTP/2 by the client's preface, or by a HEADERS frame that begins with the
 * method GET or POST or with a status of HPACK's static table (RFC 9113
 * section 6.2, RFC 7541 appendix A). Under load, others come before it in the same
 * segment, as the acknowledgement of a PING, a WINDOW_UPDATE and a PING of grpc-go. */
static __always_inline enum message http2_message(const __u8 *b, __u32 len)
{
	__u32 frame, at = 9, before = 0;

	if (FOUR(b[0], b[1], b[2], b[3]) == FOUR('P', 'R', 'I', ' ') && b[4] == '*')
		return MSG_REQUEST;
#pragma unroll
	for (int i = 0; i < 3; i++)
		before += http2_control(b + before);
	if (before > LOOK - 15 || before > len)
		return MSG_NONE;
	b += before;
	len -= before;
	frame = (__u32)b[0] << 16 | (__u32)b[1] << 8 | b[2];
	if (len < 16 || frame > 16384 || b[3] != 1 || b[4] & ~0x25 || b[5] & 0x80 || !(b[8] & 1))
		return MSG_NONE;
	if (b[4] & 0x20)
		at = 14; /* priority */
	if (b[at] == 0x82 || b[at] == 0x83)
		return MSG_REQUEST;
	if (b[at] >= 0x88 && b[at] <= 0x8e)
		return MSG_RESPONSE;
	return MSG_NONE;
}

/* PostgreSQL by the startup packet or a request for encryption, or by a query
 * that fills the segment ("Message Formats" of its documentation). */
static __always_inline enum message postgresql_message(const __u8 *b, __u32 len)
{
	__u32 startup = (__u32)b[0] << 24 | (__u32)b[1] << 16 | (__u32)b[2] << 8 | b[3];
	__u32 code = (__u32)b[4] << 24 | (__u32)b[5] << 16 | (__u32)b[6] << 8 | b[7];
	__u32 message = (__u32)b[1] << 24 | (__u32)b[2] << 16 | (__u32)b[3] << 8 | b[4];

	if (startup == len && (code == 80877103 || code == 80877104 || code >> 16 == 3))
		return MSG_REQUEST;
	if (message < 4 || message > 1 << 20)
		return MSG_NONE;
	switch (b[0]) {
	case 'Q':
		return message + 1 == len && len > 6 && b[5] >= 9 && b[5] < 127 ? MSG_REQUEST : MSG_NONE;
	case 'P': /* Parse, Bind: others follow in the same segment */
	case 'B':
		return message + 1 < len && (b[5] == 0 || (b[5] >= 9 && b[5] < 127)) ? MSG_REQUEST : MSG_NONE;
	}
	return MSG_NONE;
}

/* MySQL by the server's greeting, or by a command that fills the segment
 * ("MySQL Packets" of its documentation). */
static __always_inline enum message mysql_message(const __u8 *b, __u32 len)
{
	__u32 packet = (__u32)b[2] << 16 | (__u32)b[1] << 8 | b[0];

	if (packet + 4 != len || b[3] != 0 || !packet)
		return MSG_NONE;
	if (b[4] == 10 && len > 40 && b[5] >= '0' && b[5] <= '9')
		return MSG_RESPONSE;
	switch (b[4]) {
	case 3:	   /* COM_QUERY */
	case 0x16: /* COM_STMT_PREPARE */
		return len > 6 && b[5] >= 9 && b[5] < 127 ? MSG_REQUEST : MSG_NONE;
	case 0x17: /* COM_STMT_EXECUTE */
		return len >= 14 ? MSG_REQUEST : MSG_NONE;
	}
	return MSG_NONE;
}

/* Redis by an array of bulk strings, which is how clients send commands. */
static __always_inline enum message redis_message(const __u8 *b, __u32 len)
{
	if (len < 8 || b[0] != '*' || b[1] < '1' || b[1] > '9')
		return MSG_NONE;
	for (int i = 2; i < 6; i++) {
		if (b[i] == '\r')
			return b[i + 1] == '\n' && b[i + 2] == '$' ? MSG_REQUEST : MSG_NONE;
		if (b[i] < '0' || b[i] > '9')
			return MSG_NONE;
	}
	return MSG_NONE;
}

/* memcached by the commands of its text and meta protocols and by the magic of
 * the binary one (doc/protocol.txt, doc/protocol-binary.xml). */
static __always_inline enum message memcached_message(const __u8 *b, __u32 len)
{
	switch (FOUR(b[0], b[1], b[2], b[3])) {
	case FOUR('g', 'e', 't', ' '):
	case FOUR('g', 'e', 't', 's'):
	case FOUR('g', 'a', 't', ' '):
	case FOUR('g', 'a', 't', 's'):
	case FOUR('s', 'e', 't', ' '):
	case FOUR('a', 'd', 'd', ' '):
	case FOUR('c', 'a', 's', ' '):
	case FOUR('i', 'n', 'c', 'r'):
	case FOUR('d', 'e', 'c', 'r'):
	case FOUR('d', 'e', 'l', 'e'):
	case FOUR('t', 'o', 'u', 'c'):
	case FOUR('r', 'e', 'p', 'l'):
	case FOUR('a', 'p', 'p', 'e'):
	case FOUR('p', 'r', 'e', 'p'):
		return MSG_REQUEST;
	}
	if (b[0] == 'm' && b[2] == ' ' && (b[1] == 'g' || b[1] == 's' || b[1] == 'd' || b[1] == 'a' || b[1] == 'n'))
		return MSG_REQUEST;
	/* opcode, key length, extras, data type, vbucket */
	if (len >= 24 && b[0] == 0x80 && b[1] < 0x40 && b[5] == 0 && b[4] <= 20)
		return MSG_REQUEST;
	return MSG_NONE;
}

/* NATS by the control lines that no other protocol begins with. */
static __always_inline enum message nats_message(const __u8 *b, __u32 len)
{
	if (len < 8)
		return MSG_NONE;
	switch (FOUR(b[0], b[1], b[2], b[3])) {
	case FOUR('I', 'N', 'F', 'O'):
		return b[4] == ' ' && b[5] == '{' ? MSG_RESPONSE : MSG_NONE;
	case FOUR('C', 'O', 'N', 'N'):
		return b[6] == 'T' && b[7] == ' ' && b[8] == '{' ? MSG_REQUEST : MSG_NONE;
	case FOUR('P', 'U', 'B', ' '):
	case FOUR('S', 'U', 'B', ' '):
		return b[4] > ' ' && b[4] < 127 && b[5] >= ' ' ? MSG_REQUEST : MSG_NONE;
	case FOUR('H', 'P', 'U', 'B'):
		return b[4] == ' ' && b[5] > ' ' && b[5] < 127 ? MSG_REQUEST : MSG_NONE;
	case FOUR('M', 'S', 'G', ' '):
		return b[4] > ' ' && b[4] < 127 && b[5] >= ' ' ? MSG_RESPONSE : MSG_NONE;
	case FOUR('H', 'M', 'S', 'G'):
		return b[4] == ' ' && b[5] > ' ' && b[5] < 127 ? MSG_RESPONSE : MSG_NONE;
	}
	return MSG_NONE;
}

static __always_inline __u32 big_endian(const __u8 *b)
{
	return (__u32)b[0] << 24 | (__u32)b[1] << 16 | (__u32)b[2] << 8 | b[3];
}

#define AMQP_METHOD(class, method) ((class) << 16 | (method))

/* AMQP 0-9-1 by the protocol header, or by a method that only one side sends. */
static __always_inline enum message amqp_message(const __u8 *b, __u32 len)
{
	if (len < 8)
		return MSG_NONE;
	if (FOUR(b[0], b[1], b[2], b[3]) == FOUR('A', 'M', 'Q', 'P'))
		return FOUR(b[4], b[5], b[6], b[7]) == FOUR(0, 0, 9, 1) ? MSG_REQUEST : MSG_NONE;
	if (len < 12 || b[0] != 1 || big_endian(b + 3) < 4 || big_endian(b + 3) > 1 << 17)
		return MSG_NONE;
	switch (big_endian(b + 7)) {
	case AMQP_METHOD(10, 10): /* connection.start */
		return b[1] || b[2] ? MSG_NONE : MSG_RESPONSE;
	case AMQP_METHOD(60, 20): /* basic.consume, publish, get */
	case AMQP_METHOD(60, 40):
	case AMQP_METHOD(60, 70):
		return b[1] || b[2] ? MSG_REQUEST : MSG_NONE;
	case AMQP_METHOD(60, 60): /* basic.deliver, get-ok, get-empty */
	case AMQP_METHOD(60, 71):
	case AMQP_METHOD(60, 72):
		return b[1] || b[2] ? MSG_RESPONSE : MSG_NONE;
	}
	return MSG_NONE;
}

/* connection.start-ok, secure-ok and update-secret of AMQP. */
static __always_inline bool is_amqp_secret(__u32 method)
{
	return method == AMQP_METHOD(10, 11) || method == AMQP_METHOD(10, 21) ||
	       method == AMQP_METHOD(10, 70);
}

#define LE32(b) FOUR((b)[0], (b)[1], (b)[2], (b)[3])

#define MONGODB_HEADER 16

/* Values of opCode in MongoDB's messages. */
enum { MONGODB_QUERY = 2004, MONGODB_COMPRESSED = 2012, MONGODB_MSG = 2013 };

/* MongoDB by the header of a message: its length, and an operation that is in
 * use ("MongoDB Wire Protocol" of its documentation). */
static __always_inline enum message mongodb_message(const __u8 *b, __u32 len)
{
	__u32 length = LE32(b), answers = LE32(b + 8), op = LE32(b + 12);

	if (len < MONGODB_HEADER || length < 25 || length > 64 << 20)
		return MSG_NONE;
	switch (op) {
	case MONGODB_QUERY:
		return answers ? MSG_NONE : MSG_REQUEST;
	case MONGODB_COMPRESSED:
	case MONGODB_MSG:
		return answers ? MSG_RESPONSE : MSG_REQUEST;
	}
	return MSG_NONE;
}

/* The bytes of a request's body that may carry credentials up to the command's
 * name and no further, 0 for any other: the handshake, authentication, and the
 * making of users. Drivers never compress these. In a legacy query, which servers
 * take for a handshake only, the name is not looked for: it follows another. */
static __always_inline __u32 mongodb_body_secret(const __u8 *b)
{
	const __u8 *name = b + 10; /* behind flags, kind, length and type */

	if (b[4] > 1)
		return 42;
	if (b[4])
		return 0;
	switch (LE32(name)) {
	case FOUR('h', 'e', 'l', 'l'):
	case FOUR('i', 's', 'M', 'a'):
	case FOUR('i', 's', 'm', 'a'):
	case FOUR('s', 'a', 's', 'l'):
	case FOUR('a', 'u', 't', 'h'):
	case FOUR('c', 'o', 'p', 'y'):
		return 24;
	case FOUR('c', 'r', 'e', 'a'):
	case FOUR('u', 'p', 'd', 'a'):
		return name[6] == 'U' ? 24 : 0;
	}
	return 0;
}

/* The same with the header. */
static __always_inline __u32 mongodb_secret(const __u8 *b)
{
	__u32 n = 0;

	switch (LE32(b + 12)) {
	case MONGODB_QUERY:
		return MONGODB_HEADER + 42;
	case MONGODB_MSG:
		n = mongodb_body_secret(b + MONGODB_HEADER);
	}
	return n ? MONGODB_HEADER + n : 0;
}

/* The name in CONNECT of MQTT: "MQTT", or "MQIsdp" of 3.1. */
static __always_inline bool is_mqtt_name(const __u8 *b)
{
	__u32 name = FOUR(b[0], b[1], b[2], b[3]);

	return (name == FOUR(0, 4, 'M', 'Q') && b[4] == 'T' && b[5] == 'T') ||
	       (name == FOUR(0, 6, 'M', 'Q') && b[4] == 'I' && b[5] == 's');
}

/* CONNECT of MQTT, also without the fixed header, which servers read alone. */
static __always_inline bool is_mqtt_connect(const __u8 *b)
{
	return is_mqtt_name(b) || (b[0] == 0x10 && (is_mqtt_name(b + 2) || is_mqtt_name(b + 3)));
}

/* Whether any of the first eight bytes of a topic of n is none that names of topics
 * have: of a control character, '+' or '#'. Each in a byte of a word, without a loop. */
static __always_inline bool is_no_topic(const __u8 *b, __u32 n)
{
	const __u64 ones = 0x0101010101010101, tops = ones << 7;
	__u64 w = (__u64)FOUR(b[0], b[1], b[2], b[3]) | (__u64)FOUR(b[4], b[5], b[6], b[7]) << 32;
	__u64 plus = w ^ ones * '+', hash = w ^ ones * '#', del = w ^ ones * 127, bad;

	bad = (((w - ones * ' ') & ~w) | ((plus - ones) & ~plus) | ((hash - ones) & ~hash) |
	       ((del - ones) & ~del)) & tops;
	return bad << (n < 8 ? 64 - 8 * n : 0);
}

/* 1 if a < b, without a branch that tells the verifier of it. */
static __always_inline __u64 less(__u32 a, __u32 b)
{
	return ((__u64)a - b) >> 63;
}

/* PUBLISH by its first byte and, behind its length, the name of the topic, which is as
 * long as it says and has no wildcards (section 3.3 of MQTT 5). All conditions are one:
 * 0 if they hold. */
static __always_inline __u64 is_no_mqtt_publish(__u8 first, const __u8 *b, __u32 size)
{
	__u32 qos = first >> 1 & 3, acknowledged = (qos | qos >> 1) & 1;

	return (first >> 4 ^ 3) | (qos & qos >> 1) | (first >> 3 & ~acknowledged & 1) | b[0] |
	       less(b[1], 1) | less(size, b[1] + 2 + 2 * acknowledged) | is_no_topic(b + 2, b[1]);
}

/* The same of a segment with one, of which the length has a byte or two, and with other
 * packets behind it. */
static __always_inline bool is_mqtt_published(const __u8 *b, __u32 len)
{
	__u32 longer = b[1] >> 7, at = 2 + longer;
	__u32 size = (b[1] & 127) | (b[2] & 127) * longer << 7, end = at + size;
	__u64 more = less(end, len) & less(end, LOOK);

	return !((b[2] >> 7 & longer) | less(len, end) | (more & less(b[end & (LOOK - 1)], 0x10)) |
		 is_no_mqtt_publish(b[0], b + at, size));
}

#define MQTT_ACK 4

/* PUBACK, PUBREC, PUBREL or PUBCOMP with a packet identifier and nothing else. */
static __always_inline bool is_mqtt_ack(const __u8 *b)
{
	return b[1] == 2 && (b[2] | b[3]) && (b[0] == 0x40 || b[0] == 0x50 || b[0] == 0x62 || b[0] == 0x70);
}

/* Many of them. One alone may be anything, such as a length. */
static __always_inline bool is_mqtt_acks(const __u8 *b, __u32 len)
{
	return len >= 2 * MQTT_ACK && is_mqtt_ack(b) && is_mqtt_ack(b + MQTT_ACK) && b[0] == b[MQTT_ACK];
}

/* What both sides of MQTT send, with the same bytes. */
static __always_inline bool is_mqtt_either(const __u8 *b, __u32 len)
{
	return b[0] >> 4 == 3 ? is_mqtt_published(b, len) : is_mqtt_acks(b, len);
}

/* PUBREC and its PUBREL, or PUBREL and its PUBCOMP: a is what the other side sent before. */
static __always_inline bool is_mqtt_answer(const __u8 *a, const __u8 *b, __u32 len)
{
	return len >= MQTT_ACK && is_mqtt_ack(a) && is_mqtt_ack(b) && a[2] == b[2] && a[3] == b[3] &&
	       ((a[0] == 0x50 && b[0] == 0x62) || (a[0] == 0x62 && b[0] == 0x70));
}

/* Many read the first byte of a packet and each of its length by themselves: n
 * such bytes are at head, and here is the rest. */
static __always_inline bool is_mqtt_rest(const __u8 *head, __u32 n, const __u8 *b, __u32 len)
{
	__u32 size = head[1] & 127;

	if (n < 2 || n > 4)
		return false;
	if (n > 2)
		size |= (head[2] & 127) << 7;
	if (n > 3)
		size |= (head[3] & 127) << 14;
	return size == len && !is_no_mqtt_publish(head[0], b, size);
}

/* MQTT by CONNECT, and by packets that only one side sends and that fill the
 * segment. PUBLISH goes both ways. */
static __always_inline enum message mqtt_message(const __u8 *b, __u32 len)
{
	if (is_mqtt_connect(b))
		return MSG_REQUEST;
	if (len < 2 || len > 129 || b[1] + 2 != len)
		return MSG_NONE;
	switch (b[0]) {
	case 0x20: /* CONNACK: flags, reason, properties */
		return b[2] <= 1 && ((len == 4 && b[3] <= 5) || (len > 4 && b[4] + 5 == len)) ? MSG_RESPONSE : MSG_NONE;
	case 0x82: /* SUBSCRIBE: identifier, filters or properties */
		return len > 8 && (b[4] == 0 || b[5] == 0) ? MSG_REQUEST : MSG_NONE;
	case 0x90: /* SUBACK: identifier, properties, codes */
		return len == 5 && (b[4] <= 2 || b[4] == 0x80) ? MSG_RESPONSE : MSG_NONE;
	case 0xc0: /* PINGREQ */
		return len == 2 ? MSG_REQUEST : MSG_NONE;
	case 0xd0: /* PINGRESP */
		return len == 2 ? MSG_RESPONSE : MSG_NONE;
	}
	return MSG_NONE;
}

/* AUTH of MQTT 5 with an authentication method, also without the fixed header. */
static __always_inline bool is_mqtt_auth(const __u8 *b)
{
	return (b[0] == 0xf0 && (b[2] == 0x18 || b[2] == 0x19) && b[4] == 0x15 && b[5] == 0) ||
	       ((b[0] == 0x18 || b[0] == 0x19) && b[2] == 0x15 && b[3] == 0);
}

/* A DNS query: one question, and no records but what EDNS, a signature or a
 * zone's state need (RFC 1035 section 4.1.1). */
static __always_inline bool is_dns_query(const __u8 *b)
{
	return !(b[2] & 0xf8) && !(b[3] & 0xcf) && !b[4] && b[5] == 1 && !b[6] && !b[7] &&
	       !b[8] && b[9] <= 1 && !b[10] && b[11] <= 2 && b[12] <= 63;
}

/* DNS over TCP by a query, with its length before it or, where a server reads
 * that by itself, without. */
static __always_inline enum message dns_message(const __u8 *b, __u32 len)
{
	if (len >= 19 && (b[0] || b[1] >= 17) && is_dns_query(b + 2))
		return MSG_REQUEST;
	return len >= 17 && is_dns_query(b) ? MSG_REQUEST : MSG_NONE;
}

/* The sizes of a request that brokers of Kafka take (socket.request.max.bytes);
 * the least has a header without a client id. */
static __always_inline bool kafka_size(const __u8 *b)
{
	__u32 size = big_endian(b);

	return size >= 10 && size <= 100 << 20;
}

/* Many servers and clients read a message's size by itself. */
static __always_inline bool is_kafka_size(const __u8 *b, __u32 len)
{
	return len == 4 && kafka_size(b);
}

/* The API of a request, from what follows its size: key, version, correlation
 * id and client id, of which the first character is looked at. -1 if it is none. */
static __always_inline int kafka_api(const __u8 *b)
{
	__u32 key = (__u32)b[0] << 8 | b[1], version = (__u32)b[2] << 8 | b[3];
	__u32 id = (__u32)b[8] << 8 | b[9];

	if (key > 94 || version > 21)
		return -1;
	if (id == 0 || id == 0xffff) /* empty, null */
		return key;
	return id < 256 && b[10] >= ' ' && b[10] != 127 ? (int)key : -1;
}

/* Kafka by a request's header: its size, and len bytes behind that. A response has
 * none, but one with a small correlation id that begins with the topics of an
 * array looks like Produce. */
static __always_inline enum message kafka_message(const __u8 *size, const __u8 *b, __u32 len)
{
	int api;

	if (len < 12 || !kafka_size(size) || (b[8] | b[9]) == 0 || b[8] == 0xff)
		return MSG_NONE;
	api = kafka_api(b);
	if (api < 0 || (api == 0 && big_endian(b + 4) - 1 < 8))
		return MSG_NONE;
	return MSG_REQUEST;
}

/* Gives n by way of memory in a map, where the verifier does not follow it: paths
 * that differ in it alone are one to it from here. */
static __always_inline __u32 forget(void *cell, __u32 n)
{
	*(volatile __u32 *)cell = n;
	return *(volatile __u32 *)cell;
}

/* What to look for in a connection with these rules. */
static __always_inline __u32 wanted_by(__u32 rules)
{
	return wanted_protocols & ~(rules & 0xffff);
}

static __always_inline bool is_wanted(__u32 wanted, enum proto p)
{
	return wanted & 1U << p;
}

/* The message that a segment is in a connection whose protocol is told. */
static __always_inline enum message told_message(__u32 rules, int d, __u8 *proto)
{
	__u32 p = rules >> RULE_PROTO_SHIFT & 0xff, role = rules >> RULE_ROLE_SHIFT & 0xff;

	if (!p || p >= PROTO_SLOTS || !(wanted_by(rules) & 1U << p))
		return MSG_NONE;
	*proto = p;
	return (role == ROLE_SERVER) == (d == RX) ? MSG_REQUEST : MSG_RESPONSE;
}

/* Recognizes any wanted protocol. b has LOOK bytes, zero after len. */
static __always_inline enum message recognize(const __u8 *b, __u32 len, __u32 wanted, __u8 *proto)
{
	enum message m;

	*proto = PROTO_NATS; /* before HTTP/1, which has a CONNECT too */
	if (is_wanted(wanted, PROTO_NATS) && (m = nats_message(b, len)))
		return m;
	*proto = PROTO_HTTP1;
	m = http1_message(FOUR(b[0], b[1], b[2], b[3]));
	if (m)
		return is_wanted(wanted, PROTO_HTTP1) ? m : MSG_NONE;
	*proto = PROTO_MONGODB;
	if (is_wanted(wanted, PROTO_MONGODB) && (m = mongodb_message(b, len)))
		return m;
	*proto = PROTO_HTTP2;
	if (is_wanted(wanted, PROTO_HTTP2) && (m = http2_message(b, len)))
		return m;
	*proto = PROTO_REDIS;
	if (is_wanted(wanted, PROTO_REDIS) && (m = redis_message(b, len)))
		return m;
	*proto = PROTO_POSTGRESQL;
	if (is_wanted(wanted, PROTO_POSTGRESQL) && (m = postgresql_message(b, len)))
		return m;
	*proto = PROTO_MYSQL;
	if (is_wanted(wanted, PROTO_MYSQL) && (m = mysql_message(b, len)))
		return m;
	*proto = PROTO_MEMCACHED;
	if (is_wanted(wanted, PROTO_MEMCACHED) && (m = memcached_message(b, len)))
		return m;
	*proto = PROTO_AMQP;
	if (is_wanted(wanted, PROTO_AMQP) && (m = amqp_message(b, len)))
		return m;
	*proto = PROTO_MQTT;
	if (is_wanted(wanted, PROTO_MQTT) && (m = mqtt_message(b, len)))
		return m;
	*proto = PROTO_KAFKA;
	if (is_wanted(wanted, PROTO_KAFKA) && len > 4 && (m = kafka_message(b, b + 4, len - 4)))
		return m;
	*proto = PROTO_DNS;
	if (is_wanted(wanted, PROTO_DNS) && (m = dns_message(b, len)))
		return m;
	*proto = PROTO_UNKNOWN;
	return MSG_NONE;
}

/* Whether requests and responses take turns. Elsewhere either side may begin a
 * message at any time, with no answer to it or with one among others. */
static __always_inline bool takes_turns(enum proto proto)
{
	switch (proto) {
	case PROTO_HTTP2:
	case PROTO_AMQP:
	case PROTO_NATS:
	case PROTO_MQTT:
		return false;
	default:
		return true;
	}
}

/* Whether small messages may share a segment in any number, so that its whole
 * is worth copying. */
static __always_inline bool is_packed(enum proto proto)
{
	return proto == PROTO_AMQP || proto == PROTO_NATS || proto == PROTO_MQTT;
}

/* Tells that a client goes on with HTTP/2 after HTTP/1.1 (RFC 7540 section 3.2). */
static __always_inline bool is_upgrade(const __u8 *b, enum proto proto, bool is_request)
{
	return proto == PROTO_HTTP1 && is_request && is_wanted(wanted_protocols, PROTO_HTTP2) &&
	       FOUR(b[0], b[1], b[2], b[3]) == FOUR('P', 'R', 'I', ' ') && b[4] == '*';
}

/* Tells what a segment is in a connection of a known protocol. b has LOOK
 * bytes, zero after len. */
static __always_inline enum message classify(const __u8 *b, __u32 len, enum proto proto, bool is_request, bool turn)
{
	enum message m = is_request ? MSG_REQUEST : MSG_RESPONSE;

	switch (proto) {
	case PROTO_HTTP1:
		return http1_message(FOUR(b[0], b[1], b[2], b[3])) == m ? m : MSG_NONE;
	case PROTO_KAFKA: /* requests do not wait for responses, and some have none */
		if (is_kafka_size(b, len))
			return m;
		if (is_request)
			return len >= 14 && kafka_size(b) && kafka_api(b + 4) >= 0 ? m : MSG_NONE;
		/* a segment of its own, or the first of some */
		return turn || (big_endian(b) + 4 >= len && big_endian(b) <= 100 << 20) ? m : MSG_NONE;
	default: /* messages have no mark of their own: what follows the other side's */
		return turn || !takes_turns(proto) ? m : MSG_NONE;
	}
}

/* Whether a segment that begins no message may be the rest of one that is to be
 * copied: it was too short to tell, or the other side spoke in between. */
static __always_inline bool is_rest(__u32 len, enum proto proto, bool turn)
{
	/* A Go server, for one, waits for the next request with a single byte. */
	return turn && (len < 4 || proto == PROTO_KAFKA);
}

/* Tells a response that is not the last one to its request (RFC 9110 section
 * 15.2: "HTTP/1.1 1xx"). */
static __always_inline bool is_interim(const __u8 *b, enum proto proto)
{
	return proto == PROTO_HTTP1 && b[9] == '1';
}

#endif
