/*
 * fiber_sanitize.h - tells the address sanitizer which stack we are on; nothing without it
 */
#ifndef RUNTIME_FIBER_SANITIZE_H
#define RUNTIME_FIBER_SANITIZE_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_HAS_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(FIBER_HAS_ASAN)
#define FIBER_HAS_ASAN 1
#endif

#ifdef FIBER_HAS_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

/* Before a switch.  keep: what the stack we leave needs when we come back; NULL if we never do. */
static inline void
fiber_sanitize_leave(void **keep, const void *to_low, size_t to_bytes)
{
	__sanitizer_start_switch_fiber(keep, to_low, to_bytes);
}

/* After a switch, on the new stack; tells where the one we left is. */
static inline void
fiber_sanitize_arrive(void *kept, const void **from_low_out, size_t *from_bytes_out)
{
	__sanitizer_finish_switch_fiber(kept, from_low_out, from_bytes_out);
}

static inline void
fiber_sanitize_unpoison(const void *low, size_t n_bytes)
{
	__asan_unpoison_memory_region(low, n_bytes);
}

#else

static inline void
fiber_sanitize_leave(void **keep, const void *to_low, size_t to_bytes)
{
}

static inline void
fiber_sanitize_arrive(void *kept, const void **from_low_out, size_t *from_bytes_out)
{
}

static inline void
fiber_sanitize_unpoison(const void *low, size_t n_bytes)
{
}

#endif
#endif
