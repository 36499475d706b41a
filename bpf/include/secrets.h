// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Which requests may carry a password, of each protocol. They are not copied, or
 * only as far as they say what they are. */
#ifndef __EBPFRECEIVER_SECRETS_H
#define __EBPFRECEIVER_SECRETS_H

#include "recognize.h"

static __always_inline __u32 lower(__u32 four)
{
	return four | 0x20202020;
}

/* Tells that a request may carry a password or what stands for one. It is not
 * copied, not even in part. */
static __always_inline bool is_secret(const __u8 *b, enum proto proto)
{
	switch (proto) {
	case PROTO_POSTGRESQL: /* PasswordMessage, SASLInitialResponse, SASLResponse, GSSResponse */
		return b[0] == 'p';
	case PROTO_MYSQL: /* an answer within the handshake, COM_CHANGE_USER */
		return b[3] != 0 || b[4] == 0x11;
	case PROTO_REDIS: /* "*2\r\n$4\r\nAUTH", "*5\r\n$5\r\nHELLO" */
		if (b[0] != '*')
			return lower(FOUR(b[0], b[1], b[2], b[3])) == FOUR('a', 'u', 't', 'h');
		return lower(FOUR(b[8], b[9], b[10], b[11])) == FOUR('a', 'u', 't', 'h') ||
		       lower(FOUR(b[8], b[9], b[10], b[11])) == FOUR('h', 'e', 'l', 'l');
	case PROTO_MEMCACHED: /* SASL start and step */
		return b[0] == 0x80 && (b[1] == 0x21 || b[1] == 0x22);
	case PROTO_AMQP: /* a frame; or its payload, when the header was read alone */
		return (b[0] == 1 && is_amqp_secret(big_endian(b + 7))) || is_amqp_secret(big_endian(b));
	case PROTO_MQTT:
		return is_mqtt_connect(b) || is_mqtt_auth(b);
	case PROTO_NATS: /* "CONNECT {" */
		return lower(FOUR(b[0], b[1], b[2], b[3])) == FOUR('c', 'o', 'n', 'n') &&
		       lower(FOUR(b[4], b[5], b[6], b[7])) == FOUR('e', 'c', 't', ' ');
	case PROTO_MONGODB:
		return mongodb_secret(b);
	default:
		return false;
	}
}

/* What was said of the segment before. */
enum secrecy { PLAIN, SECRET, HEADER_ALONE, RAW_TOKENS, LOGIN_HEADER };

/* A packet's header in MySQL, and what stands in a login before the user's name:
 * capabilities, which tell that the connection is encrypted or compressed. */
#define MYSQL_HEADER 4
#define MYSQL_LOGIN 32

/* Of the login before MySQL 4.1 the capabilities: the user stands one byte behind these. */
#define MYSQL_OLD_LOGIN 4

/* How much is looked at of a login whose database is to be known: behind the above
 * stand the user's name, the answer to the challenge, and the database's name. */
#define MYSQL_LOOK 256
#define MYSQL_LOGIN_MOST (MYSQL_HEADER + MYSQL_LOGIN + MYSQL_LOOK)

/* Capabilities: the login names a database; it is that of MySQL 4.1 and later;
 * the answer is behind its length. */
#define MYSQL_WITH_DB (1U << 3)
#define MYSQL_41 (1U << 9)
#define MYSQL_SECURE (1U << 15)
#define MYSQL_MAX_ANSWER 250 /* a longer one has a longer length */

/* The header of a login: the client's first packet, after the server's greeting. */
static __always_inline bool is_mysql_login(const __u8 *b, bool turn)
{
	return turn && b[3] == 1;
}

/* What stands before the user in the payload of a login. */
static __always_inline __u32 mysql_login_head(const __u8 *payload)
{
	return FOUR(payload[0], payload[1], 0, 0) & MYSQL_41 ? MYSQL_LOGIN : MYSQL_OLD_LOGIN;
}

