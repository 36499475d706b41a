// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A log record of each exec, from a perf buffer. Its type is not in the object, as is usual
 * where only a local variable has it. */
#include "common.h"

struct linux_binprm {
	const char *filename;
} __attribute__((preserve_access_index));

enum kind { UNKNOWN, BY_USER, BY_ROOT };

struct exec {
	u64 time;
	u32 pid;
	u32 uid;
	u16 kind : 3, length : 13;
	char comm[16];
	char file[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} execs SEC(".maps");

const volatile u32 only_uid = -1;
const volatile enum kind without = UNKNOWN;

SEC("raw_tp/sched_process_exec")
int on_exec(u64 *ctx)
{
	struct linux_binprm *bprm = (void *)ctx[2];
	struct exec e = {};
	long n;

	e.uid = bpf_get_current_uid_gid();
	e.kind = e.uid ? BY_USER : BY_ROOT;
	if ((only_uid != (u32)-1 && e.uid != only_uid) || e.kind == without)
		return 0;
	e.time = bpf_ktime_get_ns();
	e.pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(e.comm, sizeof(e.comm));
	n = bpf_probe_read_kernel_str(e.file, sizeof(e.file), BPF_CORE_READ(bprm, filename));
	e.length = n > 0 ? n - 1 : 0;
	bpf_perf_event_output(ctx, &execs, 0xffffffffULL /* BPF_F_CURRENT_CPU */, &e, sizeof(e));
	return 0;
}
