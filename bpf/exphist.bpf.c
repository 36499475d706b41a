// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* For a test: the slots of given values, as the probes find them. */
#include "include/vmlinux_min.h"

#include <bpf/bpf_helpers.h>

#include "include/exphist.h"

#define VALUES 256

struct values {
	__u64 in[VALUES];
	__u32 duration[VALUES];
	__u32 size[VALUES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct values);
} values SEC(".maps");

SEC("socket")
int exphist(void *ctx)
{
	__u32 zero = 0;
	struct values *v = bpf_map_lookup_elem(&values, &zero);

	if (!v)
		return 0;
	for (int i = 0; i < VALUES; i++) {
		v->duration[i] = exp_slot(v->in[i], exp_seconds, DURATION_LOW, DURATION_HIGH);
		v->size[i] = exp_slot(v->in[i], exp_units, SIZE_LOW, SIZE_HIGH);
	}
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
