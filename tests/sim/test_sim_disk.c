/*
 * test_sim_disk.c - that the simulated disk keeps what was synced, loses the rest in every way, and
 * fails as told; and that a crash at every call finds a store that forgets to sync
 */
#include <errno.h>
#include <stdio.h>

#include "base/insist.h"
#include "tests/expect.h"
#include "tests/sim/sim.h"
#include "smtpfwd/runtime/os.h"

enum { N_SEEDS = 200, SECTOR = 512, RECORD_BYTES = 3 * SECTOR };

static int
write_at(int fd, const void *bytes, size_t n_bytes, int64_t offset)
{
	while (n_bytes > 0) {
		struct iovec piece = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = n_bytes };
		ssize_t n = os_pwritev(fd, &piece, 1, offset);

		if (n <= 0)
			return (int)n;
		bytes = (const char *)bytes + n;
		n_bytes -= (size_t)n;
		offset += n;
	}
	return 0;
}

/* Fills a piece of a file with one letter. */
static int
fill(int fd, char letter, size_t n_bytes, int64_t offset)
{
	static char bytes[64 * 1024];

	insist(n_bytes <= sizeof(bytes));
	memset(bytes, letter, n_bytes);
	return write_at(fd, bytes, n_bytes, offset);
}

/* What stands in a piece of a file: its letter, '?' for several, 0 for zeros or nothing. */
static char
letter_at(int fd, size_t n_bytes, int64_t offset)
{
	static char bytes[64 * 1024];
	ssize_t n;

	insist(n_bytes <= sizeof(bytes));
	memset(bytes, 0, n_bytes);
	n = os_pread(fd, bytes, n_bytes, offset);
	for (ssize_t i = 1; i < (n < 0 ? 0 : (ssize_t)n_bytes); i++)
		if (bytes[i] != bytes[0])
			return '?';
	return bytes[0];
}

static struct sim *
world_new(uint64_t seed, enum sim_rule rule)
{
	struct sim *sim = sim_new(&(struct sim_options){ .seed = seed, .rule = rule, .short_percent = -1 });

	sim_disk_make_dir(sim, "/spool/a");
	sim_enter(sim);
	return sim;
}

static void
cut_power(struct sim *sim)
{
	sim_leave(sim);
	sim_power_cut(sim);
	sim_enter(sim);
}

static void
world_end(struct sim *sim)
{
	sim_leave(sim);
	sim_free(sim);
}

/* --- data --- */

struct seen {				/* over many seeds */
	int	 n_kept, n_lost, n_torn, n_reordered, n_between;
};

/* S is synced; A and B are written behind it, then C over A; the power goes. */
static void
lose_once(uint64_t seed, struct seen *seen)
{
	struct sim *sim = world_new(seed, SIM_RULE_BY_SEED);
	int fd = os_open("/spool/a/log", OS_OPEN_CREATE);
	char a, b;

	insist(fd >= 0);
	expect_int(os_allocate(fd, 16 * RECORD_BYTES), 0);
	fill(fd, 'S', RECORD_BYTES, 0);
	expect_int(os_sync_data(fd), 0);
	expect_int(os_sync_dir("/spool/a"), 0);
	fill(fd, 'A', RECORD_BYTES, RECORD_BYTES);
	fill(fd, 'B', RECORD_BYTES, 2 * RECORD_BYTES);
	fill(fd, 'C', RECORD_BYTES, RECORD_BYTES);
	cut_power(sim);
	fd = os_open("/spool/a/log", OS_OPEN_READ);
	expect(fd >= 0);
	expect_int(letter_at(fd, RECORD_BYTES, 0), 'S');
	expect_int(os_file_bytes(fd), 16 * RECORD_BYTES);
	for (int i = 0; i < 6; i++) {		/* a sector is whole, whatever was torn */
		char c = letter_at(fd, SECTOR, RECORD_BYTES + i * SECTOR);

		expect(c == 0 || (i < 3 ? c == 'A' || c == 'C' : c == 'B'));
	}
	a = letter_at(fd, RECORD_BYTES, RECORD_BYTES);
	b = letter_at(fd, RECORD_BYTES, 2 * RECORD_BYTES);
	seen->n_kept += a == 'C' && b == 'B';
	seen->n_lost += a == 0 && b == 0;
	seen->n_torn += a == '?' || b == '?';
	seen->n_reordered += a == 0 && b == 'B';
	seen->n_between += a == 'A' && b == 'B';
	world_end(sim);
}

