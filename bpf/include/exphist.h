// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Buckets of OpenTelemetry's exponential histograms, found with integers.
 *
 * At scale 3 the bucket of index i holds values above 2^(i/8) and up to
 * 2^((i+1)/8), so a value is known to 9 %. Whatever the unit, the bounds of
 * each octave of the kernel's integers have the same eight mantissas: a value's
 * own mantissa is compared with them, without loss. internal/probes/internal/
 * inkernel has the same in Go, and proves it against the specification.
 *
 * A histogram has a slot for what is below its first bucket, which is the zero
 * bucket of the data model, and eight for each octave from 2^low to 2^high. What
 * is above is counted in the last one. */
#ifndef __EBPFRECEIVER_EXPHIST_H
#define __EBPFRECEIVER_EXPHIST_H

#define EXP_PER_OCTAVE 8
#define EXP_SLOTS(low, high) (EXP_PER_OCTAVE * ((high) - (low)) + 1)

/* 2^(k/8), as numbers from 2^63 on, rounded down: of values in their own unit. */
static const __u64 exp_units[EXP_PER_OCTAVE] = {
	0x8000000000000000, 0x8b95c1e3ea8bd6e6, 0x9837f0518db8a96f, 0xa5fed6a9b15138ea,
	0xb504f333f9de6484, 0xc5672a115506dadd, 0xd744fccad69d6af4, 0xeac0c6e7dd24392e,
};

/* Of nanoseconds whose buckets are those of seconds: 10^9 * 2^(k/8). */
static const __u64 exp_seconds[EXP_PER_OCTAVE] = {
	0x81ffa7a9549ca6e3, 0x8dc3b8960164a7d9, 0x9a9867054d512391, 0xa8965f74bf065071,
	0xb7d88a12d0dd9ea0, 0xc87c3e7d03cdbec3, 0xdaa17c2cd19555db, 0xee6b280000000000,
};

/* The slot of v. low, high and bounds are constants; high is 63 at most. */
static __always_inline __u32 exp_slot(__u64 v, const __u64 *bounds, __u32 low, __u32 high)
{
	__u32 e = 0, below = 0;
	__u64 m = v;

	if (!(v >> low))
		return 0;
	if (v >> high)
		return EXP_PER_OCTAVE * (high - low);
	/* The mantissa, and how far it was moved. */
	if (!(m >> 32)) {
		e += 32;
		m <<= 32;
	}
	if (!(m >> 48)) {
		e += 16;
		m <<= 16;
	}
	if (!(m >> 56)) {
		e += 8;
		m <<= 8;
	}
	if (!(m >> 60)) {
		e += 4;
		m <<= 4;
	}
	if (!(m >> 62)) {
		e += 2;
		m <<= 2;
	}
	if (!(m >> 63)) {
		e += 1;
		m <<= 1;
	}
	/* How many bounds are below it: upper bounds belong to their buckets. */
	if (m > bounds[3])
		below = 4;
	if (m > bounds[below + 1])
		below += 2;
	if (m > bounds[below])
		below += 1;
	if (below == 7 && m > bounds[7])
		below = 8;
	return EXP_PER_OCTAVE * (63 - e - low) + below;
}

/* Adds a value to a histogram, which has members sum and slots. Atomic: other
 * processors may share it. */
#define EXP_RECORD(hist, v, bounds, low, high)                                        \
	({                                                                            \
		__u32 __slot = exp_slot(v, bounds, low, high);                        \
                                                                                      \
		if (__slot < EXP_SLOTS(low, high))                                    \
			__sync_fetch_and_add(&(hist)->slots[__slot], 1);              \
		__sync_fetch_and_add(&(hist)->sum, v);                                \
	})

/* Durations in nanoseconds, from 1 µs to 275 s; sizes in bytes, from 512 to 32 MiB. */
#define DURATION_LOW 10
#define DURATION_HIGH 38
#define SIZE_LOW 9
#define SIZE_HIGH 25

struct exp_duration {
	__u64 sum;
	__u64 slots[EXP_SLOTS(DURATION_LOW, DURATION_HIGH)];
};

struct exp_size {
	__u64 sum;
	__u64 slots[EXP_SLOTS(SIZE_LOW, SIZE_HIGH)];
};

static __always_inline void exp_duration_record(struct exp_duration *h, __u64 ns)
{
	EXP_RECORD(h, ns, exp_seconds, DURATION_LOW, DURATION_HIGH);
}

static __always_inline void exp_size_record(struct exp_size *h, __u64 bytes)
{
	EXP_RECORD(h, bytes, exp_units, SIZE_LOW, SIZE_HIGH);
}

#endif
