/*
 * sim_world.c - a world's making and end, its random numbers, descriptors and trace
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/insist.h"
#include "base/mem.h"
#include "tests/sim/sim_world.h"

enum { BOOT_SPREAD_S = 1000000 };	/* a machine may be up for days: no one may think now is near 0 */

static struct sim_process *running;	/* see sim_world.h */

struct sim_process *
sim_world(void)
{
	insist(running != NULL);	/* sim_enter or sim_run comes first */
	return running;
}

uint64_t
sim_dice_roll(uint64_t *state)		/* splitmix64 */
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint64_t
sim_world_dice(enum sim_dice which, uint64_t below)
{
	insist(below > 0);
	return sim_dice_roll(&sim_world()->dice[which]) % below;
}

bool
sim_world_dice_percent(enum sim_dice which, int percent)
{
	return percent > 0 && sim_world_dice(which, 100) < (uint64_t)percent;
}

uint64_t
sim_seed(uint64_t otherwise)
{
	const char *text = getenv("SIM_SEED");
	uint64_t seed;

	return text != NULL && str_to_u64(str_of(text), &seed) ? seed : otherwise;
}

static void
default_options(struct sim_options *o)
{
	if (o->latency_max.ns == 0)
		o->latency_max = span_ms(2);
	if (o->job_max.ns == 0)
		o->job_max = span_ms(10);
	if (o->short_percent == 0)
		o->short_percent = 15;
	if (o->uncached_percent == 0)
		o->uncached_percent = 20;
	if (o->socket_bytes == 0)
		o->socket_bytes = 64 << 10;
	if (o->disk_bytes == 0)
		o->disk_bytes = 512 << 20;
	if (o->max_fds == 0)
		o->max_fds = 20000;
}

struct sim *
sim_new(const struct sim_options *options)
{
	struct sim *sim = mem_new(sizeof(*sim));
	struct sim_machine *m;

	sim->options = *options;
	default_options(&sim->options);
	m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m == MAP_FAILED) {
		perror("sim_new: mmap");
		abort();
	}
	m->power_dice = options->seed ^ 0x706f776572;
	m->wall_base_us = 1792540800000000;	/* 2026-10-21 00:00 UTC: a fixed day */
	m->trace_hash = 0xcbf29ce484222325;
	volume_init(&m->disk, sim->options.disk_bytes);
	sim->machine = m;
	return sim;
}

void
sim_free(struct sim *sim)
{
	insist(sim->process == NULL);
	munmap(sim->machine, sizeof(*sim->machine));
	mem_free(sim);
}

void
sim_process_begin(struct sim *sim, int64_t crash_at)
{
	struct sim_process *p = mem_new(sizeof(*p));
	struct sim_machine *m = sim->machine;
	uint64_t state = sim->options.seed + ((uint64_t)m->n_runs++ << 32);

	insist(running == NULL && sim->process == NULL);
	for (int i = 0; i < N_DICE; i++)
		p->dice[i] = sim_dice_roll(&state);
	p->sim = sim;
	p->crash_at = crash_at;
	p->now_ns = (int64_t)(sim_dice_roll(&state) % BOOT_SPREAD_S) * 1000000000 + 1;
	m->wall_base_us += (m->boot_ns - p->now_ns) / 1000;	/* the calendar goes on */
	m->n_calls = 0;
	p->next_port = 32768;
	p->is_traced = getenv("SIM_TRACE") != NULL;
	p->counts_before = test_counts();
	heap_init(&p->due);
	list_init(&p->sockets);
	list_init(&p->hosts);
	list_init(&p->cuts);
	list_init(&p->calls);
	list_init(&p->crews);
	running = sim->process = p;
}

int
sim_process_end(struct sim *sim)
{
	struct sim_process *p = sim->process;
	int n_open = p->n_fds_open;

	insist(running == p);
	sim->machine->boot_ns = p->now_ns;
	heap_fini(&p->due);		/* first: it tells its items that they are out */
	sim_crews_free(p);
	sim_calls_free(p);
	sim_network_free(p);
	mem_free(p->fds);
	running = sim->process = NULL;
	volume_forget_unnamed(&sim->machine->disk);
	mem_free(p);
	return n_open;
}

void
sim_enter(struct sim *sim)
{
	sim_process_begin(sim, 0);
}

int
sim_leave(struct sim *sim)
{
	return sim_process_end(sim);
}

/* --- descriptors --- */

