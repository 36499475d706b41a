// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Copyright The ebpfreceiver Authors
//
// What a uprobe in a Go function finds in the registers: ABIInternal, Go 1.17 on amd64 and
// Go 1.18 on arm64 (src/cmd/compile/abi-internal.md of Go). The places are those that package
// internal/uprobe picks.

#ifndef EBPFRECEIVER_GO_H
#define EBPFRECEIVER_GO_H

#if defined(__TARGET_ARCH_x86)
#define GO_ARG1(ctx) ((ctx)->ax)
#define GO_ARG2(ctx) ((ctx)->bx)
#define GO_ARG3(ctx) ((ctx)->cx)
#define GO_ARG4(ctx) ((ctx)->di)
#define GO_ARG5(ctx) ((ctx)->si)
#define GO_ARG6(ctx) ((ctx)->r8)
#define GO_ARG7(ctx) ((ctx)->r9)
// The goroutine, a struct runtime.g *.
#define GO_G(ctx) ((ctx)->r14)
// At its entry, the closure that a function is called by.
#define GO_CLOSURE(ctx) ((ctx)->dx)
#define GO_STACK(ctx) ((ctx)->sp)
#elif defined(__TARGET_ARCH_arm64)
#define GO_REG(ctx, n) (((struct user_pt_regs *)(ctx))->regs[n])
#define GO_ARG1(ctx) GO_REG(ctx, 0)
#define GO_ARG2(ctx) GO_REG(ctx, 1)
#define GO_ARG3(ctx) GO_REG(ctx, 2)
#define GO_ARG4(ctx) GO_REG(ctx, 3)
#define GO_ARG5(ctx) GO_REG(ctx, 4)
#define GO_ARG6(ctx) GO_REG(ctx, 5)
#define GO_ARG7(ctx) GO_REG(ctx, 6)
#define GO_G(ctx) GO_REG(ctx, 28)
#define GO_CLOSURE(ctx) GO_REG(ctx, 26)
#define GO_STACK(ctx) (((struct user_pt_regs *)(ctx))->sp)
#endif

// go_yields tells, at the branch of a function's stack check, that it is about to be taken:
// the runtime grows the stack or runs another goroutine, then the function begins again. The
// branch is "below or equal" by the flags of a comparison (jbe, b.ls).
static __always_inline bool go_yields(struct pt_regs *ctx)
{
#if defined(__TARGET_ARCH_x86)
	return ctx->flags & 0x41; // CF, ZF
#elif defined(__TARGET_ARCH_arm64)
	unsigned long flags = ((struct user_pt_regs *)ctx)->pstate;

	return !(flags & (1UL << 29)) || (flags & (1UL << 30)); // not C, or Z
#endif
}

#endif
