/*
 * test_conf.c - configuration files: what is read, and what is wrong with file and line
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf.h"
#include "tests/expect.h"

static const struct setting top[] = {
	{ .name = "hostname", .type = SETTING_STRING },
	{ .name = "spool", .type = SETTING_STRING, .otherwise = "/var/spool/smtpfwd" },
	{ .name = "trace-keep", .type = SETTING_SPAN, .otherwise = "7d", .least = "1h", .most = "365d" },
};

static const struct setting log_settings[] = {
	{ .name = "to", .type = SETTING_STRING, .otherwise = "stderr" },
	{ .name = "level", .type = SETTING_CHOICE, .choices = "error warning info debug", .otherwise = "info" },
};

static const struct setting relay_settings[] = {
	{ .name = "next-hop", .type = SETTING_LIST, .least = "1", .most = "4", .is_needed = true },
	{ .name = "domains", .type = SETTING_LIST, .otherwise = "a.example b.example" },
	{ .name = "verify", .type = SETTING_BOOL, .otherwise = "yes" },
	{ .name = "tries", .type = SETTING_INTEGER, .otherwise = "3", .least = "1", .most = "20" },
	{ .name = "factor", .type = SETTING_DECIMAL, .otherwise = "1.5", .least = "1", .most = "10" },
	{ .name = "max-message", .type = SETTING_SIZE, .otherwise = "50M", .most = "2G" },
	{ .name = "note", .type = SETTING_STRING, .most = "5" },
};

static const struct section_kind kinds[] = {
	{ .name = "", .settings = top, .n_settings = 3 },
	{ .name = "log", .settings = log_settings, .n_settings = 2 },
	{ .name = "relay", .has_title = true, .settings = relay_settings, .n_settings = 7 },
};

static char folder[] = "/tmp/test_conf.XXXXXX";

static void
write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	if (expect(file != NULL)) {
		fputs(text, file);
		fclose(file);
	}
}

static struct conf *
read_text(const char *text)
{
	write_file("a.conf", text);
	return conf_read("a.conf", kinds, 3);
}

static void
test_defaults(void)
{
	struct conf *conf = read_text("");
	const struct conf_section *log = conf_section(conf, "log");

	test_case("an empty file gives defaults");
	expect_int(conf_n_errors(conf), 0);
	expect(conf_is_whole(conf));
	expect(conf_string(conf_section(conf, ""), "hostname") == NULL);
	expect_text(conf_string(conf_section(conf, ""), "spool"), "/var/spool/smtpfwd");
	expect_int(span_to_s(conf_span(conf_section(conf, ""), "trace-keep")), 7 * 86400);
	expect(!log->is_given);
	expect_int(conf_choice(log, "level"), 2);
	expect(!conf_is_set(log, "level"));
	expect_int(conf_n_sections(conf, "relay"), 0);
	expect(conf_section_titled(conf, "relay", "x") == NULL);
	conf_free(conf);

	conf = read_text("relay \"x\" { next-hop = { a }  tries = 7 }\n");
	test_case("a kind with titles shows its defaults beside its sections");
	expect_int(conf_n_errors(conf), 0);
	expect_int(conf_n_sections(conf, "relay"), 1);
	expect_int(conf_integer(conf_section_default(conf, "relay"), "tries"), 3);
	expect(!conf_section_default(conf, "relay")->is_given);
	conf_free(conf);
}

static void
test_values(void)
{
	struct conf *conf = read_text(
	    "# comment; with a mark\n"
	    "relay \"one\" { next-hop = { \"mail.example.net:25\", '[192.0.2.1]:25' } verify = no tries = 20\n"
	    "  factor = 2 max-message = 64K note = \"a\\\"b\\\\\" }   // behind\n"
	    "log { level = debug to = /var/log/x }\n"
	    "/* one\n two */ hostname = mail.example.com /* three */ spool = 'C:\\x' # four\n"
	    "relay two { next-hop = single.example:25\n domains = {} max-message = 0 factor = 1.25 }\n"
	    "trace-keep\n=\n90m\n");
	const struct conf_section *one, *two;
	const char *const *items;
	int n;

	test_case("settings may stand in any order, quoted or not, several on a line");
	if (!expect_int(conf_n_errors(conf), 0))
		printf("# %s\n", conf_error_text(conf, 0));
	expect_text(conf_string(conf_section(conf, ""), "hostname"), "mail.example.com");
	expect_text(conf_string(conf_section(conf, ""), "spool"), "C:\\x");
	expect_int(span_to_s(conf_span(conf_section(conf, ""), "trace-keep")), 5400);
	expect_int(conf_choice(conf_section(conf, "log"), "level"), 3);
	expect_text(conf_string(conf_section(conf, "log"), "to"), "/var/log/x");
	expect_int(conf_n_sections(conf, "relay"), 2);
	one = conf_section_at(conf, "relay", 0);
	two = conf_section_titled(conf, "relay", "two");
	expect(two == conf_section_at(conf, "relay", 1));
	expect_text(one->title, "one");
	expect_int(one->line, 2);
	expect_int(two->line, 7);
	expect_text(two->file, "a.conf");

	test_case("each type has its values");
	items = conf_list(one, "next-hop", &n);
	expect_int(n, 2);
	expect_text(items[0], "mail.example.net:25");
	expect_text(items[1], "[192.0.2.1]:25");
	items = conf_list(one, "domains", &n);
	expect_int(n, 2);
	expect_text(items[1], "b.example");
	conf_list(two, "domains", &n);
	expect_int(n, 0);
	expect(conf_is_set(two, "domains"));
	items = conf_list(two, "next-hop", &n);
	expect_int(n, 1);
	expect_text(items[0], "single.example:25");
	expect(!conf_bool(one, "verify"));
	expect(conf_bool(two, "verify"));
	expect_int(conf_integer(one, "tries"), 20);
	expect_int(conf_integer(two, "tries"), 3);
	expect(conf_decimal(one, "factor") == 2.0);
	expect(conf_decimal(two, "factor") == 1.25);
	expect_int(conf_size(one, "max-message"), 65536);
	expect_int(conf_size(two, "max-message"), 0);
	expect_text(conf_string(one, "note"), "a\"b\\");
	conf_free(conf);
}

