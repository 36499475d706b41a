// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Sampling in the kernel. Whether the trace that a request begins or belongs to
 * is kept is decided when the request comes. A simple HTTP/1 exchange of a trace
 * that is not kept travels as a summary: what the metrics need, and no bytes. */
#ifndef __EBPFRECEIVER_SOCKET_SUMMARY_H
#define __EBPFRECEIVER_SOCKET_SUMMARY_H

#include "socket_conn.h"
#include "socket_tally.h"

/* Set by user space when the programs are loaded: whether to decide, what part
 * of 2^32 not to keep, and a number that only this receiver knows. */
__u8 sampling = 0;
__u64 sampling_reject = 0;
const volatile __u64 sampling_seed = 0;

/* What metrics need beside: targets of requests that servers get, sizes of bodies, the duration of
 * each exchange and not only its bucket. Without these exchanges are counted, see socket_tally.h. */
#define WANT_TARGET 1
#define WANT_SIZES 2
#define WANT_DURATIONS 4
/* Nobody asks for what a thread does something: there are no traces. */
#define WANT_NO_PARENTS 8
__u8 summary_wants = 0;

/* Some client has decided other than its request alone would tell. */
__u8 sampling_passed_on = 0;

/* What clients decided for the servers at the other end of their connections,
 * by request. What falls out was decided long ago. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u8);
} socket_decisions SEC(".maps");

static __always_inline __u64 mix(__u64 x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93;
	return x ^ x >> 32;
}

/* An address as a number: the same for IPv4 and IPv4 in IPv6. */
static __always_inline __u64 fold(const struct conn *c, const __u8 *address, __u16 port)
{
	const __u32 *a = (const __u32 *)address;
	__u64 v;

	if (c->family == AF_INET)
		v = a[0];
	else if (!a[0] && !a[1] && a[2] == bpf_htonl(0xffff))
		v = a[3];
	else
		v = mix(((__u64)a[0] << 32 | a[1]) ^ mix((__u64)a[2] << 32 | a[3]));
	return v * 65599 + port;
}

/* A number for a request that is the same at both ends of its connection. */
static __always_inline __u64 request_number(struct conn *c, __u32 seq)
{
	__u64 local, remote;

	if (!c->number) {
		local = fold(c, c->laddr, c->lport);
		remote = fold(c, c->raddr, c->rport);
		if (c->role == ROLE_SERVER)
			c->number = mix(mix(remote) + local + sampling_seed) | 1;
		else
			c->number = mix(mix(local) + remote + sampling_seed) | 1;
	}
	return mix(c->number + seq);
}

struct head_bytes {
	__u8 bytes[STORED_MAX + 8];
};

/* What scan() finds in the head of a message. There is no pointer in it: it is given to functions
 * that are verified by themselves. */
struct head {
	__u32 len;
	__u32 at;      /* where the head ends; 0: not found */
	__u32 line;    /* where the line under way begins */
	__u32 length_at, host_at, host_end;
	__u8 first;    /* the line under way is the first */
	__u8 in_host;
	__u8 chunked;
	__u8 odd;      /* something that is left to user space */
	__u8 traced;   /* a trace context, or what may be one */
};

#define STRIDE 32 /* bytes that are scanned at a time */
#define ONES 0x0101010101010101ULL
#define LOWS 0x7f7f7f7f7f7f7f7fULL
#define WORD(a, b, c, d, e, f, g, h) ((__u64)FOUR(a, b, c, d) | (__u64)FOUR(e, f, g, h) << 32)
#define LOWER 0x2020202020202020ULL
#define CRLFCRLF 0x0a0d0a0d

static __always_inline __u64 word_at(const __u8 *b, __u32 at)
{
	barrier_var(at);
	if (at >= STORED_MAX)
		return 0;
	return *(const __u64 *)(b + at);
}

/* Looks at the beginning of a header line. Names of which only the first
 * letters are compared are rare, or are taken for odd too. */
