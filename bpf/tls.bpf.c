// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The Daemon "tls": plaintext of encrypted connections, from uprobes in the
 * libraries that encrypt, as segments of a connection of its own beside the one that
 * the Daemon "socket" sees. */
#include "include/vmlinux_min.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "include/kernel/syscall.h"
#include "include/net.h"
#include "include/procs.h"

/* A program may be preempted by itself on the same processor: each run takes a
 * scratch buffer of its own. */
#define SCRATCHES 4
#define SCRATCH_OF(c, d) ((c)->slot)

#include "include/socket.h"
#include "include/socket_conn.h"
#include "include/socket_summary.h"

#include "include/socket_place.h"
#include "include/socket_layer.h"
#include "include/hits.h"
#include "include/tls.h"
#include "include/tls_openssl.h"
#include "include/tls_calls.h"
#include "include/tls_go.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
