/*
 * test_extensions.c - CHUNKING, STARTTLS, XCLIENT and the PROXY protocol
 */
#include <stdlib.h>

#include "tests/expect.h"
#include "tests/receive/stage.h"

#define GREETED	"S220", "CEHLO client.example.org", "S250"
#define ENVELOPE	"CMAIL FROM:<a@example.org>", "S250 2.1.0", "CRCPT TO:<b@example.com>", "S250 2.1.5"
#define MAIL	ENVELOPE, "CDATA", "S354"

struct talk {
	const char	*name;
	void	       (*change)(struct stage *stage);
	const char	*script[64];
};

static const struct network *
one_network(const char *text)
{
	static struct network networks[8];
	static int n;
	struct network *network = &networks[n++ % 8];

	network_parse(str_of(text), network);
	return network;
}

static void
with_tls(struct stage *stage)
{
	struct fault fault;

	stage->tls = tls_server_new_self_signed("relay.example.com", &fault);
	stage->tls_client = tls_client_new(NULL, &fault);
	if (!expect(stage->tls != NULL && stage->tls_client != NULL))
		abort();
	stage->settings.tls = LISTEN_TLS_OFFERED;
}

static void
requires_tls(struct stage *stage)
{
	with_tls(stage);
	stage->settings.tls = LISTEN_TLS_REQUIRED;
}

static void
implicit_tls(struct stage *stage)
{
	with_tls(stage);
	stage->settings.tls = LISTEN_TLS_IMPLICIT;
}

static void
from_proxy(struct stage *stage)
{
	stage->settings.proxy_from = one_network("127.0.0.1");
	stage->settings.n_proxy_from = 1;
}

static void
from_proxy_with_tls(struct stage *stage)
{
	implicit_tls(stage);
	from_proxy(stage);
}

/* The proxy itself may do everything; whom it speaks for may not. */
static void
from_trusted_proxy(struct stage *stage)
{
	from_proxy(stage);
	stage->settings.networks = stage->settings.xclient_from = stage->settings.proxy_from;
	stage->settings.n_networks = stage->settings.n_xclient_from = 1;
}

static void
proxied_network_relays(struct stage *stage)
{
	from_proxy(stage);
	stage->settings.networks = one_network("192.0.2.9");
	stage->settings.n_networks = 1;
}

static void
proxied_one_each(struct stage *stage)
{
	from_proxy(stage);
	stage->settings.connections_per_address_max = 1;
}

static void
xclient_from_here(struct stage *stage)
{
	stage->settings.xclient_from = one_network("127.0.0.1");
	stage->settings.n_xclient_from = 1;
}

static void
xclient_and_relay_from_here(struct stage *stage)
{
	xclient_from_here(stage);
	stage->settings.networks = one_network("127.0.0.1");
	stage->settings.n_networks = 1;
}

static void
small(struct stage *stage)
{
	stage->settings.message_max_bytes = 20;
}

static void
repairs(struct stage *stage)
{
	stage->settings.bare_line_end = BARE_LINE_END_REPAIR;
}

