// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The Instrument "blockio": requests to block devices, by device, operation and the
 * process that made them. A completion comes in an interrupt: so it is noted at the
 * beginning of each request whose it is. */
#include "include/vmlinux_min.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "include/aggregate.h"
#include "include/exphist.h"
#include "include/blockio.h"

#define BLOCK_REQUESTS_FULL 1 /* in agg_counters: requests that block_requests had no space for */
#define BLOCK_UNKNOWN 2	      /* completions of which the beginning was not seen */

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
	__u64 inserted;
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

static __always_inline __u32 device_of(const struct request *rq)
{
	const struct request___v5_14 *old = (const void *)rq;
	const struct gendisk *disk;

	if (bpf_core_field_exists(old->rq_disk))
		disk = old->rq_disk;
	else
		disk = rq->q->disk;
	return (__u32)disk->major << 20 | (__u32)disk->first_minor;
}

/* Whose it is: the process that puts it into the queue, or sends it to the device by
 * itself. */
static __always_inline void note(const struct request *rq, bool issue)
{
	__u64 key = (__u64)rq, now = bpf_ktime_get_ns();
	struct block_request *known = bpf_map_lookup_elem(&block_requests, &key), r = {};

	if (known && issue && !known->issued && known->made == rq->start_time_ns) {
		known->issued = now;
		known->bytes = rq->__data_len;
		return;
	}
	agg_owner_read(&r.owner, (void *)bpf_get_current_task());
	r.owner.stripe = 0;
	if (known && issue && known->made == rq->start_time_ns)
		r.owner = known->owner; /* it is issued again */
	r.made = rq->start_time_ns;
	r.inserted = now;
	r.issued = issue ? now : 0;
	r.bytes = rq->__data_len;
	if (bpf_map_update_elem(&block_requests, &key, &r, BPF_ANY))
		agg_count(BLOCK_REQUESTS_FULL);
}

SEC("tp_btf/block_rq_insert")
int BPF_PROG(blockio_insert, struct request *rq)
{
	note(rq, false);
	return 0;
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(blockio_issue, struct request *rq)
{
	note(rq, true);
	return 0;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(blockio_complete, struct request *rq, int error, unsigned int bytes)
{
	__u64 id = (__u64)rq, now = bpf_ktime_get_ns(), began;
	struct block_request *r;
	struct block_key key = {};
	struct block_value *v;

	if (!error && bytes < rq->__data_len)
		return 0; /* a part of it */
	r = bpf_map_lookup_elem(&block_requests, &id);
	if (!r || !r->issued) {
		/* One without bytes is told of again when the flush that belongs to it is done. */
		if (bytes && rq->start_time_ns > since)
			agg_count(BLOCK_UNKNOWN);
		return 0;
	}
	key.owner = r->owner;
	key.owner.stripe = agg_stripe();
	key.dims.device = device_of(rq);
	key.dims.op = rq->cmd_flags & REQ_OP_MASK;
	v = agg_value(&block_values, &key.owner, &zero);
	if (v) {
		agg_add(&v->operations, 1);
		agg_add(&v->bytes, r->bytes);
		if (error)
			agg_add(&v->errors, 1);
		began = r->made ? r->made : r->inserted;
		exp_duration_record(&v->device, now - r->issued);
		exp_duration_record(&v->queue, r->issued > began ? r->issued - began : 0);
		exp_size_record(&v->size, r->bytes);
	}
	bpf_map_delete_elem(&block_requests, &id);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
