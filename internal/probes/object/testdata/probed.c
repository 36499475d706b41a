// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A program with a static probe and a function to observe, for machines that have nothing
 * else: it needs no library. It waits for a byte, calls both five times as often as it has
 * arguments, and ends.
 *
 * The probe is described by a note of the form that SystemTap's sys/sdt.h defines. */

static long call(long number, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return ret;
}

__attribute__((noinline, used)) int answer(int n)
{
	__asm__ volatile("" : "+r"(n));
	return n + 1;
}

static __attribute__((noinline)) void probe(const char *name, int found)
{
	__asm__ volatile(
		"990: nop\n"
		".pushsection .note.stapsdt, \"\", \"note\"\n"
		".balign 4\n"
		".4byte 992f-991f, 994f-993f, 3\n"
		"991: .asciz \"stapsdt\"\n"
		"992: .balign 4\n"
		"993: .8byte 990b, _.stapsdt.base, 0\n"
		".asciz \"observed\"\n"
		".asciz \"call\"\n"
		".asciz \"8@%0 -4@%1\"\n"
		"994: .balign 4\n"
		".popsection\n"
		".pushsection .stapsdt.base, \"aG\", \"progbits\", .stapsdt.base, comdat\n"
		".weak _.stapsdt.base\n"
		".hidden _.stapsdt.base\n"
		"_.stapsdt.base: .space 1\n"
		".popsection\n"
		: : "r"(name), "r"(found));
}

__attribute__((used)) static void run(long *stack)
{
	const char *name = "a module";
	char c;
	int i, n = 5 * stack[0];

	call(0 /* read */, 0, (long)&c, 1);
	(void)*(volatile const char *)name; /* BPF programs read no memory that is not there yet */
	for (i = 0; i < n; i++)
		probe(name, answer(i));
	call(231 /* exit_group */, 0, 0, 0);
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\nand $-16, %rsp\ncall run\n");
