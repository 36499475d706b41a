// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The Daemon "go": which request a goroutine takes part in. The Daemon "socket" notes it
 * for the one that reads a request, and asks for it when one sends something. */
#include "include/vmlinux_min.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "include/net.h"
#include "include/procs.h"
#include "include/go.h"
#include "include/socket.h"
#include "include/socket_conn.h"
#include "include/hits.h"

/* Requests that a goroutine hands to the one that writes to a connection of a client.
 * The time between is short; what falls out has no parent. */
struct handed {
	__u64 request; /* net/http.Request * */
	__u64 tgid;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct handed);
	__type(value, struct thread);
} go_handed SEC(".maps");

enum go_counter {
	G_STARTED,    /* goroutines that were started by one that takes part in a request */
	G_TAKEN,      /* requests of a client that one goroutine handed to another */
	G_UNREADABLE, /* goroutines of which a program's memory does not tell who started them */
	G_FULL,	      /* no space in a map */
	G_ROUTED,     /* requests whose route, or method of gRPC, is known */
	G_UNROUTED,   /* requests whose is not: it is long, or one of too many */
	G_STREAMS,    /* goroutines that serve a request of HTTP/2 */
	G_CALLS,      /* calls that one goroutine writes for another, with what they are for */
	G_RING,	      /* routes and calls that the ring had no space for */
	G_MAX,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, G_MAX);
	__type(key, __u32);
	__type(value, __u64);
} go_counters SEC(".maps");

static __always_inline void go_count(enum go_counter which)
{
	__u32 key = which;
	__u64 *n = bpf_map_lookup_elem(&go_counters, &key);

	if (n)
		__sync_fetch_and_add(n, 1);
}

/* The process, if it is followed. All programs ask for it once. */
static __always_inline struct go_process *go_process(__u32 tgid)
{
	hit();
	return bpf_map_lookup_elem(&go_processes, &tgid);
}

/* Where struct runtime.g has m: after stack (2 words), two guards, panic and defer. */
#define G_M 48

/* The goroutine for which the scheduler's own, g0, works. 0: for none. */
static __always_inline __u64 current_of(__u64 g0, const struct go_process *p)
{
	__u64 m = 0, curg = 0, back = 0;

	if (bpf_probe_read_user(&m, sizeof(m), (void *)(g0 + G_M)) ||
	    bpf_probe_read_user(&curg, sizeof(curg), (void *)(m + p->curg))) {
		go_count(G_UNREADABLE);
		return 0;
	}
	/* Were the layout another one, this would not lead back. */
	if (curg && (bpf_probe_read_user(&back, sizeof(back), (void *)(curg + G_M)) || back != m)) {
		go_count(G_UNREADABLE);
		return 0;
	}
	return curg;
}

/* Notes what a goroutine takes part in. Go uses the memory of those that have ended
 * again, so most are in the map, and are changed there: that costs less. */
static __always_inline void take_part(struct goroutine *g, const struct thread *in)
{
	struct thread *t = bpf_map_lookup_elem(&go_goroutines, g);

	if (!t)
		t = take_note(g);
	if (t)
		*t = *in;
	else
		go_count(G_FULL);
}

/* At the call of runqput(p, newg, next) in runtime.newproc: a goroutine is about to be
 * put in line. It takes part in what the one does that started it. */
SEC("uprobe")
int go_start(struct pt_regs *ctx)
{
	__u64 tgid = bpf_get_current_pid_tgid() >> 32;
	struct go_process *p = go_process(tgid);
	struct goroutine parent = {.tgid = tgid}, child = {.tgid = tgid};
	struct thread none = {}, *t = 0;

	if (!p)
		return 0;
	parent.g = current_of(GO_G(ctx), p);
	child.g = GO_ARG2(ctx);
	if (parent.g)
		t = bpf_map_lookup_elem(&go_goroutines, &parent);
	/* One that reads ahead of the one that it starts may have its first request already. */
	if (!takes_part(t) || t->kind == PART_WRITES) {
		t = bpf_map_lookup_elem(&go_goroutines, &child);
		if (t)
			*t = none;
		return 0;
	}
	go_count(G_STARTED);
	take_part(&child, t);
	return 0;
}