static const struct talk bdat_talks[] = {
	{ "a mail in one chunk", NULL, {
		GREETED, ENVELOPE, "CBDAT 8 LAST", "RS: x\r\n\r\n", "S250 2.0.0 queued", "Q1", "BS: x\r\n\r\n", NULL } },
	{ "chunks may be split anywhere, dots are not stuffed", NULL, {
		GREETED, ENVELOPE, "RBDAT 4\r\n.\r\n.BDAT 5\r\n.\r\nab", "S250 2.0.0 4 octets", "S250 2.0.0 5 octets", "CBDAT 0 LAST",
		"S250 2.0.0 queued", "B\r\n.\r\n..\r\nab", NULL } },
	{ "a chunk that ends in CR is whole with the next one's LF", NULL, {
		GREETED, ENVELOPE, "RBDAT 2\r\na\r", "S250", "RBDAT 2 LAST\r\n\nb", "S250 2.0.0 queued", "B\r\na\r\nb", NULL } },
	{ "an end of data is no end inside a chunk", NULL, {
		GREETED, ENVELOPE, "RBDAT 12 LAST\r\na\r\n.\r\nQUIT\r\n", "S250 2.0.0 queued", "CNOOP", "S250", "Q1", NULL } },
	{ "all pipelined", NULL, {
		GREETED, "RMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nBDAT 3\r\n1\r\nBDAT 3 LAST\r\n2\r\nQUIT\r\n", "S250",
		"S250", "S250", "S250 2.0.0 queued", "S221", "E", "B\r\n1\r\n2\r\n", NULL } },
	{ "a bare LF is refused", NULL, {
		GREETED, ENVELOPE, "RBDAT 3 LAST\r\na\nb", "S554 5.6.0", "Q0", ENVELOPE, NULL } },
	{ "a bare LF across the border of chunks is refused", NULL, {
		GREETED, ENVELOPE, "RBDAT 1\r\na", "S250", "RBDAT 2 LAST\r\n\nb", "S554 5.6.0", "Q0", NULL } },
	{ "a bare CR across the border of chunks is refused", NULL, {
		GREETED, ENVELOPE, "RBDAT 2\r\na\r", "S250", "RBDAT 1 LAST\r\nb", "S554 5.6.0", "Q0", NULL } },
	{ "a CR at the very end is refused", NULL, {
		GREETED, ENVELOPE, "RBDAT 2\r\na\r", "S250", "CBDAT 0 LAST", "S554 5.6.0", "Q0", NULL } },
	{ "a bare CR at the very end is repaired", repairs, {
		GREETED, ENVELOPE, "RBDAT 2\r\na\r", "S250", "CBDAT 0 LAST", "S250", "B\r\na\r\n", NULL } },
	{ "a refused chunk spoils the mail until RSET", NULL, {
		GREETED, ENVELOPE, "RBDAT 2\r\n\n\n", "S554 5.6.0", "RBDAT 1\r\nx", "S503", "CDATA", "S503", "CRCPT TO:<c@example.com>",
		"S503", "CRSET", "S250", ENVELOPE, NULL } },
	{ "RSET between chunks forgets them", NULL, {
		GREETED, ENVELOPE, "RBDAT 3\r\n1\r\n", "S250", "CRSET", "S250", ENVELOPE, "RBDAT 3 LAST\r\n2\r\n", "S250", "Q1", "B\r\n2\r\n",
		NULL } },
	{ "DATA does not come behind BDAT, nor RCPT", NULL, {
		GREETED, ENVELOPE, "RBDAT 1\r\nx", "S250", "CRCPT TO:<c@example.com>", "S503", "CDATA", "S503", "CBDAT 0 LAST", "S250",
		"Tb@example.com", NULL } },
	{ "an empty mail by 0 LAST", NULL, { GREETED, ENVELOPE, "CBDAT 0 LAST", "S250", "Q1", "B", NULL } },
	{ "a chunk without a transaction is read over", NULL, {
		GREETED, "RBDAT 6 LAST\r\nQUIT\r\n", "S503", "CNOOP", "S250", NULL } },
	{ "a chunk without recipients is read over", NULL, {
		GREETED, "RMAIL FROM:<a@example.org>\r\nRCPT TO:<b@elsewhere.example>\r\nBDAT 6 LAST\r\nQUIT\r\n", "S250", "S550",
		"S554 5.5.1", "CNOOP", "S250", NULL } },
	{ "a mail too large in sum is 552", small, {
		GREETED, ENVELOPE, "RBDAT 15\r\n0123456789abc\r\n", "S250", "RBDAT 6 LAST\r\nQUIT\r\n", "S552 5.3.4", "Q0", ENVELOPE, NULL } },
	{ "a chunk far too large ends the session", small, {
		GREETED, ENVELOPE, "CBDAT 1000000", "S552 5.3.4", "E", NULL } },
	{ "no size overflows", NULL, {
		GREETED, ENVELOPE, "CBDAT 18446744073709551615 LAST", "S552", "E", NULL } },
	{ "a size beyond all numbers ends the session", NULL, {
		GREETED, ENVELOPE, "CBDAT 99999999999999999999999 LAST", "S5", "E", NULL } },
	{ "BDAT without a number ends the session: its bytes cannot be told from commands", NULL, {
		GREETED, ENVELOPE, "CBDAT x LAST", "S501", "E", NULL } },
};

