// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The Instrument "syscalls": which system calls processes make, how long they take and how
 * they fail. */
#include "include/vmlinux_min.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "include/calls.h"
#include "include/exphist.h"
#include "include/syscalls.h"

#define SYSCALL_THREADS_FULL 1 /* in agg_counters: calls of threads that there was no space for */
#define SYSCALL_ERRORS_FULL 2  /* failures that are missing among the errors */

#define MAX_ERRNO 4095

/* User space sets the sizes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct syscall_key);
	__type(value, struct syscall_value);
} syscall_values SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct syscall_key);
	__type(value, struct syscall_errors);
} syscall_failed SEC(".maps");

static const struct syscall_value no_calls;
static const struct syscall_errors no_errors;

static __always_inline void begins(long nr)
{
	if (nr >= 0 && !called_32bit() && proc_state(bpf_get_current_pid_tgid() >> 32) != PROC_IGNORED)
		call_begins(nr, 0, SYSCALL_THREADS_FULL);
}

static __always_inline void failed(struct syscall_key *key, __u32 error)
{
	struct syscall_errors *e;

	key->dims.error = error;
	e = bpf_map_lookup_elem(&syscall_failed, key);
	if (!e) {
		/* Another processor may be faster. */
		bpf_map_update_elem(&syscall_failed, key, &no_errors, BPF_NOEXIST);
		e = bpf_map_lookup_elem(&syscall_failed, key);
	}
	if (e)
		agg_add(&e->count, 1);
	else
		agg_count(SYSCALL_ERRORS_FULL);
}

static __always_inline void ends(long ret)
{
	struct syscall_key key = {};
	struct syscall_value *v;
	struct call call;
	__u64 ns;

	if (!call_ends(&call, &ns))
		return;
	agg_owner_current(&key.owner);
	key.dims.nr = call.what;
	v = agg_value(&syscall_values, &key.owner, &no_calls);
	if (!v)
		return;
	exp_duration_record(&v->duration, ns);
	if (ret < 0 && ret >= -MAX_ERRNO)
		failed(&key, -ret);
}

/* Variant "tp_btf". */
SEC("tp_btf/sys_enter")
int BPF_PROG(syscalls_enter, struct pt_regs *regs, long id)
{
	begins(id);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(syscalls_exit, struct pt_regs *regs, long ret)
{
	ends(ret);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(syscalls_thread_exit, struct task_struct *task)
{
	calls_forget();
	return 0;
}

/* Variant "raw_tp", for kernels that refuse programs of the type TRACING. */
SEC("raw_tp/sys_enter")
int BPF_PROG(syscalls_raw_enter, const struct pt_regs *regs, long id)
{
	begins(id);
	return 0;
}

SEC("raw_tp/sys_exit")
int BPF_PROG(syscalls_raw_exit, const struct pt_regs *regs, long ret)
{
	ends(ret);
	return 0;
}

SEC("raw_tp/sched_process_exit")
int BPF_PROG(syscalls_raw_thread_exit, struct task_struct *task)
{
	calls_forget();
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