/* net/http.(*persistConn).roundTrip(req *transportRequest): its first member is the
 * *Request, which another goroutine writes. */
SEC("uprobe")
int go_hand(struct pt_regs *ctx)
{
	__u64 tgid = bpf_get_current_pid_tgid() >> 32;
	struct goroutine g = {.g = GO_G(ctx), .tgid = tgid};
	struct handed key = {.tgid = tgid};
	struct go_process *p = go_process(tgid);
	struct thread none = {}, *t;

	if (!p)
		return 0;
	if (bpf_probe_read_user(&key.request, sizeof(key.request), (void *)GO_ARG2(ctx))) {
		go_count(G_UNREADABLE);
		return 0;
	}
	/* Also when there is nothing to hand on: the writer must not think that it still
	 * works for the request before. */
	t = bpf_map_lookup_elem(&go_goroutines, &g);
	if (!takes_part(t) || t->kind == PART_STREAM)
		go_ask(p);
	if (bpf_map_update_elem(&go_handed, &key, t ?: &none, BPF_ANY))
		go_count(G_FULL);
	return 0;
}

/* net/http.(*Request).write. When the goroutine has to yield first, this runs twice: the
 * second time there is nothing left to take. */
SEC("uprobe")
int go_take(struct pt_regs *ctx)
{
	__u64 tgid = bpf_get_current_pid_tgid() >> 32;
	struct handed key = {.request = GO_ARG1(ctx), .tgid = tgid};
	struct goroutine g = {.g = GO_G(ctx), .tgid = tgid};
	struct thread *t;

	if (!go_process(tgid))
		return 0;
	t = bpf_map_lookup_elem(&go_handed, &key);
	if (!t)
		return 0; /* it is written by the goroutine that made it */
	go_count(G_TAKEN);
	take_part(&g, t);
	bpf_map_delete_elem(&go_handed, &key);
	return 0;
}

/* Patterns of routes, and a number for each, from 1. A program has some hundred at most. What
 * is longer, or did not fit, is counted. */
#define ROUTE_MAX 128
#define ROUTES 4096

struct go_route {
	__u8 text[ROUTE_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ROUTES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct go_route);
	__type(value, __u16);
} go_routes SEC(".maps");

/* The same by number, for user space. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ROUTES);
	__type(key, __u32);
	__type(value, struct go_route);
} go_route_texts SEC(".maps");

__u32 go_last_route = 0;

/* Finds the number of a pattern, or gives it one. Of two that come to one at a time both take
 * a number, and the first is used. */
static __always_inline __u16 route_number(const struct go_route *r, __u32 limit)
{
	__u16 *known = bpf_map_lookup_elem(&go_routes, r), number;
	__u32 key;

	if (known)
		return *known;
	if (go_last_route >= limit - 1)
		return 0;
	key = __sync_fetch_and_add(&go_last_route, 1) + 1;
	if (key >= ROUTES || bpf_map_update_elem(&go_route_texts, &key, r, BPF_ANY))
		return 0;
	number = key;
	bpf_map_update_elem(&go_routes, r, &number, BPF_NOEXIST);
	known = bpf_map_lookup_elem(&go_routes, r);
	return known ? *known : 0;
}

static __always_inline bool tell(const struct go_told *told)
{
	if (!bpf_ringbuf_output(&socket_events, (void *)told, sizeof(*told), BPF_RB_NO_WAKEUP))
		return true;
	go_count(G_RING);
	return false;
}

#include "include/go_routes.h"

/* The goroutine that reads the frames of a server's connection of net/http or
 * golang.org/x/net/http2, by the *serverConn. */
struct server_conn {
	__u64 at;
	__u64 tgid;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384); /* connections that are open; what falls out has no parents */
	__type(key, struct server_conn);
	__type(value, struct goroutine);
} go_readers SEC(".maps");

/* (*serverConn).readFrames, once for each connection. */
SEC("uprobe")
int go_reads(struct pt_regs *ctx)
{
	__u64 tgid = bpf_get_current_pid_tgid() >> 32;
	struct server_conn key = {.at = GO_ARG1(ctx), .tgid = tgid};
	struct goroutine g = {.g = GO_G(ctx), .tgid = tgid};

	if (go_process(tgid) && bpf_map_update_elem(&go_readers, &key, &g, BPF_ANY))
		go_count(G_FULL);
	return 0;
}

