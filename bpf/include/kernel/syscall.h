// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* System calls at their exit: number and arguments are still in the registers.
 * Numbers are part of the kernel's stable interface. */
#ifndef __EBPFRECEIVER_KERNEL_SYSCALL_H
#define __EBPFRECEIVER_KERNEL_SYSCALL_H

#if defined(__TARGET_ARCH_x86)

#define NR_read 0
#define NR_write 1
#define NR_open 2
#define NR_pread64 17
#define NR_pwrite64 18
#define NR_readv 19
#define NR_writev 20
#define NR_sendfile 40
#define NR_sendto 44
#define NR_recvfrom 45
#define NR_sendmsg 46
#define NR_recvmsg 47
#define NR_fsync 74
#define NR_fdatasync 75
#define NR_creat 85
#define NR_openat 257
#define NR_splice 275
#define NR_preadv 295
#define NR_pwritev 296
#define NR_recvmmsg 299
#define NR_sendmmsg 307
#define NR_preadv2 327
#define NR_pwritev2 328
#define NR_openat2 437

#define SYSCALL_NR(regs) ((long)(regs)->orig_ax)
#define SYSCALL_ARG0(regs) ((regs)->di)
#define SYSCALL_ARG1(regs) ((regs)->si)
#define SYSCALL_ARG2(regs) ((regs)->dx)
#define SYSCALL_ARG3(regs) ((regs)->r10)
#define SYSCALL_ARG4(regs) ((regs)->r8)

#elif defined(__TARGET_ARCH_arm64)

#define NR_openat 56
#define NR_read 63
#define NR_write 64
#define NR_readv 65
#define NR_writev 66
#define NR_pread64 67
#define NR_pwrite64 68
#define NR_preadv 69
#define NR_pwritev 70
#define NR_sendfile 71
#define NR_splice 76
#define NR_fsync 82
#define NR_fdatasync 83
#define NR_sendto 206
#define NR_recvfrom 207
#define NR_sendmsg 211
#define NR_recvmsg 212
#define NR_recvmmsg 243
#define NR_sendmmsg 269
#define NR_preadv2 286
#define NR_pwritev2 287
#define NR_openat2 437

#define SYSCALL_NR(r) ((long)(r)->syscallno)
#define SYSCALL_ARG0(r) ((r)->orig_x0)
#define SYSCALL_ARG1(r) ((r)->regs[1])
#define SYSCALL_ARG2(r) ((r)->regs[2])
#define SYSCALL_ARG3(r) ((r)->regs[3])
#define SYSCALL_ARG4(r) ((r)->regs[4])

#else
#error "system call numbers of this architecture are missing"
#endif

/* The first argument, for any pointer to the registers. */
#if defined(__TARGET_ARCH_x86)
#define SYSCALL_ARG0_READ(regs) BPF_CORE_READ(regs, di)
#define SYSCALL_NR_READ(regs) ((long)BPF_CORE_READ(regs, orig_ax))
#else
#define SYSCALL_ARG0_READ(r) BPF_CORE_READ(r, orig_x0)
#define SYSCALL_NR_READ(r) ((long)BPF_CORE_READ(r, syscallno))
#endif

/* From here on as user space lays them out (uapi/linux/socket.h). */

struct user_msghdr {
	void *msg_name;
	int msg_namelen;
	void *msg_iov;
	__u64 msg_iovlen;
	void *msg_control;
	__u64 msg_controllen;
	unsigned int msg_flags;
};

struct user_mmsghdr {
	struct user_msghdr msg_hdr;
	unsigned int msg_len;
};

struct user_iovec {
	__u64 iov_base;
	__u64 iov_len;
};

#define MSG_PEEK 2
#define MSG_OOB 1

#endif
