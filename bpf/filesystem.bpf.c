// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The Instrument "filesystem": how long processes read, write, open and sync files.
 *
 * It times system calls. What descriptor a call is about is looked at in the end, and only
 * of calls that took long enough: sockets and pipes do not count, and a read from the page
 * cache costs little more than two looks at the clock. */
#include "include/vmlinux_min.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "include/net.h"
#include "include/calls.h"
#include "include/exphist.h"
#include "include/filesystem.h"
#include "include/kernel/fd.h"

/* In agg_counters. */
#define FILE_CALLS_FULL 1 /* calls of threads that there was no space for */
#define FILE_FAST 2	  /* calls that took less than the threshold */
#define FILE_OTHER 3	  /* of something else than a file or a directory */
#define FILE_SLOW_SEEN 4
#define FILE_SLOW_LIMITED 5 /* there were too many in a second */
#define FILE_SLOW_LOST 6    /* the ring had no space */

#define S_IFREG 0100000
#define S_IFDIR 0040000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct file_system_type {
	const char *name;
};

struct super_block {
	__u32 s_dev;
	struct file_system_type *s_type;
};

struct inode___fs {
	unsigned short i_mode;
	struct super_block *i_sb;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file___fs {
	struct path f_path;
};

#pragma clang attribute pop

/* User space sets these, in ns; slow_ns 0: there are no records. */
const volatile __u64 threshold_ns = 0;
const volatile __u64 slow_ns = 0;
const volatile __u32 slow_per_second = 10;
const volatile bool slow_paths = false;

/* User space sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, struct file_key);
	__type(value, struct file_value);
} file_values SEC(".maps");

/* The types of filesystems, by their devices: more than are mounted on most hosts. Without
 * space a series has no type. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct file_type);
} file_types SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 128 << 10); /* 110 records with paths; their number in a second is limited */
	__type(value, struct file_slow);
} file_events SEC(".maps");

/* Where a record is put together; it is too big for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct file_slow);
} file_scratch SEC(".maps");

/* The second in which records are counted, and how many there were. */
volatile __u64 slow_second = 0;
volatile __u64 slow_number = 0;

static const struct file_value zero;

static __always_inline __u32 op_of(long nr)
{
	switch (nr) {
	case NR_read:
	case NR_readv:
	case NR_pread64:
	case NR_preadv:
	case NR_preadv2:
		return FILE_READ;
	case NR_write:
	case NR_writev:
	case NR_pwrite64:
	case NR_pwritev:
	case NR_pwritev2:
		return FILE_WRITE;
#if defined(NR_open)
	case NR_open:
	case NR_creat:
#endif
	case NR_openat:
	case NR_openat2:
		return FILE_OPEN;
	case NR_fsync:
	case NR_fdatasync:
		return FILE_SYNC;
	}
	return FILE_NONE;
}

/* The names of a file and of what it is in, upwards, through all mounts. */
static __always_inline void path_of(struct file_slow *at, const struct file *file)
{
	const struct file___fs *f = (const void *)file;
	const struct dentry *dentry = BPF_CORE_READ(f, f_path.dentry), *parent;
	const struct vfsmount *vfs = BPF_CORE_READ(f, f_path.mnt);
	const struct mount *mount, *above;
	__u32 n;

	mount = (const void *)vfs - bpf_core_field_offset(struct mount, mnt);
	/* Each turn takes one name or one mount. The number of names is in memory, so that
	 * to the verifier all turns are the same. */
#pragma clang loop unroll(disable)
	for (int i = 0; i < 2 * FILE_LEVELS; i++) {
		if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
			above = BPF_CORE_READ(mount, mnt_parent);
			if (above == mount)
				break;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = above;
			continue;
		}
		parent = BPF_CORE_READ(dentry, d_parent);
		if (parent == dentry)
			break;
		n = *(volatile __u32 *)&at->levels;
		if (n >= FILE_LEVELS) {
			at->cut = 1;
			break;
		}
		bpf_probe_read_kernel_str(at->path[n & (FILE_LEVELS - 1)], FILE_NAME_LEN, BPF_CORE_READ(dentry, d_name.name));
		*(volatile __u32 *)&at->levels = n + 1;
		dentry = parent;
	}
}

