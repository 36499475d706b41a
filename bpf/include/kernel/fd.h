// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* From a descriptor of the current process to its socket. */
#ifndef __EBPFRECEIVER_KERNEL_FD_H
#define __EBPFRECEIVER_KERNEL_FD_H

#include "file.h"

static __always_inline struct file *file_of(unsigned int fd)
{
	struct task_struct___files *task = (void *)bpf_get_current_task();
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file **fds = BPF_CORE_READ(fdt, fd);
	struct file *file = 0;

	if (fd >= BPF_CORE_READ(fdt, max_fds))
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), fds + fd);
	return file;
}

/* The socket of a type behind a descriptor, and the number of its inode. */
static __always_inline struct sock *sock_of(unsigned int fd, int type, __u64 *ino)
{
	struct file *file = file_of(fd);
	struct inode *inode;
	struct socket *socket;
	struct sock *sk;

	if (!file)
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	*ino = BPF_CORE_READ(inode, i_ino);
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	if (!sk || BPF_CORE_READ(sk, sk_type) != type)
		return 0;
	return sk;
}

#endif
