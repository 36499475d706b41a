// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//
// Code that is only there for some kernels, behind what the verifier prunes by.
#include "minimal.h"

struct task_struct {
	int pid;
	unsigned int __state;
} CORE;
struct task_struct___before {
	volatile long state;
} CORE;
struct task_struct___nowhere {
	int no_such_field;
} CORE;
struct no_such_struct {
	int x;
} CORE;
enum bpf_cmd {
	BPF_MAP_CREATE = 0,
};
enum bpf_cmd___nowhere {
	BPF_NO_SUCH_COMMAND = 4711,
};

const volatile _Bool want_nowhere;
volatile const int level = 3;

// Two layouts, one of which any kernel has.
SEC("tp_btf/sched_switch")
int flavour(__u64 *ctx)
{
	struct task_struct *prev = (void *)ctx[1];

	if (bpf_core_field_exists(prev->__state))
		seen += prev->__state;
	else
		seen += ((struct task_struct___before *)prev)->state;
	return 0;
}

SEC("tp_btf/sched_switch")
int guarded_field(__u64 *ctx)
{
	struct task_struct___nowhere *prev = (void *)ctx[1];
	long got = 0;

	if (bpf_core_field_exists(prev->no_such_field))
		got = prev->no_such_field;
	seen += got;
	return 0;
}

SEC("tp_btf/sched_switch")
int unguarded_field(__u64 *ctx)
{
	struct task_struct___nowhere *prev = (void *)ctx[1];

	seen += prev->no_such_field;
	return 0;
}

SEC("tp_btf/sched_switch")
int guarded_type(__u64 *ctx)
{
	struct no_such_struct *s = (void *)ctx[1];

	if (bpf_core_type_exists(struct no_such_struct))
		seen += s->x;
	return 0;
}

SEC("tp_btf/sched_switch")
int guarded_enum(__u64 *ctx)
{
	if (bpf_core_enum_value_exists(enum bpf_cmd___nowhere, BPF_NO_SUCH_COMMAND))
		seen += bpf_core_enum_value(enum bpf_cmd___nowhere, BPF_NO_SUCH_COMMAND);
	return 0;
}

SEC("tp_btf/sched_switch")
int unguarded_enum(__u64 *ctx)
{
	seen += bpf_core_enum_value(enum bpf_cmd___nowhere, BPF_NO_SUCH_COMMAND);
	return 0;
}

// A switch that user space sets before loading.
SEC("tp_btf/sched_switch")
int switched(__u64 *ctx)
{
	struct task_struct___nowhere *prev = (void *)ctx[1];

	if (want_nowhere)
		seen += prev->no_such_field;
	return 0;
}

// The answer goes through arithmetic and through a stack slot.
static __attribute__((noinline)) int ask(struct task_struct___nowhere *task)
{
	return bpf_core_field_exists(task->no_such_field);
}

SEC("tp_btf/sched_switch")
int asked(__u64 *ctx)
{
	struct task_struct___nowhere *prev = (void *)ctx[1];
	volatile int has = ask(prev) * 8;

	if (has > 4 && level > 2)
		seen += prev->no_such_field;
	return 0;
}

// A loop, whose end no constant tells.
SEC("tp_btf/sched_switch")
int looped(__u64 *ctx)
{
	struct task_struct___nowhere *prev = (void *)ctx[1];

	for (int i = 0; i < 4; i++) {
		if (bpf_core_field_exists(prev->no_such_field))
			seen += prev->no_such_field;
		seen += i;
	}
	return 0;
}

static long each(__u32 i, void *data)
{
	struct task_struct___nowhere *task = data;

	seen += task->no_such_field;
	return 0;
}

// What a callback needs is needed.
SEC("tp_btf/sched_switch")
int callback(__u64 *ctx)
{
	bpf_loop(3, each, (void *)0, 0);
	return 0;
}
