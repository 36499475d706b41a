// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The records of the Instrument "memory", and what it counts for processes. */
#ifndef __EBPFRECEIVER_MEMORY_H
#define __EBPFRECEIVER_MEMORY_H

#define MEMORY_COMM_LEN 16
#define MEMORY_NAME_LEN 80 /* of a control group; a container's is below that */
#define MEMORY_LEVELS 8	   /* of the tree of control groups; what is above is left out */

/* The out-of-memory killer has chosen a process. */
struct oom_event {
	__u64 time;  /* boot time, ns */
	__u64 start; /* of the victim, boot time, ns */
	__u64 trigger_start; /* of the process that asked for memory */
	__u64 total; /* virtual memory of the victim, in pages */
	__s64 anon;  /* resident pages */
	__s64 file;
	__s64 shmem;
	__u32 tgid;
	__u32 uid; /* effective */
	__u32 trigger;
	__s16 score_adj;
	__u16 pad;
	char comm[MEMORY_COMM_LEN];
	char trigger_comm[MEMORY_COMM_LEN];
	/* Of the control group whose memory is limited, from the group itself upwards. */
	char cgroup[MEMORY_LEVELS][MEMORY_NAME_LEN];
};

struct fault_value {
	__u64 major;
	__u64 minor;
};

/* Why a thread waited for the kernel to free memory. */
enum stall_kind {
	STALL_DIRECT,	  /* the machine has too little */
	STALL_CGROUP,	  /* its control group is at its limit */
	STALL_COMPACTION, /* there is no piece that is large enough */
};

struct stall_key {
	struct agg_owner owner;
	__u64 kind;
};

struct stall_value {
	struct exp_duration duration;
};

#endif
