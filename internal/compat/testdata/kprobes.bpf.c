// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//
// Programs that find a function's arguments in registers, where nothing but the
// types can tell that they are other ones now.
#include "minimal.h"

struct sock_common {
	__u16 skc_family;
} CORE;
struct sock {
	struct sock_common __sk_common;
} CORE;
struct task_struct {
	int pid;
} CORE;
struct pt_regs {
	unsigned long cx;
	unsigned long di;
} CORE;

// Where x86_64 and aarch64 have the arguments, in words of pt_regs.
#define X86_FIRST 14
#define X86_FOURTH 11
#define ARM_FOURTH 3

static __always_inline void look(struct sock *sk)
{
	__u16 family = 0;

	bpf_probe_read_kernel(&family, sizeof(family), &sk->__sk_common.skc_family);
	seen += family;
}

SEC("kprobe/inet_csk_accept")
int first(unsigned long *ctx)
{
	look((void *)ctx[X86_FIRST]);
	return 0;
}

// inet_csk_accept(sk, flags, err, kern) lost its last two arguments in 6.10.
SEC("kprobe/inet_csk_accept")
int fourth(unsigned long *ctx)
{
	if (!ctx[X86_FOURTH])
		look((void *)ctx[X86_FIRST]);
	return 0;
}

SEC("kprobe/inet_csk_accept")
int fourth_relocated(struct pt_regs *ctx)
{
	if (!ctx->cx)
		look((void *)ctx->di);
	return 0;
}

SEC("kprobe/inet_csk_accept")
int fourth_arm(unsigned long *ctx)
{
	seen += ctx[ARM_FOURTH];
	return 0;
}

// An argument that is taken for another type than it has.
SEC("kprobe/inet_csk_accept")
int wrong_type(unsigned long *ctx)
{
	struct task_struct *task = (void *)ctx[X86_FIRST];
	int pid = 0;

	bpf_probe_read_kernel(&pid, sizeof(pid), &task->pid);
	seen += pid;
	return 0;
}

// What is not at the begin of a function, or at its end, finds no arguments.
SEC("kprobe/inet_csk_accept+0x4")
int within(unsigned long *ctx)
{
	seen += ctx[X86_FOURTH];
	return 0;
}

SEC("kretprobe/inet_csk_accept")
int end(unsigned long *ctx)
{
	seen += ctx[X86_FOURTH];
	return 0;
}
