/*
 * test_trace.c - the Received field, dates, and protocol words
 */
#include "mail/date.h"
#include "mail/header.h"
#include "mail/trace.h"
#include "tests/expect.h"

enum { AT_S = 1792730773 };		/* checked below: 2026-10-23 04:46:13 UTC */

static struct ip
ip(const char *text)
{
	struct ip found = { .family = IP_NONE };

	ip_parse(str_of(text), &found);
	return found;
}

static void
test_dates(void)
{
	static const struct {
		int64_t		 us;
		int		 zone;
		const char	*mail, *iso;
	} dates[] = {
		{ 0, 0, "Thu, 1 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00.000000Z" },
		{ 951782400000000, 0, "Tue, 29 Feb 2000 00:00:00 +0000", "2000-02-29T00:00:00.000000Z" },
		{ 951868799999999, 0, "Tue, 29 Feb 2000 23:59:59 +0000", "2000-02-29T23:59:59.999999Z" },
		{ 951868800000000, 0, "Wed, 1 Mar 2000 00:00:00 +0000", "2000-03-01T00:00:00.000000Z" },
		{ 1000000000000000, 120, "Sun, 9 Sep 2001 03:46:40 +0200", "2001-09-09T01:46:40.000000Z" },
		{ 1000000000000000, -570, "Sat, 8 Sep 2001 16:16:40 -0930", "2001-09-09T01:46:40.000000Z" },
		{ 2147483647000001, 0, "Tue, 19 Jan 2038 03:14:07 +0000", "2038-01-19T03:14:07.000001Z" },
		{ 4107542400000000, 0, "Mon, 1 Mar 2100 00:00:00 +0000", "2100-03-01T00:00:00.000000Z" },
		{ -1, 0, "Wed, 31 Dec 1969 23:59:59 +0000", "1969-12-31T23:59:59.999999Z" },
	};
	char room[DATE_TEXT_MAX];

	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		struct timestamp at = { dates[i].us };

		test_case("date: %s", dates[i].mail);
		expect_str(date_text(at, dates[i].zone, room), str_of(dates[i].mail));
		expect_str(date_iso_text(at, room), str_of(dates[i].iso));
	}
}

static void
test_protocols(void)
{
	struct peer peer = { .is_esmtp = false };

	test_case("protocol words (RFC 3848, RFC 6531)");
	expect_str(peer_protocol(&peer, false), STR("SMTP"));
	peer.is_esmtp = true;
	expect_str(peer_protocol(&peer, false), STR("ESMTP"));
	expect_str(peer_protocol(&peer, true), STR("UTF8SMTP"));
	peer.login = STR("joe");
	expect_str(peer_protocol(&peer, false), STR("ESMTPA"));
	expect_str(peer_protocol(&peer, true), STR("UTF8SMTPA"));
	peer.tls.is_on = true;
	expect_str(peer_protocol(&peer, false), STR("ESMTPSA"));
	expect_str(peer_protocol(&peer, true), STR("UTF8SMTPSA"));
	peer.login = STR_EMPTY;
	expect_str(peer_protocol(&peer, false), STR("ESMTPS"));
	expect_str(peer_protocol(&peer, true), STR("UTF8SMTPS"));
}

static struct recipient bob[2] = {
	{ .address = { { "bob", 3 }, { "b.example", 9 } } },
	{ .address = { { "eve", 3 }, { "b.example", 9 } } },
};

static struct str
received(const struct peer *peer, const struct envelope *envelope, struct buf *out)
{
	static const uint8_t random[MAIL_ID_RANDOM_BYTES] = { 1, 2, 3, 4, 5 };
	struct timestamp now = { (int64_t)AT_S * 1000000 };
	struct mail_id id = mail_id_make(now, random);

	buf_clear(out);
	expect_int(trace_append_received(peer, envelope, STR("mx.example.com"), &id, now, out), 0);
	return buf_str(out);
}

