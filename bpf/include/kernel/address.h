// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The addresses of a socket that the verifier does not know to be one. */
#ifndef __EBPFRECEIVER_KERNEL_ADDRESS_H
#define __EBPFRECEIVER_KERNEL_ADDRESS_H

/* T is a type with these members, each address in its first bytes. */
#define READ_ADDRESS(t, sk)                                                                        \
	({                                                                                         \
		(t)->family = BPF_CORE_READ(sk, __sk_common.skc_family);                           \
		(t)->lport = BPF_CORE_READ(sk, __sk_common.skc_num);                               \
		(t)->rport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));                  \
		(t)->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);                  \
		if ((t)->family == AF_INET6) {                                                     \
			BPF_CORE_READ_INTO(&(t)->laddr, sk,                                        \
					   __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);           \
			BPF_CORE_READ_INTO(&(t)->raddr, sk,                                        \
					   __sk_common.skc_v6_daddr.in6_u.u6_addr8);               \
		} else {                                                                           \
			BPF_CORE_READ_INTO((__u32 *)(t)->laddr, sk, __sk_common.skc_rcv_saddr);    \
			BPF_CORE_READ_INTO((__u32 *)(t)->raddr, sk, __sk_common.skc_daddr);        \
		}                                                                                  \
	})

#endif
