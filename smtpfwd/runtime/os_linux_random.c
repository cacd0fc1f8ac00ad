/*
 * os_linux_random.c - os.h on Linux: randomness
 *
 * The kernel's, fetched for many small questions at once: a mail asks for a few bytes, and a system call is dear.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "base/insist.h"
#include "smtpfwd/runtime/os.h"

enum {
	POOL_BYTES = 256,		/* what getrandom gives whole once the kernel has started (getrandom(2)) */
	POOLED_MAX_BYTES = 32,		/* a larger question is worth a call of its own */
};

/*
 * Of a thread, so that no lock is needed.  What was given out is wiped: a core dump tells nothing about keys made
 * before it.
 */
struct random_pool {
	unsigned char	 bytes[POOL_BYTES];
	size_t		 n_left;	/* at the front */
};

static _Thread_local struct random_pool random_pool;

static void
fill(void *bytes, size_t n_bytes)
{
	char *at = bytes;
	ssize_t n;

	while (n_bytes > 0) {
		n = getrandom(at, n_bytes, 0);
		if (n < 0) {
			insist(errno == EINTR);
			continue;
		}
		at += n;
		n_bytes -= (size_t)n;
	}
}

/* A child must not give out what its parent will. */
static void
forget(void)
{
	explicit_bzero(&random_pool, sizeof(random_pool));
}

static void
forget_in_children(void)
{
	insist(pthread_atfork(NULL, NULL, forget) == 0);
}

void
os_random(void *bytes, size_t n_bytes)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;	/* of the process, as forks are */
	struct random_pool *pool = &random_pool;

	if (n_bytes > POOLED_MAX_BYTES) {
		fill(bytes, n_bytes);
		return;
	}
	if (pool->n_left < n_bytes) {
		insist(pthread_once(&once, forget_in_children) == 0);
		fill(pool->bytes, sizeof(pool->bytes));
		pool->n_left = sizeof(pool->bytes);
	}
	pool->n_left -= n_bytes;
	memcpy(bytes, pool->bytes + pool->n_left, n_bytes);
	explicit_bzero(pool->bytes + pool->n_left, n_bytes);
}
