/*
 * test_srs_judges.c - SRS addresses go to and fro between us and two programs that others wrote: PostSRSd and Mail::SRS
 *
 * All have the same two secrets and the real day.  Addresses are random, but the same in each run.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/insist.h"
#include "policy/srs/srs.h"
#include "tests/expect.h"

#define DOMAIN	"fwd.example"
#define SECRETS	"the first secret/+=  \n\n#the second\n"

enum {
	N_ADDRESSES = 300,
	ARENA_BYTES = 64 * 1024,
	LINE_BYTES = 2048,
	START_TRIES_MAX = 500,		/* of 10 ms */
	DAY_S = 24 * 60 * 60,
	PATIENCE_S = 60,		/* it takes a fraction of one */
};

struct judge {				/* one whom we ask line by line */
	const char	*name;
	FILE		*to_forward, *from_forward, *to_reverse, *from_reverse;	/* of Mail::SRS both ways are one */
	pid_t		 pid;
	bool		 is_postsrsd;
};

struct scene {
	char			 folder[32], secrets_path[64];
	struct srs_rules	*rules, *rules_of_second;	/* the second secret alone */
	struct judge		 postsrsd, mail_srs;
	uint32_t		 dice;
};

/* --- PostSRSd: the lookup protocol of tcp_table(5) --- */

static int
free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	insist(fd >= 0 && bind(fd, (struct sockaddr *)&address, n) == 0);
	insist(getsockname(fd, (struct sockaddr *)&address, &n) == 0);
	close(fd);
	return ntohs(address.sin_port);
}

static void
connect_to(int port, FILE **to_out, FILE **from_out)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	for (int i = 0; i < START_TRIES_MAX; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		insist(fd >= 0);
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
			*to_out = fdopen(fd, "w");
			*from_out = fdopen(dup(fd), "r");
			insist(*to_out != NULL && *from_out != NULL);
			return;
		}
		close(fd);
		usleep(10 * 1000);
	}
	insist(false && "PostSRSd listens");
}

static void
start_postsrsd(struct scene *s)
{
	int forward = free_port(), reverse = free_port();
	char f[20], r[20], secrets[80];

	s->postsrsd = (struct judge){ .name = "PostSRSd", .is_postsrsd = true };
	snprintf(f, sizeof(f), "-f%d", forward);
	snprintf(r, sizeof(r), "-r%d", reverse);
	snprintf(secrets, sizeof(secrets), "-s%s", s->secrets_path);
	s->postsrsd.pid = fork();
	insist(s->postsrsd.pid >= 0);
	if (s->postsrsd.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		execl("/usr/sbin/postsrsd", "postsrsd", "-4", "-l127.0.0.1", f, r, secrets, "-d" DOMAIN, (char *)NULL);
		_exit(127);
	}
	connect_to(forward, &s->postsrsd.to_forward, &s->postsrsd.from_forward);
	connect_to(reverse, &s->postsrsd.to_reverse, &s->postsrsd.from_reverse);
}

/* --- Mail::SRS --- */

static void
start_mail_srs(struct scene *s, const struct str *secrets)
{
	const char *top = getenv("top_srcdir");
	char script[1000], first[100], second[100];
	int to[2], from[2];

	s->mail_srs = (struct judge){ .name = "Mail::SRS" };
	snprintf(script, sizeof(script), "%s/tests/policy/srs_judge.pl", top != NULL ? top : ".");
	snprintf(first, sizeof(first), "%.*s", STR_ARG(secrets[0]));
	snprintf(second, sizeof(second), "%.*s", STR_ARG(secrets[1]));
	insist(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0);
	s->mail_srs.pid = fork();
	insist(s->mail_srs.pid >= 0);
	if (s->mail_srs.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(to[0], 0);
		dup2(from[1], 1);
		execl("/usr/bin/perl", "perl", script, DOMAIN, first, second, (char *)NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	s->mail_srs.to_forward = s->mail_srs.to_reverse = fdopen(to[1], "w");
	s->mail_srs.from_forward = s->mail_srs.from_reverse = fdopen(from[0], "r");
}

static void
stop(struct judge *judge)
{
	int status;

	fclose(judge->to_forward);
	fclose(judge->from_forward);
	if (judge->to_reverse != judge->to_forward) {
		fclose(judge->to_reverse);
		fclose(judge->from_reverse);
	}
	kill(judge->is_postsrsd ? -judge->pid : judge->pid, SIGKILL);	/* it has a process for each connection */
	insist(waitpid(judge->pid, &status, 0) == judge->pid);
}

/* --- a question --- */

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | ' ') - 'a' + 10;
}

