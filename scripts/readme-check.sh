#!/usr/bin/env bash
# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs what README.md says: each command of its "sh" blocks, each "yaml" block
# through the collector's validation, the messages that it quotes, its links.
# Needs root, bin/otelcol-ebpf, and free ports 4317, 8000, 8888, 9464 and 13133.
set -euo pipefail
cd "$(dirname "$0")/.."

tmp=$(mktemp -d)
children=()
cleanup() {
	local child
	for child in "${children[@]}"; do stop "$child"; done
	rm -rf "$tmp"
}
trap cleanup EXIT

fail() {
	echo "README.md: $1" >&2
	[[ -z ${2:-} ]] || tail -n 100 "$2" >&2
	exit 1
}

# start LOG COMMAND runs it as the leader of a group of its own.
start() {
	local log=$1
	shift
	setsid "$@" >"$log" 2>&1 &
	children+=($!)
}

# stop PID ends a group and waits for it.
stop() {
	kill -TERM -- "-$1" 2>/dev/null || return 0
	local i
	for ((i = 0; i < 100; i++)); do
		kill -0 -- "-$1" 2>/dev/null || return 0
		sleep 0.1
	done
	echo "a process does not end when it is told to" >&2
	kill -KILL -- "-$1" 2>/dev/null || true
}

# stop_last stops what was started last.
stop_last() {
	stop "${children[-1]}"
	unset 'children[-1]'
}

# await WHAT COMMAND waits until the command succeeds.
await() {
	local what=$1 i
	shift
	for ((i = 0; i < 150; i++)); do
		if "$@" >/dev/null 2>&1; then return 0; fi
		sleep 0.2
	done
	echo "waited for $what in vain" >&2
	return 1
}

# blocks LANGUAGE writes the README's blocks of it to $tmp/LANGUAGE.N.
blocks() {
	awk -v lang="$1" -v out="$tmp/$1." '
		/^```/ { if (inside) { inside = 0; close(file) } else { inside = 1; file = ""; if ($0 == "```" lang) { n++; file = out n } } next }
		inside && file { print > file }
	' README.md
}

free() { ! curl -s -o /dev/null --max-time 2 "http://127.0.0.1:$1/"; }

# web PORT starts the web server of the README.
web() {
	free "$1" || fail "port $1 is in use: the check needs it"
	start "$tmp/web" python3 -m http.server "$1" --bind 127.0.0.1 --directory "$tmp/www"
	await "the web server" curl -sf "http://127.0.0.1:$1/"
}

# observe COMMAND PATTERN... runs a command that starts the collector, asks a web
# server on port 8000 and waits until the collector has printed each pattern.
observe() {
	local command=$1 log=$tmp/collector pattern
	shift
	web 8000
	free 13133 || fail "port 13133 is in use: does another collector run?"
	start "$log" bash -c "$command"
	await "the collector" curl -sf http://localhost:13133/ || fail "\"$command\" did not start:" "$log"
	curl -s http://127.0.0.1:8000/ http://127.0.0.1:8000/missing >"$tmp/answers"
	for pattern in 'Observing ' 'Probe runs' "$@"; do
		await "$pattern" grep -E "$pattern" "$log" || fail "\"$command\" did not print \"$pattern\":" "$log"
	done
	await "metrics for Prometheus" bash -c 'curl -sf http://localhost:9464/metrics | grep http_server_request_duration' ||
		fail "\"$command\" has no metrics of requests at http://localhost:9464/metrics" "$log"
	await "the receiver's own metrics" bash -c 'curl -sf http://localhost:8888/metrics | grep otelcol_ebpf_events_delivered' ||
		fail "\"$command\" has no metrics of its own at http://localhost:8888/metrics" "$log"
	stop_last
	stop_last
}

# run COMMAND runs one line of an "sh" block.
run() {
	echo "== $1"
	case $1 in
	'make test') echo "   is what runs this" ;;
	'make run') observe "$1" '^GET .*url\.path=/missing' '^http\.server\.request\.duration' 'Process [0-9]+ executed' ;;
	OTLP_ENDPOINT=localhost:4317*)
		free 4317 || fail "port 4317 is in use: the check needs it"
		start "$tmp/sink" bin/otelcol-ebpf --config=file:testdata/sink.yaml
		observe "$1" '^GET .*url\.path=/missing'
		grep -q '^GET .*url\.path=/missing' "$tmp/sink" || await "the span at the OTLP endpoint" grep '^GET .*url\.path=/missing' "$tmp/sink" ||
			fail "\"$1\" sent no span to the OTLP endpoint:" "$tmp/sink"
		stop_last
		;;
	bin/otelcol-ebpf*) observe "$1" 'Observing the processes of 1 target' '^GET /\{file\} .*url\.path=/missing http\.route=' 'service\.name=web' ;;
	'bin/ebpfcompat check') # 1: a better variant is refused here, which is no fault of the README's
		$1 >"$tmp/out" 2>&1 || (($? == 1)) || fail "\"$1\" failed:" "$tmp/out"
		;;
	*) bash -c "$1" >"$tmp/out" 2>&1 || fail "\"$1\" failed:" "$tmp/out" ;;
	esac
}

validate() { bin/otelcol-ebpf validate --config=file:testdata/default.yaml --config="file:$1"; }

[[ $(id -u) -eq 0 ]] || fail "the check starts the collector, which needs root"
mkdir "$tmp/www"

blocks yaml
for file in "$tmp"/yaml.*; do
	echo "== yaml: $(head -n 3 "$file" | tr -s '\n ' ' ')…"
	validate "$file" >"$tmp/out" 2>&1 || fail "a configuration is not valid:" "$tmp/out"
done

# The mistakes whose messages the README quotes.
cat >"$tmp/mistakes.yaml" <<'YAML'
receivers: {ebpf: {on_unsupported: panic, targets: [{ports: "9-8"}]}}
YAML
cat >"$tmp/probe.yaml" <<'YAML'
receivers: {ebpf: {probes: {htpp: {}}}}
YAML
for file in "$tmp/mistakes.yaml" "$tmp/probe.yaml"; do
	if validate "$file" >>"$tmp/messages" 2>&1; then fail "a mistaken configuration is valid: $(cat "$file")"; fi
done
quoted=$(grep -E "^(receivers::ebpf::|'receivers' error)" README.md)
[[ -n $quoted ]] || fail "it quotes no message of a mistake"
while IFS= read -r message; do
	echo "== $message"
	grep -qF -- "$message" "$tmp/messages" || fail "the message is not what the collector says:" "$tmp/messages"
done <<<"$quoted"

while IFS= read -r link; do
	[[ -e $link ]] || fail "the link to $link leads nowhere"
done < <(grep -oE '\]\([^)]+\)' README.md | sed 's/^](//; s/)$//; s/#.*//' | grep -v '^https\?:')

blocks sh
cat "$tmp"/sh.* >"$tmp/commands"
while IFS= read -r command <&3; do
	[[ -z $command || $command == '#'* ]] || run "$command"
done 3<"$tmp/commands"
echo "README.md says what is."
