// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The records of the Daemon "discovery". */
#ifndef __EBPFRECEIVER_PROCESS_H
#define __EBPFRECEIVER_PROCESS_H

#define COMM_LEN 16
#define PATH_LEN 256 /* of a path; a longer one is cut */
#define ARGS_LEN 512 /* of all arguments together; the rest is cut */

enum process_kind {
	PROCESS_EXEC = 1,
	PROCESS_EXIT = 2,
	PROCESS_FORK = 3,   /* of a process that is not decided on yet */
	PROCESS_LISTEN = 4, /* a TCP socket begins to listen */
};

struct process_event {
	__u64 time;	    /* boot time, ns */
	__u64 start;	    /* of the process, boot time, ns */
	__u64 parent_start; /* of its parent */
	__u64 cgroup;	    /* ID in the unified hierarchy */
	__u64 cgroup_v1;    /* ID in the hierarchy of version 1 that was asked for, or 0 */
	__u32 tgid;
	__u32 parent;
	__u32 uid;
	__u32 euid;
	__u32 exit_code;    /* as wait(2) gives it */
	__u16 port;
	__u8 kind;
	__u8 state;	    /* before the event */
	char comm[COMM_LEN];
};

struct process_exec {
	struct process_event event;
	__u16 filename_len; /* with the final zero */
	__u16 interp_len;   /* with the final zero */
	__u16 args_len;
	__u16 args_cut;	    /* 1 when there were more */
	/* filename, interp and arguments follow in this order; arguments end in
	 * zeros. Half of the room for paths is never filled: the verifier knows
	 * their lengths only up to the next power of two. */
	char data[4 * PATH_LEN + ARGS_LEN];
};

/* Counted per CPU where it happens. */
enum process_counter {
	C_EXEC,
	C_EXEC_LOST, /* the ring had no space */
	C_EXIT,
	C_EXIT_LOST,
	C_OTHER, /* forks and listens */
	C_OTHER_LOST,
	C_MAP_FULL, /* processes that procs had no space for */
	C_MAX,
};

#endif
