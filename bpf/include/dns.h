// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The records of the Instrument "dns", one for each datagram. */
#ifndef __EBPFRECEIVER_DNS_H
#define __EBPFRECEIVER_DNS_H

#define DNS_HEADER 12	     /* bytes (RFC 1035 section 4.1.1) */
#define DNS_CAPTURE_MAX 2048 /* most bytes of one message that are ever copied, a power of two */
#define DNS_PORTS 8	     /* ports of servers */

enum dns_dir { DNS_RX, DNS_TX };

struct dns_event {
	__u64 time;  /* boot time at which the call ended, ns */
	__u64 start; /* of the process, boot time, ns */
	__u64 ino;   /* of the socket */
	__u32 tgid;
	__u32 tid;
	__u32 netns;
	__u32 len;   /* of the message */
	__u16 cap;   /* bytes of it that follow */
	__u16 lport;
	__u16 rport; /* 0 when not known, as the address then */
	__u8 dir;
	__u8 rfamily; /* of the remote address */
	__u8 lfamily; /* of the local one */
	__u8 pad[7];
	__u8 laddr[16];
	__u8 raddr[16];
};

/* Counted per CPU where it happens. */
enum dns_counter {
	C_SEEN,	      /* messages */
	C_LOST_RING,  /* of these: the ring had no space */
	C_UNREADABLE, /* of these: paged out, so that nothing could be copied */
	C_LOST_BATCH, /* messages of one call beyond those that are looked at; not in C_SEEN */
	C_MAX,
};

#endif
