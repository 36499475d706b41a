// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* OpenSSL 1.1 to 3.1 on amd64, within the record layer: one hit for each record that
 * is sent, and one for each piece that is handed to a reader. Both are at call
 * instructions, which the kernel emulates. A retry of a call that could not send
 * does not come here, and lengths are exact. Where the calls are, and in which
 * registers, user space finds out in the machine code. */
#ifndef __EBPFRECEIVER_TLS_OPENSSL_H
#define __EBPFRECEIVER_TLS_OPENSSL_H

#if defined(__TARGET_ARCH_x86)

#define TLS_APPLICATION_DATA 23

/* What a register that calls preserve holds, by its number in machine code. All are
 * read, so that the compiler does not compute where one is: the verifier refuses
 * that. */
static __always_inline __u64 preserved(struct pt_regs *ctx, __u32 n)
{
	__u64 bx = ctx->bx, bp = ctx->bp, r12 = ctx->r12, r13 = ctx->r13, r14 = ctx->r14, r15 = ctx->r15;

	barrier_var(bx);
	barrier_var(bp);
	barrier_var(r12);
	barrier_var(r13);
	barrier_var(r14);
	barrier_var(r15);
	switch (n) {
	case 3:
		return bx;
	case 5:
		return bp;
	case 12:
		return r12;
	case 13:
		return r13;
	case 14:
		return r14;
	case 15:
		return r15;
	default:
		return 0;
	}
}

/* A record that was decrypted (struct ssl3_record_st). */
struct ssl3_record {
	int version;
	int type;
};

#define PEEK_AT_BP 0xff

/* At the call of memcpy in ssl3_read_bytes: to, from, length. The cookie tells from
 * bit 0 on: the register that holds the record (8 bits); the one that holds the
 * argument "peek", or from what address that is in memory (8); how far from there
 * (16, signed); and where the first record is within SSL (32). */
SEC("uprobe")
int tls_openssl_copy(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx), rec = preserved(ctx, cookie & 0xff);
	__u64 object = rec - (cookie >> 32);
	struct ssl3_record r;
	__u32 peek = 0, at = cookie >> 8 & 0xff;
	__u64 bp = ctx->bp, sp = ctx->sp, base;
	struct hitting h = hitting();

	hit();
	if (h.ignored)
		return 0;
	barrier_var(bp);
	barrier_var(sp);
	base = at == PEEK_AT_BP ? bp : sp;
	if (bpf_probe_read_user(&r, sizeof(r), (void *)rec) || r.type != TLS_APPLICATION_DATA)
		return 0;
	if (at && at != PEEK_AT_BP)
		peek = preserved(ctx, at);
	else
		bpf_probe_read_user(&peek, sizeof(peek), (void *)(base + (__s16)(cookie >> 16)));
	if (peek)
		return 0;
	plaintext(&h, object, RX, ctx->si, ctx->dx);
	return 0;
}

/* At the call of do_ssl3_write in ssl3_write_bytes: SSL, type, bytes, their lengths
 * in each of so many pipelines. */
SEC("uprobe")
int tls_openssl_record(struct pt_regs *ctx)
{
	__u64 len = 0, pipes = ctx->r8;
	struct hitting h = hitting();

	hit();
	if (h.ignored)
		return 0;
	if ((__u32)ctx->si != TLS_APPLICATION_DATA || pipes != 1)
		return 0;
	if (bpf_probe_read_user(&len, sizeof(len), (void *)ctx->cx))
		return 0;
	plaintext(&h, ctx->di, TX, ctx->dx, len);
	return 0;
}

#endif
#endif
