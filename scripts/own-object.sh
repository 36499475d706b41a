#!/usr/bin/env bash
# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs what docs/own-object.md says: compiles its first program, runs its commands as they
# are, starts the collector with its configuration and looks for what it says comes out.
# Needs root, bin/otelcol-ebpf, bin/ebpfcompat, clang-19, and that /etc/otelcol/execs.bpf.o is free.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
doc=$root/docs/own-object.md
installed=/etc/otelcol/execs.bpf.o

[[ $(id -u) -eq 0 ]] || { echo "The collector needs root." >&2; exit 1; }
[[ ! -e $installed ]] || { echo "$installed is there already: the check would overwrite it." >&2; exit 1; }

tmp=$(mktemp -d)
collector=
cleanup() {
	[[ -z $collector ]] || { kill "$collector" 2>/dev/null || true; wait "$collector" || true; }
	rm -rf "$tmp" "$installed"
	rmdir --ignore-fail-on-non-empty "$(dirname "$installed")" 2>/dev/null || true
}
trap cleanup EXIT
cd "$tmp"
ln -s "$root/bin" bin
ln -s "$root/testdata" testdata

# block LANGUAGE N prints the document's block of that number.
block() {
	awk -v lang="$1" -v want="$2" '
		/^```/ { if (inside) { inside = 0 } else { inside = 1; take = ($0 == "```" lang) && (++n == want) } next }
		inside && take { print }
	' "$doc"
}

block c 1 >execs.bpf.c
block yaml 1 >execs.yaml
block sh 1 >commands
while IFS= read -r command <&3; do
	echo "== $command"
	bash -c "$command" >>out 2>&1 || { echo "\"$command\" failed:" >&2; cat out >&2; exit 1; }
done 3<commands
grep -q 'object/execs:' out || { echo "describe printed no section:" >&2; cat out >&2; exit 1; }

# The mistake whose message the document quotes.
sed 's/{uid} ran/{usr} ran/' execs.yaml >mistake.yaml
message=$(grep '^probes::object/execs: ' "$doc")
if timeout 60 bin/otelcol-ebpf --config=testdata/default.yaml --config=mistake.yaml >log 2>&1; then
	echo "A mistaken configuration starts." >&2
	exit 1
fi
grep -qF -- "$message" log || { echo "The message of a mistake is not what the collector says:" >&2; tail -n 5 log >&2; exit 1; }

command=$(block sh 2)
echo "== $command"
# It has no quotes, so that splitting it at spaces is right.
# shellcheck disable=SC2086
$command >log 2>&1 &
collector=$!
for _ in {1..120}; do
	kill -0 "$collector" 2>/dev/null || break
	/bin/true # an exec to see
	if grep -q '"object/execs", "variant": "object"' log && grep -Eq 'root ran /(usr/)?bin/true .*user\.name=root' log && grep -Eq '^execs\{user\.name=root\} [1-9]' log; then
		grep -Em1 'root ran /(usr/)?bin/true' log | cut -c1-160
		grep -Em1 '^execs\{user\.name=root\}' log
		echo "docs/own-object.md says what is."
		exit 0
	fi
	sleep 0.5
done
echo "The collector did not print what docs/own-object.md says. It said:" >&2
tail -n 60 log >&2
exit 1
