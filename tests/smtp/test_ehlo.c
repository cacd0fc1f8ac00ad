/*
 * test_ehlo.c - what servers offer, read and written
 */
#include "smtpfwd/smtp/ehlo.h"
#include "smtpfwd/smtp/reply_read.h"
#include "tests/expect.h"

static void
test_read(void)
{
	struct ehlo e;
	char text[400];

	test_case("a full reply");
	ehlo_read(STR("mail.example.org greets you\nPIPELINING\nsize 10240000\n8bitmime\nSMTPUTF8\nDSN\nCHUNKING\n"
	    "STARTTLS\nENHANCEDSTATUSCODES\nAUTH PLAIN LOGIN SCRAM-SHA-256 GSSAPI\n"
	    "XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT\n"
	    "XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT\nLIMITS MAILMAX=20 RCPTMAX=500 NEW=x RCPTDOMAINMAX=1\nVRFY"), &e);
	expect_text(e.domain, "mail.example.org");
	expect(e.has_pipelining && e.has_size && e.has_8bitmime && e.has_smtputf8 && e.has_dsn);
	expect(e.has_chunking && e.has_starttls && e.has_enhancedstatuscodes);
	expect_int((int64_t)e.size_max_bytes, 10240000);
	expect_int(e.auth_mechanisms, AUTH_PLAIN | AUTH_LOGIN | AUTH_SCRAM_SHA_256);
	expect_int(e.xclient_attributes, (1 << XCLIENT_N_ATTRIBUTES) - 1);
	expect_int(e.xforward_attributes, (1 << XFORWARD_N_ATTRIBUTES) - 1);
	expect_int((int64_t)e.limit_mailmax, 20);
	expect_int((int64_t)e.limit_rcptmax, 500);
	expect_int((int64_t)e.limit_rcptdomainmax, 1);

	test_case("a server that offers nothing");
	ehlo_read(STR("mail.example.org"), &e);
	expect_text(e.domain, "mail.example.org");
	expect(!e.has_pipelining && !e.has_size && e.auth_mechanisms == 0 && e.xclient_attributes == 0);
	ehlo_read(STR(""), &e);
	expect_text(e.domain, "");

	test_case("the first line is a name, not an offer");
	ehlo_read(STR("PIPELINING\nDSN"), &e);
	expect(!e.has_pipelining && e.has_dsn);

	test_case("SIZE without a number is no limit, with a bad one no offer");
	ehlo_read(STR("x\nSIZE"), &e);
	expect(e.has_size && e.size_max_bytes == 0);
	ehlo_read(STR("x\nSIZE 99999999999999999999999"), &e);
	expect(!e.has_size);
	ehlo_read(STR("x\nSIZE -1"), &e);
	expect(!e.has_size);

	test_case("names must match whole");
	ehlo_read(STR("x\nPIPELININGX\nDSNX\nSTARTTL\nAUTH PLAINX"), &e);
	expect(!e.has_pipelining && !e.has_dsn && !e.has_starttls && e.auth_mechanisms == 0);

	test_case("the old form of AUTH");
	ehlo_read(STR("x\nAUTH=LOGIN PLAIN"), &e);
	expect_int(e.auth_mechanisms, AUTH_PLAIN | AUTH_LOGIN);

	test_case("limits that are none");
	ehlo_read(STR("x\nLIMITS RCPTMAX RCPTMAX= RCPTMAX=0 RCPTMAX=x MAILMAX=99999999999999999999999 =5"), &e);
	expect(e.limit_rcptmax == 0 && e.limit_mailmax == 0);

	test_case("a name that is too long or not printable is not kept");
	memset(text, 'a', sizeof(text));
	ehlo_read(str_n(text, 256), &e);
	expect_text(e.domain, "");
	ehlo_read(str_n(text, 255), &e);
	expect_int((int64_t)strlen(e.domain), 255);
	ehlo_read(STR("a\x1b" "b\nDSN"), &e);
	expect_text(e.domain, "");
	expect(e.has_dsn);
}

static void
test_write(void)
{
	struct ehlo e = { .domain = "mail.example.com", .has_pipelining = true, .has_size = true,
		.size_max_bytes = 52428800, .has_8bitmime = true, .has_enhancedstatuscodes = true,
		.limit_rcptmax = 1000, .auth_mechanisms = AUTH_PLAIN | AUTH_SCRAM_SHA_256,
		.xclient_attributes = 1u << XCLIENT_NAME | 1u << XCLIENT_ADDR };
	struct reply_reader r;
	struct reply reply;
	struct fault fault;
	struct ehlo again;
	struct str wire;
	struct buf out, second;

	buf_init(&out, 8192);
	test_case("our reply");
	expect_int(ehlo_write(&e, STR("client.example"), &out), 0);
	expect_str(buf_str(&out), STR("250-mail.example.com greets client.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
	    "250-ENHANCEDSTATUSCODES\r\n250-SIZE 52428800\r\n250-LIMITS RCPTMAX=1000\r\n250-AUTH PLAIN SCRAM-SHA-256\r\n"
	    "250 XCLIENT NAME ADDR\r\n"));

	test_case("all that can be offered is read back as it was");
	e = (struct ehlo){ .domain = "m", .has_pipelining = true, .has_size = true, .has_8bitmime = true,
		.has_smtputf8 = true, .has_dsn = true, .has_chunking = true, .has_starttls = true,
		.has_enhancedstatuscodes = true, .auth_mechanisms = 7, .limit_mailmax = UINT64_MAX,
		.limit_rcptmax = UINT64_MAX, .limit_rcptdomainmax = 3,
		.xclient_attributes = (1 << XCLIENT_N_ATTRIBUTES) - 1,
		.xforward_attributes = (1 << XFORWARD_N_ATTRIBUTES) - 1 };
	buf_clear(&out);
	expect_int(ehlo_write(&e, STR("x"), &out), 0);
	wire = buf_str(&out);
	reply_reader_init(&r);
	expect_int(reply_read(&r, &wire, &reply, &fault), REPLY_DONE);
	ehlo_read(reply.text, &again);
	reply_reader_fini(&r);
	buf_init(&second, 8192);
	expect_int(ehlo_write(&again, STR("x"), &second), 0);
	expect_str(buf_str(&second), buf_str(&out));
	buf_fini(&second);

	test_case("a greeting of nothing but the name");
	e = (struct ehlo){ .domain = "m" };
	buf_clear(&out);
	expect_int(ehlo_write(&e, STR(""), &out), 0);
	expect_str(buf_str(&out), STR("250 m\r\n"));
	test_case("a client's name cannot make a line");
	buf_clear(&out);
	expect_int(ehlo_write(&e, STR("x\nSTARTTLS"), &out), 0);
	expect_str(buf_str(&out), STR("250 m\r\n"));
	buf_fini(&out);
}

int
main(void)
{
	test_read();
	test_write();
	return test_end();
}