static __always_inline void serve_stream(struct goroutine *g, const struct thread *reads, __u32 stream)
{
	struct thread t = {
		.kind = PART_STREAM,
		.conn = {reads->conn[0]},
		.seq = {stream},
		.decided = {reads->decided[0]},
	};

	take_part(g, &t);
	go_count(G_STREAMS);
}

/* (*serverConn).runHandler(rw *responseWriter, …), on the goroutine that serves a request. The
 * writer leads to its state, and that to the stream, of which the first two members are the
 * *serverConn and the number. */
SEC("uprobe")
int go_stream(struct pt_regs *ctx)
{
	__u64 tgid = bpf_get_current_pid_tgid() >> 32, state, at;
	struct server_conn key = {.at = GO_ARG1(ctx), .tgid = tgid};
	struct goroutine g = {.g = GO_G(ctx), .tgid = tgid}, *reader;
	struct {
		__u64 conn;
		__u32 id;
	} stream = {};
	struct thread *t;

	if (!go_process(tgid))
		return 0;
	reader = bpf_map_lookup_elem(&go_readers, &key);
	t = reader ? bpf_map_lookup_elem(&go_goroutines, reader) : 0;
	if (!t || t->kind != PART_READS) { /* not a connection that is observed */
		t = bpf_map_lookup_elem(&go_goroutines, &g);
		if (t)
			__builtin_memset(t, 0, sizeof(*t)); /* what it took part in before */
		return 0;
	}
	if (bpf_probe_read_user(&state, sizeof(state), (void *)GO_ARG2(ctx)) ||
	    bpf_probe_read_user(&at, sizeof(at), (void *)state) ||
	    bpf_probe_read_user(&stream, 12, (void *)at) || stream.conn != key.at) {
		go_count(G_UNREADABLE);
		return 0;
	}
	serve_stream(&g, t, stream.id);
	return 0;
}

/* golang.org/x/net/http2/hpack.HeaderField, of which a flag follows. */
struct field {
	__u64 name, name_len, value, value_len;
};
#define FIELD_SIZE 40
#define PSEUDO_FIELDS 4 /* :method, :scheme, :path, :authority come first (RFC 9113 section 8.3) */

/* Tells the method of a call, from the fields that were decoded: at list is their slice. */
__noinline int tell_method(__u32 tgid, __u64 conn, __u32 stream, __u64 list)
{
	struct go_told told = {.kind = TOLD_METHOD, .conn = conn, .stream = stream, .tgid = tgid};
	struct go_route r = {};
	struct {
		__u64 at, len;
	} fields;
	struct field f;
	__u64 name;

	if (bpf_probe_read_user(&fields, sizeof(fields), (void *)list)) {
		go_count(G_UNREADABLE);
		return 0;
	}
	for (int i = 0; i < PSEUDO_FIELDS; i++) {
		if (i >= fields.len)
			return 0;
		if (bpf_probe_read_user(&f, sizeof(f), (void *)(fields.at + i * FIELD_SIZE))) {
			go_count(G_UNREADABLE);
			return 0;
		}
		name = 0;
		if (f.name_len != 5 || bpf_probe_read_user(&name, 5, (void *)f.name) ||
		    name != 0x687461703aULL) /* ":path" */
			continue;
		name = f.value_len;
		barrier_var(name);
		if (!name || name > ROUTE_MAX) {
			go_count(G_UNROUTED);
			return 0;
		}
		if (bpf_probe_read_user(r.text, name, (void *)f.value)) {
			go_count(G_UNREADABLE);
			return 0;
		}
		told.route = route_number(&r, ROUTES / 4); /* it is what a client says, not what the program has */
		if (!told.route)
			go_count(G_UNROUTED);
		else if (tell(&told))
			go_count(G_ROUTED);
		return 0;
	}
	return 0;
}

