// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The Daemon "discovery": when processes begin, execute, listen and end, and
 * which of them are observed. */
#include "include/vmlinux_min.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "include/net.h"
#include "include/kernel/cgroup.h"
#include "include/kernel/exit.h"
#include "include/process.h"
#include "include/procs.h"

#include "include/process_events.h"
#include "include/process_tp_btf.h"
#include "include/process_raw_tp.h"
#include "include/process_tracepoint.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
