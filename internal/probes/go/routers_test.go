// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
)

// folderOf is where a program under testdata uses a router.
func folderOf(module string) string {
	if base := path.Base(module); !regexp.MustCompile(`^v\d+$`).MatchString(base) {
		return base
	}
	return path.Base(path.Dir(module))
}

// buildRouter builds that program with a version of the module, "" for that of its go.mod.
// Without one codec gin is built in half the time.
func buildRouter(t testing.TB, module, version, arch string, flags ...string) string {
	t.Helper()
	dir := filepath.Join("testdata", folderOf(module))
	exe := filepath.Join(t.TempDir(), folderOf(module))
	if version != "" {
		to := t.TempDir()
		program, err := os.ReadFile(filepath.Join(dir, "main.go"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, "main.go"), program, 0o600))
		mod := fmt.Sprintf("module %s\n\ngo 1.26.0\n\nrequire %s %s\n", folderOf(module), module, version)
		require.NoError(t, os.WriteFile(filepath.Join(to, "go.mod"), []byte(mod), 0o600))
		dir, flags = to, append(flags, "-mod=mod")
	}
	cmd := exec.Command("go", append(append([]string{"build", "-tags=nomsgpack", "-o", exe}, flags...), ".")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return exe
}

// What the table says is what routers do: those of the programs under testdata and those of the
// environment variable ROUTERS, as "github.com/go-chi/chi/v5@v5.2.0". With UPDATE_LAYOUTS=1 it is written
// anew from these, of which those of a module are in order.
func TestRouterLayouts(t *testing.T) {
	all := strings.Fields(os.Getenv("ROUTERS"))
	given := len(all) > 0
	if !given {
		for _, r := range others() {
			all = append(all, r.module+"@")
		}
	}
	if testing.Short() {
		all = slices.DeleteFunc(all, func(s string) bool { return strings.HasPrefix(s, ginModule) }) // it takes long to build
	}
	var table []string
	var last, layout string
	for _, at := range all {
		module, version, _ := strings.Cut(at, "@")
		t.Run(strings.TrimSuffix(at, "@"), func(t *testing.T) {
			arches := []string{"amd64", "arm64"}
			if !given && (module == ginModule || testing.Short()) {
				arches = arches[:1]
			}
			found := map[string]string{}
			for _, arch := range arches {
				offsets, built := checkRouter(t, module, version, arch)
				found[arch] = fmt.Sprint(offsets)
				if version == "" || os.Getenv("UPDATE_LAYOUTS") != "1" {
					known, err := routerLayout(module, built)
					require.NoError(t, err)
					assert.Equal(t, offsets, known, "%s %s: run scripts/go-routers.sh", module, built)
				}
			}
			if len(arches) > 1 {
				require.Equal(t, found["amd64"], found["arm64"])
			}
			now := strings.Trim(found["amd64"], "[]")
			if words := strings.Fields(last); len(words) > 0 && words[0] == module && layout == now {
				table[len(table)-1] = fmt.Sprintln(module, words[1], version, now)
			} else {
				table = append(table, fmt.Sprintln(module, version, version, now))
			}
			last, layout = table[len(table)-1], now
		})
	}
	if os.Getenv("UPDATE_LAYOUTS") == "1" && !t.Failed() {
		require.NoError(t, os.WriteFile("routers.txt", []byte(strings.Join(table, "")), 0o600))
	}
}

// checkRouter builds a program, and finds what its debugging information and its code say.
func checkRouter(t *testing.T, module, version, arch string) (offsets []uint64, built string) {
	open, err := os.Open(buildRouter(t, module, version, arch))
	require.NoError(t, err)
	defer open.Close()
	f, err := uprobe.NewFile(open)
	require.NoError(t, err)
	built = moduleOf(f, module)
	if version != "" {
		require.Equal(t, version, built)
	}
	offsets, ok := debugged(f, module)
	require.True(t, ok, "no debugging information")
	fns, err := f.Funcs(functions()...)
	require.NoError(t, err)
	for _, r := range others() {
		if r.module != module {
			continue
		}
		require.Contains(t, fns, r.function)
		h, err := r.hook(f, fns[r.function], fns, uprobe.Kernel{})
		require.NoError(t, err)
		t.Log(arch, h.points[0], fmt.Sprintf("%#x", h.cookie), h.points[0].Repeats)
	}
	return offsets, built
}

func TestRouterLayout(t *testing.T) {
	for version, want := range map[string]bool{
		"v1.12.0": true, "v1.5.0": true, "v1.4.0": false, "v1.999.0": false, "v1.10.0-rc1": false, "": false, "(devel)": false,
		"v1.9.2-0.20230501010101-0123456789ab": false, "v1.10.0+incompatible": false,
	} {
		at, err := routerLayout(ginModule, version)
		require.NoError(t, err)
		assert.Equal(t, want, at != nil, version)
	}
}

// Of a router that something else was put in the place of, no table tells: the program's debugging
// information does, and without it nothing is attached.
func TestReplacedRouter(t *testing.T) {
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", muxModule)
	list.Dir = "testdata/mux"
	where, err := list.Output()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "own"), os.DirFS(strings.TrimSpace(string(where)))))
	program, err := os.ReadFile("testdata/mux/main.go")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), program, 0o600))
	mod := fmt.Sprintf("module mux\n\ngo 1.26.0\n\nrequire %s v1.8.1\n\nreplace %s => ./own\n", muxModule, muxModule)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o600))
	for _, flags := range []string{"-ldflags=", "-ldflags=-s -w"} {
		build := exec.Command("go", "build", flags, "-o", "server", ".")
		build.Dir = dir
		out, err := build.CombinedOutput()
		require.NoError(t, err, string(out))
		open, err := os.Open(filepath.Join(dir, "server"))
		require.NoError(t, err)
		defer open.Close()
		b, err := examine(open, uprobe.Kernel{})
		require.NoError(t, err)
		hooked := slices.ContainsFunc(b.hooks, func(h hook) bool { return h.program == "go_route_mux" })
		if flags == "-ldflags=" {
			assert.True(t, hooked)
			assert.Empty(t, b.noRouters)
			continue
		}
		assert.False(t, hooked)
		require.Len(t, b.noRouters, 1)
		require.ErrorIs(t, b.noRouters[0], errPlaces)
		t.Log(b.noRouters[0])
	}
}
