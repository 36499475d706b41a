// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/cilium/ebpf/btf"
)

// ErrNoBTF says that a kernel, or a file that should hold one, has no type
// information (CONFIG_DEBUG_INFO_BTF).
var ErrNoBTF = errors.New("no BTF type information (CONFIG_DEBUG_INFO_BTF)")

// ErrNotLive is the answer of a stored kernel to what only a running one knows.
var ErrNotLive = errors.New("only the running kernel knows")

// Kernel is one kernel, running or stored. Create it with [Running], [Open] or
// [New]. It is safe for concurrent use; what is expensive is read once, when it
// is first asked for.
type Kernel struct {
	// Release is what uname -r says, as in "6.12.107+deb13-cloud-amd64". Empty
	// if a stored file does not tell.
	Release string
	// Distribution is the vendor's name, as in "debian". Empty if not known.
	Distribution string
	// Arch is the kernel's own word for the machine: x86_64, aarch64. Empty if
	// not known.
	Arch string
	// Path is the file or directory of a stored kernel.
	Path string
	// Live is true for the running kernel.
	Live bool

	lockdown     Lockdown
	capabilities Capabilities
	lsms         []string
	lsmsKnown    bool
	mounts       Mounts

	cache   *btf.Cache
	caches  []*btf.Cache // see Caches
	types   func() (*btf.Spec, error)
	rawBTF  func() ([]byte, error)
	modules func() ([]*btf.Spec, error)
	config  func() map[string]string
	symbols func() (map[string]struct{}, error)

	mu      sync.Mutex
	enums   map[string]map[int64]string
	strings map[string]bool
	tries   map[string]func() error
}

// New makes a stored kernel of types that are in memory already. config may be
// nil when it is not known.
func New(release, arch string, types *btf.Spec, config map[string]string) *Kernel {
	k := &Kernel{Release: release, Arch: arch, Distribution: distributionOf(release)}
	k.types = func() (*btf.Spec, error) { return types, nil }
	k.config = func() map[string]string { return config }
	return k
}

// WithLockdown is a stored kernel as if it had been booted in a lockdown mode.
// The running one is returned as it is.
func (k *Kernel) WithLockdown(mode Lockdown) *Kernel {
	if k.Live {
		return k
	}
	return &Kernel{
		Release: k.Release, Distribution: k.Distribution, Arch: k.Arch, Path: k.Path,
		lockdown: mode, types: k.types, rawBTF: k.rawBTF, modules: k.modules, config: k.config,
	}
}

// Name is a short word for messages: the release, or else the path.
func (k *Kernel) Name() string {
	if k.Release != "" {
		return k.Release
	}
	return k.Path
}

// BTF returns the types of vmlinux. It is parsed once and shared.
//
// Returns an error wrapping [ErrNoBTF] if there is none.
func (k *Kernel) BTF() (*btf.Spec, error) { return k.types() }

// Modules returns the types of the kernel modules that are loaded (live) or
// stored beside the kernel. There may be none.
func (k *Kernel) Modules() ([]*btf.Spec, error) {
	if k.modules == nil {
		return nil, nil
	}
	return k.modules()
}

// Cache returns the parsed types of the running kernel in the form that
// loading wants, see [github.com/cilium/ebpf.CollectionOptions]. It is nil for
// a stored kernel.
func (k *Kernel) Cache() *btf.Cache { return k.cache }

// Caches returns n caches that goroutines may use at the same time, one each. The first is [Kernel.Cache],
// and so are the others where there are no modules. Types of modules refer to those of vmlinux, which the
// library (v0.22) then decodes without their lock: with modules each goroutine needs types of its own.
// There are none of a stored kernel.
func (k *Kernel) Caches(n int) []*btf.Cache {
	if k.cache == nil {
		return nil
	}
	modules, err := k.cache.Modules()
	apart := len(modules) > 0 || (err != nil && !errors.Is(err, fs.ErrNotExist))
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.caches) < n {
		c := k.cache
		if apart && len(k.caches) > 0 {
			c = btf.NewCache()
		}
		k.caches = append(k.caches, c)
	}
	return k.caches[:n]
}

// Config returns the value of an option of the kernel's build configuration:
// "y", "m", a number or a string without its quotes, "n" if it is not set.
// known is false if the kernel's configuration could not be found.
func (k *Kernel) Config(name string) (value string, known bool) {
	if k.config == nil {
		return "", false
	}
	options := k.config()
	if options == nil {
		return "", false
	}
	if v, ok := options[name]; ok {
		return v, true
	}
	return "n", true
}

// Lockdown returns the mode of the lockdown LSM. Unknown for a stored kernel.
func (k *Kernel) Lockdown() Lockdown { return k.lockdown }

// Capabilities returns those that this process has. Unknown for a stored kernel.
func (k *Kernel) Capabilities() Capabilities { return k.capabilities }

// LSMs returns the active security modules in order. For a stored kernel these
// are what its configuration activates by default (CONFIG_LSM).
func (k *Kernel) LSMs() (names []string, known bool) {
	if k.lsmsKnown || k.Live {
		return k.lsms, k.lsmsKnown
	}
	v, known := k.Config("CONFIG_LSM")
	if !known {
		return nil, false
	}
	return splitList(v), true
}

// Mounts returns where the file systems that matter here are mounted. Empty for
// a stored kernel.
func (k *Kernel) Mounts() Mounts { return k.mounts }

// HasSymbol tells whether the running kernel has a function or variable of that
// name in its symbol table.
//
// Returns [ErrNotLive] for a stored kernel.
func (k *Kernel) HasSymbol(name string) (bool, error) {
	if k.symbols == nil {
		return false, ErrNotLive
	}
	symbols, err := k.symbols()
	if err != nil {
		return false, err
	}
	_, ok := symbols[name]
	return ok, nil
}

// Enum returns the enumerators of an enum of the kernel by their value.
//
// Returns an error wrapping [btf.ErrNotFound] if there is no such enum.
func (k *Kernel) Enum(name string) (map[int64]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if values, ok := k.enums[name]; ok {
		return values, nil
	}
	types, err := k.BTF()
	if err != nil {
		return nil, err
	}
	var enum *btf.Enum
	if err := types.TypeByName(name, &enum); err != nil {
		return nil, fmt.Errorf("enum %s: %w", name, err)
	}
	values := make(map[int64]string, len(enum.Values))
	for _, v := range enum.Values {
		// Aliases keep the first name, which is the older one.
		if _, ok := values[int64(v.Value)]; !ok {
			values[int64(v.Value)] = v.Name
		}
	}
	if k.enums == nil {
		k.enums = make(map[string]map[int64]string)
	}
	k.enums[name] = values
	return values, nil
}

// Try runs a test against the running kernel and remembers its answer under
// key, so that each is run once for this value of a kernel.
//
// Returns [ErrNotLive] for a stored kernel, without running the test.
func (k *Kernel) Try(key string, test func() error) error {
	if !k.Live {
		return ErrNotLive
	}
	k.mu.Lock()
	if k.tries == nil {
		k.tries = make(map[string]func() error)
	}
	once, ok := k.tries[key]
	if !ok {
		once = sync.OnceValue(test)
		k.tries[key] = once
	}
	k.mu.Unlock()
	return once()
}
