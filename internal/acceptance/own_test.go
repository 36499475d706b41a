// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

// account is what the collector says of one probe.
type account struct {
	seen, delivered, sampledOut, filtered uint64
	lost                                  map[string]uint64 // by cause, without zeros
}

func (a account) totalLost() uint64 {
	var n uint64
	for _, v := range a.lost {
		n += v
	}
	return n
}

// settled tells that nothing is on its way.
func (a account) settled() bool {
	return a.seen == a.delivered+a.sampledOut+a.filtered+a.totalLost()
}

// accounts reads the collector's own metrics: the accounts by probe, and the
// bytes that wait in rings. Several receivers of one collector are summed.
func (c *collector) accounts(t testing.TB) (map[string]*account, float64) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	res, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", c.ownPort))
	require.NoError(t, err)
	defer res.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(res.Body)
	require.NoError(t, err)

	found := map[string]*account{}
	each := func(name string, take func(a *account, labels map[string]string, v uint64)) {
		for _, full := range []string{"otelcol_ebpf_events_" + name, "otelcol_ebpf_events_" + name + "_total"} {
			for _, m := range families[full].GetMetric() {
				labels := map[string]string{}
				for _, l := range m.GetLabel() {
					labels[l.GetName()] = l.GetValue()
				}
				a := found[labels["probe"]]
				if a == nil {
					a = &account{lost: map[string]uint64{}}
					found[labels["probe"]] = a
				}
				v := m.GetCounter().GetValue() + m.GetUntyped().GetValue()
				take(a, labels, uint64(v))
			}
		}
	}
	each("seen", func(a *account, _ map[string]string, v uint64) { a.seen += v })
	each("delivered", func(a *account, _ map[string]string, v uint64) { a.delivered += v })
	each("sampled_out", func(a *account, _ map[string]string, v uint64) { a.sampledOut += v })
	each("filtered", func(a *account, _ map[string]string, v uint64) { a.filtered += v })
	each("lost", func(a *account, labels map[string]string, v uint64) {
		if v > 0 {
			a.lost[labels["cause"]] += v
		}
	})
	var pending float64
	for _, m := range families["otelcol_ebpf_ring_pending_bytes"].GetMetric() {
		pending += m.GetGauge().GetValue()
	}
	return found, pending
}

// settle waits until nothing of the HTTP requests is on its way: the accounts
// are balanced and no longer change. It gives that of each probe.
func (c *collector) settle(t testing.TB) map[string]account {
	t.Helper()
	var before map[string]account
	var since time.Time
	waitFor(t, "the accounts of the probes to balance", func() bool {
		now := map[string]account{}
		accounts, pending := c.accounts(t)
		balanced := pending == 0
		for _, name := range []string{"http", "socket", "tls"} {
			if a := accounts[name]; a != nil {
				now[name] = *a
				balanced = balanced && a.settled()
			}
		}
		same := maps.EqualFunc(now, before, func(a, b account) bool {
			return a.seen == b.seen && a.delivered == b.delivered && a.totalLost() == b.totalLost()
		})
		if !balanced || !same || len(now) == 0 {
			before, since = now, time.Now()
			time.Sleep(200 * time.Millisecond)
			return false
		}
		// Longer than a loop sleeps, and than the probes take to report what they held back.
		return time.Since(since) > 2200*time.Millisecond
	})
	t.Logf("accounts: %+v", before)
	return before
}
