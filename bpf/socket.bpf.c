// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The Daemon "socket": bytes that selected processes exchange over stream
 * sockets, as segments of a connection and a direction. */
#include "include/vmlinux_min.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "include/kernel/syscall.h"
#include "include/net.h"
#include "include/procs.h"
#include "include/socket.h"
#include "include/socket_conn.h"
#include "include/socket_summary.h"

#include "include/socket_place.h"
#include "include/socket_layer.h"
#include "include/socket_hello.h"
#include "include/socket_tracepoints.h"
#include "include/socket_syscall.h"
#include "include/socket_sweep.h"
#include "include/socket_unix.h"
#include "include/socket_fentry.h"
#include "include/socket_kprobe.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
