// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Effects is what a program can do besides observing. The zero value means nothing.
type Effects struct {
	// Changes are the helpers and kfuncs that change the system, by name, and what else
	// does, in words.
	Changes []string
	// Enforces says how the program can decide what happens to what it observes, as in "it can
	// return other values than 0, and so deny". Empty if it cannot.
	Enforces string
}

// EffectsOf finds what the named programs of an object can do besides observing; no names
// mean all programs. It is on the safe side: what it cannot prove to be harmless, it tells.
//
// Returns an error if the object is broken or has no such program.
func EffectsOf(spec *ebpf.CollectionSpec, programs []string) (map[string]Effects, error) {
	o, err := newObject(spec, programs)
	if err != nil {
		return nil, err
	}
	found := make(map[string]Effects)
	for _, p := range o.programs {
		preset := make(map[int]value)
		for i, relo := range p.relos {
			if relo.asks() {
				preset[i] = value{}
			}
		}
		for i := range p.externals {
			preset[i] = value{}
		}
		reached, err := p.walk(p.spec.Instructions, preset)
		if err != nil {
			return nil, err
		}
		e := Effects{Changes: p.changes(reached), Enforces: p.enforces(reached)}
		if len(e.Changes) > 0 || e.Enforces != "" {
			found[p.name] = e
		}
	}
	return found, nil
}

// changing lists the helpers that do more than read, keep and report, by their names without
// "bpf_" (include/uapi/linux/bpf.h). Those that only prepare for others are not here.
func changing() map[string]bool {
	set := make(map[string]bool)
	for name := range strings.FieldsSeq(`
		probe_write_user override_return send_signal send_signal_thread sys_bpf sys_close
		redirect redirect_map redirect_neigh redirect_peer clone_redirect sk_redirect_map sk_redirect_hash
		msg_redirect_map msg_redirect_hash sk_assign sk_select_reuseport
		skb_store_bytes skb_change_proto skb_change_type skb_change_tail skb_change_head skb_adjust_room skb_set_tunnel_key
		skb_set_tunnel_opt skb_vlan_push skb_vlan_pop skb_set_tstamp set_hash set_hash_invalid skb_ecn_set_ce
		l3_csum_replace l4_csum_replace csum_update xdp_adjust_head xdp_adjust_tail xdp_adjust_meta xdp_store_bytes
		lwt_push_encap lwt_seg6_store_bytes lwt_seg6_adjust_srh lwt_seg6_action store_hdr_opt reserve_hdr_opt
		msg_push_data msg_pop_data msg_apply_bytes msg_cork_bytes
		setsockopt bind tcp_send_ack sysctl_set_new_value bprm_opts_set set_retval
		rc_repeat rc_keydown rc_pointer_rel`) {
		set["bpf_"+name] = true
	}
	return set
}

// changingKfuncs are parts of the names of kfuncs that change the system.
var changingKfuncs = []string{
	"scx_bpf_", "bpf_sock_destroy", "bpf_sock_addr_set", "bpf_crypto_", "bpf_ct_", "bpf_skb_ct_alloc", "bpf_xdp_ct_alloc",
	"bpf_set_dentry_xattr", "bpf_remove_dentry_xattr", "bpf_skb_set_", "bpf_xdp_xfrm_", "bpf_skb_set_fou", "bpf_sk_assign_tcp",
	"cgroup_rstat_updated", "cgroup_rstat_flush", "hid_bpf_hw", "hid_bpf_input", "hid_bpf_try", "bpf_qdisc_", "bpf_send_signal_task",
	"cubictcp_", "bbr_", "dctcp_", "tcp_reno_", "tcp_slow_start", "tcp_cong_avoid_ai", "bpf_modify_return_test",
}

func (p *program) changes(reached *reach) []string {
	bad := changing()
	found := make(map[string]bool)
	for i := range p.spec.Instructions {
		ins := &p.spec.Instructions[i]
		switch {
		case ins.IsKfuncCall():
			for _, part := range changingKfuncs {
				if strings.HasPrefix(ins.Reference(), part) {
					found[ins.Reference()] = true
				}
			}
		case ins.IsBuiltinCall() && ins.Constant >= 0:
			name := helperName(asm.BuiltinFunc(ins.Constant))
			if bad[name] || name == "bpf_dynptr_write" && len(packetPointers(p.spec.Type)) > 0 {
				found[name] = true
			}
		}
	}
	switch {
	case p.spec.Type == ebpf.RawTracepointWritable:
		found["a tracepoint whose record it may write to"] = true
	case reached.writes && p.spec.Type == ebpf.SkMsg, reached.writes && len(packetPointers(p.spec.Type)) > 0:
		found["stores to the packet or to what is known of it"] = true
	case reached.writes && writable(p.spec.Type):
		found["stores to its context"] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// writable tells whether the kernel acts on what programs of that type store to their
// context.
func writable(t ebpf.ProgramType) bool {
	switch t {
	case ebpf.SockOps, ebpf.CGroupSock, ebpf.CGroupSockAddr, ebpf.CGroupSockopt, ebpf.CGroupSysctl:
		return true
	default:
		return false
	}
}

// enforces judges what the program returns by what that does.
func (p *program) enforces(r *reach) string {
	only := func(what string, harmless ...int32) string {
		if !r.exits {
			return ""
		}
		if r.result.kind == constant && slices.Contains(harmless, int32(r.result.n)) {
			return ""
		}
		if r.result.kind == constant {
			return fmt.Sprintf("it returns %d, and so %s; %d observes only", int32(r.result.n), what, harmless[0])
		}
		return fmt.Sprintf("it may return other values than %d, and so %s", harmless[0], what)
	}
	switch p.spec.Type {
	case ebpf.LSM:
		if p.spec.AttachType == ebpf.AttachLSMCgroup {
			return only("denies", 1)
		}
		return only("denies", 0)
	case ebpf.XDP:
		return only("drops or diverts packets", 2) // XDP_PASS
	case ebpf.SchedCLS:
		// TCX_NEXT and TC_ACT_PIPE leave the packet to those that come after it.
		return only("decides on packets in place of the programs after it", -1, 3)
	case ebpf.SkMsg:
		return only("drops messages", 1) // SK_PASS
	case ebpf.CGroupSKB:
		return only("drops packets", 1)
	case ebpf.CGroupSock, ebpf.CGroupSockAddr, ebpf.CGroupSockopt, ebpf.CGroupSysctl, ebpf.CGroupDevice:
		return only("denies", 1)
	case ebpf.Netfilter:
		return only("drops packets", 1) // NF_ACCEPT
	case ebpf.Tracing:
		if p.spec.AttachType == ebpf.AttachModifyReturn {
			return "it is called in place of a function of the kernel and decides what that returns"
		}
	}
	return ""
}