/* How many bytes of a segment are the header of a request of Kafka, whose size
 * may have come before it. 0 if it is none. */
static __always_inline __u32 kafka_header(const __u8 *b, __u32 len)
{
	if (len >= 14 && kafka_size(b) && kafka_api(b + 4) >= 0)
		return 12;
	return len >= 10 && kafka_api(b) >= 0 ? 8 : 0;
}

/* Kafka: SaslAuthenticate, and after version 0 of SaslHandshake all that has no
 * header, until a request of another kind. */
static __always_inline bool is_kafka_secret(const __u8 *b, __u32 len, bool turn, __u8 *was)
{
	__u32 header = kafka_header(b, len);
	const __u8 *h = header == 12 ? b + 4 : b;

	if (header && h[1] == 36) {
		if (*was != RAW_TOKENS)
			*was = SECRET;
		return true;
	}
	if (header && h[1] == 17)
		*was = h[3] == 0 ? RAW_TOKENS : PLAIN;
	else if (*was == RAW_TOKENS && !header)
		return len != 4;
	else if (*was == SECRET && !turn)
		return true;
	else
		*was = PLAIN;
	return false;
}

/* How much may be copied all the same of a segment that stays_secret(): what
 * tells its kind. was is what was said of the segment before. */
static __always_inline __u32 secret_head(const __u8 *b, __u32 len, enum proto proto, bool turn, __u8 was)
{
	if (proto == PROTO_KAFKA)
		return !turn && was == SECRET ? 0 : kafka_header(b, len);
	if (proto == PROTO_MYSQL && !turn && was == LOGIN_HEADER)
		return mysql_login_head(b);
	if (proto == PROTO_MYSQL && is_mysql_login(b, turn))
		return MYSQL_HEADER + (len > MYSQL_HEADER ? mysql_login_head(b + MYSQL_HEADER) : 0);
	if (proto != PROTO_MONGODB || (!turn && was == SECRET))
		return 0;
	return !turn && was == HEADER_ALONE ? mongodb_body_secret(b) : mongodb_secret(b);
}

/* Tells a segment that holds a message's header and nothing else. */
static __always_inline bool is_header(enum proto proto, __u32 len)
{
	return (proto == PROTO_MYSQL && len == 4) || (proto == PROTO_MONGODB && len == MONGODB_HEADER);
}

/* is_secret() for a segment of len bytes, and for those that follow it: until the
 * other side's turn they may be the rest of it. */
static __always_inline bool stays_secret(const __u8 *b, __u32 len, enum proto proto, bool turn,
					 __u8 *was)
{
	if (proto == PROTO_KAFKA)
		return is_kafka_secret(b, len, turn, was);
	if (!turn) {
		if (*was == SECRET)
			return true;
		switch (proto) {
		case PROTO_MYSQL: /* mariadbd reads the header, and then the command */
			if (*was == LOGIN_HEADER) {
				*was = SECRET;
				return true;
			}
			*was = *was == HEADER_ALONE && b[0] == 0x11 ? SECRET : PLAIN;
			return *was == SECRET;
		case PROTO_MONGODB: /* mongod does so, too */
			if (*was != HEADER_ALONE)
				break;
			*was = mongodb_body_secret(b) ? SECRET : PLAIN;
			return *was == SECRET;
		case PROTO_POSTGRESQL: /* a password answers the server's question */
			return false;
		default:
			break;
		}
	}
	if (!is_secret(b, proto)) {
		*was = is_header(proto, len) ? HEADER_ALONE : PLAIN;
		return false;
	}
	if (proto == PROTO_MYSQL && len == MYSQL_HEADER && is_mysql_login(b, turn))
		*was = LOGIN_HEADER;
	else
		*was = turn || !takes_turns(proto) ? SECRET : PLAIN; /* else it may be the middle of anything */
	return true;
}

#endif
