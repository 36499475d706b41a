// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestContainerOf(t *testing.T) {
	id := strings.Repeat("0a1b2c3d", 8)
	other := strings.Repeat("ffee0011", 8)
	const pod = "1d2e3f4a-5b6c-7d8e-9f00-112233445566"
	under := strings.ReplaceAll(pod, "-", "_")
	for _, tt := range []struct {
		name, cgroup, container, pod string
	}{
		{"none", "0::/\n", "", ""},
		{"empty", "", "", ""},
		{"malformed", "garbage\n::\n0:\n", "", ""},
		{"systemd service", "0::/system.slice/nginx.service\n", "", ""},
		{"systemd session", "0::/user.slice/user-1000.slice/session-3.scope\n", "", ""},
		{"systemd user unit", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/vte-spawn-0267755b-4639-4a27-90ed-f19f88e53748.scope\n", "", ""},
		{"docker v1", "12:pids:/docker/" + id + "\n1:name=systemd:/docker/" + id + "\n", id, ""},
		{"docker v2 systemd", "0::/system.slice/docker-" + id + ".scope\n", id, ""},
		{"docker v2 cgroupfs", "0::/docker/" + id + "\n", id, ""},
		{"docker, systemd inside", "0::/system.slice/docker-" + id + ".scope/init.scope\n", id, ""},
		{"docker rootless", "0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" + id + ".scope\n", id, ""},
		{"docker hybrid", "1:name=systemd:/docker/" + id + "\n0::/\n", id, ""},
		{"containerd cgroupfs", "0::/kubepods/burstable/pod" + pod + "/" + id + "\n", id, pod},
		{"containerd guaranteed", "0::/kubepods/pod" + pod + "/" + id + "\n", id, pod},
		{"containerd v1", "11:memory:/kubepods/besteffort/pod" + pod + "/" + id + "\n", id, pod},
		{"containerd systemd", "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + under + ".slice/cri-containerd-" + id + ".scope\n", id, pod},
		{"containerd guaranteed systemd", "0::/kubepods.slice/kubepods-pod" + under + ".slice/cri-containerd-" + id + ".scope\n", id, pod},
		{"containerd before 1.4", "1:name=systemd:/system.slice/containerd.service/kubepods-burstable-pod" + under + ".slice:cri-containerd:" + id + "\n", id, pod},
		{"containerd in kind", "0::/system.slice/docker-" + other + ".scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + under + ".slice/cri-containerd-" + id + ".scope\n", id, pod},
		{"seen from a namespace", "0::/../cri-containerd-" + id + ".scope\n", id, ""},
		{"nerdctl", "0::/system.slice/nerdctl-" + id + ".scope\n", id, ""},
		{"crio", "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + under + ".slice/crio-" + id + ".scope\n", id, pod},
		{"crio with a container cgroup", "0::/kubepods.slice/kubepods-pod" + under + ".slice/crio-" + id + ".scope/container\n", id, pod},
		{"crio monitor", "0::/kubepods.slice/kubepods-pod" + under + ".slice/crio-conmon-" + id + ".scope\n", "", pod},
		{"podman", "0::/machine.slice/libpod-" + id + ".scope/container\n", id, ""},
		{"podman rootless", "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope\n", id, ""},
		{"podman cgroupfs", "9:memory:/libpod_parent/libpod-" + id + "\n", id, ""},
		{"podman monitor", "0::/machine.slice/libpod-conmon-" + id + ".scope\n", "", ""},
		{"podman pod", "0::/machine.slice/machine-libpod_pod_" + other + ".slice/libpod-" + id + ".scope\n", id, ""},
		{"static pod", "0::/kubepods/burstable/pod0123456789abcdef0123456789abcdef/" + id + "\n", id, "0123456789abcdef0123456789abcdef"},
		{"ECS", "9:memory:/ecs/0123456789abcdef0123456789abcdef/" + id + "\n", id, ""},
		{"Fargate", "9:memory:/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-1234567890\n", "0123456789abcdef0123456789abcdef-1234567890", ""},
		{"too short", "0::/docker/" + id[:63] + "\n", "", ""},
		{"too long", "0::/docker/0" + id + "\n", "", ""},
		{"upper case", "0::/docker/" + strings.ToUpper(id) + "\n", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			container, uid := containerOf(cgroupPaths(tt.cgroup))
			assert.Equal(t, tt.container, container)
			assert.Equal(t, tt.pod, uid)
		})
	}
}

func TestCgroupPaths(t *testing.T) {
	assert.Equal(t, []string{"/u:x", "/a"}, cgroupPaths("2:cpu,cpuacct:/a\n1:name=systemd:/a\n0::/u:x\n"))
}

func TestMainCgroup(t *testing.T) {
	for _, tt := range []struct{ name, cgroup, want string }{
		{"nothing", "", ""},
		{"malformed", "garbage\n0:\n", ""},
		{"v2", "0::/user.slice/user-1000.slice/session-3.scope\n", "0::/user.slice/user-1000.slice/session-3.scope"},
		{"v2 root", "0::/\n", "0::/"},
		{"v2, with a colon", "0::/a:b\n", "0::/a:b"},
		{"from another namespace", "0::/../x\n", "0::/../x"},
		{"v2 beside unused v1", "2:cpu:/\n1:name=systemd:/a/b\n0::/a\n", "0::/a"},
		{"hybrid", "9:memory:/a/b/c\n1:name=systemd:/a/b\n0::/\n", "1:name=systemd:/a/b"},
		{"hybrid without systemd", "9:name=systemd:/\n8:pids:/\n4:memory:/api/x\n3:cpuset:/api\n0::/\n", "4:memory:/api/x"},
		{"v1", "12:pids:/docker/x\n1:name=systemd:/docker/x\n", "1:name=systemd:/docker/x"},
		{"v1, equally deep", "5:pids:/a/b\n4:memory:/a/c\n", "5:pids:/a/b"},
		{"all roots", "2:cpu:/\n1:name=systemd:/\n0::/\n", "0::/"},
		{"v1 roots", "2:cpu,cpuacct:/\n1:name=systemd:/\n", "2:cpu,cpuacct:/"},
		{"cut", "2:cpu:/a\n1:name=sys", "2:cpu:/a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, mainCgroup(tt.cgroup))
		})
	}
}

func TestMainHierarchy(t *testing.T) {
	for text, want := range map[string]int32{
		"0::/system.slice/a.service\n": 0,
		"":                             0,
		"12:pids:/\n3:memory:/\n1:name=systemd:/\n0::/\n":         1,
		"12:pids:/\n3:cpu,memory:/\n0::/\n":                       3,
		"12:pids:/\n3:cpu:/\n0::/\n":                              12,
		"4:memory:/pod/x\n2:cpu:/\n1:name=systemd:/\n0::/\n":      4,
		"4:memory:/pod/x\n1:name=systemd:/a.scope\n0::/a.scope\n": 1,
		"x:memory:/\nnothing\n-3:cpu:/\n":                         0,
		"99999999999:memory:/\n":                                  0,
	} {
		assert.Equal(t, want, MainHierarchy(text), "%q", text)
	}
}