static __always_inline void slow(const struct agg_owner *owner, const struct call *call, __u64 ns, long ret,
				 __u32 device, const struct file *file)
{
	__u32 zero_key = 0, len = __builtin_offsetof(struct file_slow, path);
	struct file_slow *at = bpf_map_lookup_elem(&file_scratch, &zero_key);
	__u64 end = bpf_ktime_get_boot_ns(), second = end / 1000000000;
	struct file_type *type;

	if (!at)
		return;
	agg_count(FILE_SLOW_SEEN);
	/* Processors that are here at once may let one more pass each: kernels before v5.12
	 * do not give back what they add to. */
	if (slow_second != second) {
		slow_second = second;
		slow_number = 0;
	}
	if (slow_number >= slow_per_second) {
		agg_count(FILE_SLOW_LIMITED);
		return;
	}
	__sync_fetch_and_add(&slow_number, 1);
	__builtin_memset(at, 0, __builtin_offsetof(struct file_slow, path));
	at->start = owner->start;
	at->end = end;
	at->duration = ns;
	at->result = ret;
	at->tgid = owner->tgid;
	at->tid = (__u32)bpf_get_current_pid_tgid();
	at->device = device;
	at->op = call->what;
	type = bpf_map_lookup_elem(&file_types, &device);
	if (type)
		__builtin_memcpy(at->type, type->name, FILE_TYPE_LEN);
	if (slow_paths && file) {
		path_of(at, file);
		len = sizeof(*at);
	}
	if (bpf_ringbuf_output(&file_events, at, len, 0))
		agg_count(FILE_SLOW_LOST);
}

static __always_inline void begins(__u32 op, __u32 fd)
{
	if (proc_state(bpf_get_current_pid_tgid() >> 32) != PROC_IGNORED)
		call_begins(op, fd, FILE_CALLS_FULL);
}

static __always_inline void ends(long ret)
{
	struct file_key key = {};
	struct file_value *v;
	struct file_type type;
	const struct super_block *sb = 0;
	const struct inode___fs *inode;
	struct file *file = 0;
	struct call call;
	__u32 mode;
	__u64 ns;

	if (!call_ends(&call, &ns))
		return;
	if (ns < threshold_ns) {
		agg_count(FILE_FAST);
		return;
	}
	if (call.what != FILE_OPEN || ret >= 0) {
		file = file_of(call.what == FILE_OPEN ? ret : call.fd);
		inode = file ? (const void *)BPF_CORE_READ(file, f_inode) : 0;
		mode = inode ? BPF_CORE_READ(inode, i_mode) & S_IFMT : 0;
		if (mode != S_IFREG && mode != S_IFDIR) {
			agg_count(FILE_OTHER);
			return;
		}
		sb = BPF_CORE_READ(inode, i_sb);
		key.dims.device = BPF_CORE_READ(sb, s_dev);
	}
	key.dims.op = call.what;
	agg_owner_current(&key.owner);
	v = bpf_map_lookup_elem(&file_values, &key);
	if (!v) {
		if (sb) {
			__builtin_memset(&type, 0, sizeof(type));
			bpf_probe_read_kernel_str(type.name, sizeof(type.name), BPF_CORE_READ(sb, s_type, name));
			bpf_map_update_elem(&file_types, &key.dims.device, &type, BPF_ANY);
		}
		v = agg_value(&file_values, &key.owner, &zero);
	}
	if (!v)
		return;
	agg_add(&v->operations, 1);
	if (ret < 0)
		agg_add(&v->errors, 1);
	exp_duration_record(&v->duration, ns);
	if (slow_ns && ns >= slow_ns)
		slow(&key.owner, &call, ns, ret, key.dims.device, file);
}

#include "include/filesystem_fentry.h"
#include "include/filesystem_raw.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
