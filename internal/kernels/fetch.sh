#!/bin/sh
# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
#
# Fetches Debian cloud kernels into .cache/kernels/<release>/: vmlinuz, config-<release> and the few
# modules the tests load; and into .cache/kernels/programs/ an nginx that lets the kernel encrypt, with its
# libraries. Nothing is installed.
#
#   internal/kernels/fetch.sh [-p] [-n] [SERIES[/ARCH]...]     default: 5.10 6.1 6.12 6.18 7 6.12/arm64
#
# SERIES is a version prefix; the newest package of it that the mirror still holds is taken, unless there
# is one already: -n asks the mirror all the same.
# -p writes the hash of a package seen for the first time into kernels.sha256. A package that is
# listed there must have that hash.
#
# Mirror and keys are those of the machine's own apt sources: only the suites differ, and apt runs
# with its own lists and state, so the machine's package lists stay as they are.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${KERNEL_CACHE:-$root/.cache/kernels}
pins=$here/kernels.sha256
# The kernel's TLS asks for a cipher by its name, which needs the last ones; not every kernel has all of them
# as modules.
modules='veth dummy sch_ingress cls_bpf virtio_console tls gcm ghash-generic gf128mul ctr crypto_null'
pin=
newest=

while getopts pn flag; do
	case $flag in
	p) pin=1 ;;
	n) newest=1 ;;
	*) exit 3 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- 5.10 6.1 6.12 6.18 7 6.12/arm64

apt=$cache/.apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/state" "$apt/debs"

# uri NAME prints the first configured mirror address that ends in /NAME, in either format of sources.
uri() {
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
		grep -v '^ *#' | grep -o "[a-z+]*://[^ ]*/$1/\{0,1\}\( \|\$\)" | tr -d ' ' | head -n 1
}

debian=$(uri debian)
security=$(uri debian-security)
[ -n "$debian" ] || { echo "no Debian mirror in the machine's apt sources" >&2; exit 2; }

keyring=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed -n 's/^Signed-By: *//p' | grep debian-archive | head -n 1)
options="arch=amd64,arm64${keyring:+ signed-by=$keyring}"
{
	for suite in bullseye bookworm trixie trixie-backports sid experimental; do
		echo "deb [$options] $debian $suite main"
	done
	[ -z "$security" ] || echo "deb [$options] $security bullseye-security main"
} >"$apt/sources.list"

# with COMMAND... runs an apt tool against the private lists.
with() {
	tool=$1
	shift
	"$tool" -q -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State="$apt/state" -o Dir::State::lists="$apt/lists" -o Dir::State::status=/dev/null \
		-o Dir::Cache="$apt/cache" -o APT::Architectures=amd64,arm64 -o APT::Sandbox::User=root \
		-o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@"
}

# complete RELEASE says whether it is there, with the modules that are wanted now.
complete() { [ -s "$cache/$1/vmlinuz" ] && [ "$(cat "$cache/$1/wanted" 2>/dev/null)" = "$modules" ]; }

# cached SERIES ARCH prints the newest release that is there.
cached() {
	for image in "$cache/$1"[.-]*-cloud-"$2"/vmlinuz; do
		release=$(basename "$(dirname "$image")")
		if complete "$release"; then echo "$release"; fi
	done | sort -V | tail -n 1
}

# What is there already needs no mirror.
missing=
for want in "$@"; do
	arch=amd64
	case $want in */*) arch=${want#*/} ;; esac
	have=$(cached "${want%%/*}" "$arch")
	if [ -n "$have" ] && [ -z "$newest" ]; then echo "$want: $have (cached)"; else missing="$missing $want"; fi
done
[ -x "$cache/programs/nginx" ] || missing="$missing programs"
[ -n "$missing" ] || exit 0
# shellcheck disable=SC2086 # words
set -- $missing

# The lists are good for a day: the pins, not the lists, say what is fetched again.
if [ -z "$(find "$apt/lists" -name '*_Packages*' -mtime -1 2>/dev/null | head -n 1)" ]; then
	with apt-get update >"$apt/update.log" 2>&1 || { tail -n 5 "$apt/update.log" >&2; exit 2; }
fi

# candidates SERIES ARCH prints package names, newest first. From 6.19 linux-image-* is a metapackage
# and the kernel is in linux-binary-*, which therefore goes first where both exist.
candidates() {
	prefix=$(echo "$1" | sed 's/\./\\./g')
	with apt-cache search --names-only "^linux-(image|binary)-$prefix[.-].*cloud-$2\$" | cut -d ' ' -f 1 |
		grep -v -e unsigned -e dbg | grep -E '[0-9]+\.[0-9]+\.[0-9]+' |
		sed 's/^linux-\(image\|binary\)-\(.*\)$/\2 \1/' | sort -k1,1Vr -k2,2 |
		awk '{ print "linux-" $2 "-" $1 }'
}

