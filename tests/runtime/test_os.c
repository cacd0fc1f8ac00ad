/*
 * test_os.c - os.h on this system: files, unix sockets, signals, time, randomness
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "smtpfwd/runtime/fiber.h"
#include "tests/expect.h"

struct folder {
	char	path[64];
	char	a[96], b[96], sub[96];
};

static void
folder_make(struct folder *folder)
{
	snprintf(folder->path, sizeof(folder->path), "/tmp/test_os.XXXXXX");
	if (mkdtemp(folder->path) == NULL)
		abort();
	snprintf(folder->a, sizeof(folder->a), "%s/a", folder->path);
	snprintf(folder->b, sizeof(folder->b), "%s/b", folder->path);
	snprintf(folder->sub, sizeof(folder->sub), "%s/sub", folder->path);
}

static ssize_t
write_text(int fd, const char *text, int64_t offset)
{
	struct iovec pieces[2] = {
		{ .iov_base = (char *)text, .iov_len = 1 },
		{ .iov_base = (char *)text + 1, .iov_len = strlen(text) - 1 },
	};

	return os_pwritev(fd, pieces, 2, offset);
}

/* --- files --- */

static void
test_open(const struct folder *folder)
{
	struct stat status;
	int fd;

	test_case("what must exist does not come into being, what must not is not overwritten");
	expect_int(os_open(folder->a, OS_OPEN_READ), -ENOENT);
	expect_int(os_open(folder->a, OS_OPEN_WRITE), -ENOENT);
	fd = os_open(folder->a, OS_OPEN_CREATE);
	expect(fd >= 0);
	os_close(fd);
	expect_int(os_open(folder->a, OS_OPEN_CREATE), -EEXIST);
	fd = os_open(folder->a, OS_OPEN_CREATE_OR_WRITE);
	expect(fd >= 0);
	os_close(fd);
	expect_int(stat(folder->a, &status), 0);
	expect_int(status.st_mode & 07777, 0600);
	expect_int(os_unlink(folder->a), 0);
	expect_int(os_unlink(folder->a), -ENOENT);
}

static void
test_read_and_write(const struct folder *folder)
{
	char room[64];
	ssize_t n;
	int fd;

	test_case("bytes are where they were written, also while they are in memory");
	fd = os_open(folder->a, OS_OPEN_CREATE);
	expect_int(write_text(fd, "hello world", 0), 11);
	expect_int(write_text(fd, "there", 6), 5);
	expect_int(os_pread(fd, room, sizeof(room), 0), 11);
	expect_str(str_n(room, 11), STR("hello there"));
	expect_int(os_pread(fd, room, sizeof(room), 11), 0);
	n = os_pread_cached(fd, room, 5, 6);
	expect(n == 5 || n == -EAGAIN);
	if (n == 5)
		expect_str(str_n(room, 5), STR("there"));
	os_read_ahead(fd, 0, 100000);		/* a hint, also beyond the end */
	expect_int(os_file_bytes(fd), 11);
	expect_int(os_sync_data(fd), 0);

	test_case("allocating makes a file larger and never smaller; truncating does");
	expect_int(os_allocate(fd, 100000), 0);
	expect_int(os_file_bytes(fd), 100000);
	expect_int(os_allocate(fd, 5), 0);
	expect_int(os_file_bytes(fd), 100000);
	expect_int(os_pread(fd, room, 1, 99999), 1);
	expect_int(room[0], 0);
	expect_int(os_truncate(fd, 3), 0);
	expect_int(os_file_bytes(fd), 3);
	os_close(fd);
	expect_int(os_pread(-1, room, 1, 0), -EBADF);
	expect_int(os_file_bytes(-1), -EBADF);
	os_unlink(folder->a);
}

static void
count_name(void *context, const char *name)
{
	int *n = context;

	*n += strcmp(name, "b") == 0 ? 1 : strcmp(name, "sub") == 0 ? 10 : 100;
}

