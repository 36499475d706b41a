// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Variants "tp_btf" and "raw_tp": the beginning and the end of all system calls, among
 * which those of files are looked for. */
#ifndef __EBPFRECEIVER_FILESYSTEM_RAW_H
#define __EBPFRECEIVER_FILESYSTEM_RAW_H

SEC("tp_btf/sys_enter")
int BPF_PROG(file_enter, struct pt_regs *regs, long id)
{
	__u32 op = op_of(id);

	if (op && !called_32bit())
		begins(op, SYSCALL_ARG0(regs));
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(file_exit, struct pt_regs *regs, long ret)
{
	if (op_of(SYSCALL_NR(regs)))
		ends(ret);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(file_thread_exit, struct task_struct *task)
{
	calls_forget();
	return 0;
}

SEC("raw_tp/sys_enter")
int BPF_PROG(file_raw_enter, const struct pt_regs *regs, long id)
{
	__u32 op = op_of(id);

	if (op && !called_32bit())
		begins(op, SYSCALL_ARG0_READ(regs));
	return 0;
}

SEC("raw_tp/sys_exit")
int BPF_PROG(file_raw_exit, const struct pt_regs *regs, long ret)
{
	if (op_of(SYSCALL_NR_READ(regs)))
		ends(ret);
	return 0;
}

SEC("raw_tp/sched_process_exit")
int BPF_PROG(file_raw_thread_exit, struct task_struct *task)
{
	calls_forget();
	return 0;
}

#endif
