// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Bytes over Unix sockets by the tracepoints that tell of any socket how much it
 * sent and received (include/trace/events/sock.h; 6.1 has none, 6.12 has). They carry
 * no payload, but the system call whose work they are part of says where it is. */
#ifndef __EBPFRECEIVER_SOCKET_UNIX_H
#define __EBPFRECEIVER_SOCKET_UNIX_H

#include "socket_syscall.h"

/* Finds the buffers of the current system call, if it is one that moves bytes of
 * one message: that of io_uring is another one, and its workers have none. */
static __always_inline bool current_buffers(struct buffers *b)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	__u64 buffer = SYSCALL_ARG1(regs), n = SYSCALL_ARG2(regs);
	long nr = SYSCALL_NR(regs);
	struct user_msghdr h;

	/* Read here, lest the compiler reads registers and a header by one instruction. */
	barrier_var(buffer);
	barrier_var(n);
	switch (nr) {
	case NR_read:
	case NR_recvfrom:
	case NR_write:
	case NR_sendto:
		b->base = buffer;
		return buffer;
	case NR_readv:
	case NR_writev:
		b->iov = buffer;
		b->iovlen = n;
		return true;
	case NR_recvmsg:
	case NR_sendmsg:
		if (bpf_probe_read_user(&h, sizeof(h), (void *)buffer))
			return false;
		b->iov = (__u64)h.msg_iov;
		b->iovlen = h.msg_iovlen;
		return true;
	}
	return false;
}

static __always_inline void unix_moved(struct sock *sk, int d, int len)
{
	struct buffers b = {};
	struct socket *sock;
	struct fd_conn *c;
	__u32 tgid;

	if (len <= 0 || sk->__sk_common.skc_family != AF_UNIX || sk->sk_type != SOCK_STREAM)
		return;
	sock = sk->sk_socket;
	tgid = bpf_get_current_pid_tgid() >> 32;
	if (!sock || !sock->file || proc_state(tgid) == PROC_IGNORED)
		return;
	c = fd_conn_of(sk, sock->file->f_inode->i_ino, d, tgid);
	if (!c)
		return;
	b.none = !current_buffers(&b);
	fd_segment(c, d, (__u32)c->pos[d], len, bpf_ktime_get_boot_ns(), &b, true);
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(socket_unix_sent, struct sock *sk, int ret)
{
	unix_moved(sk, TX, ret);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(socket_unix_received, struct sock *sk, int ret, int flags)
{
	if (!(flags & (MSG_PEEK | MSG_OOB)))
		unix_moved(sk, RX, ret);
	return 0;
}

#endif
