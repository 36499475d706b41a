// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package deploycheck

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

const root = "../../"

// manifests are what a file has, each read strictly into Kubernetes' own type.
type manifests struct {
	configs    map[string]*corev1.ConfigMap
	services   map[string]*corev1.Service
	accounts   map[string]*corev1.ServiceAccount
	daemonSet  *appsv1.DaemonSet
	deployment *appsv1.Deployment
	roles      map[string]*rbacv1.ClusterRole
	bindings   []*rbacv1.ClusterRoleBinding
}

func read(t *testing.T, path string) *manifests {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	m := &manifests{
		configs: map[string]*corev1.ConfigMap{}, services: map[string]*corev1.Service{},
		accounts: map[string]*corev1.ServiceAccount{}, roles: map[string]*rbacv1.ClusterRole{},
	}
	for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var kind metav1.TypeMeta
		require.NoError(t, yaml.Unmarshal(document, &kind))
		known := map[metav1.TypeMeta]func() any{
			{APIVersion: "v1", Kind: "Namespace"}:      func() any { return &corev1.Namespace{} },
			{APIVersion: "v1", Kind: "ServiceAccount"}: func() any { return &corev1.ServiceAccount{} },
			{APIVersion: "v1", Kind: "ConfigMap"}:      func() any { return &corev1.ConfigMap{} },
			{APIVersion: "v1", Kind: "Service"}:        func() any { return &corev1.Service{} },
			{APIVersion: "apps/v1", Kind: "DaemonSet"}: func() any { return &appsv1.DaemonSet{} },

			{APIVersion: "apps/v1", Kind: "Deployment"}:                              func() any { return &appsv1.Deployment{} },
			{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole"}:        func() any { return &rbacv1.ClusterRole{} },
			{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRoleBinding"}: func() any { return &rbacv1.ClusterRoleBinding{} },
		}[kind]
		require.NotNil(t, known, "%s: %v", path, kind)
		object := known()
		decode(t, document, object)
		switch o := object.(type) {
		case *corev1.ConfigMap:
			m.configs[o.Name] = o
		case *corev1.Service:
			m.services[o.Name] = o
		case *corev1.ServiceAccount:
			m.accounts[o.Name] = o
		case *appsv1.DaemonSet:
			m.daemonSet = o
		case *appsv1.Deployment:
			m.deployment = o
		case *rbacv1.ClusterRole:
			m.roles[o.Name] = o
		case *rbacv1.ClusterRoleBinding:
			m.bindings = append(m.bindings, o)
		}
	}
	return m
}

// decode is as strict as Kubernetes: it knows no other keys, and tells cases apart.
func decode(t *testing.T, document []byte, object any) {
	t.Helper()
	text, err := yaml.YAMLToJSONStrict(document)
	require.NoError(t, err)
	strict, err := json.UnmarshalStrict(text, object)
	require.NoError(t, errors.Join(append(strict, err)...), "%T", object)
}

// capabilities are those on record, as Kubernetes writes them.
func capabilities(t *testing.T) (names []corev1.Capability) {
	t.Helper()
	text, err := os.ReadFile(root + "internal/kernels/support/rights.json")
	require.NoError(t, err)
	var rights struct {
		Capabilities []struct {
			Capability string `json:"capability"`
		} `json:"capabilities"`
	}
	require.NoError(t, json.UnmarshalCaseSensitivePreserveInts(text, &rights))
	for _, c := range rights.Capabilities {
		names = append(names, corev1.Capability(strings.TrimPrefix(c.Capability, "CAP_")))
	}
	require.NotEmpty(t, names)
	return names
}

// validate asks the collector itself whether a configuration is right.
func validate(t *testing.T, config string) {
	t.Helper()
	collector, err := filepath.Abs(root + "bin/otelcol-ebpf")
	require.NoError(t, err)
	if _, err := os.Stat(collector); err != nil {
		t.Fatal("needs bin/otelcol-ebpf: run make build")
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	cmd := exec.Command(collector, "validate", "--config=file:"+path)
	cmd.Env = []string{"OTLP_ENDPOINT=backend.example:4317", "MY_POD_IP=127.0.0.1", "K8S_NODE_NAME=node"}
	// Only in a cluster the processor k8s_attributes finds these.
	cmd.Env = append(cmd.Env, "KUBERNETES_SERVICE_HOST=127.0.0.1", "KUBERNETES_SERVICE_PORT=443")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// checkPod checks what its types cannot tell.
func checkPod(t *testing.T, m *manifests, selector *metav1.LabelSelector, template *corev1.PodTemplateSpec) *corev1.Container {
	t.Helper()
	assert.Equal(t, selector.MatchLabels, template.Labels)
	require.Len(t, template.Spec.Containers, 1)
	c := &template.Spec.Containers[0]
	volumes := map[string]bool{}
	for _, v := range template.Spec.Volumes {
		volumes[v.Name] = true
		if v.ConfigMap != nil {
			config := m.configs[v.ConfigMap.Name]
			require.NotNil(t, config, v.ConfigMap.Name)
			validate(t, config.Data["config.yaml"])
		}
	}
	for _, mount := range c.VolumeMounts {
		assert.True(t, volumes[mount.Name], mount.Name)
		assert.True(t, mount.ReadOnly, mount.Name)
		delete(volumes, mount.Name)
	}
	assert.Empty(t, volumes, "not mounted")
	require.NotNil(t, c.SecurityContext)
	assert.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
	assert.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	assert.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
	return c
}

func TestAgent(t *testing.T) {
	m := read(t, root+"deploy/kubernetes/agent.yaml")
	require.NotNil(t, m.daemonSet)
	spec := &m.daemonSet.Spec
	c := checkPod(t, m, spec.Selector, &spec.Template)
	assert.Equal(t, capabilities(t), c.SecurityContext.Capabilities.Add)
	assert.False(t, *c.SecurityContext.Privileged)
	assert.True(t, spec.Template.Spec.HostPID)
	assert.NotNil(t, m.accounts[spec.Template.Spec.ServiceAccountName])
	require.Len(t, m.bindings, 1)
	assert.NotNil(t, m.roles[m.bindings[0].RoleRef.Name])
	assert.Equal(t, spec.Template.Spec.ServiceAccountName, m.bindings[0].Subjects[0].Name)
	assert.Equal(t, m.daemonSet.Namespace, m.bindings[0].Subjects[0].Namespace)
}

// What the agents look up is the gateway's Service, on the port on which its pods listen.
func TestGateway(t *testing.T) {
	m := read(t, root+"deploy/kubernetes/gateway.yaml")
	require.NotNil(t, m.deployment)
	spec := &m.deployment.Spec
	c := checkPod(t, m, spec.Selector, &spec.Template)
	assert.Empty(t, c.SecurityContext.Capabilities.Add)
	assert.True(t, *c.SecurityContext.RunAsNonRoot)
	service := m.services["otelcol-ebpf-gateway"]
	require.NotNil(t, service)
	assert.Equal(t, corev1.ClusterIPNone, service.Spec.ClusterIP)
	assert.Equal(t, spec.Template.Labels, service.Spec.Selector)
	assert.Equal(t, c.Ports[0].Name, service.Spec.Ports[0].TargetPort.StrVal)
	host := service.Name + "." + service.Namespace + ".svc"
	agent := read(t, root+"deploy/kubernetes/agent.yaml").configs["otelcol-ebpf-agent"].Data["config.yaml"]
	assert.Equal(t, 2, strings.Count(agent, "{hostname: "+host+`, port: "4317"}`))
	assert.EqualValues(t, 4317, c.Ports[0].ContainerPort)
	assert.EqualValues(t, 4317, service.Spec.Ports[0].Port)
}
