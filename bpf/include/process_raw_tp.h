// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Variant "raw_tp": the same tracepoints, read by helpers, for kernels that
 * refuse programs of the type TRACING. */
#ifndef __EBPFRECEIVER_PROCESS_RAW_TP_H
#define __EBPFRECEIVER_PROCESS_RAW_TP_H

SEC("raw_tp/sched_process_fork")
int BPF_PROG(process_raw_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 tgid = BPF_CORE_READ(child, tgid);

	if (BPF_CORE_READ(child, pid) == tgid)
		forked(BPF_CORE_READ(parent, tgid), tgid, child, false);
	return 0;
}

SEC("raw_tp/sched_process_exec")
int BPF_PROG(process_raw_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	executed(task, BPF_CORE_READ(task, tgid), BPF_CORE_READ(bprm, filename),
		 BPF_CORE_READ(bprm, interp), false);
	return 0;
}

SEC("raw_tp/sched_process_exit")
int BPF_PROG(process_raw_exit, struct task_struct *task)
{
	exiting(task, false);
	return 0;
}

SEC("raw_tp/inet_sock_set_state")
int BPF_PROG(process_raw_listen, const struct sock *sk, const int oldstate, const int newstate)
{
	if (newstate == TCP_LISTEN && BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP)
		listens(BPF_CORE_READ(sk, __sk_common.skc_num));
	return 0;
}

#endif