static void
test_variables(void)
{
	struct conf *conf;

	setenv("CONF_TEST_NAME", "mail", 1);
	setenv("CONF_TEST_EMPTY", "", 1);
	setenv("CONF_TEST_TRICK", "x' } spool = '/evil", 1);
	unsetenv("CONF_TEST_NONE");
	test_case("variables are filled in, but not in single quotes or comments");
	conf = read_text("hostname = \"${CONF_TEST_NAME}.example\"  # ${CONF_TEST_NONE}\n"
	    "spool = /${CONF_TEST_NAME}/${CONF_TEST_NONE:-spool}${CONF_TEST_EMPTY}\n"
	    "log { to = '${CONF_TEST_NONE}' }\nrelay r { next-hop = \"${CONF_TEST_TRICK}\" note = \"\\${x}\" }\n");
	expect_int(conf_n_errors(conf), 0);
	expect_text(conf_string(conf_section(conf, ""), "hostname"), "mail.example");
	expect_text(conf_string(conf_section(conf, ""), "spool"), "/mail/spool");
	expect_text(conf_string(conf_section(conf, "log"), "to"), "${CONF_TEST_NONE}");
	expect_text(conf_string(conf_section_at(conf, "relay", 0), "note"), "${x}");

	test_case("what a variable holds is not read as configuration");
	expect_text(conf_list(conf_section_at(conf, "relay", 0), "next-hop", &(int){ 0 })[0], "x' } spool = '/evil");
	conf_free(conf);
}

struct wrong {
	const char	*name;
	const char	*text;
	const char	*want;		/* all errors, one a line */
};

