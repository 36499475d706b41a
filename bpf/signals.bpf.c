// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The Instrument "signals": processes that a signal ended, and who sent it.
 *
 * A signal that is sent need not end anything: it may be caught. So the last one
 * of each number is kept for a process, and the end of the process tells which
 * it was. */
#include "include/vmlinux_min.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "include/aggregate.h"
#include "include/kernel/exit.h"
#include "include/signals.h"

#define SIGNALS_LOST 1 /* in agg_counters: the ring had no space */
#define SIGNALS_SEEN 2 /* processes that a signal ended */

#define SEND_SIG_NOINFO 0 /* in place of a struct kernel_siginfo */
#define SEND_SIG_PRIV 1

#define SI_USER 0
#define SI_KERNEL 0x80

#define TRACE_SIGNAL_DELIVERED 0

/* Those that the default action of the kernel leaves a process alive after: CHLD,
 * CONT, STOP, TSTP, TTIN, TTOU, URG and WINCH. */
#define HARMLESS ((1ULL << 17) | (0x1fULL << 18) | (1ULL << 23) | (1ULL << 28))

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

union __sifields {
	struct {
		void *_addr;
	} _sigfault;
};

struct kernel_siginfo {
	int si_code;
	union __sifields _sifields;
};

#pragma clang attribute pop

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 128 << 10); /* 900 records: so many crashes in a moment are more than anybody reads */
	__type(value, struct signal_event);
} signals_events SEC(".maps");

struct sent_key {
	__u64 start;
	__u32 tgid;
	__u32 sig;
};

struct sent {
	__u64 time;
	__u64 address;
	__u64 sender_start;
	__u32 sender;
	__u32 sender_uid;
	__s32 code;
	__u32 pad;
	char comm[SIGNAL_COMM_LEN];
};

/* Signals that were sent. Between a fatal one and the end of its process pass
 * milliseconds; caught ones are pushed out by others. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct sent_key);
	__type(value, struct sent);
} signals_sent SEC(".maps");

/* Whether the signal may end a process. */
static __always_inline bool may_end(int sig)
{
	return sig > 0 && sig <= 64 && !(HARMLESS >> sig & 1);
}

/* Codes of those that carry an address: SIGILL, SIGTRAP, SIGBUS, SIGFPE and
 * SIGSEGV, when the kernel found the fault. */
static __always_inline bool is_fault(int sig, int code)
{
	return code > 0 && code != SI_KERNEL &&
	       (sig == 4 || sig == 5 || sig == 7 || sig == 8 || sig == 11);
}

SEC("tp_btf/signal_generate")
int BPF_PROG(signals_generate, int sig, __u64 info, struct task_struct *task, int group, int result)
{
	const struct kernel_siginfo *from = (void *)info;
	struct task_struct *sender;
	struct sent_key key = {};
	struct sent s = {};

	if (!may_end(sig) || result != TRACE_SIGNAL_DELIVERED)
		return 0;
	if (task->flags & PF_KTHREAD || proc_state(task->tgid) == PROC_IGNORED)
		return 0;
	key.tgid = task->tgid;
	key.start = task_start(task->group_leader);
	key.sig = sig;

	s.time = bpf_ktime_get_boot_ns();
	if (info == SEND_SIG_PRIV)
		s.code = SI_KERNEL;
	else if (info == SEND_SIG_NOINFO)
		s.code = SI_USER;
	else
		s.code = BPF_CORE_READ(from, si_code);
	if (is_fault(sig, s.code))
		s.address = (__u64)BPF_CORE_READ(from, _sifields._sigfault._addr);
	sender = (void *)bpf_get_current_task();
	s.sender = bpf_get_current_pid_tgid() >> 32;
	s.sender_start = task_start_read(BPF_CORE_READ(sender, group_leader));
	s.sender_uid = BPF_CORE_READ(sender, cred, euid.val);
	bpf_get_current_comm(s.comm, sizeof(s.comm));
	bpf_map_update_elem(&signals_sent, &key, &s, BPF_ANY);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(signals_exit, struct task_struct *task)
{
	struct signal_event e = {};
	struct sent_key key = {};
	struct sent *s;

	if (task->flags & PF_KTHREAD || !last_thread(task))
		return 0;
	e.status = wait_status(task);
	key.sig = e.status & 0x7f;
	if (!key.sig)
		return 0;
	e.tgid = task->tgid;
	if (proc_state(e.tgid) == PROC_IGNORED)
		return 0;
	e.start = task_start(task->group_leader);
	if (!first_report(e.tgid, e.start))
		return 0;
	key.tgid = e.tgid;
	key.start = e.start;
	e.end = bpf_ktime_get_boot_ns();
	e.uid = task->cred->euid.val;
	bpf_get_current_comm(e.comm, sizeof(e.comm));
	s = bpf_map_lookup_elem(&signals_sent, &key);
	if (s) {
		e.known = 1;
		e.time = s->time;
		e.address = s->address;
		e.code = s->code;
		e.sender = s->sender;
		e.sender_start = s->sender_start;
		e.sender_uid = s->sender_uid;
		__builtin_memcpy(e.sender_comm, s->comm, sizeof(e.sender_comm));
		bpf_map_delete_elem(&signals_sent, &key);
	}
	agg_count(SIGNALS_SEEN);
	if (bpf_ringbuf_output(&signals_events, &e, sizeof(e), 0))
		agg_count(SIGNALS_LOST);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
