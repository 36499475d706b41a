// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Any library, at the entry and the return of the functions by which programs read
 * and write: two hits for each call. */
#ifndef __EBPFRECEIVER_TLS_CALLS_H
#define __EBPFRECEIVER_TLS_CALLS_H

/* A call that a thread has not returned from. */
struct tls_call {
	__u64 object;
	__u64 buf;
	__u64 count; /* where the function leaves the number of bytes; 0: it returns it */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct tls_call);
} tls_calls SEC(".maps");

static __always_inline int enter(__u64 object, __u64 buf, __u64 count)
{
	struct tls_call *call;

	if (proc_state(bpf_get_current_pid_tgid() >> 32) == PROC_IGNORED)
		return 0;
	call = bpf_task_storage_get(&tls_calls, bpf_get_current_task_btf(), 0,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!call) {
		tls_count(T_STORAGE);
		return 0;
	}
	call->object = object;
	call->buf = buf;
	call->count = count;
	return 0;
}

static __always_inline int leave(long ret, int d)
{
	struct tls_call *call = bpf_task_storage_get(&tls_calls, bpf_get_current_task_btf(), 0, 0);
	__u64 object, len = ret;
	struct hitting h;

	if (!call || !call->object)
		return 0;
	object = call->object;
	call->object = 0;
	if (ret <= 0)
		return 0;
	if (call->count && bpf_probe_read_user(&len, sizeof(len), (void *)call->count))
		return 0;
	h = hitting();
	if (!h.ignored)
		plaintext(&h, object, d, call->buf, len);
	return 0;
}

/* ssize_t f(object, buf, len), the result int where it is 32 bits wide. */
SEC("uprobe")
int BPF_KPROBE(tls_enter, void *object, void *buf)
{
	hit();
	return enter((__u64)object, (__u64)buf, 0);
}

/* int f(object, buf, len, size_t *done) */
SEC("uprobe")
int BPF_KPROBE(tls_enter_counted, void *object, void *buf, __u64 len, void *done)
{
	hit();
	return enter((__u64)object, (__u64)buf, (__u64)done);
}

/* int f(object, buf, len, flags, size_t *done) */
SEC("uprobe")
int BPF_KPROBE(tls_enter_flagged, void *object, void *buf, __u64 len, __u64 flags, void *done)
{
	hit();
	return enter((__u64)object, (__u64)buf, (__u64)done);
}

/* ssize_t f(object, fd, offset, size, flags): what the kernel encrypts and sends of a file. Only how
 * much it is is known. */
SEC("uprobe")
int BPF_KPROBE(tls_enter_file, void *object)
{
	hit();
	return enter((__u64)object, 0, 0);
}

SEC("uretprobe")
int BPF_KRETPROBE(tls_leave_read, int ret)
{
	hit();
	return leave(ret, RX);
}

SEC("uretprobe")
int BPF_KRETPROBE(tls_leave_write, int ret)
{
	hit();
	return leave(ret, TX);
}

/* A handshake: int f(object). When it is over, the object's connection is the one
 * that the thread used last, also where it moves the records itself. */
SEC("uprobe")
int BPF_KPROBE(tls_enter_handshake, void *object)
{
	hit();
	return enter((__u64)object, 0, 0);
}

static __always_inline int handshake_done(bool done)
{
	struct tls_call *call = bpf_task_storage_get(&tls_calls, bpf_get_current_task_btf(), 0, 0);

	if (!call || !call->object)
		return 0;
	if (done)
		tls_join(call->object, 0);
	call->object = 0;
	return 0;
}

/* 1: done (OpenSSL, BoringSSL) */
SEC("uretprobe")
int BPF_KRETPROBE(tls_leave_handshake, int ret)
{
	hit();
	return handshake_done(ret == 1);
}

/* 0: done (GnuTLS) */
SEC("uretprobe")
int BPF_KRETPROBE(tls_leave_handshake0, int ret)
{
	hit();
	return handshake_done(ret == 0);
}

#endif
