/*
 * os.h - the only door to time, randomness, sockets, files and threads
 *
 * A seam, chosen by the linker: os_linux.c in the daemon, tests/sim/os_sim.c in tests,
 * where the same relay runs in fake time on a fake network and disk.  Nothing above
 * makes such system calls itself.  Calls return -errno on failure and never block,
 * but for those on files (marked "blocks"), which only a crew's thread may make
 * while the loop runs.  EINTR is handled below.
 */
#ifndef RUNTIME_OS_H
#define RUNTIME_OS_H

#include <sys/types.h>
#include <sys/uio.h>

#include "base/endpoint.h"
#include "base/instant.h"

/* --- time and randomness --- */
struct instant		os_now(void);
struct timestamp	os_wall_clock(void);
int			os_n_processors(void);		/* that we may run on; at least 1 */

/*
 * The kernel's own randomness (getrandom), good for keys.  A thread keeps a few bytes in store, which it wipes as it
 * gives them out; none is given out twice, nor by a process and its child (fork).  Not for a signal's handler.
 */
void			os_random(void *bytes, size_t n_bytes);

/* --- sockets: non-blocking, close-on-exec --- */

/* Binds and listens (SO_REUSEADDR, IPV6_V6ONLY, and TCP_NODELAY for all that is accepted); the socket or -errno. */
int	os_listen(const struct endpoint *at, int backlog);
int	os_listen_unix(const char *path, mode_t mode);	/* removes a socket left over that nobody serves; -EADDRINUSE if somebody does */
int	os_unix_is_free(const char *path);	/* 0: free or left over; -EADDRINUSE: somebody serves it; -EEXIST: it is no socket */

/* The next connection, -EAGAIN when none waits.  Each of the endpoints may be NULL. */
int	os_accept(int listener, struct endpoint *peer_out, struct endpoint *local_out);
bool	os_listens_at_one(int listener, struct endpoint *at_out);	/* whatever it accepts is at this local endpoint */

/* Starts to connect, from a local address if from is not NULL (port 0: any); done when writable: os_connect_result. */
int	os_connect(const struct endpoint *to, const struct endpoint *from);
int	os_connect_result(int socket);		/* 0, -EINPROGRESS, or what went wrong */

/* Bytes moved, 0 at the end of input (os_recv), -EAGAIN, or -errno.  No SIGPIPE. */
ssize_t	os_recv(int socket, void *room, size_t n_bytes);
ssize_t	os_sendv(int socket, const struct iovec *pieces, int n_pieces);
int64_t	os_unconfirmed_bytes(int socket);	/* sent, and the peer's machine has not confirmed them; 0: none, or it cannot be told */
int	os_local_endpoint(int socket, struct endpoint *local_out);
bool	os_ip_is_local(const struct ip *ip);	/* connections to it come back to this machine */
int	os_peer_uid(int socket, uid_t *uid_out);	/* unix sockets */
void	os_close(int fd);			/* sockets and files */

/* --- waiting: edge-triggered, one per loop --- */
struct os_poller;

/*
 * An event tells of a change: bytes came, room came, or the end.  OS_BROKEN: an error, a
 * hang-up, or the peer's end of input has come (also behind bytes not yet read): read or
 * write tells.  A reader that got fewer bytes than it asked for, and no OS_BROKEN, may
 * rely on an event for whatever comes next.  What is so when the fd is added is told too.
 */
enum { OS_READABLE = 1, OS_WRITABLE = 2, OS_BROKEN = 4 };

struct os_event {
	void		*tag;
	unsigned	 what;
};

struct os_poller	*os_poller_new(void);
void			 os_poller_free(struct os_poller *poller);
int			 os_poller_add(struct os_poller *poller, int fd, void *tag);
void			 os_poller_remove(struct os_poller *poller, int fd);

/*
 * Closes what was added: the last descriptor of a socket takes it from the poller.  One that another process or a copy
 * still has open would go on to be told of; connections have none, for nobody forks while a loop serves.
 */
void			 os_poller_close(struct os_poller *poller, int fd);

/* Waits for events until the deadline (in the past: only looks) or a wake; how many there are, 0 to max. */
int			 os_poller_wait(struct os_poller *poller, struct instant until,
			    struct os_event *events_out, int max_events);
void			 os_poller_wake(struct os_poller *poller);	/* from any thread */

