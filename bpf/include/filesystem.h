// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What the Instrument "filesystem" counts for processes, and its records. */
#ifndef __EBPFRECEIVER_FILESYSTEM_H
#define __EBPFRECEIVER_FILESYSTEM_H

enum file_op {
	FILE_NONE,
	FILE_READ,
	FILE_WRITE,
	FILE_OPEN,
	FILE_SYNC,
};

struct file_dims {
	__u32 device; /* major << 20 | minor; 0: nothing was opened */
	__u32 op;     /* enum file_op */
};

struct file_key {
	struct agg_owner owner;
	struct file_dims dims;
};

struct file_value {
	__u64 operations;
	__u64 errors;
	struct exp_duration duration;
};

#define FILE_TYPE_LEN 16

/* The name of a type of filesystems, as in "ext4". */
struct file_type {
	char name[FILE_TYPE_LEN];
};

#define FILE_LEVELS 16
#define FILE_NAME_LEN 64

/* An operation that took long. Of the path there are the names from the file upwards, if
 * they are wanted. */
struct file_slow {
	__u64 start; /* of the process, boot time, ns */
	__u64 end;   /* boot time, ns */
	__u64 duration; /* ns */
	__s64 result; /* of the call */
	__u32 tgid;
	__u32 tid;
	__u32 device;
	__u32 op;
	char type[FILE_TYPE_LEN];
	__u32 levels; /* how many names follow */
	__u32 cut;    /* there are more */
	char path[FILE_LEVELS][FILE_NAME_LEN];
};

#endif
