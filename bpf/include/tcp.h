// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What the Instrument "tcp" keeps of sockets and counts for processes. */
#ifndef __EBPFRECEIVER_TCP_H
#define __EBPFRECEIVER_TCP_H

enum tcp_role {
	TCP_ROLE_CLIENT = 1,
	TCP_ROLE_SERVER,
	TCP_ROLE_LISTENER,
	TCP_ROLE_OVERFLOW, /* stands for what there was no space for */
};

/* Of a client the other end; of a server its own port, and the other end's address
 * if that is wanted. */
struct tcp_dims {
	__u8 addr[16];
	__u16 port;
	__u16 family; /* 0 without an address */
	__u32 role;
};

struct tcp_key {
	struct agg_owner owner;
	struct tcp_dims dims;
};

enum tcp_error {
	TCP_E_REFUSED,
	TCP_E_TIMEDOUT,
	TCP_E_HOST_UNREACHABLE,
	TCP_E_NET_UNREACHABLE,
	TCP_E_RESET,
	TCP_E_CANCELLED, /* the process gave up */
	TCP_E_OTHER,
	TCP_ERRORS,
};

struct tcp_value {
	__u64 opened;
	__u64 accepted;
	__u64 begun; /* opened, accepted and found */
	__u64 ended;
	__u64 sent; /* bytes, without retransmissions */
	__u64 received;
	__u64 retransmits;
	__u64 dropped; /* by a listener */
	__u64 aborted_reset;
	__u64 aborted_timeout;
	__u64 aborted_self; /* the process reset it */
	__u64 failed[TCP_ERRORS];
	struct exp_duration connect;
	struct exp_duration rtt;
};

/* A connection that a process could not open. */
struct tcp_failure {
	__u64 time;	/* boot time, ns */
	__u64 duration; /* ns */
	__u64 start;	/* of the process */
	__u32 tgid;
	__u32 error; /* errno; 0: the process gave up */
	struct tcp_dims dims;
};

/* A socket, by its address in the kernel. */
struct tcp_socket {
	struct agg_owner owner; /* start 0 and no kernel: not known yet */
	struct tcp_dims dims;
	__u64 began;   /* of a client's connect, ns */
	__u64 sampled; /* when its round trip was last looked at, ns */
	__u64 sent;    /* what was counted of these */
	__u64 received;
	__u32 retransmits;
	__u32 drops;
	__u8 owned;
	__u8 open;   /* it counts as begun, or will when it is owned */
	__u8 fresh;  /* accepted, not counted yet */
	__u8 closed; /* waits for the process to let it go */
	__u32 error; /* of the end */
};

#endif
