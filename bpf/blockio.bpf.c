// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The Instrument "blockio": requests to block devices, by device, operation and the
 * process that made them. A completion comes in an interrupt: so it is noted at the
 * beginning of each request whose it is. A request is that of the process that made it
 * though the bytes of another one were merged into it later. */
#include "include/vmlinux_min.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "include/aggregate.h"
#include "include/exphist.h"
#include "include/blockio.h"

#define BLOCK_REQUESTS_FULL 1 /* in agg_counters: requests that block_requests had no space for */
#define BLOCK_UNKNOWN 2	      /* completions of which the beginning was not seen */
#define BLOCK_UNSEEN 3	      /* requests of which the completion was not */

#define REQ_OP_MASK 0xff

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct gendisk {
	int major;
	int first_minor;
};

/* Since kernel commit d152c682f03c (v5.15); before, a request had its disk. */
struct request_queue {
	struct gendisk *disk;
};

struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	unsigned int __data_len;
	__u64 start_time_ns;
};

struct request___v5_14 {
	struct gendisk *rq_disk;
};

#pragma clang attribute pop

/* User space sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, struct block_key);
	__type(value, struct block_value);
} block_values SEC(".maps");

struct block_request {
	struct agg_owner owner;
	__u64 made; /* ns, of the kernel's own clock: tells it from an earlier one at its place */
	__u64 noted;
	__u64 issued; /* 0: not yet */
	__u32 bytes;
	__u32 pad;
};

/* Requests on their way, by their address in the kernel: more than the queues of
 * many devices hold. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct block_request);
} block_requests SEC(".maps");

/* When the last program was attached, ns: of older requests the beginning is not known.
 * Set by user space. */
volatile __u64 since = ~0ULL;

static const struct block_value zero;

/* A member of a request: of one that the verifier follows, or by a helper. */
#define RQ(rq, member) (typed ? (rq)->member : BPF_CORE_READ(rq, member))

static __always_inline __u32 device_of(const struct request *rq, const bool typed)
{
	const struct request___v5_14 *old = (const void *)rq;
	const struct gendisk *disk;

	if (bpf_core_field_exists(old->rq_disk))
		disk = RQ(old, rq_disk);
	else
		disk = typed ? rq->q->disk : BPF_CORE_READ(rq, q, disk);
	return (__u32)RQ(disk, major) << 20 | (__u32)RQ(disk, first_minor);
}

enum block_step {
	STEP_MADE,     /* by the process itself */
	STEP_INSERTED, /* put into a queue */
	STEP_ISSUED,   /* sent to the device */
};

/* Whose it is: the process in which the first step is seen. All steps of a request come
 * one after the other, whatever the processor. */
static __always_inline void note(const struct request *rq, const enum block_step step, const bool typed)
{
	__u64 key = (__u64)rq, now = bpf_ktime_get_ns(), made = RQ(rq, start_time_ns);
	struct block_request *known = bpf_map_lookup_elem(&block_requests, &key), r = {};

	/* Else it is an earlier one at this place, which ended unseen. */
	if (known && step != STEP_MADE && known->made == made) {
		if (step == STEP_ISSUED) {
			known->issued = now;
			known->bytes = RQ(rq, __data_len); /* others may have been merged into it */
		}
		return;
	}
	/* Some kernels run no program while certain tasks are interrupted, and count nothing. */
	if (known && known->issued)
		agg_count(BLOCK_UNSEEN);
	agg_owner_current(&r.owner);
	r.owner.stripe = 0;
	r.made = made;
	r.noted = now;
	r.issued = step == STEP_ISSUED ? now : 0;
	r.bytes = RQ(rq, __data_len);
	if (bpf_map_update_elem(&block_requests, &key, &r, BPF_ANY))
		agg_count(BLOCK_REQUESTS_FULL);
}

/* It became a part of another one, which tells of both. */
static __always_inline void merged(const struct request *rq)
{
	__u64 key = (__u64)rq;

	bpf_map_delete_elem(&block_requests, &key);
}

static __always_inline void complete(const struct request *rq, int error, unsigned int bytes, const bool typed)
{
	__u64 id = (__u64)rq, now = bpf_ktime_get_ns(), began;
	struct block_request *r;
	struct block_key key = {};
	struct block_value *v;

	if (!error && bytes < RQ(rq, __data_len))
		return; /* a part of it */
	r = bpf_map_lookup_elem(&block_requests, &id);
	if (!r || !r->issued) {
		/* One without bytes is told of again when the flush that belongs to it is done. */
		if (bytes && RQ(rq, start_time_ns) > since)
			agg_count(BLOCK_UNKNOWN);
		return;
	}
	key.owner = r->owner;
	key.owner.stripe = agg_stripe();
	key.dims.device = device_of(rq, typed);
	key.dims.op = RQ(rq, cmd_flags) & REQ_OP_MASK;
	v = agg_value(&block_values, &key.owner, &zero);
	if (v) {
		agg_add(&v->operations, 1);
		agg_add(&v->bytes, r->bytes);
		if (error)
			agg_add(&v->errors, 1);
		began = r->made ? r->made : r->noted;
		exp_duration_record(&v->device, now - r->issued);
		exp_duration_record(&v->queue, r->issued > began ? r->issued - began : 0);
		exp_size_record(&v->size, r->bytes);
	}
	/* Should this fail: the next one at its place was made at another time. */
	bpf_map_delete_elem(&block_requests, &id);
}

/* Variants "tp_btf" and "tp_btf_insert". Since kernel commit 5a80bd075f3b (v6.5) the first
 * tells of a request while the process makes it; before, one that waits for a flush of
 * the device's cache is first seen when a thread of the kernel queues it. */
SEC("tp_btf/block_io_start")
int BPF_PROG(blockio_start, struct request *rq)
{
	note(rq, STEP_MADE, true);
	return 0;
}

SEC("tp_btf/block_rq_insert")
int BPF_PROG(blockio_insert, struct request *rq)
{
	note(rq, STEP_INSERTED, true);
	return 0;
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(blockio_issue, struct request *rq)
{
	note(rq, STEP_ISSUED, true);
	return 0;
}

SEC("tp_btf/block_rq_merge")
int BPF_PROG(blockio_merge, struct request *rq)
{
	merged(rq);
	return 0;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(blockio_complete, struct request *rq, int error, unsigned int bytes)
{
	complete(rq, error, bytes, true);
	return 0;
}

/* Variant "raw_tp": read by helpers, for kernels that refuse programs of the type
 * TRACING. */
SEC("raw_tp/block_rq_insert")
int BPF_PROG(blockio_raw_insert, struct request *rq)
{
	note(rq, STEP_INSERTED, false);
	return 0;
}

SEC("raw_tp/block_rq_issue")
int BPF_PROG(blockio_raw_issue, struct request *rq)
{
	note(rq, STEP_ISSUED, false);
	return 0;
}

SEC("raw_tp/block_rq_merge")
int BPF_PROG(blockio_raw_merge, struct request *rq)
{
	merged(rq);
	return 0;
}

SEC("raw_tp/block_rq_complete")
int BPF_PROG(blockio_raw_complete, struct request *rq, int error, unsigned int bytes)
{
	complete(rq, error, bytes, false);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