static void
test_loss(void)
{
	struct seen seen = { 0 };

	test_case("what is synced stays; what is not is kept, lost, torn, reordered, by the seed");
	for (uint64_t seed = 1; seed <= N_SEEDS; seed++)
		lose_once(seed, &seen);
	printf("# of %d: kept %d, lost %d, torn %d, reordered %d, between two writes %d\n", N_SEEDS, seen.n_kept,
	    seen.n_lost, seen.n_torn, seen.n_reordered, seen.n_between);
	expect(seen.n_kept > 0 && seen.n_lost > 0 && seen.n_torn > 0 && seen.n_reordered > 0 && seen.n_between > 0);
}

static void
test_rules(void)
{
	static const struct rule_case {
		const char	*name;
		enum sim_rule	 rule;
		char		 want;
		int64_t		 want_bytes;
	} cases[] = {
		{ "the rule `lost` loses all, growth too", SIM_RULE_LOST, 'S', RECORD_BYTES },
		{ "the rule `kept` keeps all", SIM_RULE_KEPT, 'N', 2 * RECORD_BYTES },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sim *sim = world_new(1, cases[i].rule);
		int fd = os_open("/spool/a/log", OS_OPEN_CREATE);

		test_case("%s", cases[i].name);
		fill(fd, 'S', RECORD_BYTES, 0);
		os_sync_data(fd);
		os_sync_dir("/spool/a");
		fill(fd, 'N', 2 * RECORD_BYTES, 0);
		cut_power(sim);
		fd = os_open("/spool/a/log", OS_OPEN_WRITE);
		expect_int(os_file_bytes(fd), cases[i].want_bytes);
		expect_int(letter_at(fd, RECORD_BYTES, 0), cases[i].want);
		world_end(sim);
	}
}

static void
test_truncate(void)
{
	struct sim *sim = world_new(2, SIM_RULE_LOST);
	int fd = os_open("/spool/a/log", OS_OPEN_CREATE);

	test_case("what was cut off reads as zeros when the file grows again; unsynced, it is all back");
	fill(fd, 'S', 20000, 0);
	os_sync_data(fd);
	os_sync_dir("/spool/a");
	expect_int(os_truncate(fd, 5000), 0);
	expect_int(os_file_bytes(fd), 5000);
	expect_int(os_truncate(fd, 20000), 0);
	expect_int(letter_at(fd, 5000, 0), 'S');
	expect_int(letter_at(fd, 15000, 5000), 0);
	cut_power(sim);
	fd = os_open("/spool/a/log", OS_OPEN_WRITE);
	expect_int(letter_at(fd, 20000, 0), 'S');
	os_truncate(fd, 100);
	os_sync_data(fd);
	cut_power(sim);
	fd = os_open("/spool/a/log", OS_OPEN_WRITE);
	expect_int(os_file_bytes(fd), 100);
	world_end(sim);
}

/* --- names --- */

static void
touch(const char *path, char letter)
{
	int fd = os_open(path, OS_OPEN_CREATE_OR_WRITE);

	insist(fd >= 0);
	fill(fd, letter, 10, 0);
	os_sync_data(fd);
	os_close(fd);
}

/* The letter in a file; 0 if there is none. */
static char
letter_of(const char *path)
{
	int fd = os_open(path, OS_OPEN_READ);
	char letter;

	if (fd < 0)
		return 0;
	letter = letter_at(fd, 10, 0);
	os_close(fd);
	return letter;
}