static __always_inline void look_at_line(const __u8 *b, struct head *h, __u32 at)
{
	__u64 w = word_at(b, at), low = w | LOWER;

	switch (w & 0xff) {
	case '\r':
		h->at = at + 2;
		return;
	case '\n':
	case ' ':
	case '\t':
		h->odd = 1;
		return;
	}
	switch (low & 0xff) {
	case 't':
		if (low == WORD('t', 'r', 'a', 'n', 's', 'f', 'e', 'r'))
			h->chunked = 1;
		else if ((__u32)low == FOUR('t', 'r', 'a', 'c'))
			h->traced = 1; /* traceparent, tracestate */
		else if ((__u32)low == FOUR('t', 'r', 'a', 'i'))
			h->odd = 1; /* trailer */
		return;
	case 'b': /* b3 */
		if ((low & 0xffffff) == (FOUR('b', '3', ':', 0) & 0xffffff))
			h->traced = 1;
		return;
	case 'x': /* x-b3-traceid and its like */
		if ((__u32)low == FOUR('x', '-', 'b', '3'))
			h->traced = 1;
		return;
	case 'c': /* content-length */
		if (low == WORD('c', 'o', 'n', 't', 'e', 'n', 't', '-') &&
		    (word_at(b, at + 8) | LOWER) == WORD('l', 'e', 'n', 'g', 't', 'h', ':', ' ')) {
			if (h->length_at)
				h->odd = 1;
			h->length_at = at + 16;
		} else if (low == WORD('c', 'o', 'n', 't', 'e', 'n', 't', '-') &&
			   (__u32)(word_at(b, at + 8) | LOWER) == FOUR('l', 'e', 'n', 'g')) {
			h->odd = 1; /* without the usual space */
		}
		return;
	case 'e':
		if ((low & 0xffffffffffffff) == (WORD('e', 'x', 'p', 'e', 'c', 't', ':', 0) & 0xffffffffffffff))
			h->odd = 1;
		return;
	case 'u':
		if (low == WORD('u', 'p', 'g', 'r', 'a', 'd', 'e', ':'))
			h->odd = 1;
		return;
	case 'h':
		if ((low & 0xffffffffff) == (WORD('h', 'o', 's', 't', ':', 0, 0, 0) & 0xffffffffff)) {
			if (h->host_at)
				h->odd = 1;
			h->host_at = at + 5;
			h->in_host = 1;
		}
	}
}

/* Takes the end of a line, at at. */
static __always_inline void end_line(const __u8 *b, struct head *h, __u32 at)
{
	if (h->in_host) {
		h->host_end = at;
		h->in_host = 0;
	}
	if (h->first)
		h->line = at;
	h->first = 0;
	look_at_line(b, h, at + 1);
}

/* Takes the ends of lines among the eight bytes from at, a bit for each, until
 * the head ends. Not static: it is verified once, and what it finds is nothing that the
 * verifier follows. */
__noinline int take_lines(const struct head_bytes *b, struct head *h, __u32 at, __u64 found)
{
	__u32 end;

	if (!b || !h)
		return 1;
	for (int i = 0; i < 2; i++) {
		/* The lowest bit's byte. */
		end = at + (((found & -found) >> 7) * 0x0001020304050607ULL >> 56);
		if (end >= h->len)
			return 1;
		end_line(b->bytes, h, end);
		found &= found - 1;
		if (h->at)
			return 1;
		if (!found)
			return 0;
	}
	h->odd = 1; /* no name and value is as short as that */
	return 1;
}

struct scanning {
	const struct head_bytes *b;
	struct head *h;
};

/* Looks for ends of lines in the next bytes. */
static long scan_words(__u64 i, struct scanning *s)
{
	__u32 at = i * STRIDE;
	__u64 x, found;

	if (at >= s->h->len)
		return 1;
#pragma unroll
	for (int k = 0; k < STRIDE; k += 8) {
		x = word_at(s->b->bytes, at + k) ^ '\n' * ONES;
		found = ~((x & LOWS) + LOWS | x | LOWS);
		if (found && take_lines(s->b, s->h, at + k, found))
			return 1;
	}
	return 0;
}