static const struct talk tls_talks[] = {
	{ "STARTTLS, and all begins anew", with_tls, {
		GREETED, "LSTARTTLS", "CSTARTTLS", "S220 2.0.0", "!", "CMAIL FROM:<a@example.org>", "S503", "CEHLO c", "S250", "NSTARTTLS",
		MAIL, "Cx", "C.", "S250", "Hwith ESMTPS", "H(TLSv1.", "CSTARTTLS", "S503", NULL } },
	{ "what was pipelined behind STARTTLS is not obeyed", with_tls, {
		GREETED, "RSTARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<b@example.com>\r\n", "S220", "!", "CRCPT TO:<b@example.com>",
		"S503", "CEHLO c", "S250", "CRCPT TO:<b@example.com>", "S503", NULL } },
	{ "STARTTLS drops a transaction", with_tls, {
		GREETED, ENVELOPE, "CSTARTTLS", "S220", "!", "CDATA", "S503", "CEHLO c", "S250", "CDATA", "S503", NULL } },
	{ "no STARTTLS before EHLO", with_tls, { "S220", "CSTARTTLS", "S503", "CHELO c", "S250", "CSTARTTLS", "S502", NULL } },
	{ "no mail before STARTTLS where it is required", requires_tls, {
		"S220", "CHELO c", "S530 5.7.0", "CEHLO c", "S250", "LSTARTTLS", "CMAIL FROM:<a@example.org>", "S530 5.7.0", "CVRFY x", "S530",
		"CRCPT TO:<b@example.com>", "S530", "CDATA", "S530", "CNOOP", "S250", "CSTARTTLS", "S220", "!", "CEHLO c", "S250", MAIL, "C.",
		"S250", NULL } },
	{ "BDAT before a required STARTTLS ends the session", requires_tls, {
		GREETED, "RBDAT 6 LAST\r\nQUIT\r\n", "S530", "E", NULL } },
	{ "TLS from the first byte", implicit_tls, {
		"!", GREETED, "NSTARTTLS", MAIL, "Cx", "C.", "S250", "Hwith ESMTPS", NULL } },
	{ "no TLS where there should be: closed, logged", implicit_tls, { "CEHLO c", "E", "Dtls-failed", NULL } },
	{ "QUIT instead of a handshake fails it", with_tls, { GREETED, "CSTARTTLS", "S220", "CQUIT", "E", NULL } },
};

/* doc/proxy-protocol.txt 2.2 */
#define V2_SIGNATURE	"\r\n\r\n\1\r\nQUIT\n"