/* "200 TEXT" with %XX in it; anything else is no. */
static struct str
read_tcp_table(char *line)
{
	size_t n = 0;

	if (strncmp(line, "200 ", 4) != 0)
		return STR("no");
	for (char *p = line + 4; *p != '\0'; p++) {
		if (*p == '%' && p[1] != '\0' && p[2] != '\0') {
			line[n++] = (char)(hex(p[1]) * 16 + hex(p[2]));
			p += 2;
		} else {
			line[n++] = *p;
		}
	}
	return str_n(line, n);
}

/* The judge's answer, in the room; "no" if it has none. */
static struct str
ask(struct judge *judge, bool forward, struct str address, char room[LINE_BYTES])
{
	FILE *to = forward ? judge->to_forward : judge->to_reverse, *from = forward ? judge->from_forward : judge->from_reverse;

	fputs(judge->is_postsrsd ? "get " : forward ? "forward " : "reverse ", to);
	for (size_t i = 0; i < address.len; i++) {
		if (judge->is_postsrsd)
			fprintf(to, "%%%02X", (unsigned char)address.at[i]);
		else
			fputc(address.at[i], to);
	}
	fputc('\n', to);
	fflush(to);
	insist(fgets(room, LINE_BYTES, from) != NULL);
	room[strcspn(room, "\n")] = '\0';
	return judge->is_postsrsd ? read_tcp_table(room) : str_of(room);
}

/* --- addresses --- */

static uint32_t
roll(struct scene *s, uint32_t below)
{
	s->dice = s->dice * 1664525 + 1013904223;
	return (s->dice >> 8) % below;
}

static void
roll_text(struct scene *s, const char *chars, uint32_t max, struct buf *out)
{
	for (uint32_t n = 1 + roll(s, max); n > 0; n--)
		buf_append_char(out, chars[roll(s, (uint32_t)strlen(chars))]);
}

static void
roll_domain(struct scene *s, struct buf *out)
{
	if (roll(s, 8) == 0)
		buf_append(out, STR("xn--"));
	roll_text(s, "abcdefghijklmnopqrstuvwxyzABCDXYZ0123456789", 12, out);
	buf_append(out, STR(".Example"));
}

/* Of a third each: any address, one that was forwarded once, one that was twice. */
static void
roll_address(struct scene *s, struct buf *out)
{
	const char *const tags[] = { "", "SRS0", "SRS1" };
	uint32_t n_forwarded = roll(s, 3);

	buf_clear(out);
	if (n_forwarded > 0) {
		buf_append(out, str_of(tags[n_forwarded]));
		roll_text(s, "=+-", 1, out);
		buf_append(out, STR("aB/+="));
		if (n_forwarded == 2) {
			roll_domain(s, out);
			buf_append_char(out, '=');
			roll_text(s, "=+-", 1, out);
			buf_append(out, STR("Cd42="));
		}
		buf_append(out, STR("2W="));
		roll_domain(s, out);
		buf_append_char(out, '=');
	}
	roll_text(s, "abcXYZ019!#$&'*+-/=?^_`{|}~=+-.", 20, out);
	buf_append_char(out, '@');
	roll_domain(s, out);
}

/* In lower or upper case, as servers of old make it. */
static void
smash(struct buf *text, bool is_lower)
{
	for (size_t i = 0; i < text->len; i++) {
		char *c = &text->at[i];

		if (is_lower && *c >= 'A' && *c <= 'Z')
			*c = (char)(*c + ('a' - 'A'));
		else if (!is_lower && *c >= 'a' && *c <= 'z')
			*c = (char)(*c - ('a' - 'A'));
	}
}

/* --- to and fro --- */

static struct timestamp
now(void)
{
	return (struct timestamp){ (int64_t)time(NULL) * 1000000 };
}

static bool
forward(const struct srs_rules *rules, struct str text, struct arena *arena, struct str *made_out)
{
	struct address address, made;

	insist(address_parse(text, false, &address));
	return srs_forward(rules, &address, now(), arena, &made) == SRS_FORWARD_REWRITTEN && address_text(&made, arena, made_out);
}

static struct str
reverse(const struct srs_rules *rules, struct str text, struct arena *arena)
{
	struct address address, original;
	struct str original_text = STR("no");

	if (address_parse(text, false, &address) &&
	    srs_reverse(rules, &address, now(), arena, &original) == SRS_REVERSE_UNDONE)
		insist(address_text(&original, arena, &original_text));
	return original_text;
}

