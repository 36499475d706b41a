// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What the Instrument "syscalls" counts for processes. */
#ifndef __EBPFRECEIVER_SYSCALLS_H
#define __EBPFRECEIVER_SYSCALLS_H

struct syscall_dims {
	__u32 nr;
	__u32 error; /* errno; of calls without one 0 */
};

struct syscall_key {
	struct agg_owner owner;
	struct syscall_dims dims;
};

/* By dimensions without an error. */
struct syscall_value {
	struct exp_duration duration;
};

/* By dimensions with an error. */
struct syscall_errors {
	__u64 count;
};

#endif
