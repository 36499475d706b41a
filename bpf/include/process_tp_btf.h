// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Variant "tp_btf": tracepoints whose arguments the verifier knows. */
#ifndef __EBPFRECEIVER_PROCESS_TP_BTF_H
#define __EBPFRECEIVER_PROCESS_TP_BTF_H

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	if (child->pid == child->tgid) /* no thread */
		forked(parent->tgid, child->tgid, child, true);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	executed(task, task->tgid, bprm->filename, bprm->interp, true);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	exiting(task, true);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(process_listen, const struct sock *sk, const int oldstate, const int newstate)
{
	if (newstate == TCP_LISTEN && sk->sk_protocol == IPPROTO_TCP)
		listens(sk->__sk_common.skc_num);
	return 0;
}

#endif
