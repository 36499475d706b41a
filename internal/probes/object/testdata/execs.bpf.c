// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The example of the package receiver/probe as an object: a log record of each exec. What it
 * becomes is in its tags, so that it needs no more than a path. */
#include "common.h"

struct exec {
	u64 pid TAG("process.pid");
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
	__type(value, struct exec);
} records SEC(".maps") TAG("{log: {name: example.exec, body: 'process {pid} ran an executable'}}");

SEC("raw_tp/sched_process_exec")
int on_exec(u64 *ctx)
{
	struct exec e = {.pid = bpf_get_current_pid_tgid() >> 32};

	bpf_ringbuf_output(&records, &e, sizeof(e), 0);
	return 0;
}