static const struct talk proxy_talks[] = {
	{ "version 1: the client is who the header says", from_proxy, {
		"RPROXY TCP4 192.0.2.9 198.51.100.1 40000 25\r\n", GREETED, MAIL, "Cx", "C.", "S250", "H[192.0.2.9]", "Dclient=192.0.2.9:40000",
		NULL } },
	{ "a client's name must lead back to its address", from_proxy, {
		"RPROXY TCP4 192.0.2.9 198.51.100.1 40000 25\r\n", GREETED, MAIL, "Cx", "C.", "S250", "Hfrom client.example.org ([192.0.2.9])",
		NULL } },
	{ "version 2, in binary", from_proxy, {
		"R" V2_SIGNATURE "\x21\x11\1\x0c" "\xc0\1\x02\x09" "\xc6\x33\x64\x02" "\x9c\x40\1\x19", GREETED, MAIL, "Cx", "C.", "S250",
		"H[192.0.2.9]", "Dclient=192.0.2.9:40000", NULL } },
	{ "version 2 in pieces", from_proxy, {
		"R" V2_SIGNATURE, "P2", "R\x21\x11\1", "P2", "R\x0c" "\xc0\1\x02\x09" "\xc6\x33\x64", "P2", "R\x02\x9c\x40\1\x19", GREETED,
		"CQUIT", "S221", "E", "Dclient=192.0.2.9:40000", NULL } },
	{ "version 2 LOCAL: the proxy speaks for itself, by its own rights", from_trusted_proxy, {
		"R" V2_SIGNATURE "\x20\1\1\1", GREETED, "LXCLIENT", "CMAIL FROM:<a@example.org>", "S250", "CRCPT TO:<b@elsewhere.example>",
		"S250", NULL } },
	{ "a header in pieces", from_proxy, {
		"RPROX", "P2", "RY TCP6 2001:db8::9 2001:db8::1 40000 ", "P2", "R25\r", "P2", "R\n", GREETED, MAIL, "Cx", "C.", "S250",
		"H[IPv6:2001:db8::9]", NULL } },
	{ "a health check by UNKNOWN is greeted and has no rights", from_trusted_proxy, {
		"RPROXY UNKNOWN\r\n", GREETED, "NXCLIENT", "CMAIL FROM:<a@example.org>", "S250", "CRCPT TO:<b@elsewhere.example>", "S550", NULL } },
	{ "rights go by the address that PROXY gave: less", from_trusted_proxy, {
		"RPROXY TCP4 192.0.2.9 198.51.100.1 40000 25\r\n", GREETED, "NXCLIENT", "CXCLIENT ADDR=127.0.0.1", "S5",
		"CMAIL FROM:<a@example.org>", "S250", "CRCPT TO:<b@elsewhere.example>", "S550", NULL } },
	{ "rights go by the address that PROXY gave: more", proxied_network_relays, {
		"RPROXY TCP4 192.0.2.9 198.51.100.1 40000 25\r\n", GREETED, "CMAIL FROM:<a@example.org>", "S250",
		"CRCPT TO:<b@elsewhere.example>", "S250", NULL } },
	{ "a missing header is refused without a word", from_proxy, { "CEHLO c", "E", "Dno valid PROXY header", NULL } },
	{ "a malformed header is refused without a word", from_proxy, {
		"RPROXY TCP4 192.0.2.999 198.51.100.1 40000 25\r\n", "E", "Dno valid PROXY header", NULL } },
	{ "a header without end is refused", from_proxy, { 
		"RPROXY TCP4 192.0.2.9 198.51.100.1 40000 25 25 25 25 25 25 25 25 25 25 25 25 25 25 25 25 25 25 25 25 25 25 25 25 25 25", "E", NULL } },
	{ "who talks behind the header before the greeting is turned away", from_proxy, {
		"RPROXY TCP4 192.0.2.9 198.51.100.1 40000 25\r\nEHLO c\r\n", "S554", "E", NULL } },
	{ "a header before TLS from the first byte", from_proxy_with_tls, {
		"RPROXY TCP4 192.0.2.9 198.51.100.1 40000 25\r\n", "!", GREETED, MAIL, "Cx", "C.", "S250", "H[192.0.2.9]", "Hwith ESMTPS", NULL } },
};

