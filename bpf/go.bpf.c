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

static __always_inline struct go_process *go_process(__u32 tgid)
{
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

	if (t)
		*t = *in;
	else if (bpf_map_update_elem(&go_goroutines, g, in, BPF_ANY))
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
	if (!takes_part(t)) {
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
	if (!takes_part(t))
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

char LICENSE[] SEC("license") = "Dual BSD/GPL";
