// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A span of each process, from a ring buffer: from its start to its end. */
#include "common.h"

struct signal_struct {
	int group_exit_code;
} __attribute__((preserve_access_index));

struct task_struct {
	int pid;
	int tgid;
	int exit_code;
	u64 start_boottime;
	char comm[16];
	struct task_struct *real_parent;
	struct signal_struct *signal;
} __attribute__((preserve_access_index));

struct run {
	u64 start;
	u64 end;
	struct {
		u32 pid;
		u32 parent;
	} id;
	s32 status;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__type(value, struct run);
} runs SEC(".maps");

u64 dropped;

SEC("tp_btf/sched_process_exit")
int on_exit(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	u64 id = bpf_get_current_pid_tgid();
	struct run *r;

	if ((u32)id != id >> 32) /* a thread, not the process */
		return 0;
	r = bpf_ringbuf_reserve(&runs, sizeof(*r), 0);
	if (!r) {
		__sync_fetch_and_add(&dropped, 1);
		return 0;
	}
	r->start = BPF_CORE_READ(task, start_boottime);
	r->end = bpf_ktime_get_boot_ns();
	r->id.pid = id >> 32;
	r->id.parent = BPF_CORE_READ(task, real_parent, tgid);
	r->status = BPF_CORE_READ(task, exit_code) >> 8 & 0xff;
	bpf_get_current_comm(r->comm, sizeof(r->comm));
	bpf_ringbuf_submit(r, 0);
	return 0;
}