static void
test_names(void)
{
	struct sim *sim;
	int n_old = 0, n_new = 0, n_there = 0;

	test_case("a name is durable when its directory was synced, not before");
	sim = world_new(1, SIM_RULE_LOST);
	touch("/spool/a/one", 'x');
	os_sync_dir("/spool");
	cut_power(sim);
	expect_int(letter_of("/spool/a/one"), 0);
	touch("/spool/a/one", 'x');
	os_sync_dir("/spool/a");
	os_unlink("/spool/a/one");
	expect_int(letter_of("/spool/a/one"), 0);
	cut_power(sim);
	expect_int(letter_of("/spool/a/one"), 'x');
	os_unlink("/spool/a/one");
	os_sync_dir("/spool/a/");
	cut_power(sim);
	expect_int(letter_of("/spool/a/one"), 0);
	expect_int(os_make_dir("/spool/b"), 0);
	expect_int(os_make_dir("/spool/b"), 0);
	touch("/spool/b/two", 'y');
	os_sync_dir("/spool/b");
	cut_power(sim);
	expect_int(os_open("/spool/b/two", OS_OPEN_CREATE), -ENOENT);
	world_end(sim);

	test_case("a rename within a directory is one step: the old file or the new one, never none");
	for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
		char now;

		sim = world_new(seed, SIM_RULE_BY_SEED);
		touch("/spool/a/state", 'o');
		os_sync_dir("/spool/a");
		touch("/spool/a/state.new", 'n');
		expect_int(os_rename("/spool/a/state.new", "/spool/a/state"), 0);
		expect_int(letter_of("/spool/a/state.new"), 0);
		cut_power(sim);
		now = letter_of("/spool/a/state");
		expect(now == 'o' || now == 'n');
		n_old += now == 'o';
		n_new += now == 'n';
		n_there += letter_of("/spool/a/state.new") == 'n';
		world_end(sim);
	}
	expect(n_old > 0 && n_new > 0 && n_there > 0);
}

/* --- faults --- */

static void
test_faults(void)
{
	struct sim *sim = world_new(3, SIM_RULE_KEPT);
	int fd = os_open("/spool/a/log", OS_OPEN_CREATE), other = os_open("/spool/a/log", OS_OPEN_WRITE);
	int64_t used;

	test_case("the call that was chosen fails, as often as asked for");
	sim_disk_fail(sim, SIM_WRITE, 2, 2, EIO);
	expect_int(fill(fd, 'x', 10, 0), 0);
	expect_int(fill(fd, 'x', 10, 0), -EIO);
	expect_int(fill(fd, 'x', 10, 0), -EIO);
	expect_int(fill(fd, 'x', 10, 0), 0);
	test_case("a full disk says so, after what fitted, and has room again when a file is gone");
	used = sim_disk_used(sim);
	sim_disk_set_bytes(sim, used + 3 * 4096);
	expect_int(os_free_bytes("/spool"), 3 * 4096);
	expect_int(os_allocate(fd, 5 * 4096), -ENOSPC);
	expect_int(fill(fd, 'y', 32768, 4096), -ENOSPC);
	expect_int(os_file_bytes(fd), 4 * 4096);
	expect_int(os_free_bytes("/spool"), 0);
	os_unlink("/spool/a/log");
	os_sync_dir("/spool/a");
	expect_int(os_free_bytes("/spool"), 0);	/* still open */
	test_case("a lock is held by one");
	expect_int(os_lock(fd), 0);
	expect_int(os_lock(other), -EWOULDBLOCK);
	os_close(fd);
	expect_int(os_lock(other), 0);
	os_close(other);
	expect_int(os_free_bytes("/spool"), used + 3 * 4096);
	world_end(sim);
}

static void
test_failed_sync(void)
{
	int n_there = 0, n_gone = 0;

	test_case("after a failed sync the data may be gone, whatever a later sync says");
	for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
		struct sim *sim = world_new(seed, SIM_RULE_KEPT);
		int fd = os_open("/spool/a/log", OS_OPEN_CREATE);
		char now;

		fill(fd, 'o', SECTOR, 0);
		os_sync_data(fd);
		os_sync_dir("/spool/a");
		fill(fd, 'n', SECTOR, 0);
		sim_disk_fail(sim, SIM_SYNC, 1, 1, EIO);
		expect_int(os_sync_data(fd), -EIO);
		expect_int(os_sync_data(fd), 0);
		expect_int(letter_at(fd, SECTOR, 0), 'n');
		cut_power(sim);
		fd = os_open("/spool/a/log", OS_OPEN_WRITE);
		now = letter_at(fd, SECTOR, 0);
		n_there += now == 'n';
		n_gone += now == 'o';
		world_end(sim);
	}
	expect_int(n_there + n_gone, N_SEEDS);
	expect(n_there > 0 && n_gone > 0);
}

