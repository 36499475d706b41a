/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the objects of the tests need of the kernel's types. */
#ifndef __OBJECT_TEST_COMMON_H
#define __OBJECT_TEST_COMMON_H

#include "../../../../bpf/include/vmlinux_min.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define TAG(text) __attribute__((btf_decl_tag("otel:" text)))

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#endif
