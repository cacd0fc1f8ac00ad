/*
 * os_linux.c - os.h on Linux: time, waiting, signals
 *
 * Sockets, files, threads and randomness stand in os_linux_socket.c, os_linux_file.c, os_linux_crew.c, os_linux_random.c.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/runtime/os.h"

/* --- time --- */

struct instant
os_now(void)
{
	struct timespec now;

	insist(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	return (struct instant){ (int64_t)now.tv_sec * 1000000000 + now.tv_nsec };
}

struct timestamp
os_wall_clock(void)
{
	struct timespec now;

	insist(clock_gettime(CLOCK_REALTIME, &now) == 0);
	return (struct timestamp){ (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 };
}

int
os_n_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
}

/* --- waiting --- */

enum {
	POLLER_BATCH_MAX = 256,		/* events of one system call */
	POLLER_WAIT_MAX_MS = 3600 * 1000,	/* fits an int; waking once an hour costs nothing */
};

struct os_poller {
	int		 epoll_fd;
	int		 wake_fd;	/* an eventfd */
	atomic_bool	 is_waiting;	/* only then a wake needs a system call */
	atomic_bool	 is_woken;	/* since the last wait: the next wakes are nothing */
};

struct os_poller *
os_poller_new(void)
{
	/* Edge-triggered, so each write is an event and nobody has to read the number. */
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct os_poller *poller;

	poller = mem_new(sizeof(*poller));
	poller->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	poller->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	event.data.ptr = poller;	/* what marks a wake: nobody else's tag */
	if (poller->epoll_fd < 0 || poller->wake_fd < 0 ||
	    epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, poller->wake_fd, &event) != 0) {
		os_poller_free(poller);
		return NULL;
	}
	return poller;
}

static void	forget_for_signals(struct os_poller *poller);

void
os_poller_free(struct os_poller *poller)
{
	if (poller == NULL)
		return;
	forget_for_signals(poller);
	if (poller->epoll_fd >= 0)
		close(poller->epoll_fd);
	if (poller->wake_fd >= 0)
		close(poller->wake_fd);
	mem_free(poller);
}

int
os_poller_add(struct os_poller *poller, int fd, void *tag)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = tag,
	};

	return epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

void
os_poller_remove(struct os_poller *poller, int fd)
{
	insist(epoll_ctl(poller->epoll_fd, EPOLL_CTL_DEL, fd, &(struct epoll_event){ 0 }) == 0);
}

void
os_poller_close(struct os_poller *poller, int fd)
{
	(void)poller;
	os_close(fd);
}

static unsigned
what_happened(uint32_t events)
{
	unsigned what = 0;

	if (events & EPOLLIN)
		what |= OS_READABLE;
	if (events & EPOLLOUT)
		what |= OS_WRITABLE;
	if (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP))
		what |= OS_BROKEN;
	return what;
}

/* Rounded up, so that who waits finds its deadline passed. */
static int
wait_ms(struct instant until)
{
	int64_t ns, ms;

	if (until.ns == INSTANT_NEVER.ns)
		return -1;
	if (until.ns <= 0)
		return 0;
	ns = until.ns - os_now().ns;
	if (ns <= 0)
		return 0;
	ms = (ns - 1) / 1000000 + 1;
	return ms < POLLER_WAIT_MAX_MS ? (int)ms : POLLER_WAIT_MAX_MS;
}

int
os_poller_wait(struct os_poller *poller, struct instant until, struct os_event *events_out, int max_events)
{
	struct epoll_event events[POLLER_BATCH_MAX];
	int n, n_out = 0;

	insist(max_events > 0);
	if (max_events > POLLER_BATCH_MAX)
		max_events = POLLER_BATCH_MAX;
	/* Whoever wakes from here on writes, and epoll_wait returns; whoever did before is seen in is_woken. */
	atomic_store(&poller->is_waiting, true);
	n = epoll_wait(poller->epoll_fd, events, max_events, atomic_load(&poller->is_woken) ? 0 : wait_ms(until));
	insist(n >= 0 || errno == EINTR);
	atomic_store(&poller->is_waiting, false);
	/* Whoever wakes after this is seen by the next wait; before it, has its work in place. */
	atomic_store(&poller->is_woken, false);
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr == poller)
			continue;
		events_out[n_out++] = (struct os_event){
			.tag = events[i].data.ptr,
			.what = what_happened(events[i].events),
		};
	}
	return n_out;
}

/* From any thread and from a signal's handler. */
void
os_poller_wake(struct os_poller *poller)
{
	static const uint64_t one = 1;

	if (!atomic_exchange(&poller->is_woken, true) && atomic_load(&poller->is_waiting))
		(void)!write(poller->wake_fd, &one, sizeof(one));	/* fails only at 2^64 wakes */
}

/* --- signals --- */

/*
 * Static because a signal's handler has no argument: signals belong to the process.  Written
 * by handlers, by os_signals_catch before there is one, and when the poller goes.
 */
static atomic_uint_fast64_t signals_come;	/* bit n: signal n */
static _Atomic(struct os_poller *) signals_poller;	/* NULL: gone */

static void
signal_came(int signal)
{
	int kept_errno = errno;
	struct os_poller *poller = atomic_load(&signals_poller);

	atomic_fetch_or(&signals_come, (uint_fast64_t)1 << signal);
	if (poller != NULL)
		os_poller_wake(poller);
	errno = kept_errno;
}

/* Handlers run in the thread that frees it: all others have signals blocked. */
static void
forget_for_signals(struct os_poller *poller)
{
	(void)atomic_compare_exchange_strong(&signals_poller, &poller, NULL);
}

int
os_signals_catch(struct os_poller *poller, const int *signals, int n_signals)
{
	struct sigaction action = { .sa_handler = signal_came, .sa_flags = SA_RESTART };

	sigemptyset(&action.sa_mask);
	atomic_store(&signals_poller, poller);
	for (int i = 0; i < n_signals; i++) {
		insist(signals[i] > 0 && signals[i] < 64);
		if (sigaction(signals[i], &action, NULL) != 0)
			return -errno;
	}
	action.sa_handler = SIG_IGN;
	return sigaction(SIGPIPE, &action, NULL) == 0 ? 0 : -errno;
}

int
os_signal_take(void)
{
	uint_fast64_t come = atomic_load(&signals_come);
	int signal;

	if (come == 0)
		return 0;
	signal = __builtin_ctzll(come);
	atomic_fetch_and(&signals_come, ~((uint_fast64_t)1 << signal));
	return signal;
}