static const struct wrong wrong[] = {
	{ "an unknown setting", "hostname = a\nhostnam = b\nspool = /x\n",
	  "a.conf:2: unknown setting or section \"hostnam\"\n" },
	{ "an unknown setting with a list", "x = { a, b }\ny = c z = 1\n",
	  "a.conf:1: unknown setting or section \"x\"\na.conf:2: unknown setting or section \"y\"\n"
	  "a.conf:2: unknown setting or section \"z\"\n" },
	{ "an unknown setting of a section", "relay \"r\" {\n next-hop = a\n nexthop = b\n}\nlog { lvl = 1 }\n",
	  "a.conf:3: relay \"r\": unknown setting \"nexthop\"\na.conf:5: log: unknown setting \"lvl\"\n" },
	{ "an unknown section, once for all in it", "lisn \"x\" {\n a = 1\n b { c = 2 }\n include(\"none.conf\")\n}\n"
	  "log { level = loud }\n",
	  "a.conf:1: unknown setting or section \"lisn\"\n"
	  "a.conf:6: log: level: \"loud\" is not one of: error warning info debug\n" },
	{ "a setting that stands twice", "spool = /a\nlog { to = syslog }\nspool = /b\n",
	  "a.conf:3: spool: is set already at a.conf:1\n" },
	{ "a setting twice in a section", "relay r { next-hop = a\nnext-hop = b }\n",
	  "a.conf:2: relay \"r\": next-hop: is set already at a.conf:1\n" },
	{ "a title that stands twice", "relay r { next-hop = a }\n\nrelay \"r\" { next-hop = b }\n",
	  "a.conf:3: relay \"r\": stands already at a.conf:1\n" },
	{ "an untitled section that stands twice", "log { to = a }\nlog { level = info }\n",
	  "a.conf:2: log: stands already at a.conf:1\n" },
	{ "a section without its title", "relay { next-hop = a }\n", "a.conf:1: relay: needs a title\n" },
	{ "an empty title", "relay \"\" { next-hop = a }\n", "a.conf:1: relay: needs a title\n" },
	{ "a title too many", "log x { to = a }\n", "a.conf:1: log: takes no title\n" },
	{ "a ; behind a value", "hostname = abc;\nspool = /x ;\n",
	  "a.conf:1: hostname: a `;`, which ends nothing here: leave it out, or quote the word\n"
	  "a.conf:2: a stray `;`: settings end by themselves\n" },
	{ "a ; behind a section", "log { level = info };\n", "a.conf:1: a stray `;`: settings end by themselves\n" },
	{ "a variable that is not set", "hostname = ${CONF_TEST_NONE}\nspool = \"/a/${CONF_TEST_NONE}\"\n",
	  "a.conf:1: hostname: ${CONF_TEST_NONE} is not set in the environment\n"
	  "a.conf:2: spool: ${CONF_TEST_NONE} is not set in the environment\n" },
	{ "wrong numbers", "relay s {\n tries = x\n factor = \"1,5\"\n max-message = 5T\n next-hop = a }\n"
	  "trace-keep = 99999999999999d\n",
	  "a.conf:2: relay \"s\": tries: \"x\" is not a whole number\n"
	  "a.conf:3: relay \"s\": factor: \"1,5\" is not a number such as 2 or 1.5\n"
	  "a.conf:4: relay \"s\": max-message: \"5T\" is not a size such as 4096, 64K, 50M or 2G\n"
	  "a.conf:6: trace-keep: \"99999999999999d\" is not a span of time such as 200ms, 30s, 5m, 2h or 7d\n" },
	{ "a setting that is needed", "\nrelay r { verify = no }\n",
	  "a.conf:2: relay \"r\": next-hop: is needed and not set\n" },
	{ "a list where one value belongs", "hostname = { a, b }\n", "a.conf:1: hostname: takes one value, not 2\n" },
	{ "an empty string", "hostname = \"\"\n", "a.conf:1: hostname: is empty\n" },
	{ "+= before =", "relay r { domains += a\n next-hop = b next-hop += c }\n",
	  "a.conf:1: relay \"r\": domains: += stands before any =\n" },
	{ "a string that spans lines", "hostname = \"a\nspool = /b\n", "a.conf:1: hostname: a string without its closing \"\n" },
	{ "an escape in double quotes", "hostname = \"a\\.b\"\n",
	  "a.conf:1: hostname: in double quotes a backslash stands before \", \\\\ or $ only; single quotes keep it\n" },
	{ "a control character", "hostname = \"a\tb\"\n", "a.conf:1: hostname: a word with a control character\n" },
	{ "what is not UTF-8", "hostname = \"\xff\"\n", "a.conf:1: hostname: a word that is not UTF-8\n" },
	{ "lines behind comments are counted right", "/* a */ /* b\n\n*/ # c\n// d\nspool = a\nhostname = \"\"\n",
	  "a.conf:6: hostname: is empty\n" },
	{ "errors of an included file", "spool = a\ninclude(\"sub/b.conf\") hostname = \"\"\ntrace-keep = 1\n",
	  "a.conf:2: hostname: is empty\n"
	  "a.conf:3: trace-keep: \"1\" is not a span of time such as 200ms, 30s, 5m, 2h or 7d\n" },
};

