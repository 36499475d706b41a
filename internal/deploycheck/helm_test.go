// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package deploycheck

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// values are the keys of the chart that the files of deploy/helm use. The chart's own schema
// cannot be had from a registry of packages: these were read in its repository. What the
// chart hands on to Kubernetes has Kubernetes' types.
type values struct {
	Mode             string `json:"mode"`
	FullnameOverride string `json:"fullnameOverride"`
	ReplicaCount     int    `json:"replicaCount"`
	Image            struct {
		Repository string `json:"repository"`
		Tag        string `json:"tag"`
	} `json:"image"`
	Command struct {
		Name string `json:"name"`
	} `json:"command"`
	Service struct {
		ClusterIP string `json:"clusterIP"`
	} `json:"service"`
	HostPID            bool                        `json:"hostPID"`
	Tolerations        []corev1.Toleration         `json:"tolerations"`
	PodSecurityContext *corev1.PodSecurityContext  `json:"podSecurityContext"`
	SecurityContext    *corev1.SecurityContext     `json:"securityContext"`
	Resources          corev1.ResourceRequirements `json:"resources"`
	ClusterRole        struct {
		Create bool                `json:"create"`
		Rules  []rbacv1.PolicyRule `json:"rules"`
	} `json:"clusterRole"`
	ExtraEnvs         []corev1.EnvVar      `json:"extraEnvs"`
	ExtraVolumes      []corev1.Volume      `json:"extraVolumes"`
	ExtraVolumeMounts []corev1.VolumeMount `json:"extraVolumeMounts"`
	Ports             map[string]struct {
		Enabled       *bool  `json:"enabled"`
		ContainerPort int    `json:"containerPort"`
		ServicePort   int    `json:"servicePort"`
		Protocol      string `json:"protocol"`
	} `json:"ports"`
	AlternateConfig map[string]any `json:"alternateConfig"`
}

func readValues(t *testing.T, path string) *values {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	v := &values{}
	decode(t, text, v)
	config, err := yaml.Marshal(v.AlternateConfig)
	require.NoError(t, err)
	validate(t, string(config))
	for name, p := range v.Ports {
		assert.NotNil(t, p.Enabled, name)
	}
	return v
}

// The chart makes of the values what the manifests are.
func TestHelmValues(t *testing.T) {
	agent, gateway := readValues(t, root+"deploy/helm/agent.yaml"), readValues(t, root+"deploy/helm/gateway.yaml")
	m := read(t, root+"deploy/kubernetes/agent.yaml")
	pod := &m.daemonSet.Spec.Template.Spec
	assert.Equal(t, "daemonset", agent.Mode)
	assert.Equal(t, pod.HostPID, agent.HostPID)
	assert.Equal(t, pod.Containers[0].SecurityContext, agent.SecurityContext)
	assert.Equal(t, pod.SecurityContext, agent.PodSecurityContext)
	assert.Equal(t, pod.Tolerations, agent.Tolerations)
	assert.Equal(t, pod.Containers[0].Resources, agent.Resources)
	assert.Equal(t, pod.Containers[0].Env, agent.ExtraEnvs)
	assert.Equal(t, m.roles["otelcol-ebpf-agent"].Rules, agent.ClusterRole.Rules)
	assert.Contains(t, pod.Volumes, agent.ExtraVolumes[0])
	assert.Contains(t, pod.Containers[0].VolumeMounts, agent.ExtraVolumeMounts[0])

	g := read(t, root+"deploy/kubernetes/gateway.yaml").deployment.Spec.Template.Spec.Containers[0]
	assert.Equal(t, g.SecurityContext, gateway.SecurityContext)
	assert.Equal(t, g.Resources, gateway.Resources)
	assert.Equal(t, corev1.ClusterIPNone, gateway.Service.ClusterIP)
	assert.Equal(t, "otelcol-ebpf-gateway", gateway.FullnameOverride)
}