static void
test_received(void)
{
	struct peer peer = { .client = { .ip = ip("192.0.2.1"), .port = 4711 }, .is_esmtp = true,
		.helo = STR("client.example"), .name_state = PEER_NAME_FOUND, .name = STR("c1.example") };
	struct envelope envelope = { .recipients = bob, .n_recipients = 1 };
	char id_room[MAIL_ID_TEXT_MAX];
	struct mail_id id = mail_id_make((struct timestamp){ (int64_t)AT_S * 1000000 }, (uint8_t[]){ 1, 2, 3, 4, 5 });
	struct buf out, want;

	buf_init(&out, TRACE_MAX_BYTES);
	buf_init(&want, TRACE_MAX_BYTES);
	mail_id_text(&id, id_room);

	test_case("a whole field with one recipient");
	buf_printf(&want, "Received: from client.example (c1.example [192.0.2.1])\r\n"
	    "\tby mx.example.com (smtpfwd) with ESMTP\r\n"
	    "\tid %s for <bob@b.example>;\r\n\tFri, 23 Oct 2026 04:46:13 +0000\r\n", id_room);
	expect_str(received(&peer, &envelope, &out), buf_str(&want));

	test_case("two recipients are not told of each other, a peer without a name has its address only");
	envelope.n_recipients = 2;
	peer.name_state = PEER_NAME_NONE;
	peer.client.ip = ip("2001:db8::1");
	peer.tls = (struct peer_tls){ .is_on = true, .version = STR("TLSv1.3"),
		.cipher = STR("TLS_AES_256_GCM_SHA384"), .bits = 256 };
	buf_clear(&want);
	buf_printf(&want, "Received: from client.example ([IPv6:2001:db8::1])\r\n"
	    "\tby mx.example.com (smtpfwd) with ESMTPS (TLSv1.3\r\n\tTLS_AES_256_GCM_SHA384 256 bits)\r\n"
	    "\tid %s;\r\n\tFri, 23 Oct 2026 04:46:13 +0000\r\n", id_room);
	expect_str(received(&peer, &envelope, &out), buf_str(&want));

	test_case("a name that the client proved stands behind its TLS");
	peer.tls.verified_name = STR("app.example.com");
	buf_clear(&want);
	buf_printf(&want, "Received: from client.example ([IPv6:2001:db8::1])\r\n"
	    "\tby mx.example.com (smtpfwd) with ESMTPS (TLSv1.3\r\n\tTLS_AES_256_GCM_SHA384 256 bits) (verified app.example.com)\r\n"
	    "\tid %s;\r\n\tFri, 23 Oct 2026 04:46:13 +0000\r\n", id_room);
	expect_str(received(&peer, &envelope, &out), buf_str(&want));
	buf_fini(&want);
	buf_fini(&out);
}