static void
test_names(const struct folder *folder)
{
	int fd, n = 0;

	test_case("folders are made, listed and synced, files renamed");
	expect_int(os_make_dir(folder->sub), 0);
	expect_int(os_make_dir(folder->sub), 0);
	fd = os_open(folder->a, OS_OPEN_CREATE);
	os_close(fd);
	expect_int(os_make_dir(folder->a), -ENOTDIR);
	expect_int(os_rename(folder->a, folder->b), 0);
	expect_int(os_sync_dir(folder->path), 0);
	expect_int(os_list_dir(folder->path, count_name, &n), 0);
	expect_int(n, 11);
	expect_int(os_list_dir(folder->a, count_name, &n), -ENOENT);
	expect(os_free_bytes(folder->path) > 0);
	expect_int(os_free_bytes(folder->a), -ENOENT);
	os_unlink(folder->b);
	rmdir(folder->sub);
}

static void
test_lock(const struct folder *folder)
{
	int first, second;

	test_case("a lock is held by one, and goes with its file descriptor");
	first = os_open(folder->a, OS_OPEN_CREATE);
	second = os_open(folder->a, OS_OPEN_WRITE);
	expect_int(os_lock(first), 0);
	expect_int(os_lock(second), -EWOULDBLOCK);
	os_close(first);
	expect_int(os_lock(second), 0);
	os_close(second);
	os_unlink(folder->a);
}

/* --- unix sockets --- */

static int
connect_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -errno;
}