/* Both make the same address (unless midnight is between); each undoes the other's, in any case. */
static void
compare(struct scene *s, struct judge *judge, struct str text)
{
	char theirs_room[LINE_BYTES], back_room[LINE_BYTES], again_room[LINE_BYTES];
	struct str ours, theirs, back;
	struct arena arena;
	struct buf smashed;
	int64_t day;

	arena_init(&arena, ARENA_BYTES);
	buf_init(&smashed, LINE_BYTES);
	do {
		day = time(NULL) / DAY_S;
		insist(forward(s->rules, text, &arena, &ours));
		theirs = ask(judge, true, text, theirs_room);
	} while (day != time(NULL) / DAY_S);
	expect_str(ours, theirs);

	back = ask(judge, false, ours, back_room);
	expect_str(reverse(s->rules, theirs, &arena), back);
	expect(!str_eq(back, STR("no")));
	if (!str_starts(text, STR("SRS1")))
		expect_str(back, text);

	insist(buf_append(&smashed, ours) == 0);
	smash(&smashed, roll(s, 2) == 0);
	back = ask(judge, false, buf_str(&smashed), again_room);
	expect(str_eq_nocase(reverse(s->rules, buf_str(&smashed), &arena), back));
	expect(!str_eq(back, STR("no")));

	/* What the second secret made, and what none did. */
	insist(forward(s->rules_of_second, text, &arena, &ours));
	expect(str_eq_nocase(reverse(s->rules, ours, &arena), ask(judge, false, ours, again_room)));
	expect(!str_eq(ask(judge, false, ours, again_room), STR("no")));
	buf_clear(&smashed);
	insist(buf_append(&smashed, ours) == 0);
	smashed.at[5 + roll(s, SRS_HASH_CHARS)] ^= 2;
	expect_str(reverse(s->rules, buf_str(&smashed), &arena), ask(judge, false, buf_str(&smashed), again_room));
	buf_fini(&smashed);
	arena_fini(&arena);
}

static void
test_judge(struct scene *s, struct judge *judge)
{
	struct buf address;

	buf_init(&address, LINE_BYTES);
	s->dice = 1;
	test_case("%s and we make the same of %d addresses, and undo each other's", judge->name, N_ADDRESSES);
	for (int i = 0; i < N_ADDRESSES; i++) {
		roll_address(s, &address);
		compare(s, judge, buf_str(&address));
	}
	buf_fini(&address);
}

static void
test_long(struct scene *s, struct judge *judge)
{
	char room[LINE_BYTES];
	struct arena arena;
	struct str text = STR("bounces+1234567-8a3f-somebody=a-customer.example.com@em1234.newsletters.example.com"), made;

	test_case("%s knows no limit of 64 octets, and we undo what it made", judge->name);
	arena_init(&arena, ARENA_BYTES);
	made = ask(judge, true, text, room);
	expect(made.len > SRS_LOCAL_MAX_BYTES + strlen("@" DOMAIN));
	expect_str(reverse(s->rules, made, &arena), text);
	arena_fini(&arena);
}

static struct srs_rules *
rules_of(const struct str *secrets, int n_secrets)
{
	struct srs_settings settings = { .domain = DOMAIN, .secrets = secrets, .n_secrets = n_secrets, .local_max_bytes = ADDRESS_LOCAL_MAX_BYTES };
	struct srs_rules *rules = srs_rules_new(&settings, NULL);

	insist(rules != NULL);
	return rules;
}

int
main(void)
{
	struct str secrets[SRS_SECRETS_MAX];
	struct scene s = { .dice = 1 };
	FILE *file;
	int n;

	signal(SIGPIPE, SIG_IGN);
	alarm(PATIENCE_S);
	insist(srs_secrets_read(STR(SECRETS), secrets, &n, NULL) == 0 && n == 2);
	s.rules = rules_of(secrets, 2);
	s.rules_of_second = rules_of(secrets + 1, 1);
	strcpy(s.folder, "/tmp/smtpfwd-srs.XXXXXX");
	insist(mkdtemp(s.folder) != NULL);
	snprintf(s.secrets_path, sizeof(s.secrets_path), "%s/secrets", s.folder);
	file = fopen(s.secrets_path, "w");
	insist(file != NULL && fputs(SECRETS, file) >= 0 && fclose(file) == 0);
	start_postsrsd(&s);
	start_mail_srs(&s, secrets);
	test_judge(&s, &s.postsrsd);
	test_judge(&s, &s.mail_srs);
	test_long(&s, &s.postsrsd);
	test_long(&s, &s.mail_srs);
	stop(&s.postsrsd);
	stop(&s.mail_srs);
	unlink(s.secrets_path);
	rmdir(s.folder);
	srs_rules_free(s.rules);
	srs_rules_free(s.rules_of_second);
	return test_end();
}
