/*
 * test_changes.c - what is said of two configurations that differ
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "smtpfwd/changes.h"
#include "smtpfwd/config/files.h"
#include "tests/expect.h"

#define TOP	"hostname = \"mx.example.net\"\n"
#define RELAY	"relay \"example.com\" { next-hop = { \"192.0.2.1\" } }\n"
#define MX	"listen \"mx\" { address = { \"192.0.2.9:25\" } }\n"
#define GOOD	TOP RELAY MX
#define CLASS(name, more)	"class \"" name "\" { min-recipients = 2 " more " }\n"
#define SIGN(domain, selector, key)	"sign \"" domain "\" { selector = { \"" selector "\" } key = { \"" key "\" } }\n"

enum { CHANGED = 1, ROUTING = 2, RESOLVER = 4 };

static char path[] = "/tmp/smtpfwd-changes.XXXXXX";

static struct config *
load(const char *text)
{
	FILE *file = fopen(path, "w");
	struct config *config;

	fputs(text, file);
	fclose(file);
	config = config_load(path);
	for (int i = 0; i < conf_n_errors(config->conf); i++)
		expect_str(str_of(conf_error_text(config->conf, i)), STR(""));
	config_stamp_files(config);
	return config;
}

static const struct {
	const char *name, *before, *after;
	const char *want;		/* lines, each with its end */
	int what;
} cases[] = {
	{ "nothing", GOOD, GOOD, "", 0 },
	{ "comments, blanks and order within a section are nothing", GOOD "retry { first = 2m max = 3h }\n",
	  "# new\n" TOP "\n\n" RELAY MX "retry { max = 180m first = 120s }\n", "", 0 },
	{ "what is set to its default is nothing", GOOD, GOOD "retry { first = 1m }\nstop-within = 30s\n", "", 0 },
	{ "a name", GOOD, "hostname = \"mx2.example.net\"\n" RELAY MX, "hostname is \"mx2.example.net\", was \"mx.example.net\"\n", CHANGED },
	{ "a span of time", GOOD, GOOD "retry { first = 90s }\n", "retry: first is 90s, was 1m\n", CHANGED | ROUTING },
	{ "a span of none", GOOD "retry { warn = 0s }\n", GOOD, "retry: warn is 4h, was 0s\n", CHANGED | ROUTING },
	{ "a size", GOOD, TOP RELAY "listen \"mx\" { address = { \"192.0.2.9:25\" } max-message = 100000 }\n",
	  "listen \"mx\": max-message is 100000, was 50M\n", CHANGED },
	{ "a decimal", GOOD, GOOD "retry { factor = 2 }\n", "retry: factor is 2, was 1.5\n", CHANGED | ROUTING },
	{ "a choice", GOOD, GOOD "log { level = debug }\n", "log: level is debug, was info\n", CHANGED },
	{ "what was not set", GOOD, GOOD "route \"out\" { next-hop = { \"192.0.2.3\" } }\noutbound = \"out\"\n",
	  "outbound is \"out\", was \"internet\"\nroute \"out\": added\n", CHANGED | ROUTING },
	{ "a relay that goes", GOOD "relay \"b.example\" { next-hop = { \"192.0.2.3\" } }\n", GOOD, "relay \"b.example\": removed\n",
	  CHANGED | ROUTING },
	{ "next hops that come and go", GOOD,
	  TOP "relay \"example.com\" { next-hop = { \"192.0.2.2:26\", \"192.0.2.3\" } }\n" MX,
	  "relay \"example.com\": next-hop: added 192.0.2.2:26\nrelay \"example.com\": next-hop: added 192.0.2.3\n"
	  "relay \"example.com\": next-hop: removed 192.0.2.1\n", CHANGED | ROUTING },
	{ "their order, which counts", TOP "relay \"example.com\" { next-hop = { \"192.0.2.2\", \"192.0.2.3\" } }\n" MX,
	  TOP "relay \"example.com\" { next-hop = { \"192.0.2.3\", \"192.0.2.2\" } }\n" MX,
	  "relay \"example.com\": next-hop: in another order, 192.0.2.3 is the first\n", CHANGED | ROUTING },
	{ "domains are routing", TOP "relay \"m\" { domains = { \"a.example\" } next-hop = { \"192.0.2.1\" } }\n" MX,
	  TOP "relay \"m\" { domains = { \"a.example\", \"b.example\" } next-hop = { \"192.0.2.1\" } }\n" MX,
	  "relay \"m\": domains: added b.example\n", CHANGED | ROUTING },
	{ "which relay is the first, for bare postmasters", GOOD "relay \"b.example\" { next-hop = { \"192.0.2.3\" } }\n",
	  TOP "relay \"b.example\" { next-hop = { \"192.0.2.3\" } }\n" RELAY MX, "relay \"b.example\": is the first now\n", CHANGED | ROUTING },
	{ "a listener that comes", GOOD, GOOD "listen \"two\" { address = { \"192.0.2.9:26\", \"[2001:db8::1]:25\" } }\n",
	  "listen \"two\": opened 192.0.2.9:26\nlisten \"two\": opened [2001:db8::1]:25\n", CHANGED },
	{ "one that goes", GOOD "listen \"two\" { address = { \"192.0.2.9:26\" } }\n", GOOD, "listen \"two\": closed 192.0.2.9:26\n", CHANGED },
	{ "an address of one", GOOD, TOP RELAY "listen \"mx\" { address = { \"192.0.2.9:26\" } }\n",
	  "listen \"mx\": opened 192.0.2.9:26\nlisten \"mx\": closed 192.0.2.9:25\n", CHANGED },
	{ "an address that changes hands", GOOD, TOP RELAY "listen \"new\" { address = { \"192.0.2.9:25\" } }\n",
	  "listen \"new\": has 192.0.2.9:25 now, from listen \"mx\"\n", CHANGED },
	{ "an address written otherwise is nothing to people", TOP RELAY "listen \"mx\" { address = { \"[2001:db8::1]:25\" } }\n",
	  TOP RELAY "listen \"mx\" { address = { \"[2001:db8:0::1]:25\" } }\n", "", CHANGED },
	{ "the default listener", TOP RELAY, GOOD,
	  "listen \"mx\": opened 192.0.2.9:25\nlisten \"mx\": closed 0.0.0.0:25\nlisten \"mx\": closed [::]:25\n", CHANGED },
	{ "what is checked", GOOD, GOOD "verify { dmarc = enforce clock-drift = 0s }\n", "verify: dmarc is enforce, was stamp\n"
	  "verify: clock-drift is 0s, was 5m\n", CHANGED },
	{ "a domain that is signed from now on", GOOD, GOOD SIGN("a.example", "s", "/k"), "sign \"a.example\": added\n", CHANGED },
	{ "a new key under a new name", GOOD SIGN("a.example", "s", "/k"), GOOD SIGN("a.example", "t", "/l"),
	  "sign \"a.example\": selector: added t\nsign \"a.example\": selector: removed s\n"
	  "sign \"a.example\": key: added /l\nsign \"a.example\": key: removed /k\n", CHANGED },
	{ "the order of what is signed is nothing", GOOD SIGN("a.example", "s", "/k") SIGN("b.example", "s", "/k"),
	  GOOD SIGN("b.example", "s", "/k") SIGN("a.example", "s", "/k"), "", 0 },
	{ "a class that comes is routing: mail of its name may wait", GOOD, GOOD CLASS("a", ""), "class \"a\": added\n", CHANGED | ROUTING },
	{ "a class's route is", GOOD CLASS("a", ""), GOOD CLASS("a", "route = \"internet\""), "class \"a\": route is \"internet\", was none\n", CHANGED | ROUTING },
	{ "what else it sets is not", GOOD CLASS("a", ""), GOOD CLASS("a", "hold = yes"), "class \"a\": hold is yes, was no\n", CHANGED },
	{ "the order of classes counts, of which the first that matches is it", GOOD CLASS("a", "") CLASS("b", "") CLASS("c", ""),
	  GOOD CLASS("a", "") CLASS("c", "") CLASS("b", ""), "class: the sections are in another order\n", CHANGED },
	{ "one in between leaves the others in theirs", GOOD CLASS("a", "") CLASS("c", ""), GOOD CLASS("a", "") CLASS("b", "") CLASS("c", ""),
	  "class \"b\": added\n", CHANGED | ROUTING },
	{ "the resolver", GOOD "resolver { timeout = 1s }\n", GOOD "resolver { timeout = 3s }\n", "resolver: timeout is 3s, was 1s\n",
	  CHANGED | RESOLVER },
	{ "bytes that steer a terminal are shown as what they are", GOOD, GOOD "listen \"a\xe2\x80\xae\" { address = { \"192.0.2.9:26\" } }\n",
	  "listen \"a\\xe2\\x80\\xae\": opened 192.0.2.9:26\n", CHANGED },
};