/* Finds the end of a message's head and the fields that matter here. */
static __always_inline void scan(struct head *h, const struct head_bytes *b, __u32 len)
{
	struct scanning s = {.b = b, .h = h};

	h->len = len;
	h->first = 1;
	bpf_loop(STORED_MAX / STRIDE, scan_words, &s, 0);
	if (h->at > len)
		h->at = 0;
	if (!h->at)
		h->odd = 1;
}

/* The value of Content-Length, without spaces around it; -1 when it is not
 * plain, or longer than what could be of interest. */
static __always_inline __s32 length_of(const __u8 *b, const struct head *h)
{
	__u64 w = word_at(b, h->length_at);
	__s32 n = 0;

	for (int k = 0; k < 8; k++) {
		__u8 digit = w >> 8 * k;

		if (digit == '\r')
			return k ? n : -1;
		digit -= '0';
		if (digit > 9)
			return -1;
		n = n * 10 + digit;
	}
	return -1;
}

/* The method by the conventions' names, as user space numbers them, and where
 * the target begins. 0: another one. */
static __always_inline __u8 method_of(const __u8 *b, __u32 *target)
{
	__u64 w = *(const __u64 *)b;

	*target = 4;
	switch ((__u32)w) {
	case FOUR('G', 'E', 'T', ' '):
		return METHOD_GET;
	case FOUR('P', 'U', 'T', ' '):
		return METHOD_PUT;
	}
	*target = 5;
	switch (w & 0xffffffffff) {
	case WORD('P', 'O', 'S', 'T', ' ', 0, 0, 0):
		return METHOD_POST;
	case WORD('H', 'E', 'A', 'D', ' ', 0, 0, 0):
		return METHOD_HEAD;
	}
	*target = 6;
	if ((w & 0xffffffffffff) == WORD('P', 'A', 'T', 'C', 'H', ' ', 0, 0))
		return METHOD_PATCH;
	*target = 7;
	if ((w & 0xffffffffffffff) == WORD('D', 'E', 'L', 'E', 'T', 'E', ' ', 0))
		return METHOD_DELETE;
	*target = 8;
	if (w == WORD('O', 'P', 'T', 'I', 'O', 'N', 'S', ' '))
		return METHOD_OPTIONS;
	return 0;
}

/* A number for the Host field; 0 when there is none, or a very long one. */
static __always_inline __u32 host_number(const __u8 *b, const struct head *h)
{
	__u32 at = h->host_at, n = h->host_end - at;
	__u64 sum = n, w;

	if (!at || h->host_end <= at || n > 64)
		return 0;
	for (int k = 0; k < 8; k++) {
		if (n <= 8 * k)
			break;
		w = word_at(b, at + 8 * k);
		if (n < 8 * k + 8)
			w &= ~0ULL >> (64 - 8 * (n & 7));
		sum = mix(sum + w);
	}
	return sum | 1;
}

/* What is known of the head of a request. */
enum known { UNKNOWN_HEAD, UNTRACED, TRACED };

/* Learns from a request, kept with len bytes in c->request, whether its exchange
 * may be told in a summary: then c->method is set. */
