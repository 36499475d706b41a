// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What the configuration says of the protocol of a connection. */
#ifndef __EBPFRECEIVER_RULES_H
#define __EBPFRECEIVER_RULES_H

#include "procs.h"
#include "proto.h"

#define RULE_PROTO_SHIFT 16
#define RULE_ROLE_SHIFT 24

/* The rules for a connection of a process: in the lower half the protocols that
 * must not be looked for, a bit for each; above them the protocol that it speaks,
 * if that is told, and which side the process is then. */
__noinline int rules_of(__u32 tgid, __u32 lport, __u32 rport)
{
	const struct proc *p = bpf_map_lookup_elem(&procs, &tgid);
	struct proc_rule key = {};
	__u32 rules = 0, *found;

	if (!p || p->state != PROC_SELECTED || !p->more)
		return 0;
	key.target = p->more;
	found = bpf_map_lookup_elem(&proc_rules, &key);
	if (found)
		rules = *found & 0xffff;
	key.port = lport;
	found = lport ? bpf_map_lookup_elem(&proc_rules, &key) : 0;
	if (found)
		return rules | (*found & 0xff) << RULE_PROTO_SHIFT | ROLE_SERVER << RULE_ROLE_SHIFT;
	key.port = rport;
	found = rport ? bpf_map_lookup_elem(&proc_rules, &key) : 0;
	if (found)
		return rules | (*found & 0xff) << RULE_PROTO_SHIFT | ROLE_CLIENT << RULE_ROLE_SHIFT;
	return rules;
}

static __always_inline bool is_forbidden(__u32 rules, enum proto p)
{
	return rules & 1U << p;
}

#endif