check_pin() {
	name=$(basename "$1")
	sum=$(sha256sum "$1" | cut -d ' ' -f 1)
	pinned=$(awk -v n="$name" '$2 == n { print $1 }' "$pins" 2>/dev/null || true)
	if [ -n "$pinned" ] && [ "$pinned" != "$sum" ]; then
		echo "$name: sha256 $sum, but kernels.sha256 says $pinned" >&2
		exit 2
	fi
	if [ -z "$pinned" ]; then
		if [ -n "$pin" ]; then echo "$sum  $name" >>"$pins"; else echo "$name is not pinned: sha256 $sum" >&2; fi
	fi
}

# unpack DEB RELEASE takes the image, the config and the modules named above out of a package, as far
# as it has them.
unpack() {
	work=$apt/unpack
	out=$cache/$2
	rm -rf "$work" && mkdir -p "$work" "$out/modules"
	dpkg-deb --fsys-tarfile "$1" | tar -x -C "$work"
	find "$work" \( -name 'vmlinuz-*' -o -name vmlinuz \) -type f -exec cp {} "$out/vmlinuz" \;
	find "$work" \( -name 'config-*' -o -path '*/modules/*/config' \) -type f -exec cp {} "$out/config-$2" \;
	for m in $modules; do
		find "$work" -name "$m.ko*" -type f -exec cp {} "$out/modules/" \;
	done
	rm -rf "$work"
}

# take PACKAGE ARCH RELEASE downloads a package and unpacks it.
take() {
	rm -f "$apt/debs"/*.deb
	(cd "$apt/debs" && with apt-get download "$1:$2") >"$apt/download.log" 2>&1 || return 1
	deb=$(find "$apt/debs" -name '*.deb' | head -n 1)
	check_pin "$deb"
	unpack "$deb" "$3"
	rm -f "$deb"
}

# take_programs takes nginx, with OpenSSL built for the kernel's TLS, and all that it maps.
take_programs() {
	work=$apt/programs
	rm -rf "$work" "$apt/debs"/*.deb && mkdir -p "$work" "$cache/programs"
	for package in nginx libssl3t64 libpcre2-8-0 libcrypt1 zlib1g libzstd1 libc6; do
		(cd "$apt/debs" && with apt-get download "$package:amd64/trixie") >"$apt/download.log" 2>&1 || return 1
	done
	for deb in "$apt/debs"/*.deb; do
		check_pin "$deb"
		dpkg-deb -x "$deb" "$work"
		rm -f "$deb"
	done
	for library in ld-linux-x86-64.so.2 libssl.so.3 libcrypto.so.3 libpcre2-8.so.0 libcrypt.so.1 libz.so.1 libzstd.so.1 libc.so.6; do
		find "$work" -name "$library" -exec cp -L {} "$cache/programs/" \;
	done
	cp "$work/usr/sbin/nginx" "$cache/programs/"
	rm -rf "$work"
}

# listed NAME says whether the lists have a package.
listed() { [ -n "$(with apt-cache search --names-only "^$(echo "$1" | sed 's/[.+]/\\&/g')\$")" ]; }

status=0
for want in "$@"; do
	if [ "$want" = programs ]; then
		if take_programs; then echo "$want: nginx"; else echo "$want: a package cannot be fetched" >&2; status=2; fi
		continue
	fi
	series=${want%%/*}
	arch=amd64
	case $want in */*) arch=${want#*/} ;; esac
	got=
	for package in $(candidates "$series" "$arch"); do
		release=${package#linux-image-}
		release=${release#linux-binary-}
		if complete "$release"; then got=$release; echo "$want: $got (cached)"; break; fi
		rm -rf "${cache:?}/$release" # what is there is of an older list of modules
		take "$package" "$arch" "$release" && [ -s "$cache/$release/vmlinuz" ] || continue
		# From 7.1 the configuration and the modules have packages of their own.
		for extra in linux-base linux-modules; do
			if [ ! -s "$cache/$release/config-$release" ] || [ -z "$(ls "$cache/$release/modules")" ]; then
				if listed "$extra-$release"; then take "$extra-$release" "$arch" "$release" || true; fi
			fi
		done
		got=$release
		echo "$modules" >"$cache/$release/wanted"
		echo "$want: $got"
		break
	done
	if [ -z "$got" ]; then echo "$want: no package of this series can be fetched" >&2; status=2; fi
done
exit $status