__noinline int scan_request(struct conn *c, __u32 len)
{
	struct head h = {};
	__s32 body = 0;
	__u64 version;
	__u32 target;
	__u8 method;

	if (!c || len < 16 || len > STORED_MAX)
		return UNKNOWN_HEAD;
	scan(&h, (const struct head_bytes *)c->request, len);
	if (h.traced)
		return TRACED;
	if (!h.at)
		return UNKNOWN_HEAD;
	if (h.odd || h.chunked || h.line < 15)
		return UNTRACED;
	if (h.length_at)
		body = length_of(c->request, &h);
	if (body < 0 || h.at + body != len)
		return UNTRACED;
	version = word_at(c->request, h.line - 9);
	if (c->request[(h.line - 1) & (STORED_MAX - 1)] != '\r')
		return UNTRACED;
	if (version == WORD('H', 'T', 'T', 'P', '/', '1', '.', '1'))
		c->minor = 1;
	else if (version == WORD('H', 'T', 'T', 'P', '/', '1', '.', '0'))
		c->minor = 0;
	else
		return UNTRACED;
	c->host_now = host_number(c->request, &h);
	method = method_of(c->request, &target);
	/* Without a host, or with one in the target, user space says what it is. */
	if (!c->host_now || c->request[target & 15] != '/')
		return UNTRACED;
	c->body_len = body;
	c->target_at = target;
	c->target_len = 0;
	if (c->role == ROLE_SERVER && summary_wants & WANT_TARGET) {
		target = h.line - 10 - target;
		if (target > TARGET_MAX)
			return UNTRACED;
		c->target_len = target;
	}
	c->method = method;
	return UNTRACED;
}

/* Decides whether the trace of a request is kept. Where a trace context comes
 * with it, or may come, user space decides: it goes by that. */
static __always_inline __u8 decide(struct conn *c, __u32 seq, enum known head)
{
	__u64 number = request_number(c, seq);
	__u8 own = (__u32)number >= sampling_reject ? KEEP : DROP, decision = UNDECIDED, *told;

	if (head == UNTRACED)
		decision = own;
	if (c->role == ROLE_CLIENT) {
		if (c->parent_conn && head != TRACED)
			decision = c->decided;
		/* What the server comes to by itself it need not be told. */
		if (decision != (c->proto == PROTO_HTTP1 ? own : UNDECIDED)) {
			bpf_map_update_elem(&socket_decisions, &number, &decision, 0);
			sampling_passed_on = 1;
		}
		return decision;
	}
	if (head != TRACED && sampling_passed_on) {
		told = bpf_map_lookup_elem(&socket_decisions, &number);
		if (told)
			decision = *told;
	}
	return decision;
}

/* Notes what matters of a request that begins here: what it is done for, and
 * what is decided on its trace. len bytes of it, all, are in c->request, or 0. */
__noinline int begin_request(struct conn *c, __u32 seq, __u32 len, bool one_at_a_time)
{
	enum known head = UNKNOWN_HEAD;

	if (!c)
		return 0;
	c->decided = UNDECIDED;
	c->route = 0;
	c->method = 0;
	c->host_now = 0;
	if (c->role == ROLE_CLIENT && !(summary_wants & WANT_NO_PARENTS))
		thread_parent(c);
	if (sampling) {
		if (len && c->proto == PROTO_HTTP1)
			head = scan_request(c, len);
		c->decided = decide(c, seq, head);
		if (unlikely(c->host_now != c->host_sent)) {
			tallies_end(c, ALL_TALLIES); /* they are of the other Host */
			c->host_sent = 0;
		}
	}
	if (c->role == ROLE_SERVER && one_at_a_time && !(summary_wants & WANT_NO_PARENTS))
		thread_open(c->id, seq, c->decided);
	return 0;
}

/* Tells that a head ends where that of the connection's last response did, with
 * Content-Length at the same place: then it need not be scanned. A server mostly sends the
 * same fields again, and one that has this field has no other that tells of the length
 * (RFC 9112, 6.2). */
static __always_inline bool is_alike(const struct conn *c, const __u8 *b, __u32 n)
{
	__u32 end = c->head_at, at = c->length_at;

	if (at < 17 || end > n || end < 4)
		return false;
	return (__u32)word_at(b, end - 4) == CRLFCRLF &&
	       (word_at(b, at - 16) | LOWER) == WORD('c', 'o', 'n', 't', 'e', 'n', 't', '-') &&
	       (word_at(b, at - 8) | LOWER) == WORD('l', 'e', 'n', 'g', 't', 'h', ':', ' ') &&
	       (word_at(b, at - 17) & 0xff) == '\n';
}