/* After these nothing more can be read. */
static const struct wrong broken[] = {
	{ "a ; in a section and in a list", "log { level = info; }\nrelay r { next-hop = { a; b } }\n",
	  "a.conf:1: log: level: a `;`, which ends nothing here: leave it out, or quote the word\n"
	  "a.conf:2: relay \"r\": next-hop: a `;`, which ends nothing here: leave it out, or quote the word\n"
	  "a.conf:2: relay \"r\": unexpected token 'b'\n" },
	{ "a variable without end", "hostname = \"${A\"\nspool = }\n",
	  "a.conf:1: hostname: a ${ without its }\na.conf:2: spool: a value was expected behind the =\n" },
	{ "every wrong value before", "trace-keep = 30\nrelay r {\n next-hop = {}\n verify = true\n tries = 0\n"
	  " factor = 11\n max-message = 3G\n note = toolong\n domains = { \"\" }\n}\n"
	  "relay s { tries = x factor = 1,5 }\n",
	  "a.conf:1: trace-keep: \"30\" is not a span of time such as 200ms, 30s, 5m, 2h or 7d\n"
	  "a.conf:3: relay \"r\": next-hop: 1 is the least, but it has 0 items\n"
	  "a.conf:4: relay \"r\": verify: \"true\" is neither yes nor no\n"
	  "a.conf:5: relay \"r\": tries: 0 is out of bounds: 1 is the least\n"
	  "a.conf:6: relay \"r\": factor: 11 is out of bounds: 10 is the most\n"
	  "a.conf:7: relay \"r\": max-message: 3G is out of bounds: 2G is the most\n"
	  "a.conf:8: relay \"r\": note: 5 is the most, but it has 7 bytes\n"
	  "a.conf:9: relay \"r\": domains: item 1 is empty\n"
	  "a.conf:11: relay \"s\": the name of a setting or section was expected\n"
	  "a.conf:11: relay \"s\": tries: \"x\" is not a whole number\n" },
	{ "a missing =", "hostname \"a\"\nspool = /x\n", "a.conf:1: a = or a { was expected behind the name\n" },
	{ "a missing = at the end", "spool = a\nhostname", "a.conf:2: a = or a { was expected behind the name\n" },
	{ "a missing value", "spool =\n", "a.conf:2: spool: a value was expected behind the =\n" },
	{ "a missing {", "relay r\nhostname = a\n", "a.conf:1: a { was expected behind the title\n" },
	{ "a missing }", "\nrelay r {\n next-hop = a\n\n", "a.conf:2: relay \"r\": a { without its }\n" },
	{ "a } too many", "log { to = a } }\n", "a.conf:1: a } without its {\n" },
	{ "a missing comma", "relay r {\n next-hop = { a\n b } }\n", "a.conf:3: relay \"r\": unexpected token 'b'\n" },
	{ "a comma too many", "relay r { next-hop = { a,,b } }\n", "a.conf:1: relay \"r\": unexpected token ','\n" },
	{ "a section set", "log = syslog\n", "a.conf:1: a section's name with a =\n" },
	{ "a setting opened", "spool { }\n", "a.conf:1: a setting's name with a {\n" },
	{ "a comment without end", "spool = a\n/* b\n", "a.conf:3: a comment without its closing */\n" },
	{ "an include that is not there", "\ninclude(\"none.conf\")\n",
	  "a.conf:2: none.conf: No such file or directory\n" },
	{ "an include of itself", "include(\"a.conf\")\n", "a.conf:1: includes that are too deep, or of itself\n" },
	{ "an include without a path", "include()\n", "a.conf:1: a path in quotes was expected in the include\n" },
};

