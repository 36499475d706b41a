// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Variant "fentry": the functions of the system calls of files, so that no other call
 * costs anything. Their names and arguments are the same since v4.17 (kernel commits
 * ebeb8c82ffaf and 4378a7d4be30), whatever becomes of the functions behind them. */
#ifndef __EBPFRECEIVER_FILESYSTEM_FENTRY_H
#define __EBPFRECEIVER_FILESYSTEM_FENTRY_H

#if defined(__TARGET_ARCH_x86)
#define SYSCALL_FUNCTION "__x64_sys_"
#else
#define SYSCALL_FUNCTION "__arm64_sys_"
#endif

/* How many arguments the function has: the result follows them. Checked before the program
 * is loaded (internal/compat). */
#define ARGUMENTS(n) __attribute__((btf_decl_tag("arguments:" #n)))

#define FILE_CALL(name, op)                                                        \
	SEC("fentry/" SYSCALL_FUNCTION #name)                                      \
	int BPF_PROG(file_begin_##name, const struct pt_regs *regs)                \
	{                                                                          \
		begins(op, PT_ARG0(regs));                                         \
		return 0;                                                          \
	}                                                                          \
	SEC("fexit/" SYSCALL_FUNCTION #name) ARGUMENTS(1)                          \
	int BPF_PROG(file_end_##name, const struct pt_regs *regs, long ret)        \
	{                                                                          \
		ends(ret);                                                         \
		return 0;                                                          \
	}

/* The first argument: the function's own are the registers at the call. */
#if defined(__TARGET_ARCH_x86)
#define PT_ARG0(r) ((r)->di)
#else
#define PT_ARG0(r) ((r)->regs[0])
#endif

FILE_CALL(read, FILE_READ)
FILE_CALL(readv, FILE_READ)
FILE_CALL(pread64, FILE_READ)
FILE_CALL(preadv, FILE_READ)
FILE_CALL(preadv2, FILE_READ)
FILE_CALL(write, FILE_WRITE)
FILE_CALL(writev, FILE_WRITE)
FILE_CALL(pwrite64, FILE_WRITE)
FILE_CALL(pwritev, FILE_WRITE)
FILE_CALL(pwritev2, FILE_WRITE)
FILE_CALL(open, FILE_OPEN)
FILE_CALL(creat, FILE_OPEN)
FILE_CALL(openat, FILE_OPEN)
FILE_CALL(openat2, FILE_OPEN)
FILE_CALL(fsync, FILE_SYNC)
FILE_CALL(fdatasync, FILE_SYNC)

#endif