/* google.golang.org/grpc: (*http2Server).operateHeaders(frame *MetaHeadersFrame, …), on the
 * goroutine that reads, which then starts one for the call. The first member of the frame is
 * the *HeadersFrame, which begins with the header; the number of the stream is at 8. */
static __always_inline int grpc_call(struct pt_regs *ctx, __u64 frame)
{
	__u64 tgid = bpf_get_current_pid_tgid() >> 32, head;
	struct goroutine g = {.g = GO_G(ctx), .tgid = tgid};
	struct thread *t;
	__u32 stream;

	if (!go_process(tgid))
		return 0;
	t = bpf_map_lookup_elem(&go_goroutines, &g);
	if (!t || (t->kind != PART_READS && t->kind != PART_STREAM))
		return 0;
	if (bpf_probe_read_user(&head, sizeof(head), (void *)frame) ||
	    bpf_probe_read_user(&stream, sizeof(stream), (void *)(head + 8))) {
		go_count(G_UNREADABLE);
		return 0;
	}
	if (t->decided[0])
		tell_method(tgid, t->conn[0], stream, frame + 8);
	serve_stream(&g, t, stream);
	return 0;
}

SEC("uprobe")
int go_grpc_call(struct pt_regs *ctx)
{
	return grpc_call(ctx, GO_ARG2(ctx));
}

/* The same where a context comes first. */
SEC("uprobe")
int go_grpc_call_ctx(struct pt_regs *ctx)
{
	return grpc_call(ctx, GO_ARG4(ctx));
}

/* At the call of executeAndPut(f, item) in (*http2Client).NewStream: what the item, an
 * interface, points to is written by another goroutine. */
SEC("uprobe")
int go_grpc_hand(struct pt_regs *ctx)
{
	__u64 tgid = bpf_get_current_pid_tgid() >> 32;
	struct handed key = {.request = GO_ARG4(ctx), .tgid = tgid};
	struct goroutine g = {.g = GO_G(ctx), .tgid = tgid};
	struct go_process *p = go_process(tgid);
	struct seg only = {};
	struct thread *t;

	if (!p)
		return 0;
	t = bpf_map_lookup_elem(&go_goroutines, &g);
	if (!t || !serves(t, &only)) {
		go_ask(p);
		bpf_map_delete_elem(&go_handed, &key);
	} else if (bpf_map_update_elem(&go_handed, &key, t, BPF_ANY)) {
		go_count(G_FULL);
	}
	return 0;
}

/* On the goroutine that writes. The item begins with the number of its stream. */
static __always_inline int grpc_take(struct pt_regs *ctx, __u64 item)
{
	__u64 tgid = bpf_get_current_pid_tgid() >> 32;
	struct goroutine g = {.g = GO_G(ctx), .tgid = tgid};
	struct handed key = {.request = item, .tgid = tgid};
	struct thread writes = {.kind = PART_WRITES}, *t;
	struct go_told told = {.kind = TOLD_CALL, .conn = g.g, .tgid = tgid};
	struct seg only = {};

	if (!go_process(tgid))
		return 0;
	t = bpf_map_lookup_elem(&go_goroutines, &g);
	if (!t || t->kind != PART_WRITES)
		take_part(&g, &writes);
	t = bpf_map_lookup_elem(&go_handed, &key);
	if (!t)
		return 0; /* it is made for no request */
	if (serves(t, &only)) {
		if (bpf_probe_read_user(&told.stream, sizeof(told.stream), (void *)item)) {
			go_count(G_UNREADABLE);
			return 0;
		}
		told.parent_conn = only.parent_conn;
		told.parent_seq = only.parent_seq;
		if (tell(&told))
			go_count(G_CALLS);
	}
	bpf_map_delete_elem(&go_handed, &key);
	return 0;
}

/* (*loopyWriter).clientHeaderHandler(item) */
SEC("uprobe")
int go_grpc_take(struct pt_regs *ctx)
{
	return grpc_take(ctx, GO_ARG2(ctx));
}

/* (*loopyWriter).originateStream(stream, item) of older versions */
SEC("uprobe")
int go_grpc_take_old(struct pt_regs *ctx)
{
	return grpc_take(ctx, GO_ARG3(ctx));
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
