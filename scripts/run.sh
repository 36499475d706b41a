#!/usr/bin/env bash
# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
#
# Starts bin/otelcol-ebpf with the default configuration.
#   OTLP_ENDPOINT=host:4317   sends everything there too
#   OTLP_INSECURE=false       with TLS
#   CONFIG=FILE               starts with that configuration instead
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ $(id -u) -ne 0 ]]; then
	echo "Loading eBPF programs needs root. Try: sudo make run" >&2
	exit 1
fi
if [[ ! -d /sys/kernel/tracing/events ]]; then
	mount -t tracefs tracefs /sys/kernel/tracing || echo "tracefs cannot be mounted: probes on classic tracepoints will not run" >&2
fi

configs=("--config=file:${CONFIG:-testdata/default.yaml}")
if [[ -z ${CONFIG:-} && -n ${OTLP_ENDPOINT:-} ]]; then
	configs+=("--config=file:testdata/otlp.yaml")
fi
exec bin/otelcol-ebpf "${configs[@]}" "$@"
