/*
 * passwd.c - smtpfwdctl passwd: a line for the users file; needs no daemon
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

#include "base/code.h"
#include "smtpfwd/auth/prepare.h"
#include "smtpfwd/auth/verifier.h"
#include "smtpfwd/ctl/ctl.h"

enum { LINE_MAX_BYTES = 4096 };		/* what is longer is no password */

/* --- the password --- */

static void
notice_signal(int number)
{
	(void)number;			/* reading is interrupted: the terminal is put right before the program ends */
}

/* One line from stdin without its end.  False: none, or too long. */
static bool
read_line(struct buf *line)
{
	char text[LINE_MAX_BYTES];
	size_t len = 0;
	bool is_whole = false;
	ssize_t n;

	while (len < sizeof(text) && (n = read(STDIN_FILENO, text + len, 1)) == 1 && !(is_whole = text[len] == '\n'))
		len++;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	is_whole |= len > 0 && len < sizeof(text) && n == 0;
	is_whole = is_whole && buf_append(line, str_n(text, len)) == 0;
	explicit_bzero(text, sizeof(text));
	return is_whole;
}

static bool
ask(const char *prompt, struct buf *line)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction interrupt = { .sa_handler = notice_signal }, before[4];
	struct termios shown, hidden;
	bool is_read;

	if (tcgetattr(STDIN_FILENO, &shown) != 0)
		return false;
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	for (int i = 0; i < 4; i++)
		sigaction(signals[i], &interrupt, &before[i]);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	fputs(prompt, stderr);
	is_read = read_line(line);
	fputc('\n', stderr);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	for (int i = 0; i < 4; i++)
		sigaction(signals[i], &before[i], NULL);
	return is_read;
}

static bool
read_twice(struct buf *password)
{
	struct buf again;
	bool is_same;

	if (!ask("Password: ", password))
		return false;
	buf_init(&again, LINE_MAX_BYTES);
	is_same = ask("Again: ", &again) && str_eq(buf_str(password), buf_str(&again));
	prepare_wipe(&again);
	if (!is_same)
		fprintf(stderr, "smtpfwdctl: the two are not the same\n");
	return is_same;
}

/* --- the line --- */

static int
wrong(const char *why)
{
	fprintf(stderr, "smtpfwdctl: %s\n", why);
	return CTL_REFUSED;
}

static int
make(const struct ctl *ctl, struct str password, struct buf *line)
{
	uint8_t salt[SCRAM_SALT_MADE_BYTES];

	if (ctl->is_crypt)
		return verifier_make_crypt(password, line);
	if (getrandom(salt, sizeof(salt), 0) != sizeof(salt))
		return -1;
	return verifier_make_scram(password, salt, SCRAM_ITERATIONS_MADE, line);
}

/* Whether the file's reader finds this name again: it passes over blanks in front, and lines that begin with "#". */
static bool
is_login(struct str name)
{
	return name.len <= LOGIN_MAX_BYTES && str_find(name, ':') < 0 && name.at[0] != '#' && name.at[0] != ' ';
}

static int
print_line(const struct ctl *ctl, struct str typed)
{
	struct buf password, line;
	int status = CTL_REFUSED;

	buf_init(&password, PASSWORD_MAX_BYTES);
	buf_init(&line, LOGIN_MAX_BYTES + 1 + VERIFIER_TEXT_MAX_BYTES);
	if (prepare(str_of(ctl->words[0]), true, &line) != 0 || !is_login(buf_str(&line)))
		wrong("a login is 1 to 255 bytes of UTF-8, without \":\", and begins with no \"#\" or blank");
	else if (prepare(typed, true, &password) != 0)
		wrong("a password is UTF-8 without control characters, of 1 to 1024 bytes");
	else if (buf_append_char(&line, ':') != 0 || make(ctl, buf_str(&password), &line) != 0)
		wrong("no verifier could be made");
	else
		status = printf("%.*s\n", STR_ARG(buf_str(&line))) > 0 ? CTL_DONE : CTL_REFUSED;
	prepare_wipe(&password);
	buf_fini(&line);
	return status;
}

static int
run(struct ctl *ctl, const struct ctl_command *command)
{
	struct buf typed;
	int status;

	(void)command;
	buf_init(&typed, LINE_MAX_BYTES);
	if (isatty(STDIN_FILENO) ? read_twice(&typed) : read_line(&typed))
		status = print_line(ctl, buf_str(&typed));
	else
		status = wrong("there is no password");
	prepare_wipe(&typed);
	return status;
}

static void
take(struct ctl *ctl, int option, const char *value)
{
	(void)value;
	ctl->is_crypt = option == CTL_OPTION_CRYPT;
}

static const struct option options[] = {
	{ "scram", no_argument, NULL, CTL_OPTION_SCRAM }, { "crypt", no_argument, NULL, CTL_OPTION_CRYPT }, { NULL, 0, NULL, 0 },
};

const struct ctl_command ctl_passwd_commands[] = {
	{ .words = "passwd", .behind = "[--crypt] LOGIN", .sentence = "ask for a password, print a line for the users file",
	  .words_least = 1, .words_most = 1, .options = options, .take = take, .run = run },
	{ .words = NULL },
};