int
sim_fd_new(enum sim_fd_kind kind)
{
	struct sim_process *p = sim_world();
	int i;

	if (p->n_fds_open >= p->sim->options.max_fds)
		return -EMFILE;
	for (i = 0; i < p->n_fds; i++)
		if (p->fds[i].kind == FD_FREE)
			break;		/* the lowest, like the kernel: stale numbers get found out */
	if (i == p->n_fds) {
		p->n_fds = p->n_fds == 0 ? 64 : p->n_fds * 2;
		p->fds = mem_resize_array(p->fds, (size_t)p->n_fds, sizeof(*p->fds));
		memset(p->fds + i, 0, (size_t)(p->n_fds - i) * sizeof(*p->fds));
	}
	p->fds[i] = (struct sim_fd){ .kind = kind };
	p->n_fds_open++;
	return SIM_FD_FIRST + i;
}

struct sim_fd *
sim_fd_get(int fd, enum sim_fd_kind kind)
{
	struct sim_process *p = sim_world();
	int i = fd - SIM_FD_FIRST;

	if (i < 0 || i >= p->n_fds || p->fds[i].kind == FD_FREE)
		sim_world_misused("descriptor %d is not open", fd);
	if (p->fds[i].kind != kind)
		sim_world_misused("descriptor %d is not a %s", fd, kind == FD_FILE ? "file" : "socket");
	return &p->fds[i];
}

void
os_close(int fd)
{
	struct sim_process *p = sim_world();
	int i = fd - SIM_FD_FIRST;
	struct sim_fd closed;

	if (i < 0 || i >= p->n_fds || p->fds[i].kind == FD_FREE)
		sim_world_misused("os_close of descriptor %d, which is not open", fd);
	sim_world_trace("close", "", fd, 0);
	closed = p->fds[i];
	p->fds[i] = (struct sim_fd){ .kind = FD_FREE };
	p->n_fds_open--;
	if (closed.kind == FD_SOCKET)
		sim_socket_close(closed.socket);
	else
		volume_forget_unnamed(&p->sim->machine->disk);
}

bool
sim_file_is_open(int inode)
{
	for (int i = 0; running != NULL && i < running->n_fds; i++)
		if (running->fds[i].kind == FD_FILE && running->fds[i].inode == inode)
			return true;
	return false;
}

/* --- the trace --- */

static void
hash_bytes(uint64_t *hash, const void *bytes, size_t n)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < n; i++)
		*hash = (*hash ^ at[i]) * 0x100000001b3;	/* FNV-1a */
}

void
sim_world_trace(const char *call, const char *text, int64_t a, int64_t b)
{
	struct sim_process *p = sim_world();
	struct sim_machine *m = p->sim->machine;
	int64_t numbers[3] = { a, b, p->now_ns };

	hash_bytes(&m->trace_hash, call, strlen(call));
	hash_bytes(&m->trace_hash, text, strlen(text));
	hash_bytes(&m->trace_hash, numbers, sizeof(numbers));
	if (p->is_traced)
		fprintf(stderr, "# %lld.%06lld #%lld %s %s %lld %lld\n", (long long)(p->now_ns / 1000000000),
		    (long long)(p->now_ns % 1000000000 / 1000), (long long)m->n_calls, call, text,
		    (long long)a, (long long)b);
}

void
sim_world_call(const char *call, const char *text, int64_t a, int64_t b)
{
	struct sim_process *p = sim_world();
	struct sim_machine *m = p->sim->machine;

	m->n_calls++;
	snprintf(m->last_call, sizeof(m->last_call), "%s %.40s", call, text);
	if (m->n_calls != p->crash_at) {
		sim_world_trace(call, text, a, b);
		return;
	}
	m->has_crashed = true;
	m->boot_ns = p->now_ns;
	m->counts.n_held = test_counts().n_held - p->counts_before.n_held;
	m->counts.n_missed = test_counts().n_missed - p->counts_before.n_missed;
	fflush(stdout);
	_exit(0);
}

uint64_t
sim_trace_hash(const struct sim *sim)
{
	return sim->machine->trace_hash;
}

int64_t
sim_n_calls(const struct sim *sim)
{
	return sim->machine->n_calls;
}

void
sim_world_misused(const char *format, ...)
{
	va_list args;

	printf("# sim: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf(" (seed %llu)\n", (unsigned long long)sim_world()->sim->options.seed);
	fflush(stdout);
	abort();
}

/* --- randomness --- */

int
os_n_processors(void)
{
	return 1;
}

void
os_random(void *bytes, size_t n_bytes)
{
	unsigned char *at = bytes;

	for (size_t i = 0; i < n_bytes; i++)
		at[i] = (unsigned char)sim_world_dice(DICE_RANDOM, 256);
}

uint64_t
sim_random(struct sim *sim, uint64_t below)
{
	insist(sim->process == sim_world());
	return sim_world_dice(DICE_TEST, below);
}
