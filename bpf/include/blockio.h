// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What the Instrument "blockio" counts for processes. */
#ifndef __EBPFRECEIVER_BLOCKIO_H
#define __EBPFRECEIVER_BLOCKIO_H

struct block_dims {
	__u32 device; /* major << 20 | minor */
	__u32 op;     /* as in the request */
};

struct block_key {
	struct agg_owner owner;
	struct block_dims dims;
};

struct block_value {
	__u64 operations;
	__u64 bytes;
	__u64 errors;
	struct exp_duration device; /* from its issue to its completion */
	struct exp_duration queue;  /* from when it was made to its issue */
	struct exp_size size;
};

#endif
