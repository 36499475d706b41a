// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A gauge of the threads of each process, from an iterator. */
#include "common.h"

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} __attribute__((preserve_access_index));

struct signal_struct {
	int nr_threads;
} __attribute__((preserve_access_index));

struct task_struct {
	int pid;
	int tgid;
	char comm[16];
	struct signal_struct *signal;
} __attribute__((preserve_access_index));

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} __attribute__((preserve_access_index));

struct threads {
	u32 pid TAG("process.pid");
	u32 number TAG("false");
};

/* Keeps the type in the object. */
struct threads *unused __attribute__((unused));

SEC("iter/task")
int count_threads(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct threads t = {};

	if (!task || task->pid != task->tgid)
		return 0;
	t.pid = task->tgid;
	t.number = task->signal->nr_threads;
	bpf_seq_write(seq, &t, sizeof(t));
	return 0;
}
