#!/usr/bin/env bash
# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
#
# Generates internal/metadata, internal/metadatatest, documentation.md and the
# root's generated tests from metadata.yaml.
set -euo pipefail
cd "$(dirname "$0")/.."

# mdatagen takes the package's name from its folder's, which in a clone may be
# anything. Through this link it is right.
mkdir -p .tools
ln -sfn .. .tools/ebpfreceiver
"${MDATAGEN:-.tools/bin/mdatagen}" .tools/ebpfreceiver/metadata.yaml

# mdatagen v0.159 leaves imports out when there are events but no metrics.
# Usage: add_import FILE AFTER PACKAGE
add_import() {
	if ! grep -q "\"$3\"" "$1"; then
		sed -i "s|^\t\"$2\"\$|&\n\t\"$3\"|" "$1"
	fi
}
core=go.opentelemetry.io/collector
add_import internal/metadata/generated_config.go $core/confmap $core/filter
add_import internal/metadata/generated_config_test.go github.com/stretchr/testify/require $core/confmap
