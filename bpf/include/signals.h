// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The records of the Instrument "signals". */
#ifndef __EBPFRECEIVER_SIGNALS_H
#define __EBPFRECEIVER_SIGNALS_H

#define SIGNAL_COMM_LEN 16

/* A process that a signal ended. What is between time and uid was known when the
 * signal was sent, if known is set. */
struct signal_event {
	__u64 start;	    /* of the process, boot time, ns */
	__u64 end;	    /* when its last thread ended, boot time, ns */
	__u64 time;	    /* when the signal was sent, boot time, ns */
	__u64 address;	    /* si_addr, of faults */
	__u64 sender_start; /* of the process that called when it was sent */
	__u32 sender;	    /* that process */
	__u32 sender_uid;   /* effective */
	__s32 code;	    /* si_code */
	__u32 tgid;
	__u32 status;	    /* as wait(2) gives it */
	__u32 uid;	    /* effective */
	__u32 known;
	__u32 pad;
	char comm[SIGNAL_COMM_LEN];
	char sender_comm[SIGNAL_COMM_LEN];
};

#endif