static const struct talk xclient_talks[] = {
	{ "announced to who may, with all attributes", xclient_from_here, {
		GREETED, "LXCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT", NULL } },
	{ "refused from others", NULL, { GREETED, "CXCLIENT ADDR=192.0.2.9", "S5", "Q0", NULL } },
	{ "the client is who it says; greeted anew, HELO forgotten", xclient_from_here, {
		GREETED, "CXCLIENT ADDR=192.0.2.9 NAME=mail.example.net PORT=4000", "S220 relay.example.com ESMTP", "CMAIL FROM:<a@example.org>",
		"S503", "CEHLO mail.example.net", "S250", MAIL, "Cx", "C.", "S250", "Hfrom mail.example.net (mail.example.net [192.0.2.9])",
		"Dclient=192.0.2.9:4000", NULL } },
	{ "HELO and PROTO told in the same command hold", xclient_from_here, {
		GREETED, "CXCLIENT ADDR=192.0.2.9 HELO=told.example PROTO=SMTP NAME=[UNAVAILABLE]", "S220", MAIL, "Cx", "C.", "S250",
		"Hfrom told.example ([192.0.2.9])", "Hwith SMTP", NULL } },
	{ "IPv6 with its prefix, any case", xclient_from_here, {
		GREETED, "Cxclient addr=IPv6:2001:db8::9 name=[tempunavail]", "S220", "CEHLO c", "S250", MAIL, "Cx", "C.", "S250",
		"H[IPv6:2001:db8::9]", NULL } },
	{ "an address unavailable has no rights", xclient_and_relay_from_here, {
		GREETED, "CXCLIENT ADDR=[UNAVAILABLE]", "S220", "CEHLO c", "S250", "NXCLIENT", "CMAIL FROM:<a@example.org>", "S250",
		"CRCPT TO:<b@elsewhere.example>", "S550", NULL } },
	{ "rights are those of the new address", xclient_and_relay_from_here, {
		GREETED, "CMAIL FROM:<a@example.org>", "S250", "CRCPT TO:<b@elsewhere.example>", "S250", "CRSET", "S250",
		"CXCLIENT ADDR=192.0.2.9", "S220", "CEHLO c", "S250", "NXCLIENT", "CXCLIENT ADDR=127.0.0.1", "S5",
		"CMAIL FROM:<a@example.org>", "S250", "CRCPT TO:<b@elsewhere.example>", "S550", NULL } },
	{ "a name first and the address later: the name is of the old one", xclient_from_here, {
		GREETED, "CXCLIENT NAME=x.example", "S220", "CXCLIENT ADDR=192.0.2.9", "S220", "CEHLO c", "S250", MAIL, "Cx", "C.", "S250",
		"Hfrom c ([192.0.2.9])", NULL } },
	{ "not inside a transaction", xclient_from_here, { GREETED, ENVELOPE, "CXCLIENT ADDR=192.0.2.9", "S503", "CDATA", "S354", NULL } },
	{ "malformed attributes are refused", xclient_from_here, {
		GREETED, "CXCLIENT ADDR=300.1.1.1", "S501", "CXCLIENT FOO=x", "S501", "CXCLIENT", "S501", "CXCLIENT NAME=+4", "S501", NULL } },
	{ "decoded bytes of xtext cannot leave their place", xclient_from_here, {
		GREETED, "CXCLIENT ADDR=192.0.2.9 NAME=a+0D+0AEvil:+20x HELO=b+0D+0Ac", "S", "CQUIT", NULL } },
};

/* --- more than one client --- */

static void
two_of_one_address(struct stage *stage)
{
	static const char *const first[] = { "RPROXY TCP4 192.0.2.9 198.51.100.1 1 25\r\n", "S220", NULL };
	static const char *const second[] = { "RPROXY TCP4 192.0.2.9 198.51.100.1 2 25\r\n", "S421 4.7.0", "E", NULL };
	static const char *const other[] = { "RPROXY TCP4 192.0.2.10 198.51.100.1 2 25\r\n", "S220", NULL };
	static const char *const quit[] = { "CQUIT", "S221", "E", NULL };
	struct stage_client a = { .stage = stage }, b = a, c = a, d = a;

	stage_connect(&a, stage);
	stage_play(&a, first);
	stage_connect(&b, stage);
	stage_play(&b, second);
	stage_connect(&c, stage);
	stage_play(&c, other);
	stage_play(&a, quit);
	stage_connect(&d, stage);
	stage_play(&d, first);
	stage_close(&a);
	stage_close(&b);
	stage_close(&c);
	stage_close(&d);
}

static void
play(const struct talk *talks, size_t n, const char *what)
{
	for (size_t i = 0; i < n; i++) {
		test_case("%s: %s", what, talks[i].name);
		stage_talk(talks[i].change, talks[i].script);
	}
}

int
main(void)
{
	struct stage stage;

	play(bdat_talks, sizeof(bdat_talks) / sizeof(bdat_talks[0]), "CHUNKING");
	play(tls_talks, sizeof(tls_talks) / sizeof(tls_talks[0]), "TLS");
	play(proxy_talks, sizeof(proxy_talks) / sizeof(proxy_talks[0]), "PROXY");
	play(xclient_talks, sizeof(xclient_talks) / sizeof(xclient_talks[0]), "XCLIENT");
	test_case("PROXY: the limit of an address is that of the header's");
	stage_init(&stage, proxied_one_each);
	stage_run(&stage, two_of_one_address);
	stage_fini(&stage);
	return test_end();
}