static void
test_cached(void)
{
	struct sim *sim = world_new(4, SIM_RULE_KEPT);
	int fd = os_open("/spool/a/log", OS_OPEN_CREATE), n_there = 0, n_away = 0;
	char room[10];

	test_case("what is not in memory is not read without blocking");
	fill(fd, 'x', 10, 0);
	for (int i = 0; i < 100; i++) {
		ssize_t n = os_pread_cached(fd, room, 10, 0);

		expect(n == 10 || n == -EAGAIN);
		n_there += n == 10;
		n_away += n == -EAGAIN;
	}
	expect(n_there > 50 && n_away > 5);
	test_case("a flipped bit is read");
	sim_disk_flip(sim, "/spool/a/log", 3);
	expect_int(os_pread(fd, room, 10, 0), 10);
	expect(room[2] == 'x' && room[3] == ('x' ^ 4));
	world_end(sim);
}

/* --- crashes: a store that appends lines and promises each --- */

struct store_case {
	const char	*name;
	bool		 syncs_data, syncs_name;
	bool		 loses;		/* want */
};

static const struct store_case *store;
static int n_broken_promises;

static void
store_lives(struct sim *sim, void *arg)
{
	int fd;

	insist(os_make_dir("/store") == 0 && os_sync_dir("/") == 0);
	fd = os_open("/store/lines", OS_OPEN_CREATE);
	if (store->syncs_name)
		os_sync_dir("/store");
	for (int i = 0; i < 8; i++) {
		char line[16];

		snprintf(line, sizeof(line), "line %d\n", i);
		insist(write_at(fd, line, 7, i * 7) == 0);
		if (store->syncs_data)
			os_sync_data(fd);
		sim_note(sim, "promised", str_n(line, 6), STR_EMPTY);
	}
	os_close(fd);
}

static void
store_recovers(struct sim *sim, void *arg)
{
	int fd = os_open("/store/lines", OS_OPEN_READ);
	char line[8];

	for (int i = 0; fd >= 0 && os_pread(fd, line, 7, i * 7) == 7; i++)
		if (memcmp(line, "line", 4) == 0)
			sim_note(sim, "found", str_n(line, 6), STR_EMPTY);
	if (fd >= 0)
		os_close(fd);
}

static void
store_is_checked(struct sim *sim, void *arg)
{
	struct str line;

	for (int i = 0; sim_find_note(sim, "promised", (struct str){ .at = NULL }, i, &line, NULL); i++)
		n_broken_promises += sim_n_notes(sim, "found", line) == 0;
}

static void
test_crashes(void)
{
	static const struct store_case cases[] = {
		{ "a store that syncs all keeps its promises through every crash", true, true, false },
		{ "one that forgets to sync data is found out", false, true, true },
		{ "one that forgets to sync its directory is found out", true, false, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t n_crashes = 0;

		test_case("%s", cases[i].name);
		store = &cases[i];
		n_broken_promises = 0;
		for (uint64_t seed = 1; seed <= 5; seed++) {
			struct sim_story story = {
				.options = { .seed = seed }, .live = store_lives, .recover = store_recovers, .check = store_is_checked,
				.crashes_twice = seed % 2,
			};

			n_crashes += sim_crash_everywhere(&story);
		}
		expect(n_crashes >= 5 * (8 + 3));
		expect_int(n_broken_promises > 0, store->loses);
	}
}

static void
misses_one(struct sim *sim, void *arg)
{
	expect(true);
	expect(true);
}

static void
test_runs(void)
{
	struct sim *sim = sim_new(&(struct sim_options){ .seed = 1 });
	struct test_counts before;

	test_case("what a child expected counts here");
	before = test_counts();
	expect_int(sim_run(sim, 0, misses_one, NULL), SIM_ENDED);
	expect_int(test_counts().n_held - before.n_held, 3);
	sim_free(sim);
}

int
main(void)
{
	test_loss();
	test_rules();
	test_truncate();
	test_names();
	test_faults();
	test_failed_sync();
	test_cached();
	test_crashes();
	test_runs();
	return test_end();
}
