// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Go's crypto/tls, which is linked into each program: one hit for each call that reads
 * or writes, both at call instructions, which the kernel emulates, and one for each
 * handshake. User space finds the places in the machine code. */
#ifndef __EBPFRECEIVER_TLS_GO_H
#define __EBPFRECEIVER_TLS_GO_H

#include "go.h"

/* At the call of memmove(to, from, n) in (*Conn).Read, which copies from the record
 * that was decrypted. The cookie tells how far above the stack pointer the Conn is. */
SEC("uprobe")
int tls_go_read(struct pt_regs *ctx)
{
	__u64 object = 0, home = GO_STACK(ctx) + bpf_get_attach_cookie(ctx);
	struct hitting h = hitting();

	hit();
	if (h.ignored)
		return 0;
	if (bpf_probe_read_user(&object, sizeof(object), (void *)home))
		return 0;
	plaintext(&h, object, RX, GO_ARG2(ctx), GO_ARG3(ctx));
	return 0;
}

/* At the calls of (*Conn).writeRecordLocked(type, data) in (*Conn).Write. */
SEC("uprobe")
int tls_go_write(struct pt_regs *ctx)
{
	struct hitting h = hitting();

	hit();
	if (!h.ignored)
		plaintext(&h, GO_ARG1(ctx), TX, GO_ARG3(ctx), GO_ARG4(ctx));
	return 0;
}

/* A handshake is under way: the first message of the other side has just been read, so
 * the Conn's connection is the one that this thread used last. Its address may have been
 * that of another Conn. All of the states of a handshake begin with the Conn. */
SEC("uprobe")
int tls_go_handshake(struct pt_regs *ctx)
{
	struct tls_key key = {.tgid = bpf_get_current_pid_tgid() >> 32};

	hit();
	if (bpf_probe_read_user(&key.object, sizeof(key.object), (void *)GO_ARG1(ctx)))
		return 0;
	bpf_map_delete_elem(&tls_objects, &key);
	tls_join(key.object, 0);
	return 0;
}

#endif