static void
test_unix(const struct folder *folder)
{
	struct endpoint peer;
	struct stat status;
	char long_path[200];
	int listener, client, served;
	uid_t uid;

	test_case("a unix socket has its mode and knows its peer");
	listener = os_listen_unix(folder->a, 0600);
	expect(listener >= 0);
	expect_int(stat(folder->a, &status), 0);
	expect(S_ISSOCK(status.st_mode));
	expect_int(status.st_mode & 0777, 0600);
	client = connect_unix(folder->a);
	served = os_accept(listener, &peer, NULL);
	expect(served >= 0);
	expect_int(peer.ip.family, IP_NONE);
	expect_int(os_peer_uid(served, &uid), 0);
	expect_int(uid, getuid());
	expect_int(os_accept(listener, &peer, NULL), -EAGAIN);
	close(client);
	os_close(served);

	test_case("a socket that somebody serves is not taken away");
	expect_int(os_listen_unix(folder->a, 0600), -EADDRINUSE);
	client = connect_unix(folder->a);
	expect(client >= 0);
	close(client);

	test_case("one left over by a crash is");
	os_close(listener);
	expect(connect_unix(folder->a) < 0);
	listener = os_listen_unix(folder->a, 0666);
	expect(listener >= 0);
	client = connect_unix(folder->a);
	expect(client >= 0);
	close(client);
	os_close(listener);
	os_unlink(folder->a);

	test_case("a file is not taken for a socket, nor a path that is too long");
	os_close(os_open(folder->b, OS_OPEN_CREATE));
	expect_int(os_listen_unix(folder->b, 0600), -EEXIST);
	os_unlink(folder->b);
	memset(long_path, 'x', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	expect_int(os_listen_unix(long_path, 0600), -ENAMETOOLONG);
}

/* --- signals --- */

struct told {
	struct signal_watch	 watch;
	struct fiber		*fiber;
	uint64_t		 signals;
};

static void
signal_told(struct signal_watch *watch, int signal)
{
	struct told *told = (struct told *)(void *)watch;

	told->signals |= (uint64_t)1 << signal;
	fiber_wake(told->fiber);
}

static void
waits_for_signals(void *arg)
{
	struct told *told = arg;
	struct instant deadline = instant_after(loop_now(fiber_loop()), span_s(5));

	kill(getpid(), SIGUSR1);
	while (told->signals == 0)
		expect_int(fiber_park(deadline), WAKE_READY);
	expect(told->signals == (uint64_t)1 << SIGUSR1);
	kill(getpid(), SIGUSR2);
	kill(getpid(), SIGUSR1);
	while (!(told->signals & (uint64_t)1 << SIGUSR2))
		expect_int(fiber_park(deadline), WAKE_READY);
}

static void
test_signals(void)
{
	static const int signals[] = { SIGUSR1, SIGUSR2 };
	struct loop *loop = loop_new(2, NULL);
	struct told told = { .watch = { .notice = signal_told } };

	test_case("signals are told on the loop");
	expect_int(loop_watch_signals(loop, signals, 2, &told.watch), 0);
	told.fiber = fiber_start(loop, "waits", waits_for_signals, &told);
	loop_run(loop);
	expect_int(os_signal_take(), 0);
	loop_free(loop);

	test_case("one that comes when the loop is gone wakes nobody");
	kill(getpid(), SIGUSR1);
	expect_int(os_signal_take(), SIGUSR1);
	expect_int(os_signal_take(), 0);
}

static void
test_time(void)
{
	struct instant before = os_now();
	struct os_poller *poller = os_poller_new();
	struct os_event event;
	char one[16] = "", two[16] = "";

	test_case("the poller waits until its deadline, and a wake ends a wait once");
	expect_int(os_poller_wait(poller, instant_after(before, span_ms(5)), &event, 1), 0);
	expect(!instant_is_before(os_now(), instant_after(before, span_ms(5))));
	os_poller_wake(poller);
	os_poller_wake(poller);
	before = os_now();
	expect_int(os_poller_wait(poller, instant_after(before, span_s(5)), &event, 1), 0);
	expect(instant_is_before(os_now(), instant_after(before, span_s(4))));
	before = os_now();
	expect_int(os_poller_wait(poller, instant_after(before, span_ms(3)), &event, 1), 0);
	expect(!instant_is_before(os_now(), instant_after(before, span_ms(3))));
	os_poller_free(poller);

	test_case("the calendar is of this century, and chance is not the same twice");
	expect(os_wall_clock().us > (int64_t)1700000000 * 1000000);
	os_random(one, sizeof(one));
	os_random(two, sizeof(two));
	expect(memcmp(one, two, sizeof(one)) != 0);
}

enum { N_DRAWS = 5000, DRAW_BYTES = 8 };

static void
draw(uint64_t *draws)
{
	for (int i = 0; i < N_DRAWS; i++)
		os_random(&draws[i], DRAW_BYTES);
}

static void *
draws_on_a_thread(void *arg)
{
	draw(arg);
	return NULL;
}

static int
in_order(const void *one, const void *other)
{
	const uint64_t *a = one, *b = other;

	return (*a > *b) - (*a < *b);
}

/* Among so many of 64 bits two are the same, or one is 0, once in 10^11 runs. */
static void
expect_all_different(uint64_t *draws, size_t n)
{
	qsort(draws, n, sizeof(draws[0]), in_order);
	expect(draws[0] != 0);
	for (size_t i = 1; i < n; i++)
		if (!expect(draws[i] != draws[i - 1]))
			return;
}

static void
test_random(void)
{
	static uint64_t draws[3 * N_DRAWS];
	char bytes[600], seen[600];
	int ends[2];
	pthread_t thread;
	pid_t child;

	test_case("chance is never the same twice: in a thread, in another one, in a child");
	os_random(draws, 3);			/* so that something is in store when the child is born */
	expect_int(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		draw(draws);
		_exit(write(ends[1], draws, N_DRAWS * DRAW_BYTES) == N_DRAWS * DRAW_BYTES ? 0 : 1);
	}
	close(ends[1]);
	draw(draws);
	expect_int(pthread_create(&thread, NULL, draws_on_a_thread, draws + N_DRAWS), 0);
	pthread_join(thread, NULL);
	for (size_t n = 0, got; n < N_DRAWS * DRAW_BYTES; n += got) {
		got = (size_t)read(ends[0], (char *)(draws + 2 * N_DRAWS) + n, N_DRAWS * DRAW_BYTES - n);
		if (!expect(got != 0 && got != (size_t)-1))
			break;
	}
	expect_int(waitpid(child, NULL, 0), child);
	close(ends[0]);
	expect_all_different(draws, 3 * N_DRAWS);

	test_case("as many bytes as are asked for, however many, and no others");
	for (size_t n = 0; n < sizeof(bytes) - 1; n++) {
		memset(seen, 0, sizeof(seen));
		for (int i = 0; i < 8; i++) {		/* no byte is 0 so often */
			memset(bytes, 0, sizeof(bytes));
			os_random(bytes, n);
			for (size_t k = 0; k < sizeof(bytes); k++)
				seen[k] |= bytes[k];
		}
		expect(memchr(seen, 0, sizeof(seen)) == seen + n);
	}
}

/* --- what listens --- */

static int
tcp_listener(const char *ip)
{
	struct endpoint at = { .port = 0 };

	expect(ip_parse(str_of(ip), &at.ip));
	return os_listen(&at, 5);
}

static void
expect_accepted_at_once(int listener, const struct endpoint *to)
{
	struct endpoint peer, local;
	int client, served, is_on = 0;
	socklen_t n_bytes = sizeof(is_on);

	client = os_connect(to, NULL);
	expect(client >= 0);
	while ((served = os_accept(listener, &peer, &local)) == -EAGAIN)
		;
	expect(served >= 0);
	expect(endpoint_eq(&local, to));
	expect_int(getsockopt(served, IPPROTO_TCP, TCP_NODELAY, &is_on, &n_bytes), 0);
	expect(is_on != 0);
	os_close(client);
	os_close(served);
}

static void
test_accept(void)
{
	struct endpoint at, told;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener;

	test_case("what is accepted sends at once, and is where its listener is bound");
	listener = tcp_listener("127.0.0.1");
	expect(listener >= 0);
	expect(os_listens_at_one(listener, &at));
	expect_int(os_local_endpoint(listener, &told), 0);
	expect(endpoint_eq(&at, &told));
	expect_accepted_at_once(listener, &at);
	os_close(listener);

	test_case("also of a listener that was handed over");
	listener = socket(AF_INET, SOCK_STREAM, 0);
	expect(bind(listener, (const struct sockaddr *)&address, sizeof(address)) == 0 && listen(listener, 5) == 0);
	expect_int(os_adopt_listener(listener, 5, &at), 0);
	expect(os_listens_at_one(listener, &told) && endpoint_eq(&at, &told));
	expect_accepted_at_once(listener, &at);
	/* Only root may: a proxy's socket then takes connections to any address. */
	if (setsockopt(listener, IPPROTO_IP, IP_TRANSPARENT, &(int){ 1 }, sizeof(int)) == 0)
		expect(!os_listens_at_one(listener, &told));
	os_close(listener);

	test_case("a listener at all addresses is not at one");
	listener = tcp_listener("0.0.0.0");
	expect(listener >= 0 && !os_listens_at_one(listener, &at));
	ip_parse(STR("127.0.0.1"), &at.ip);
	expect_accepted_at_once(listener, &at);
	os_close(listener);
	listener = tcp_listener("::");
	expect(listener < 0 || !os_listens_at_one(listener, &at));	/* there may be no IPv6 */
	if (listener >= 0)
		os_close(listener);
}

int
main(void)
{
	struct folder folder;

	folder_make(&folder);
	test_open(&folder);
	test_read_and_write(&folder);
	test_names(&folder);
	test_lock(&folder);
	test_unix(&folder);
	test_accept();
	test_signals();
	test_time();
	test_random();
	expect_int(rmdir(folder.path), 0);
	return test_end();
}
