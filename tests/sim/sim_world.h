/*
 * sim_world.h - what the parts of the simulated world know of each other; tests include sim.h
 *
 * A machine (shared memory) survives the processes that run on it: disk, calendar,
 * notes, counters.  A process is what dies with them: descriptors, sockets, jobs, the
 * monotonic clock.  The calls of os.h carry no handle, so the process that runs is the
 * one variable of this folder (world); it stands where the kernel would.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/heap.h"
#include "base/list.h"
#include "smtpfwd/runtime/os.h"
#include "tests/expect.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_disk.h"

/* One sequence of random numbers per subject: a change in one leaves the others as they were. */
enum sim_dice { DICE_NETWORK, DICE_ORDER, DICE_DISK, DICE_JOBS, DICE_RANDOM, DICE_TEST, DICE_POWER, N_DICE };

enum {
	SIM_FD_FIRST = 1000,		/* so that no one takes them for the kernel's */
	SIM_NOTES_MAX_BYTES = 64 << 20,	/* of address space; pages are used as they are touched */
};

struct sim_machine {			/* in shared memory */
	int		 n_runs;
	int64_t		 wall_base_us;	/* wall clock = base + monotonic */
	int64_t		 boot_ns;	/* where the next process's monotonic clock starts */
	int64_t		 n_calls;	/* counted ones, of the latest run */
	uint64_t	 trace_hash;
	bool		 has_crashed;	/* the run ended at crash_at */
	bool		 has_ended;	/* the scenario returned */
	enum sim_rule	 latest_rule;	/* of the latest power cut */
	struct test_counts counts;	/* of the run's expectations */
	char		 last_call[80];	/* for messages */
	uint64_t	 power_dice;
	struct sim_disk	 disk;
	size_t		 notes_bytes;
	char		 notes[SIM_NOTES_MAX_BYTES];
};

enum sim_fd_kind { FD_FREE, FD_FILE, FD_SOCKET };

struct sim_fd {
	enum sim_fd_kind	 kind;
	struct sim_socket	*socket;
	int			 inode;
	bool			 may_write;
	bool			 is_locked;
};

/* Something that will happen at a time; its owner embeds it. */
struct sim_due {
	struct heap_item	 room;
	void	(*happen)(struct sim_due *due);
};

struct sim_process {			/* dies at sim_leave or with the child */
	struct sim	*sim;
	int64_t		 now_ns;
	struct heap	 due;
	uint64_t	 dice[N_DICE];
	struct sim_fd	*fds;
	int		 n_fds, n_fds_open;
	struct list	 sockets;	/* struct sim_socket, open or not, until the process ends */
	struct list	 hosts;		/* struct sim_host_state */
	struct list	 cuts;		/* struct sim_cut */
	struct list	 calls;		/* struct sim_call, of sim_after */
	struct list	 crews;
	struct os_poller *signal_poller;
	uint64_t	 signals_caught, signals_pending;	/* a bit each */
	int		 next_port;
	int64_t		 n_idle_waits;	/* of the poller, since time moved */
	int		 n_jobs_running;	/* 1 inside of job->run */
	int64_t		 crash_at;	/* 0: never */
	struct test_counts counts_before;
	bool		 is_traced;
};

struct sim {
	struct sim_options	 options;	/* no zeros left */
	struct sim_machine	*machine;
	struct sim_process	*process;	/* NULL: none runs (in this process of the real machine) */
};

/* --- sim_world.c --- */
struct sim_process	*sim_world(void);			/* the running one; insists that there is one */
uint64_t	 sim_world_dice(enum sim_dice which, uint64_t below);
bool		 sim_world_dice_percent(enum sim_dice which, int percent);
uint64_t	 sim_dice_roll(uint64_t *state);

/* Puts a call into the trace.  What it is about must not depend on addresses. */
void		 sim_world_trace(const char *call, const char *text, int64_t a, int64_t b);
/* The same for a call that counts; does not return if the world ends before it. */
void		 sim_world_call(const char *call, const char *text, int64_t a, int64_t b);
/* Says it on stdout and aborts: the code under test broke os.h's contract, or hangs. */
_Noreturn void	 sim_world_misused(const char *format, ...) __attribute__((format(printf, 1, 2)));

void		 sim_process_begin(struct sim *sim, int64_t crash_at);
int		 sim_process_end(struct sim *sim);		/* descriptors left open */

int		 sim_fd_new(enum sim_fd_kind kind);		/* or -EMFILE */
struct sim_fd	*sim_fd_get(int fd, enum sim_fd_kind kind);	/* misuse if it is none */

/* --- sim_clock.c --- */
void		 sim_due_at(struct sim_due *due, int64_t at_ns);
void		 sim_due_drop(struct sim_due *due);
void		 sim_clock_run_until(int64_t at_ns);	/* lets all happen that is due until then */
void		 sim_calls_free(struct sim_process *p);

/* --- sim_network.c, sim_connect.c --- */
void		 sim_network_free(struct sim_process *p);
void		 sim_socket_close(struct sim_socket *socket);
int		 sim_network_collect(struct os_poller *poller, struct os_event *events_out, int max_events);
void		 sim_network_forget_poller(struct os_poller *poller);

/* --- sim_crew.c --- */
void		 sim_crews_free(struct sim_process *p);

/* --- sim_world.c, for the disk --- */
bool		 sim_file_is_open(int inode);	/* false when no process runs */

#endif
