#!/usr/bin/env bash
# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
#
# Installs the Debian packages that a task needs and that are not there.
#   install-deps.sh generate   to compile the BPF programs
#   install-deps.sh test       what the tests compile with and observe, and the above
#   install-deps.sh kernels    to fetch other kernels and boot them
set -euo pipefail

generate=(clang-19 llvm-19 libbpf-dev bpftool)
kernels=(qemu-system-x86 qemu-system-arm cpio clang-19 libbpf-tools) # the last two for objects that nobody here wrote
test=(
	gcc libc6-dev # the race detector, programs of tests in C
	nginx-light redis-server postgresql mariadb-server memcached # servers to observe
	nats-server mosquitto mosquitto-clients rabbitmq-server # brokers and their clients
	amqp-tools python3-pika kcat
	nghttp2-client python3-grpcio # HTTP/2 and gRPC
	dnsmasq-base bind9-dnsutils # a DNS server and its client
	sysbench libmemcached-tools # loads of databases
	curl wrk hey apache2-utils python3 nodejs openssl wget # clients and runtimes
	android-libboringssl # a library to encrypt with
	libbpf-tools # objects that nobody here wrote
	fio # a load of disks, and what each operation took
	linux-perf iperf3 nftables # what to compare the kernel's counts with
	systemd # to check the service of deploy/
	strace jq iproute2 procps util-linux cpio git ca-certificates
)

case "${1:-}" in
generate) want=("${generate[@]}") ;;
test) want=("${generate[@]}" "${test[@]}") ;;
kernels) want=("${kernels[@]}") ;;
*)
	echo "usage: $0 generate|test|kernels" >&2
	exit 2
	;;
esac

missing=()
for package in "${want[@]}"; do
	if ! dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed; then
		missing+=("$package")
	fi
done
if [[ ${#missing[@]} -eq 0 ]]; then
	exit 0
fi
if [[ $(id -u) -ne 0 ]]; then
	echo "These packages are missing, and installing them needs root: ${missing[*]}" >&2
	exit 1
fi
echo "Installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# The servers are for the tests, which start their own: keep the packages from
# starting them now.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
	trap 'rm -f "$policy"' EXIT
fi
apt-get -o DPkg::Lock::Timeout=600 update -q
apt-get -o DPkg::Lock::Timeout=600 install -q -y --no-install-recommends "${missing[@]}"
