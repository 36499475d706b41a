// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

// confirmations and messages are the first elements of what pub/sub sends.
var (
	confirmations = [...]string{"subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe"}
	messages      = [...]string{"message", "pmessage", "smessage"}
)

// mayPush reports whether an array may be a message of RESP2: while subscribed, in answer
// to a command of pub/sub, or where no reply is expected.
func (p *Parser) mayPush() bool {
	if p.subscribed[0] || p.subscribed[1] {
		return true
	}
	pd := p.target()
	if pd == nil {
		return true
	}
	switch pd.role() {
	case roleSubscribe, roleUnsubscribe, rolePubSubOnly, roleReset:
		return true
	}
	return false
}

// classify tells what a value means by its first element, which is in word.
func (p *Parser) classify() {
	rs := &p.rep
	rs.peek, rs.looking = false, false
	if !rs.word.over {
		w := string(rs.word.bytes())
		for i, c := range confirmations {
			if c == w {
				rs.means, rs.confirm = meansConfirm, i
				return
			}
		}
		for _, m := range messages {
			if m == w {
				rs.means = meansPush
				return
			}
		}
	}
	kind := rs.kind
	p.undecided()
	rs.kind = kind
}

// confirmed ends a confirmation (six words, see confirmations; the channel; how many
// subscriptions there are now) and reports whether it was the last that its command brings.
func (p *Parser) confirmed() bool {
	rs := &p.rep
	if rs.top == KindArray {
		shard := 0
		if rs.confirm%3 == 2 {
			shard = 1
		}
		p.subscribed[shard] = rs.last > 0
	}
	pd := p.target()
	want := roleSubscribe
	if rs.confirm >= 3 {
		want = roleUnsubscribe
	}
	if pd == nil || pd.role() != want || !sameFold(pd.cmd.name, confirmations[rs.confirm]) {
		p.cfg.stats.Pushes++
		return false
	}
	if pd.respStart == 0 && pd.kind == KindNone {
		pd.respStart, pd.respTag, pd.respSize = rs.start, rs.tag, 0
	}
	pd.kind, pd.elements = rs.top, rs.topN
	pd.respSize += rs.size
	if pd.confirms--; pd.confirms > 0 {
		return false
	}
	p.complete(pd)
	return true
}

func sameFold(upper, lower string) bool {
	if len(upper) != len(lower) {
		return false
	}
	for i := range len(upper) {
		if upper[i]|0x20 != lower[i] {
			return false
		}
	}
	return true
}
