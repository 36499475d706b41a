module example.com/ownprobe

go 1.26.0

require (
	github.com/cilium/ebpf v0.22.0
	github.com/ebpfreceiver/ebpfreceiver v0.1.0
	go.opentelemetry.io/collector/component v1.67.0
	go.opentelemetry.io/collector/pdata v1.67.0
	go.opentelemetry.io/collector/receiver v1.67.0
)

replace github.com/ebpfreceiver/ebpfreceiver => ../..
