// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* From a file descriptor to its socket, and over all that are open, reduced to the members that are read. */
#ifndef __EBPFRECEIVER_KERNEL_FILE_H
#define __EBPFRECEIVER_KERNEL_FILE_H

#define S_IFMT 0170000
#define S_IFSOCK 0140000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
};

struct file {
	struct inode *f_inode;
	void *private_data;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct___files {
	struct files_struct *files;
};

struct socket {
	struct file *file;
	struct sock *sk;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

#endif
