// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// configure reads a section, with the object and, unless it has one, its hash.
func configure(t testing.TB, object, section string) (*Config, error) {
	t.Helper()
	r, err := confmap.NewRetrievedFromYAML([]byte(section))
	require.NoError(t, err)
	conf, err := r.AsConf()
	require.NoError(t, err)
	cfg := defaultConfig().(*Config)
	if object != "" {
		cfg.Path, err = filepath.Abs(filepath.Join("testdata", object+"_bpfel.o"))
		require.NoError(t, err)
		data, err := os.ReadFile(cfg.Path)
		require.NoError(t, err)
		cfg.SHA256 = fmt.Sprintf("%x", sha256.Sum256(data))
	}
	if err := conf.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

// made says what configure and then Instance say.
func made(t testing.TB, object, section string) (probe.Factory, error) {
	t.Helper()
	cfg, err := configure(t, object, section)
	if err != nil {
		return probe.Factory{}, err
	}
	return instance("object/test", cfg)
}

// Each mistake is told at Start, by its place, with what there is.
func TestMistakes(t *testing.T) {
	const log = "log: {name: x}"
	for _, tt := range []struct{ object, section, want string }{
		{"", "{}", "path: the object's file is missing"},
		{"", "{path: x.o}", `path: "x.o" is not absolute`},
		{"", "{path: /nowhere.o}", "path: open /nowhere.o: no such file or directory"},
		{"runs", "{sha256: abc}", `sha256: "abc" is not 64 hexadecimal digits`},
		{"", "{variants: [{name: a}]}", "variants::0: path: the object's file is missing"},
		{"runs", "{losses: {ringfull: dropped}}", `losses: "ringfull" is no cause of a loss; known are ring_full, map_full, missed, truncated, undecodable, unmatched, overflow, refused`},
		{"runs", "{}", "there are no outputs: neither the configuration nor a tag of the object says what its maps become; it has the maps runs"},
		{"runs", "{programs: [on_end]}", `programs: the object has no program "on_end"; it has on_exit`},
		{"runs", "{attach: {on_end: {to: x}}}", "attach::on_end: the object has no such program; it has on_exit"},
		{"runs", "{attach: {on_exit: {frequency: 5}}}", `attach::on_exit: frequency: it means nothing for a program of the section "tp_btf/sched_process_exit"; what does is to`},
		{"runs", "{constants: {min: 5}}", `constants::min: the object has no global variable "min"; it has dropped`},
		{"runs", "{maps: {run: {max_entries: 5}}}", "maps::run: the object has no such map; it has runs"},
		{"runs", "{maps: {runs: {max_entries: 5}}}", "maps::runs: max_entries: the size of a ring buffer is a power of two of at least 4096 bytes"},
		{"runs", "{maps: {runs: {value_size: 8}}}", "maps::runs: value_size: a ring buffer has records of any size"},
		{"runs", "{maps: {runs: {per_cpu_buffer: 4096}}}", "maps::runs: per_cpu_buffer: only a perf buffer has buffers of each CPU"},
		{"runs", "{limits: {map_memory: 1000}}", "limits::map_memory: the object's maps take about 274440 bytes, of which runs takes 274432, and the limit is 1000"},
		{"runs", "{outputs: [{log: {name: x}}]}", "outputs::0: one of map, global and iter is needed, which names what it is made of"},
		{"runs", "{outputs: [{map: runs}]}", "outputs::0 (map runs): none of log, span and metric says what it becomes"},
		{"runs", "{outputs: [{map: run, " + log + "}]}", `outputs::0 (map run): the object has no map "run"; it has runs`},
		{"runs", "{outputs: [{iter: on_exit, " + log + "}]}", `outputs::0 (iterator on_exit): program on_exit is no iterator, but of the section "tp_btf/sched_process_exit"`},
		{"runs", "{outputs: [{global: drops, metric: {name: x, type: sum}}]}", `outputs::0 (global variable drops): the object has no global variable "drops"; it has dropped`},
		{"runs", "{outputs: [{global: dropped, " + log + "}]}", "outputs::0 (global variable dropped): entries become metrics only: logs and spans are made of the records of a ring buffer, a perf buffer or an iterator"},
		{"runs", "{outputs: [{map: runs, log: {severity: loud}}]}", `outputs::0: log::severity: "loud" is not known; known are trace, debug, info, warn, error, fatal`},
		{"runs", "{outputs: [{map: runs, log: {body: '{com}'}}]}", `outputs::0 (map runs): log::body: field "com": struct run has no member "com"; it has start, end, id, status, comm`},
		{"runs", "{outputs: [{map: runs, " + log + ", attributes: {id: x}}]}", `outputs::0 (map runs): attributes: field "id": it is an anonymous struct: choose one of its members pid, parent`},
		{"runs", "{outputs: [{map: runs, " + log + ", attributes: {id.uid: x}}]}", `outputs::0 (map runs): attributes::id.uid: field "id.uid": an anonymous struct has no member "uid"; it has pid, parent`},
		{"runs", "{outputs: [{map: runs, " + log + ", attributes: {comm: x, status: x}}]}", `outputs::0 (map runs): attributes::status: the attribute "x" is made of field "comm", too`},
		{"runs", "{outputs: [{map: runs, " + log + ", attributes: {comm: {name: x, like: y}}}]}", "outputs::0: attributes::comm: like: there is no such key; known are as, enum, name, pid, stacks, unit, scale"},
		{"runs", "{outputs: [{map: runs, " + log + ", attributes: {comm: {as: ipv4}}}]}", `outputs::0 (map runs): attributes: field "comm": char[16] cannot be shown as ipv4`},
		{"runs", "{outputs: [{map: runs, " + log + ", attributes: {status: {enum: sta}}}]}", `outputs::0 (map runs): attributes: field "status": enum: the object has no type "sta"`},
		{"runs", "{outputs: [{map: runs, " + log + ", attributes: {status: {as: kernel_stack, stacks: runs}}}]}", `outputs::0 (map runs): attributes: field "status": stacks: the object has no map of stack traces "runs"`},
		{"runs", "{outputs: [{map: runs, " + log + ", process: comm}]}", `outputs::0 (map runs): process: field "comm": char[16] cannot be shown as int`},
		{"runs", "{outputs: [{map: runs, type: ran, " + log + "}]}", `outputs::0 (map runs): type: the object has no type "ran"; it has the structs run, task_struct`},
		{"runs", "{outputs: [{map: runs, layout: 'int', " + log + "}]}", `outputs::0 (map runs): layout: "" stands where the name of a member is expected`},
		{"runs", "{outputs: [{map: runs, span: {name: x}}]}", "outputs::0 (map runs): span: when it was is not known: two of start, end and duration are needed, or duration alone if it ended at the record's time"},
		{"runs", "{outputs: [{map: runs, span: {name: x, start: start, end: end, duration: start}}]}", "outputs::0 (map runs): span: two of start, end and duration are enough"},
		{"runs", "{outputs: [{map: runs, span: {name: x, start: start, end: end, trace_id: comm, span_id: comm}}]}", `outputs::0 (map runs): span::span_id: field "comm": char[16] is not 8 bytes long`},
		{"runs", "{outputs: [{map: runs, span: {name: x, start: start, end: end, parent_key: [id.pid]}}]}", "outputs::0 (map runs): span: a parent is in the same trace: trace_id or trace_key is needed, too"},
		{"runs", "{outputs: [{map: runs, metric: {name: x}}]}", "outputs::0 (map runs): metric::type: a metric needs one: sum, gauge, histogram or exponential_histogram"},
		{"runs", "{outputs: [{map: runs, metric: {name: x, type: counter}}]}", `outputs::0: metric::type: "counter" is not known; known are sum, gauge, histogram, exponential_histogram`},
		{"runs", "{outputs: [{map: runs, metric: {name: x, type: gauge}}]}", "outputs::0 (map runs): metric::value: a gauge needs the field with the value"},
		{"runs", "{outputs: [{map: runs, metric: {name: x, type: gauge, value: comm}}]}", `outputs::0 (map runs): metric::value: field "comm": char[16] cannot be shown as int`},
		{"runs", "{outputs: [{map: runs, metric: {name: x, type: sum}}, {map: runs, metric: {name: x, type: gauge, value: status}}]}", `outputs::1 (map runs): metric::name: another output has a metric "x" of another type or unit`},
		{"runs", "{outputs: [{map: runs, metric: {name: x, type: sum, cpus: max}}]}", "outputs::0 (map runs): metric::cpus: only a per-CPU map has values of each CPU"},
		{"runs", "{losses: {ring_full: dropt}, outputs: [{map: runs, " + log + "}]}", `losses::ring_full: the object has no map and no global variable "dropt"; it has runs, dropped`},
		{"execlog", "{outputs: [{map: execs, " + log + "}]}", "outputs::0 (map execs): map execs does not tell the type of its records: name a struct with type, or declare it with layout; it has the structs linux_binprm"},
		{"execlog", "{constants: {only_uid: -1}}", "constants::only_uid: -1 is out of the range of u32"},
		{"execlog", "{constants: {only_uid: root}}", "constants::only_uid: it is of the type u32, and root is none"},
		{"execlog", "{constants: {without: NOBODY}}", `constants::without: enum kind has no value "NOBODY"; it has BY_ROOT, BY_USER, UNKNOWN`},
		{"writes", "{outputs: [{map: sizes, metric: {name: x, type: sum}}]}", `outputs::0 (map sizes): metric::value: field "value": it is struct hist: choose one of its members slots, bytes`},
		{"writes", "{outputs: [{map: calls, metric: {name: x, type: histogram}}]}", `outputs::0 (map calls): metric: nothing in the map looks like the buckets of a histogram: name the array with slots, or the key's number of the bucket with slot (metric::slot: field "key": it is struct key: choose one of its members pid, comm)`},
		{"writes", "{outputs: [{map: calls, metric: {name: x, type: sum, value: vaule}}]}", `outputs::0 (map calls): metric::value: field "vaule": struct calls has no member "vaule"; it has key, value`},
		{"threads", "{outputs: [{iter: count_threads, type: threads, metric: {name: x, type: histogram, value: number}}]}", "outputs::0 (iterator count_threads): metric::type: an iterator tells what there is at a moment: a gauge or a sum, and no histogram"},
		{"threads", "{outputs: [{iter: count_threads, " + log + "}]}", "outputs::0 (iterator count_threads): iterator count_threads does not tell the type of its records: name a struct with type, or declare it with layout; it has the structs bpf_iter__task, bpf_iter_meta, signal_struct, task_struct, threads"},
		{"hooks", "{attach: {on_uprobe: {selected: true, pid: 5}}}", "attach::on_uprobe: selected and pid exclude each other"},
		{"hooks", "{attach: {on_uprobe: {selected: true, path: 'lib[c'}}}", `attach::on_uprobe: path: the pattern "lib[c": syntax error in pattern`},
		{"hooks", "{attach: {on_perf_event: {selected: true}}}", `attach::on_perf_event: selected: it means nothing for a program of the section "perf_event"; what does is frequency, period`},
		{"hooks", "{programs: [on_netfilter]}", `attach::on_netfilter: its section "?netfilter" does not say where packets are seen: name a place with hook, as local_in`},
		{"hooks", "{programs: [on_netfilter], attach: {on_netfilter: {hook: in, families: [arp]}}}", `attach::on_netfilter: hook: "in" is not known; known are pre_routing, local_in, forward, local_out, post_routing` + "\n" + `families: "arp" is not known; known are ipv4, ipv6`},
		{"hooks", "{programs: [on_xdp]}", `attach::on_xdp: its section "xdp" does not say the network interface: name some with interfaces`},
		{"hooks", "{programs: [on_sk_msg]}", `attach::on_sk_msg: its section "sk_msg" does not say the map of sockets: name one of the type SockMap or SockHash with map`},
		{"hooks", "{programs: [on_lsm_deny]}", "program on_lsm_deny (?lsm/file_open) does more than observe: it returns -1, and so denies; 0 observes only. It is refused without allow_enforcement: true"},
		{"hooks", "{programs: [on_xdp_drop], attach: {on_xdp_drop: {interfaces: [lo]}}}", "program on_xdp_drop (?xdp) does more than observe: it returns 1, and so drops or diverts packets; 2 observes only. It is refused without allow_enforcement: true"},
		{"hooks", "{programs: [on_kills]}", "program on_kills changes the system by bpf_send_signal: it is refused without allow_side_effects: true"},
	} {
		t.Run(tt.object+tt.section, func(t *testing.T) {
			_, err := made(t, tt.object, tt.section)
			assert.EqualError(t, err, tt.want)
		})
	}
}

func TestAllowed(t *testing.T) {
	for _, section := range []string{
		"{programs: [on_lsm_deny], allow_enforcement: true}",
		"{programs: [on_kills], allow_side_effects: true}",
	} {
		f, err := made(t, "hooks", section)
		require.NoError(t, err)
		assert.Equal(t, probe.Metrics, f.Manifest.Signals)
		assert.Len(t, f.Manifest.Variants, 1)
	}
}

// Only root can have written the file, or its hash is pinned.
func TestWhoMayWrite(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it changes owners")
	}
	data, err := os.ReadFile("testdata/execs_bpfel.o")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "execs.o")
	require.NoError(t, os.WriteFile(path, data, 0o644))
	load := func(sha string) error {
		_, err := readFile(&File{Path: path, SHA256: sha})
		return err
	}
	require.NoError(t, load(""))
	require.NoError(t, os.Chmod(path, 0o666))
	assert.EqualError(t, load(""), "path: everybody may write "+path+", and so decides what the kernel runs: change its mode, or pin its hash with sha256")
	sum := fmt.Sprintf("%X", sha256.Sum256(data))
	require.NoError(t, load(sum))
	require.NoError(t, os.Chmod(path, 0o644))
	require.NoError(t, os.Chown(path, 65534, 0))
	assert.EqualError(t, load(""), "path: "+path+" belongs to the user 65534, not to root, and whoever writes it decides what the kernel runs: change its owner, or pin its hash with sha256")
	require.NoError(t, load(sum))
	require.NoError(t, os.Chown(path, 0, 65534))
	require.NoError(t, os.Chmod(path, 0o664))
	assert.ErrorContains(t, load(""), "the group 65534 may write "+path)
	require.NoError(t, os.WriteFile(path, append(data, 0), 0o644))
	assert.ErrorContains(t, load(sum), "sha256: "+path+" has the hash ")
	assert.EqualError(t, func() error { _, err := readFile(&File{Path: filepath.Dir(path)}); return err }(), "path: "+filepath.Dir(path)+" is no regular file")
}