/*
 * Signals come as values: os_poller_wait returns, then os_signal_take gives their numbers
 * one by one, 0 when there is none.  They belong to the process, so one poller catches
 * them, once.  SIGPIPE is ignored from then on.  When that poller is gone they are only kept for os_signal_take.  0 or -errno.
 */
int	os_signals_catch(struct os_poller *poller, const int *signals, int n_signals);
int	os_signal_take(void);

/* --- threads that block on a loop's behalf --- */
struct os_crew;

struct os_job {				/* owned by who submits, until it is taken back */
	void		(*run)(struct os_job *job);	/* on a crew's thread: may block, must not touch a fiber */
	struct os_job	*next;		/* the crew's, while it has the job */
};

/*
 * Jobs of a crew of one thread run in the order submitted.  Done jobs wake the poller, if
 * there is one.  The threads bear the name, of 15 bytes at most, where people look at threads; it is kept, not copied.
 * NULL when the threads cannot be had.
 */
struct os_crew	*os_crew_new(struct os_poller *poller, int n_threads, const char *name);
void		 os_crew_free(struct os_crew *crew);		/* waits until all jobs submitted are done */
void		 os_crew_submit(struct os_crew *crew, struct os_job *job);
struct os_job	*os_crew_take_done(struct os_crew *crew);	/* a list by next, oldest first; NULL: none */

/* --- files --- */
enum os_open_how {
	OS_OPEN_READ,			/* must exist */
	OS_OPEN_WRITE,			/* read and write, must exist */
	OS_OPEN_CREATE,			/* read and write, must not exist; mode 0600 */
	OS_OPEN_CREATE_OR_WRITE,
};

int	os_open(const char *path, enum os_open_how how);		/* blocks */
ssize_t	os_pread(int fd, void *room, size_t n_bytes, int64_t offset);	/* blocks */
ssize_t	os_pread_cached(int fd, void *room, size_t n_bytes, int64_t offset);	/* only what is in memory; else -EAGAIN */
void	os_read_ahead(int fd, int64_t offset, int64_t n_bytes);		/* it is read soon: the disk may begin; a hint */
ssize_t	os_pwritev(int fd, const struct iovec *pieces, int n_pieces, int64_t offset);	/* blocks; may be short */
int	os_sync_data(int fd);						/* blocks: fdatasync */
int	os_sync_dir(const char *path);					/* blocks: makes names durable */
int	os_allocate(int fd, int64_t n_bytes);				/* blocks: fallocate from 0, size grows */
int	os_truncate(int fd, int64_t n_bytes);				/* blocks */
int64_t	os_file_bytes(int fd);
int	os_file_mode(int fd);						/* permission bits, or -errno */
int	os_rename(const char *from, const char *to);			/* blocks */
int	os_unlink(const char *path);					/* blocks */
int	os_make_dir(const char *path);					/* blocks; 0700; 0 if it is there already */
int	os_list_dir(const char *path, void (*each)(void *context, const char *name), void *context);	/* blocks */
int	os_lock(int fd);			/* exclusive, never waits: -EWOULDBLOCK */
int64_t	os_free_bytes(const char *path);	/* on its disk, for us */

/* --- where log lines go (log_writer.c) --- */
int	os_log_open(const char *path);		/* blocks: to append; created with mode 0640 */
ssize_t	os_log_write(int fd, const void *bytes, size_t n_bytes);	/* blocks; 2 is stderr */
bool	os_stderr_is_journal(void);
void	os_syslog_begin(const char *program);	/* the name is kept, not copied */
void	os_syslog(int priority, struct str line);	/* blocks; RFC 5424's severity */

/* --- who started us (notify.c, inherited.c, log_writer.c) --- */

/*
 * Sends a datagram to a unix socket ("@name": an abstract one), descriptors beside it; the other end has them too
 * then.  Found by its path each time: who listens there may have been restarted.  May it not block, then -EAGAIN
 * tells that nobody reads there now.  0 or -errno.
 */
enum { OS_TELL_FDS_MAX = 4 };
int	os_tell(const char *path, const struct iovec *pieces, int n_pieces, const int *fds, int n_fds, bool may_block);

/* Waits until who listens there has taken all that we have told it before; 0, or -errno: -ETIMEDOUT.  Blocks. */
int	os_tell_barrier(const char *path, int within_ms);

/*
 * For a descriptor that we did not open: makes it close-on-exec, and, if it is a TCP socket that listens, as os_listen does.
 * 0, -EBADF if there is none, or another -errno for what is no such socket.
 */
int	os_adopt_listener(int fd, int backlog, struct endpoint *at_out);

#endif