static void
test_errors(const struct wrong *cases, size_t n_cases, bool is_whole)
{
	for (size_t i = 0; i < n_cases; i++) {
		struct conf *conf = read_text(cases[i].text);
		char got[4000] = "";
		size_t n = 0;

		for (int k = 0; k < conf_n_errors(conf) && n < sizeof(got); k++)
			n += (size_t)snprintf(got + n, sizeof(got) - n, "%s\n", conf_error_text(conf, k));
		test_case("%s is an error with file and line", cases[i].name);
		expect_text(got, cases[i].want);
		expect_int(conf_is_whole(conf), is_whole);
		conf_free(conf);
	}
}

static void
test_includes(void)
{
	struct conf *conf;
	const struct conf_section *relay;

	mkdir("sub", 0700);
	write_file("sub/b.conf", "# in a file of its own\ninclude(\"c.conf\")\n"
	    "relay \"b\" {\n next-hop = x }\n");
	write_file("sub/c.conf", "log { level = error }");
	test_case("an included file is found beside the one that includes it");
	conf = read_text("spool = /a\ninclude(\"sub/b.conf\")\nhostname = h\nrelay r { next-hop = y }\n");
	expect_int(conf_n_errors(conf), 0);
	expect_int(conf_choice(conf_section(conf, "log"), "level"), 0);
	expect_text(conf_section(conf, "log")->file, "sub/c.conf");
	expect_int(conf_section(conf, "log")->line, 1);
	relay = conf_section_titled(conf, "relay", "b");
	if (expect(relay != NULL)) {
		expect_text(relay->file, "sub/b.conf");
		expect_int(relay->line, 3);
	}
	expect_int(conf_section_titled(conf, "relay", "r")->line, 4);
	expect_text(conf_string(conf_section(conf, ""), "hostname"), "h");

	test_case("a later check reports where a setting stands, or its section, in the file's order");
	conf_error(conf, conf_section_titled(conf, "relay", "r"), "next-hop", "\"%s\" is nowhere", "y");
	conf_error(conf, relay, "next-hop", "is odd");
	conf_error(conf, relay, "tries", "are too few");
	conf_error(conf, conf_section(conf, ""), "trace-keep", "is missed\n");
	if (expect_int(conf_n_errors(conf), 4)) {
		expect_text(conf_error_text(conf, 0), "a.conf: trace-keep: is missed\\x0a");
		expect_text(conf_error_text(conf, 1), "sub/b.conf:3: relay \"b\": tries: are too few");
		expect_text(conf_error_text(conf, 2), "sub/b.conf:4: relay \"b\": next-hop: is odd");
		expect_text(conf_error_text(conf, 3), "a.conf:4: relay \"r\": next-hop: \"y\" is nowhere");
	}
	conf_free(conf);

	test_case("braces do not reach out of an included file");
	write_file("sub/d.conf", "relay x {\n");
	conf = read_text("include(\"sub/d.conf\")\n next-hop = a }\n");
	expect_int(conf_n_errors(conf), 1);
	expect_text(conf_error_text(conf, 0), "sub/d.conf:1: relay \"x\": a { without its }");
	conf_free(conf);

	test_case("a file that cannot be read is the only error");
	conf = conf_read("none.conf", kinds, 3);
	expect(!conf_is_whole(conf));
	expect_int(conf_n_errors(conf), 1);
	expect_text(conf_error_text(conf, 0), "none.conf: No such file or directory");
	conf_free(conf);
	conf = conf_read("sub", kinds, 3);
	expect_int(conf_n_errors(conf), 1);
	conf_free(conf);
}

int
main(void)
{
	if (mkdtemp(folder) == NULL || chdir(folder) != 0) {
		printf("Bail out! no folder for the files\n");
		return 1;
	}
	test_defaults();
	test_values();
	test_variables();
	test_includes();
	test_errors(wrong, sizeof(wrong) / sizeof(wrong[0]), true);
	test_errors(broken, sizeof(broken) / sizeof(broken[0]), false);
	remove("a.conf");
	remove("sub/b.conf");
	remove("sub/c.conf");
	remove("sub/d.conf");
	rmdir("sub");
	rmdir(folder);
	return test_end();
}
