/*
 * sim.h - a world for tests behind runtime/os.h: time, network, disk, threads, from one seed
 *
 * Link tests/sim/libsim.a instead of smtpfwd/runtime/libos.a.  A world (struct sim) is a
 * machine with its disk, and everything on its network; it outlives the processes that
 * run in it.  Relay and test peers are fibers of one loop in one process; time moves only
 * when all of them wait.  Same seed, same code: same run, call by call (sim_trace_hash).
 * Not in it: TLS's own randomness, which varies lengths of records by a few bytes.
 *
 * Environment: SIM_TRACE=1 shows each call, SIM_LOG=1 what log_sim gets, SIM_SEED the seed.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base/endpoint.h"
#include "base/fault.h"
#include "base/instant.h"
#include "base/str.h"

struct sim;

/* What a power cut leaves of writes that were not synced.  Synced data is always whole. */
enum sim_rule {
	SIM_RULE_BY_SEED,		/* one of those below */
	SIM_RULE_KEPT,			/* all of them; the same as kill -9 */
	SIM_RULE_LOST,			/* none */
	SIM_RULE_TORN,			/* the first few, and of the next one only some sectors */
	SIM_RULE_REORDERED,		/* any of them, each whole, later ones without earlier ones */
	SIM_RULE_SCRAMBLED,		/* each 512-byte sector as it was after any of the writes, or before */
};

struct sim_options {			/* zero means the default */
	uint64_t	 seed;
	struct span	 latency_max;	/* one way, at least a tenth of it; default 2 ms */
	struct span	 job_max;	/* a crew's job waits and takes up to this; default 10 ms */
	int		 short_percent;	/* of sends, segments and file writes that are cut short; default 15, -1: none */
	int		 uncached_percent;	/* of os_pread_cached that say -EAGAIN; default 20, -1: none */
	size_t		 socket_bytes;	/* in flight and unread, one way; default 64 KB */
	int64_t		 disk_bytes;	/* default 512 MB, of which 200 MB can really be written */
	int		 max_fds;	/* -EMFILE beyond; default 20,000 */
	enum sim_rule	 rule;
	bool		 may_block;	/* calls on files that os.h marks "blocks" are allowed in fibers */
};

/* The seed from the environment (SIM_SEED), or the one given. */
uint64_t	 sim_seed(uint64_t otherwise);

struct sim	*sim_new(const struct sim_options *options);	/* never NULL; the disk is empty but for "/" */
void		 sim_free(struct sim *sim);

/* --- plain tests: this process runs in the world from here to there --- */
void		 sim_enter(struct sim *sim);
int		 sim_leave(struct sim *sim);	/* as kill -9; how many files and sockets were open still */

/* The machine lost power: what was not synced goes by the rule.  Between sim_leave and sim_enter. */
void		 sim_power_cut(struct sim *sim);

/* --- crash tests: runs are child processes, so that a crash leaves no memory behind --- */
typedef void	 sim_scenario(struct sim *sim, void *arg);

enum sim_end {
	SIM_ENDED,			/* the scenario returned */
	SIM_CRASHED,			/* at the call that was asked for */
	SIM_FAILED,			/* it aborted, hung or exited; said on stdout, counted as a missed expectation */
};

/*
 * Runs scenario in a child, inside the world.  Before its crash_at'th counted call (from 1;
 * 0: never) the child dies and the power is cut.  Counted: file writes, syncs, renames,
 * unlinks, allocates, truncates, creations, sends on sockets, the start and end of jobs.
 * Expectations (tests/expect.h) met or missed in the child count in this process.
 */
enum sim_end	 sim_run(struct sim *sim, int64_t crash_at, sim_scenario *scenario, void *arg);
int64_t		 sim_n_calls(const struct sim *sim);	/* counted calls of the latest run */