static void
join(const struct lines *lines, char *room, size_t n_bytes)
{
	size_t len = 0;

	room[0] = '\0';
	for (int i = 0; i < lines->n && len < n_bytes; i++)
		len += (size_t)snprintf(room + len, n_bytes - len, "%s\n", lines->at[i]);
}

static void
compare(const char *before_text, const char *after_text, struct changes *changes)
{
	struct config *before = load(before_text), *after = load(after_text);

	changes_find(before, after, changes);
	config_free(before);
	config_free(after);
}

static void
test_words(void)
{
	static char said[8192];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct changes changes;

		test_case("%s", cases[i].name);
		compare(cases[i].before, cases[i].after, &changes);
		join(&changes.lines, said, sizeof(said));
		expect_str(str_of(said), str_of(cases[i].want));
		expect_int((changes.is_any ? CHANGED : 0) | (changes.is_routing ? ROUTING : 0) | (changes.is_resolver ? RESOLVER : 0),
		    cases[i].what);
		changes_fini(&changes);
	}
}

static void
write_file(const char *at, const char *text)
{
	FILE *file = fopen(at, "w");

	fputs(text, file);
	fclose(file);
}

static void
test_files(void)
{
	char key[] = "/tmp/smtpfwd-changes-key.XXXXXX", text[400], want[200];
	struct config *before, *after;
	struct changes changes;

	close(mkstemp(key));
	snprintf(text, sizeof(text), GOOD "tls \"a\" { certificate = \"/nonexistent/c\" key = \"%s\" }\n", key);
	test_case("a file that was written anew is told of, one that was not is not");
	write_file(key, "one");
	before = load(text);
	write_file(key, "three");
	after = load(text);
	changes_find(before, after, &changes);
	snprintf(want, sizeof(want), "tls \"a\": key %s is another one now", key);
	expect(changes.is_any);
	expect_int(changes.lines.n, 1);
	expect_str(str_of(changes.lines.at[0]), str_of(want));
	changes_fini(&changes);
	changes_find(after, after, &changes);
	expect(!changes.is_any);
	changes_fini(&changes);

	test_case("one that is gone too");
	config_free(before);
	unlink(key);
	before = after;
	after = load(text);
	changes_find(before, after, &changes);
	expect(changes.is_any);
	changes_fini(&changes);
	config_free(before);
	config_free(after);
}