/* One field, lines that fit, and every byte where it may be, whatever others said. */
static void
test_hostile(void)
{
	static const struct {
		const char	*name, *helo, *name_text, *local, *domain;
		bool		 is_smtputf8;
	} peers[] = {
		{ "line ends in HELO", "a\r\nX-Evil: 1\r\n\r\nbody", "c.example", "bob", "b.example", false },
		{ "parentheses in HELO", "a) by evil (", "c.example", "bob", "b.example", false },
		{ "a backslash at the end of HELO", "abc\\", "c.example", "bob", "b.example", false },
		{ "a blank HELO", " ", "c.example", "bob", "b.example", false },
		{ "8-bit HELO", "\xc3\xa4", "c.example", "bob", "b.example", false },
		{ "a hostile reverse name", "a.example", "x)\r\n(y", "bob", "b.example", false },
		{ "a hostile recipient", "a.example", "c.example", "bob>\r\nX: 1", "b.example", false },
		{ "a UTF-8 recipient without SMTPUTF8", "a.example", "c.example", "\xc3\xa4", "b.example", false },
		{ "a quoted recipient", "a.example", "c.example", "\"x; (y\"", "b.example", false },
	};
	struct arena arena;
	struct buf out;

	arena_init(&arena, 1 << 20);
	buf_init(&out, TRACE_MAX_BYTES);
	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		struct recipient rcpt = { .address = { str_of(peers[i].local), str_of(peers[i].domain) } };
		struct envelope envelope = { .recipients = &rcpt, .n_recipients = 1,
			.is_smtputf8 = peers[i].is_smtputf8 };
		struct peer peer = { .client = { .ip = ip("192.0.2.1") }, .is_esmtp = true,
			.helo = str_of(peers[i].helo), .name_state = PEER_NAME_FOUND,
			.name = str_of(peers[i].name_text) };
		struct header_section section;
		struct str text;
		int depth = 0, least = 0;
		bool is_quoted = false;

		test_case("hostile: %s", peers[i].name);
		text = received(&peer, &envelope, &out);
		expect_int(header_read(text, &arena, &section), 0);
		expect_int(section.n_fields, 1);
		expect_int((int64_t)section.header_bytes, (int64_t)text.len);
		expect(str_is_ascii(text));
		for (size_t at = 0; at < text.len; at++) {
			if (text.at[at] == '"')
				is_quoted = !is_quoted;
			depth += is_quoted ? 0 : (text.at[at] == '(') - (text.at[at] == ')');
			least = depth < least ? depth : least;
			expect(depth <= 1 && text.at[at] != '\\');
		}
		expect_int(depth, 0);
		expect_int(least, 0);
		expect(str_find_str(text, STR("Oct 2026")) > 0);
	}
	buf_fini(&out);
	arena_fini(&arena);
}

static void
test_lines(void)
{
	char helo[255], local[300];
	struct peer peer = { .client = { .ip = ip("192.0.2.1") }, .is_esmtp = true, .name_state = PEER_NAME_FOUND };
	struct recipient rcpt = { .notify = 0 };
	struct envelope envelope = { .recipients = &rcpt, .n_recipients = 1 };
	struct str rest, line, text;
	struct buf out;

	buf_init(&out, TRACE_MAX_BYTES);
	memset(helo, 'h', sizeof(helo));
	memset(local, 'l', sizeof(local));
	peer.helo = peer.name = str_n(helo, sizeof(helo));
	rcpt.address = (struct address){ .local = str_n(local, 255), .domain = str_n(helo, sizeof(helo)) };
	test_case("the longest words make no line of 998 and all fit");
	text = rest = received(&peer, &envelope, &out);
	while (str_take_until(&rest, '\n', &line))
		expect(line.len <= 998);
	expect(text.len < TRACE_MAX_BYTES);

	test_case("words that fit are folded below 78 columns");
	peer.helo = STR("a-rather-long-host-name.in-a-department.of-a-company.example");
	peer.name = STR("another-rather-long-host-name.in-a-department.of-a-company.example");
	rcpt.address = (struct address){ .local = STR("some.long.local.part"), .domain = peer.helo };
	rest = received(&peer, &envelope, &out);
	while (str_take_until(&rest, '\n', &line)) {
		size_t columns = line.len - 1 + (line.at[0] == '\t' ? 7 : 0);

		expect(columns < 78 || str_find_str(line, peer.name) >= 0 || str_find_str(line, peer.helo) >= 0);
	}

	test_case("a full buffer is left as it was");
	buf_fini(&out);
	buf_init(&out, 100);
	buf_append(&out, STR("before"));
	expect_int(trace_append_received(&peer, &envelope, STR("mx.example.com"), &(struct mail_id){ .bytes = { 1 } },
	    (struct timestamp){ 0 }, &out), -1);
	expect_str(buf_str(&out), STR("before"));
	buf_fini(&out);
}

int
main(void)
{
	test_dates();
	test_protocols();
	test_received();
	test_hostile();
	test_lines();
	return test_end();
}
