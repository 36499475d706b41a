#!/bin/sh
# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
#
# Unpacks openssl with its libraries, as other releases of Debian have them, into .cache/tls/<suite>/: a
# directory to chroot to. Nothing is installed.
#
#   internal/probes/tls/fetch.sh [SUITE...]     default: bullseye (OpenSSL 1.1.1) trixie (3.5)
#
# Mirror and keys are those of the machine's own apt sources, as for internal/kernels/fetch.sh.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=$(cd "$here/../../.." && pwd)/.cache/tls
[ $# -gt 0 ] || set -- bullseye trixie
arch=$(dpkg --print-architecture)

for suite in "$@"; do
	case $suite in
	bullseye) packages='openssl libssl1.1 libc6' ;;
	trixie) packages='openssl libssl3t64 libc6 zlib1g libzstd1' ;;
	*) echo "$suite: not a suite that this script knows" >&2; exit 3 ;;
	esac
	root=$cache/$suite
	if [ -x "$root/usr/bin/openssl" ]; then echo "$suite: there"; continue; fi
	apt=$cache/.apt-$suite
	rm -rf "$apt" "$root.new"
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/state" "$apt/debs"
	mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
		grep -v '^ *#' | grep -o '[a-z+]*://[^ ]*/debian/\{0,1\}\( \|$\)' | tr -d ' ' | head -n 1)
	[ -n "$mirror" ] || { echo "no Debian mirror in the machine's apt sources" >&2; exit 2; }
	keyring=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed -n 's/^Signed-By: *//p' | grep debian-archive | head -n 1)
	echo "deb [arch=$arch${keyring:+ signed-by=$keyring}] $mirror $suite main" >"$apt/sources.list"
	with() {
		tool=$1
		shift
		"$tool" -q -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State="$apt/state" \
			-o Dir::State::lists="$apt/lists" -o Dir::State::status=/dev/null -o Dir::Cache="$apt/cache" \
			-o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@"
	}
	with apt-get update >"$apt/log" 2>&1 || { tail -n 5 "$apt/log" >&2; exit 2; }
	# shellcheck disable=SC2086 # words
	(cd "$apt/debs" && with apt-get download $packages) >"$apt/log" 2>&1 || { tail -n 5 "$apt/log" >&2; exit 2; }
	mkdir -p "$root.new"
	# Since trixie all of it is below usr.
	if [ "$suite" = trixie ]; then
		mkdir -p "$root.new/usr/lib" "$root.new/usr/lib64"
		ln -s usr/lib "$root.new/lib"
		ln -s usr/lib64 "$root.new/lib64"
	fi
	for deb in "$apt"/debs/*.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root.new" --keep-directory-symlink; done
	rm -rf "$root.new/usr/share" "$apt"
	mv "$root.new" "$root"
	echo "$suite: $(chroot "$root" /usr/bin/openssl version)"
done
