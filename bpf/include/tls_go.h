// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Go's crypto/tls, which is linked into each program: one hit for each call that reads
 * or writes, both at call instructions, which the kernel emulates, and one for each
 * handshake. User space finds the places in the machine code. */
#ifndef __EBPFRECEIVER_TLS_GO_H
#define __EBPFRECEIVER_TLS_GO_H

#include "go.h"
#include "kernel/address.h"
#include "kernel/fd.h"

/* A Conn's first member is a net.Conn: its type, and where it is. That is mostly a *net.TCPConn, whose
 * only member is a *netFD, which begins with a poll.FD: fdMutex of 16 bytes, then Sysfd
 * (src/internal/poll/fd_unix.go of Go). Else it may wrap one, most of which have that net.Conn first,
 * too. What is something else reads as no descriptor of a socket, or as one that nobody encrypts. */
#define GO_CONN_DATA 8
#define GO_SYSFD 16
#define GO_WRAPPED 3

static __always_inline __u64 go_word(__u64 at)
{
	__u64 word = 0;

	bpf_probe_read_user(&word, sizeof(word), (void *)at);
	return word;
}

/* The number of the plaintext connection of a net.TCPConn's socket; 0 when that is not known. */
__noinline __u64 tls_go_plain(__u64 conn)
{
	__u64 fd = go_word(go_word(conn) + GO_SYSFD), ino, *plain;
	struct address a = {};
	struct sock *sk;

	if (fd >> 31)
		return 0;
	sk = sock_of(fd, SOCK_STREAM, &ino);
	if (!sk)
		return 0;
	READ_ADDRESS(&a, sk);
	plain = bpf_map_lookup_elem(&tls_sockets, &a);
	return plain ? *plain : 0;
}

/* The connection of a Conn, by the socket that it uses. What the thread used last may be another
 * one's: a goroutine that waits for a processor at the end of its system call goes on in any thread.
 * That is asked where the socket is not found. */
__noinline __u64 tls_go_join(__u64 object, __u64 id)
{
	struct tls_key key = {.object = object, .tgid = bpf_get_current_pid_tgid() >> 32};
	__u64 at = object, plain = 0;
	struct conn *c;

	for (int i = 0; i < GO_WRAPPED && !plain; i++) {
		at = go_word(at + GO_CONN_DATA);
		plain = tls_go_plain(at);
	}
	c = bpf_map_lookup_elem(&tls_conns, &plain);
	if (!c)
		return tls_join(object, id);
	tls_own(c, plain, &key, id);
	return plain;
}

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
	plaintext_by(tls_go_join, &h, object, RX, GO_ARG2(ctx), GO_ARG3(ctx));
	return 0;
}

/* At the calls of (*Conn).writeRecordLocked(type, data) in (*Conn).Write. */
SEC("uprobe")
int tls_go_write(struct pt_regs *ctx)
{
	struct hitting h = hitting();

	hit();
	if (!h.ignored)
		plaintext_by(tls_go_join, &h, GO_ARG1(ctx), TX, GO_ARG3(ctx), GO_ARG4(ctx));
	return 0;
}

/* A handshake is under way: the other side's first message has just been read, so the connection is
 * one of TLS. The address may have been another Conn's. All states of a handshake begin with the Conn. */
SEC("uprobe")
int tls_go_handshake(struct pt_regs *ctx)
{
	struct tls_key key = {.tgid = bpf_get_current_pid_tgid() >> 32};

	hit();
	if (bpf_probe_read_user(&key.object, sizeof(key.object), (void *)GO_ARG1(ctx)))
		return 0;
	bpf_map_delete_elem(&tls_objects, &key);
	tls_go_join(key.object, 0);
	return 0;
}

#endif