// Whatever a file has in it, it is an object or an error.
func FuzzObject(f *testing.F) {
	objects, err := filepath.Glob("testdata/*_bpfel.o")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range objects {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, []byte("0123456789"))
	}
	common := newShared(&probe.Settings{Clock: clockOfTest{}})
	f.Fuzz(func(t *testing.T, data, rec []byte) {
		spec, err := Parse(data)
		if err != nil {
			return
		}
		cfg := defaultConfig().(*Config)
		cfg.Limits.MapMemory = 1 << 20
		for name := range spec.Maps {
			cfg.Outputs = append(cfg.Outputs, Output{Map: name, Log: &Log{Body: "x"}}, Output{Map: name, Metric: &Metric{Name: name, Type: Histogram}})
		}
		for name, m := range spec.Maps {
			if leaves := record.Leaves(m.Value); len(leaves) > 0 {
				// A field as the key of pairs, and as what tells the two apart.
				p := leaves[len(leaves)-1]
				tells := map[string]any{p.Path: 1}
				cfg.Outputs = append(cfg.Outputs, Output{Map: name, Pair: &Pair{Key: []string{p.Path}, Begin: tells, End: tells}, Log: &Log{Body: "x"}})
			}
		}
		for _, one := range cfg.Outputs {
			o, err := newOutput(spec, &one)
			if err != nil || o.end > len(rec) {
				continue
			}
			k := newSink(o, common, 10, 0)
			if o.pair != nil {
				k.pairs.begin.holds(make([]byte, k.pairs.begin.need))
				k.read(k.pairs.buf)
				continue
			}
			k.read(rec)
		}
		_, _ = compile(cfg, &Variant{}, spec)
	})
}
