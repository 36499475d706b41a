// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A program for each kind of hook, which counts how often it is called and lets everything
 * pass. */
#include "common.h"

struct __sk_buff;
struct xdp_md;
struct bpf_sock_ops;
struct sk_msg_md;
struct bpf_iter__task;

enum hook {
	RAW_TP, TP_BTF, TRACEPOINT, PERF_EVENT, CGROUP_SKB, CGROUP_CONNECT, SOCKOPS, SK_MSG, TCX, XDP, SOCKET, UPROBE, URETPROBE,
	UPROBE_MULTI, USDT, KPROBE, KRETPROBE, KPROBE_MULTI, FENTRY, FEXIT, LSM_FILE, NETFILTER, NUM_HOOKS,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NUM_HOOKS);
	__type(key, u32);
	__type(value, u64);
} calls SEC(".maps") TAG("{attributes: {key: {name: hook, enum: hook}}, metric: {name: hook.calls, type: sum, unit: '{call}'}}");

struct {
	__uint(type, 18); /* BPF_MAP_TYPE_SOCKHASH */
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, u64);
} sockets SEC(".maps");

enum hook *unused __attribute__((unused));

static __always_inline int count(u32 hook, int pass)
{
	u64 *n = bpf_map_lookup_elem(&calls, &hook);

	if (n)
		(*n)++;
	return pass;
}

#define HOOK(section, name, hook, pass) \
	SEC(section) int name(void *ctx) { return count(hook, pass); }

HOOK("raw_tp/sched_process_exec", on_raw_tp, RAW_TP, 0)
HOOK("tp_btf/sched_process_exec", on_tp_btf, TP_BTF, 0)
HOOK("tracepoint/sched/sched_process_exec", on_tracepoint, TRACEPOINT, 0)
HOOK("perf_event", on_perf_event, PERF_EVENT, 0)
HOOK("cgroup_skb/egress", on_cgroup_skb, CGROUP_SKB, 1)
HOOK("cgroup/connect4", on_cgroup_connect, CGROUP_CONNECT, 1)
HOOK("sk_msg", on_sk_msg, SK_MSG, 1)
HOOK("tcx/ingress", on_tcx, TCX, -1)
HOOK("xdp", on_xdp, XDP, 2)
HOOK("socket", on_socket, SOCKET, 0)
HOOK("uprobe/libc.so.6:getppid", on_uprobe, UPROBE, 0)
HOOK("uretprobe/libc.so.6:getppid", on_uretprobe, URETPROBE, 0)
HOOK("uprobe.multi/libc.so.6:getpp*", on_uprobe_multi, UPROBE_MULTI, 0)
HOOK("usdt/python3.11:python:gc__start", on_usdt, USDT, 0)
HOOK("?netfilter", on_netfilter, NETFILTER, 1)
HOOK("?kprobe/vfs_read", on_kprobe, KPROBE, 0)
HOOK("?kretprobe/vfs_read", on_kretprobe, KRETPROBE, 0)
HOOK("?kprobe.multi/vfs_rea*", on_kprobe_multi, KPROBE_MULTI, 0)
HOOK("?fentry/vfs_read", on_fentry, FENTRY, 0)
HOOK("?fexit/vfs_read", on_fexit, FEXIT, 0)
HOOK("?lsm/file_open", on_lsm_file, LSM_FILE, 0)

struct bpf_sock_ops {
	u32 op;
};

/* Puts each client's socket into the map of the sk_msg program. */
SEC("sockops")
int on_sockops(struct bpf_sock_ops *ctx)
{
	u64 key = bpf_get_socket_cookie(ctx);

	count(SOCKOPS, 0);
	if (ctx->op == 4) /* BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB */
		bpf_sock_hash_update((void *)ctx, &sockets, &key, 0);
	return 1;
}

/* Each of these does more than observe. */
HOOK("?lsm/file_open", on_lsm_deny, LSM_FILE, -1)
HOOK("?xdp", on_xdp_drop, XDP, 1)

SEC("?raw_tp/sched_process_exec")
int on_kills(void *ctx)
{
	bpf_send_signal(9);
	return 0;
}