struct sim_story {
	struct sim_options	 options;
	sim_scenario		*live;		/* in a child; killed at each counted call in turn */
	sim_scenario		*recover;	/* in another child, to its end */
	sim_scenario		*check;		/* in this process, not inside the world: reads the notes */
	void			*arg;
	int			 every;		/* 0, 1: crash at each call; n: at one of each n, which one says the seed */
	bool			 crashes_twice;	/* recover is killed too, at a call by the seed, and run again */
};

/* Plays the story once in peace and then once per crash; how many crashes there were. */
int64_t		 sim_crash_everywhere(const struct sim_story *story);

/* --- notes: what peers know, kept outside of the processes that crash --- */
void		 sim_note(struct sim *sim, const char *kind, struct str key, struct str bytes);
int		 sim_n_notes(const struct sim *sim, const char *kind, struct str key);	/* key.at NULL: any */
/* The nth note (from 0) of a kind and key (key.at NULL: any); false: there is none. */
bool		 sim_find_note(const struct sim *sim, const char *kind, struct str key, int nth,
		    struct str *key_out, struct str *bytes_out);

/* --- time --- */
void		 sim_step_wall_clock(struct sim *sim, struct span by);
void		 sim_after(struct sim *sim, struct span wait, void (*call)(void *arg), void *arg);	/* on the loop's own stack */
void		 sim_set_job_max(struct sim *sim, struct span job_max);	/* as in sim_options, from now on: a slow disk */
void		 sim_signal(struct sim *sim, int signal);
uint64_t	 sim_random(struct sim *sim, uint64_t below);	/* for tests' own choices; below > 0 */
uint64_t	 sim_trace_hash(const struct sim *sim);

/* --- network --- */
enum sim_host {
	SIM_HOST_UP,			/* refuses where nobody listens */
	SIM_HOST_SILENT,		/* connecting ends in -ETIMEDOUT after 130 s; what is open stalls */
	SIM_HOST_UNREACHABLE,		/* -EHOSTUNREACH after the latency; open connections stall */
};

void		 sim_net_host(struct sim *sim, const struct ip *ip, enum sim_host state);
void		 sim_net_latency(struct sim *sim, const struct ip *ip, struct span one_way);	/* exact, to and from it */
/* Connections to or from this endpoint (ip.family IP_NONE: any ip; port 0: any) are reset. */
int		 sim_net_cut(struct sim *sim, const struct endpoint *end);	/* how many there were */
/* The next connection to the endpoint is reset when n bytes came from the connecting side (or from the other). */
void		 sim_net_cut_after(struct sim *sim, const struct endpoint *to, int64_t n_bytes, bool from_connecting_side);
int		 sim_net_n_connections(struct sim *sim, const struct endpoint *to);	/* open or under way */
int		 sim_connect_unix(struct sim *sim, const char *path, uint32_t uid);	/* a socket, or -errno */

/* --- disk --- */
enum sim_disk_call {
	SIM_OPEN, SIM_READ, SIM_WRITE, SIM_SYNC, SIM_SYNC_DIR, SIM_ALLOCATE, SIM_TRUNCATE,
	SIM_RENAME, SIM_UNLINK, SIM_LIST,
	SIM_N_DISK_CALLS
};

/*
 * The nth such call from now (from 1) and the n_calls-1 behind it give -error.  After a
 * failed SIM_SYNC what was written may be on the disk or not, and no later sync brings it there.
 */
void		 sim_disk_fail(struct sim *sim, enum sim_disk_call call, int nth, int n_calls, int error);
void		 sim_disk_heal(struct sim *sim);			/* no call fails any more */
void		 sim_disk_set_bytes(struct sim *sim, int64_t disk_bytes);	/* -ENOSPC when so much is in use */
int64_t		 sim_disk_used(const struct sim *sim);
void		 sim_disk_flip(struct sim *sim, const char *path, int64_t offset);	/* one bit of that byte turns over on the disk */
void		 sim_disk_make_dir(struct sim *sim, const char *path);	/* with its parents, durable at once */
/* How often a call was made in all: to show that something was batched or never done. */
int64_t		 sim_disk_n_calls(const struct sim *sim, enum sim_disk_call call);

#endif