/* In the result of scan_response: complete if the body's last chunk is there. */
#define UP_TO_LAST_CHUNK (1 << 16)

/* Tells the status of a response that is complete with len bytes, of which n are
 * at b. 0 when it is not, or that cannot be told. Where the head ends it says too,
 * in the upper bits. */
#define HEAD_SHIFT 20
__noinline int scan_response(const struct head_bytes *b, __u32 n, __u32 len, struct conn *c)
{
	struct head h = {};
	__u32 status = 0;
	__u8 digit;
	__s32 body;
	__u64 w;

	if (!b || !c || n < 16)
		return 0;
	if (n > STORED_MAX)
		n = STORED_MAX;
	w = *(const __u64 *)b->bytes;
	if (w != WORD('H', 'T', 'T', 'P', '/', '1', '.', '1') &&
	    w != WORD('H', 'T', 'T', 'P', '/', '1', '.', '0'))
		return 0;
	for (int k = 9; k < 12; k++) {
		digit = b->bytes[k] - '0';
		if (digit > 9)
			return 0;
		status = status * 10 + digit;
	}
	if (status < 200 || status > 599)
		return 0;
	if (is_alike(c, b->bytes, n)) {
		h.at = c->head_at;
		h.length_at = c->length_at;
	} else {
		scan(&h, b, n);
		if (h.odd)
			return 0;
		c->head_at = h.at;
		c->length_at = h.chunked ? 0 : h.length_at;
	}
	status |= h.at << HEAD_SHIFT;
	if (c->method == METHOD_HEAD || (status & 0xffff) == 204 || (status & 0xffff) == 304)
		return h.at == len ? status : 0;
	if (h.chunked)
		return h.length_at ? 0 : status | UP_TO_LAST_CHUNK;
	if (!h.length_at)
		return 0;
	body = length_of(b->bytes, &h);
	return body >= 0 && h.at + body == len ? status : 0;
}

/* Whether the exchange whose response begins here may be told in a summary. It is
 * not when it would be the first thing that user space hears of the connection,
 * or for long, or of this Host. */
static __always_inline bool may_summarize(const struct conn *c, __u64 now)
{
	return c->decided == DROP && c->method && c->stored.len && c->host_sent &&
	       now - c->told < summary_ns;
}

const struct summary *summary_type __attribute__((unused)); /* for generated code */

/* Counts an exchange where that is enough. */
static __always_inline bool tallied(struct conn *c, __u16 status, __u64 now)
{
	return !(summary_wants & (WANT_TARGET | WANT_SIZES | WANT_DURATIONS)) && tally_exchange(c, status, now);
}

/* Sends the summary of an exchange instead of its bytes. */
static __always_inline void send_summary(struct conn *c, struct scratch *sc, __u16 status,
					 __u32 response_size, __u64 now)
{
	struct summary *s = (struct summary *)&sc->rec;
	__u32 size = offsetof(struct summary, target);
	__u64 flags;

	s->conn = c->id;
	s->process = c->start;
	s->start = c->stored.start;
	s->end = now;
	s->seq = c->stored.seq;
	s->tgid = c->tgid;
	s->request_size = c->body_len;
	s->response_size = response_size;
	s->status = status;
	s->method = c->method;
	s->minor = c->minor;
	s->target_len = c->target_len;
	s->route = c->route;
	if (c->target_len) {
		__builtin_memcpy(s->target, c->request + (c->target_at & 15), TARGET_MAX);
		size = sizeof(*s);
	}
	count(C_SEEN);
	/* They are small: it does to look at times whether much is pending. */
	flags = ++sc->summaries % 16 ? BPF_RB_NO_WAKEUP : wakeup_flags();
	if (bpf_ringbuf_output(&socket_events, s, size, flags)) {
		count(C_LOST_RING);
		count_lost_starts(c->proto, 1);
	}
}

#endif
