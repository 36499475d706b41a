// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What the socket Daemon's programs share: the record layout, the state of a
 * connection, recognition, counters and the ring buffer. */
#ifndef __EBPFRECEIVER_SOCKET_H
#define __EBPFRECEIVER_SOCKET_H

#include "proto.h"

#define STORED_MAX 512	  /* bytes of a request kept until its response begins */
#define CAPTURE_MAX 12288 /* most bytes of one segment that are ever copied */
#define MAX_SEGS 4
#define HELLO_MAX 2048	  /* bytes of a ClientHello or ServerHello */
#define TARGET_MAX 104 /* bytes of a request's target in a summary */
#define TALLIES 4 /* histograms of a connection: a power of two */
#define TALLY_BOUNDS 14 /* of the buckets of one */
#define TALLY_BOUNDS_MASK 15

/* What seldom happens is laid out apart, so that a usual exchange runs through few cache lines. */
#define unlikely(x) __builtin_expect(!!(x), 0)
#define likely(x) __builtin_expect(!!(x), 1)

enum dir { RX, TX };
/* Flags of a record. */
enum {
	REC_CLOSED = 1 << 0, /* the last record of this connection */
	REC_RESET = 1 << 1,  /* sk_err was set */
	REC_TX_EOF = 1 << 2, /* the process sends nothing more */
	REC_IDLE = 1 << 3,   /* a report of progress; nothing happened for a while */
	REC_UNIX = 1 << 4,
	REC_TLS = 1 << 5, /* the bytes are plaintext of an encrypted connection */
	REC_LEFT = 1 << 6, /* with REC_CLOSED: it is open, and followed no longer */
	REC_HELLO = 1 << 7, /* what an end of an encrypted connection said in clear; without a
			     * byte: it is the kernel that encrypts (kTLS) */
};

/* One run of bytes in one direction; CAP of LEN bytes follow in the record. */
struct seg {
	__u64 start; /* boot time of the first byte, ns */
	__u64 end;   /* boot time of the last byte, ns */
	__u64 pos;   /* bytes of this direction since observation began */
	__u64 len;
	__u64 parent_conn;
	__u32 parent_seq;
	__u32 seq; /* TCP sequence number */
	__u32 tid;
	__u32 cap;
	__u8 last[8];
	__u8 last_len;
	__u8 dir;
	__u8 starts; /* begins with a message that the kernel recognized */
	__u8 decided; /* of a request: enum decision */
	__u8 goroutine; /* 1: the parent is that of a goroutine, not of a thread; 2: it is the
			 * goroutine that writes: see struct go_told */
	__u8 pad;
	__u16 route; /* of a response: see go_request */
};

/* Whether the trace of a request is kept. */
enum decision { UNDECIDED, DROP, KEEP };

enum method {
	METHOD_OTHER,
	METHOD_GET,
	METHOD_POST,
	METHOD_HEAD,
	METHOD_PUT,
	METHOD_DELETE,
	METHOD_OPTIONS,
	METHOD_PATCH,
};

/* What travels instead of a record when an exchange of HTTP/1 is complete, simple
 * and of a trace that is not kept. It is told apart by its size. The bytes of
 * such exchanges are no part of the positions in segments. */
struct summary {
	__u64 conn;
	__u64 process; /* its start, boot time, ns */
	__u64 start;   /* boot time of the request's first byte, ns */
	__u64 end;     /* boot time of the response's last byte, ns */
	__u32 seq;     /* TCP sequence number of the request */
	__u32 tgid;
	__u32 request_size; /* of the bodies; UNKNOWN_SIZE when chunked */
	__u32 response_size;
	__u16 status;
	__u8 method; /* enum method */
	__u8 minor;  /* of the version of HTTP/1 */
	__u8 target_len;
	__u8 pad;
	__u16 route; /* see go_request */
	__u8 target[TARGET_MAX]; /* only where it is wanted */
};
#define UNKNOWN_SIZE (~0U)

/* Exchanges of a connection since its histogram got its number: see socket_tally.h. */
struct tally {
	__u64 first; /* boot time at which the first one began, ns */
	__u64 last;  /* boot time at which the last one ended, ns */
	__u64 sum;   /* of durations, ns */
	__u64 min;
	__u64 max;
	__u32 counts[TALLY_BOUNDS + 1];
	__u32 count;
};

struct rec {
	__u64 conn;
	__u64 start; /* of the process, boot time, ns */
	__u64 time;
	__u32 tgid;
	__u32 netns;
	__u8 role;
	__u8 proto;
	__u8 flags;
	__u8 nsegs;
	__u16 family;
	__u16 lport;
	__u16 rport;
	__u16 lost; /* requests of this connection that began in records lost so far */
	__u8 pad[4];
	__u8 laddr[16];
	__u8 raddr[16];
	struct seg segs[MAX_SEGS];
};

/* The record's next free segment. The barrier makes the compiler compare the
 * very value that it multiplies, as the verifier wants it. */
static __always_inline struct seg *next_seg(struct rec *r)
{
	__u32 n = r->nsegs;

	barrier_var(n);
	if (n >= MAX_SEGS)
		return 0;
	r->nsegs = n + 1;
	return &r->segs[n];
}

/* Why something was not delivered, per CPU, counted where it happens. */
enum counter {
	C_SEEN,		/* records that should go out */
	C_LOST_RING,	/* records the ring had no space for */
	C_LOST_STORAGE, /* segments of connections there was no memory for */
	C_OPTED_OUT,	/* connections given up: nobody dissects them */
	C_UNREADABLE,	/* payload that could not be read (paged out) */
	C_LOST_HELLO,	/* hellos of which a part was not seen, or could not be read */
	C_LOST_STARTS,	/* requests that began in lost records: one of these for each enum proto */
	C_MAX = C_LOST_STARTS + PROTO_SLOTS,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, C_MAX);
	__type(key, __u32);
	__type(value, __u64);
} socket_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
	__type(value, struct rec);
} socket_events SEC(".maps");

const volatile __u32 max_request = 8192;
const volatile __u32 max_response = 2048;
const volatile __u64 wakeup_bytes = 256 << 10;
const volatile __u64 idle_ns = 200000000;
const volatile __u64 summary_ns = 10000000000;
const volatile __u8 max_misses = 8;

static __always_inline void count(enum counter which)
{
	__u32 key = which;
	__u64 *n = bpf_map_lookup_elem(&socket_counters, &key);

	if (n)
		__sync_fetch_and_add(n, 1);
}

static __always_inline void count_n(enum counter which, __u64 add)
{
	__u32 key = which;
	__u64 *n = bpf_map_lookup_elem(&socket_counters, &key);

	if (n)
		__sync_fetch_and_add(n, add);
}

static __always_inline void count_lost_starts(__u8 proto, __u64 add)
{
	count_n(C_LOST_STARTS + (proto & (PROTO_SLOTS - 1)), add);
}

/* Wakes the reader only when much is pending: a wake-up per record halves
 * the observed program's throughput. The reader looks by itself in between. */
static __always_inline __u64 wakeup_flags(void)
{
	if (unlikely(bpf_ringbuf_query(&socket_events, BPF_RB_AVAIL_DATA) >= wakeup_bytes))
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

#endif