static void
test_many(void)
{
	size_t room = 400000, len = 0;
	char *text = calloc(1, room);
	struct changes changes;

	test_case("of very many changes the first are told, and how many there are more");
	len += (size_t)snprintf(text, room, GOOD);
	for (int i = 0; i < LINES_MAX + 50; i++)
		len += (size_t)snprintf(text + len, room - len, "relay \"d%d.example\" { next-hop = { \"192.0.2.1\" } }\n", i);
	compare(GOOD, text, &changes);
	expect_int(changes.lines.n, LINES_MAX);
	expect_int(changes.lines.n_left_out, 50);
	changes_fini(&changes);
	free(text);
}

static void
test_restart(void)
{
	struct config *config = load(GOOD "log { to = \"/var/log/x\" }\n");
	struct start_settings started;
	struct lines lines;
	static char said[2048];

	start_settings_init(&started, config);
	config_free(config);
	test_case("what only a start can change");
	config = load(GOOD "spool = \"/a\"\ncontrol = \"/b/c\"\nuser = \"d\"\nlog { to = \"stderr\" }\ntrace-keep = 0s\n");
	lines_init(&lines);
	changes_need_restart(&started, config, &lines);
	join(&lines, said, sizeof(said));
	expect_str(str_of(said), STR("spool: \"/a\" needs a restart; until then it is \"/var/spool/smtpfwd\"\n"
	    "control: \"/b/c\" needs a restart; until then it is \"/run/smtpfwd/control\"\n"
	    "user: \"d\" needs a restart; until then it is \"smtpfwd\"\n"
	    "trace-keep: to end keeping traces needs a restart\n"
	    "log: to: \"stderr\" needs a restart; until then it stays where it is\n"));
	lines_fini(&lines);
	config_free(config);
	start_settings_fini(&started);
}

int
main(void)
{
	close(mkstemp(path));
	test_words();
	test_files();
	test_many();
	test_restart();
	unlink(path);
	return test_end();
}
