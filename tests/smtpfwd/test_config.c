/*
 * test_config.c - what a configuration means, and what is said of a wrong one
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/expect.h"
#include "tests/smtpfwd/config_text.h"


#define SPLIT(next_hops, more)	GOOD "relay \"b.example\" {\n next-hop = { " next_hops " }\n next-hop-by-recipient = yes" more " }\n"

static const struct config_case cases[] = {
	{ "the few lines of a migration", GOOD, NULL },
	{ "a host name is needed", "relay \"example.com\" { next-hop = { \"192.0.2.1\" } }\n", "hostname" },
	{ "a host name has a dot", "hostname = \"mx\"\nrelay \"example.com\" { next-hop = { \"192.0.2.1\" } }\n", ":1: hostname: " },
	{ "a relay's title is its domain", "hostname = \"mx.example.net\"\nrelay \"two words\" { next-hop = { \"192.0.2.1\" } }\n",
	  ":2: relay \"two words\": \"two words\" is no domain" },
	{ "a relay's title that could be another one's destination by MX", GOOD "relay \"a/b\" { domains = { \"b.example\" } "
	  "next-hop = { \"192.0.2.1\" } }\n", "relay \"a/b\": a title of at most 255 bytes and without \"/\" is needed" },
	{ "a route's title too", GOOD "route \"a/b\" { next-hop = { mx } }\n", "route \"a/b\": a title of at most 255 bytes and without \"/\" is needed" },
	{ "a star is no domain", "hostname = \"mx.example.net\"\nrelay \"all\" {\n domains = { \"*\" }\n next-hop = { \"192.0.2.1\" } }\n",
	  ":3: relay \"all\": domains: \"*\" is no domain" },
	{ "a domain belongs to one relay, in any case",
	  GOOD "relay \"b\" {\n domains = { \"EXAMPLE.com\" }\n next-hop = { \"192.0.2.2\" } }\n", ":4: relay \"b\": domains: \"EXAMPLE.com\" stands in relay \"example.com\" already" },
	{ "a relay needs a next hop", "hostname = \"mx.example.net\"\nrelay \"example.com\" { tls = off }\n", "next-hop" },
	{ "a port is a number", "hostname = \"mx.example.net\"\nrelay \"example.com\" { next-hop = { \"a.example:smtp\" } }\n", "next-hop: \"a.example:smtp\"" },
	{ "no port 0", "hostname = \"mx.example.net\"\nrelay \"example.com\" { next-hop = { \"a.example:0\" } }\n", "next-hop: \"a.example:0\"" },
	{ "outbound by MX", GOOD "route \"out\" { next-hop = { mx } }\noutbound = \"out\"\n", NULL },
	{ "a relay by another domain's MX records", GOOD "relay \"b.example\" { next-hop = { \"mx:example.org\", \"192.0.2.1\" } }\n", NULL },
	{ "but not by its own", GOOD "relay \"b.example\" { next-hop = { mx } }\n", "may still lead to here" },
	{ "mx stands alone", GOOD "route \"out\" { next-hop = { mx, \"192.0.2.1\" } }\n", "\"mx\" stands alone" },
	{ "mx of what is no domain", GOOD "route \"out\" { next-hop = { \"mx:a b\" } }\n", "\"mx:a b\"" },
	{ "next hops that have each some of the mailboxes", SPLIT("\"a\", \"b:26\"", ""), NULL },
	{ "one next hop has no other", SPLIT("\"a\"", ""), ":5: relay \"b.example\": next-hop-by-recipient: needs more than one" },
	{ "they are asked in their order", SPLIT("\"a\", \"b\"", " balance = round-robin\n"), "needs balance = failover" },
	{ "MX records are no order of ours", SPLIT("\"a\", \"mx:b.example\"", ""), "\"mx:b.example\": each next-hop is to be one server" },
	{ "one that is none is an error as elsewhere", SPLIT("\"a:99999\", \"b\"", ""), ":4: relay \"b.example\": next-hop: \"a:99999\" is neither" },
	{ "each is asked once", SPLIT("\"a\", \"a\"", ""), "has \"a\" twice" },
	{ "a route goes by no mailboxes", GOOD "route \"out\" { next-hop = { \"a\", \"b\" }\n next-hop-by-recipient = yes }\n", "next-hop-by-recipient" },
	{ "mx has an order of its own", GOOD "route \"out\" { next-hop = { mx }\n balance = round-robin }\n", "balance" },
	{ "mx has no login", GOOD "route \"out\" { next-hop = { mx }\n tls = required\n login = \"a\"\n password-file = \"/x\" }\n", "login" },
	{ "without mx no mx-port", GOOD "route \"out\" { next-hop = { \"192.0.2.1\" }\n mx-port = 26 }\n", "mx-port" },
	{ "an IPv6 next hop stands in brackets", "hostname = \"mx.example.net\"\nrelay \"example.com\" { next-hop = { \"2001:db8::1\" } }\n", "next-hop: \"2001:db8::1\"" },
	{ "with them it is one", "hostname = \"mx.example.net\"\nrelay \"example.com\" { next-hop = { \"[2001:db8::1]:25\", \"[2001:db8::2]\" } }\n", NULL },
	{ "a listener for applications says who may relay", GOOD "listen \"a\" { address = { \"127.0.0.1:2525\" } class = application }\n",
	  ":3: listen \"a\": class: a listener for application mail needs networks, client-names or auth" },
	{ "a milter's places", GOOD "milter { socket = \"unix:/run/m/milter\" socketmap = \"inet:127.0.0.1:8892\" policy-service = \"unix:/run/m/policy\" group = \"postfix\" }\n", NULL },
	{ "a place is no name", GOOD "milter { socketmap = \"inet:localhost:8892\" }\n", ":3: milter: socketmap: \"inet:localhost:8892\" is neither" },
	{ "nor a path by itself", GOOD "milter { policy-service = \"/run/m/policy\" }\n", ":3: milter: policy-service: \"/run/m/policy\" is neither" },
	{ "each has its own", GOOD "milter { socketmap = \"inet:127.0.0.1:8892\"\n policy-service = \"inet:127.0.0.1:8892\" }\n",
	  ":4: milter: policy-service: inet:127.0.0.1:8892 is the socket of socketmap already" },
	{ "the milter too", GOOD "milter { socketmap = \"inet:127.0.0.1:8891\" }\n", ":3: milter: socketmap: inet:127.0.0.1:8891 is the milter's own socket" },
	{ "a group is for unix sockets, of whichever", GOOD "milter { socketmap = \"unix:/run/m/map\" group = \"postfix\" }\n", NULL },
	{ "a configuration may be for the milter alone", "hostname = \"mail.example.com\"\nmilter { }\n", NULL },
	{ "a milter's socket as libmilter writes it", GOOD "milter { socket = \"inet6:8891@::1\" }\n", NULL },
	{ "a milter's socket is at an address", GOOD "milter { socket = \"inet:8891\" }\n", ":3: milter: socket: \"inet:8891\" is neither" },
	{ "with a milter a class may name a service of Postfix", GOOD "milter { }\nclass \"a\" { listeners = { \"APP\" } }\n", NULL },
	{ "without one it may not", GOOD "class \"a\" { listeners = { \"APP\" } }\n", ":3: class \"a\": listeners: there is no listen \"APP\"" },
	{ "a milter's networks", GOOD "milter { networks = { \"10.0.0.0/8\", \"x\" } }\n", ":3: milter: networks: \"x\" is no network" },
	{ "and not for ports", GOOD "milter { socketmap = \"inet:127.0.0.1:8892\" group = \"postfix\" }\n", ":3: milter: group: is for a unix socket" },
	{ "an srs section", GOOD "srs { domain = \"fwd.example.com\" secret-file = \"/etc/smtpfwd/srs.secret\" }\n", NULL },
	{ "it needs secrets", GOOD "srs { domain = \"fwd.example.com\" }\n", ":3: srs: needs secret-file" },
	{ "it needs a domain", GOOD "srs { secret-file = \"/etc/smtpfwd/srs.secret\" }\n", ":3: srs: needs domain" },
	{ "its domain is no literal", GOOD "srs { domain = \"[192.0.2.1]\" secret-file = \"/x\" }\n", ":3: srs: domain: \"[192.0.2.1]\" is no domain" },
	{ "nor what is below one", GOOD "srs { domain = \".example.com\" secret-file = \"/x\" }\n", ":3: srs: domain: \".example.com\" is no domain" },
	{ "its secrets have an absolute path", GOOD "srs { domain = \"fwd.example.com\" secret-file = \"srs\" }\n", ":3: srs: secret-file: \"srs\" is no absolute path" },
	{ "its days are whole", GOOD "srs { domain = \"fwd.example.com\" secret-file = \"/x\" max-age = 36h }\n", ":3: srs: max-age" },
	{ "srs of a relay", GOOD "srs { domain = \"fwd.example.com\" secret-file = \"/x\" separator = \"+\" max-local = 100 }\nrelay \"b.example\" { next-hop = { \"192.0.2.2\" } srs = always }\n", NULL },
	{ "needs a section to be always", GOOD "relay \"b.example\" { next-hop = { \"192.0.2.2\" } srs = always }\n", ":3: relay \"b.example\": srs: needs a section srs" },
	{ "identity", GOOD "relay \"b.example\" { next-hop = { \"192.0.2.2\" } identity = xclient identity-login = yes }\n", NULL },
	{ "a route may tell too", GOOD "route \"x\" { next-hop = { \"192.0.2.1\" } identity = proxy }\n", NULL },
	{ "XCLIENT would undo a login of ours", GOOD "relay \"b.example\" { next-hop = { \"192.0.2.2\" } tls = verify login = \"relay\" password-file = \"/p\"\n identity = xclient }\n",
	  ":4: relay \"b.example\": identity: xclient cannot go with a login" },
	{ "auto knows that by itself", GOOD "relay \"b.example\" { next-hop = { \"192.0.2.2\" } tls = verify login = \"relay\" password-file = \"/p\" identity = auto }\n", NULL },
	{ "hosts of MX records are told of nobody", GOOD "route \"x\" { next-hop = { mx }\n identity = auto }\n", ":4: route \"x\": identity: is of no use with mx" },
	{ "nor those of another domain", GOOD "relay \"b.example\" { next-hop = { \"mx:example.org\" }\n identity = xclient }\n", ":4: relay \"b.example\": identity: is of no use with mx" },
	{ "the login of nobody", GOOD "relay \"b.example\" { next-hop = { \"192.0.2.2\" } identity = xforward\n identity-login = yes }\n", ":4: relay \"b.example\": identity-login: is of use with XCLIENT only" },
	{ "nor by a route that tells nothing by default", GOOD "route \"x\" { next-hop = { \"192.0.2.2\" }\n identity-login = yes }\n", ":4: route \"x\": identity-login: is of use with XCLIENT only" },
	{ "logins do too", "users = \"/etc/smtpfwd/users\"\n" GOOD "listen \"a\" { address = { \"127.0.0.1:2525\" } class = application auth = required }\n", NULL },
	{ "logins need a users file", GOOD "listen \"a\" { address = { \"127.0.0.1:2525\" } auth = offered }\n",
	  ":3: listen \"a\": auth: needs users" },
	{ "its path is absolute", "users = \"users\"\n" GOOD, "users: \"users\" is no absolute path" },
	{ "a login needs a password", GOOD "route \"x\" { next-hop = { \"192.0.2.1\" } tls = required login = \"relay\" }\n", "login: needs a password-file" },
	{ "and TLS", GOOD "route \"x\" { next-hop = { \"192.0.2.1\" } login = \"relay\" password-file = \"/p\" }\n",
	  "login: needs tls = verify or required" },
	{ "a name that the DNS gave proves nothing to a login", GOOD "route \"x\" { next-hop = { \"mx:example.net\" } tls = verify login = \"relay\" password-file = \"/p\" }\n",
	  "login: needs tls-name with mx" },
	{ "a password needs a login", GOOD "route \"x\" { next-hop = { \"192.0.2.1\" } tls = verify password-file = \"/p\" }\n",
	  "password-file: is of use with login only" },
	{ "with names in certificates too", GOOD "listen \"a\" { address = { \"127.0.0.1:2525\" } class = application client-ca = \"/ca.pem\" client-names = { \"app.example.com\", \".hosts.example.com\" } }\n", NULL },
	{ "names need an authority", GOOD "listen \"a\" { address = { \"127.0.0.1:2525\" } client-names = { \"app.example.com\" } }\n", ":3: listen \"a\": client-names: need a client-ca" },
	{ "an authority needs TLS", GOOD "listen \"a\" { address = { \"127.0.0.1:2525\" } tls = off client-ca = \"/ca.pem\" }\n", ":3: listen \"a\": client-ca: is of no use with tls = off" },
	{ "a star is no client's name", GOOD "listen \"a\" { address = { \"127.0.0.1:2525\" } client-ca = \"/ca.pem\" client-names = { \"*.example.com\" } }\n", ":3: listen \"a\": client-names: \"*.example.com\" is no host's name" },
	{ "an authority's file is named in full", GOOD "listen \"a\" { address = { \"127.0.0.1:2525\" } client-ca = \"ca.pem\" }\n", ":3: listen \"a\": client-ca: " },
	{ "with networks it is one", GOOD "listen \"a\" { address = { \"127.0.0.1:2525\" } class = list networks = { \"127.0.0.0/8\" } }\n", NULL },
	{ "an address has a port", GOOD "listen \"a\" { address = { \"127.0.0.1\" } }\n", "address: \"127.0.0.1\"" },
	{ "an address stands once", GOOD "listen \"a\" { address = { \"127.0.0.1:2525\" } }\nlisten \"b\" { address = { \"127.0.0.1:2525\" } }\n", ":4: listen \"b\": address: 127.0.0.1:2525 stands in listen \"a\" too" },
	{ "within one list too", GOOD "listen \"a\" { address = { \"[::1]:2525\", \"[0:0::1]:2525\" } }\n", ":3: listen \"a\": address: [::1]:2525 stands in listen \"a\" too" },
	{ "all addresses have that one too", GOOD "listen \"a\" { address = { \"127.0.0.1:2525\" } }\nlisten \"b\" { address = { \"0.0.0.0:2525\" } }\n",
	  ":4: listen \"b\": address: 0.0.0.0:2525 and 127.0.0.1:2525 in listen \"a\" cannot both be had" },
	{ "but not those of the other family, nor other ports", GOOD "listen \"a\" { address = { \"127.0.0.1:2525\", \"[::]:2525\" } }\nlisten \"b\" { address = { \"0.0.0.0:2526\" } }\n", NULL },
	{ "a port is not 0", GOOD "listen \"a\" { address = { \"127.0.0.1:0\" } }\n", "address: \"127.0.0.1:0\" is no address:port" },
	{ "a listener without addresses", GOOD "listen \"a\" { address = { } }\n", ":3: listen \"a\": address: " },
	{ "a relay with no next hop in its list", "hostname = \"mx.example.net\"\nrelay \"example.com\" { next-hop = { } }\n", ":2: relay \"example.com\": next-hop: " },
	{ "a network has no bits behind its prefix", GOOD "listen \"a\" { address = { \"127.0.0.1:2525\" } networks = { \"10.0.0.1/8\" } }\n", "networks: \"10.0.0.1/8\"" },
	{ "outbound = none: nothing goes out", "outbound = none\n" GOOD, NULL },
	{ "a route of the default's name is outbound", GOOD "route \"internet\" { next-hop = { \"smtp.example:587\" } }\n", NULL },
	{ "outbound alone is a way for mail", "hostname = \"mx.example.net\"\noutbound = internet\n", NULL },
	{ "outbound names a route", "outbound = \"out\"\n" GOOD, ":1: outbound: there is no route \"out\"" },
	{ "which may come later in the file", "outbound = \"out\"\n" GOOD "route \"out\" { next-hop = { \"smtp.example:587\" } }\n", NULL },
	{ "tls-name without verify", "hostname = \"mx.example.net\"\nrelay \"example.com\" {\n next-hop = { \"192.0.2.1\" }\n tls-name = \"x.example\"\n}\n", ":4: relay \"example.com\": tls-name: " },
	{ "max before first", GOOD "retry { first = 10m\n max = 5m }\n", ":4: retry: max: is less than first" },
	{ "a server is an address", GOOD "resolver { servers = { \"dns.example\" } }\n", "servers: \"dns.example\"" },
	{ "a server's port may be left out", GOOD "resolver { servers = { \"192.0.2.53\", \"[2001:db8::53]:5353\" } }\n", NULL },
	{ "dnssec needs a trust anchor", GOOD "resolver { dnssec = yes }\n", "dnssec: needs a trust-anchor" },
	{ "paths are absolute", "spool = \"spool\"\n" GOOD, ":1: spool: \"spool\" is no absolute path" },
	{ "a slash behind the spool is no harm", "spool = \"/var/spool/smtpfwd//\"\n" GOOD, NULL },
	{ "the control socket is no directory", "control = \"/run/smtpfwd/\"\n" GOOD, ":1: control: \"/run/smtpfwd/\" is a directory" },
	{ "a key's path is absolute", GOOD "tls \"a\" {\n certificate = \"/c.pem\"\n key = \"k.pem\"\n}\n", ":5: tls \"a\": key: \"k.pem\" is no absolute path" },
	{ "a certificate's too", GOOD "tls \"a\" {\n certificate = \"c.pem\"\n key = \"/k.pem\"\n}\n", ":4: tls \"a\": certificate: \"c.pem\" is no absolute path" },
	{ "that of authorities too", "hostname = \"mx.example.net\"\nrelay \"example.com\" {\n next-hop = { \"192.0.2.1\" }\n tls = verify\n ca-file = \"ca.pem\"\n}\n",
	  ":5: relay \"example.com\": ca-file: \"ca.pem\" is no absolute path" },
	{ "and of the trust anchor", GOOD "resolver { dnssec = yes\n trust-anchor = \"root.key\" }\n", ":4: resolver: trust-anchor: \"root.key\" is no absolute path" },
	{ "a setting nobody knows", GOOD "spooll = \"/x\"\n", "spooll" },
	{ "two sources of one family", "hostname = \"mx.example.net\"\nrelay \"example.com\" { next-hop = { \"192.0.2.1\" } source = { \"127.0.0.1\", \"127.0.0.2\" } }\n", "source: has two addresses of one family" },
	{ "neither relay nor route", "hostname = \"mx.example.net\"\n", "neither a relay nor a route" },
};

/* Reports must find their way home from the few lines of a migration. */
static void
test_outbound(void)
{
	struct config *config = config_of_text(GOOD);

	test_case("what is for no relay domain goes directly by MX, by default");
	expect_int(conf_n_errors(config->conf), 0);
	expect_text(config->policy.outbound, "internet");
	expect(config->policy.is_outbound_by_domain);
	expect_int(config->n_routes, 2);
	expect_text(config->routes[1].destination, "route:internet");
	expect_int(config->routes[1].n_next_hops, 1);
	expect(config->routes[1].next_hops[0].is_mx && config->routes[1].next_hops[0].host == NULL);
	expect_int(config->routes[1].next_hops[0].port, 25);
	expect_int(config->routes[1].tls, TLS_OPPORTUNISTIC);
	expect(!config->routes[1].may_use_loopback);
	config_free(config);

	test_case("not where a route of that name is written, and not where nothing is to go out");
	config = config_of_text(GOOD "route \"internet\" { next-hop = { \"smtp.example:587\" } }\n");
	expect_int(config->n_routes, 2);
	expect(!config->policy.is_outbound_by_domain);
	config_free(config);
	config = config_of_text(GOOD "outbound = none\n");
	expect_int(config->n_routes, 1);
	expect(config->policy.outbound == NULL);
	config_free(config);
}

static void
test_values(void)
{
	struct config *config = config_of_text(GOOD
	    "relay \"b\" { domains = { \".Sub.Example.ORG\", \"b\xc3\xbc" "cher.example\" } next-hop = { \"h.example:2525\", \"[2001:db8::1]\" }"
	    " balance = least-connections tls = verify }\n"
	    "route \"out\" { next-hop = { \"smtp.example:587\" } }\noutbound = out\n");

	test_case("values reach the parts as written");
	expect_int(conf_n_errors(config->conf), 0);
	expect_int(config->policy.n_relays, 2);
	expect_text(config->policy.relays[0].domains[0], "example.com");
	expect_text(config->policy.relays[1].domains[0], ".sub.example.org");
	expect_text(config->policy.relays[1].domains[1], "xn--bcher-kva.example");
	expect_int(config->n_routes, 3);
	expect_text(config->routes[1].destination, "relay:b");
	expect_text(config->routes[2].destination, "route:out");
	expect_int(config->routes[1].balance, BALANCE_LEAST_CONNECTIONS);
	expect_int(config->routes[1].tls, TLS_VERIFY);
	expect_text(config->routes[1].next_hops[0].host, "h.example");
	expect_int(config->routes[1].next_hops[0].port, 2525);
	expect_int(config->routes[1].next_hops[1].ip.family, IP_V6);
	expect_int(config->routes[1].next_hops[1].port, 25);

	test_case("nobody is trusted, and all limits stand, by default");
	expect_int(config->n_listeners, 1);
	expect(config->is_listener_default);
	expect_int(config->listeners[0].n_networks, 0);
	expect_int(config->listeners[0].n_xclient_from, 0);
	expect_int(config->listeners[0].n_proxy_from, 0);
	expect_int(config->listeners[0].tls, LISTEN_TLS_OFFERED);
	expect_int(config->listeners[0].bare_line_end, BARE_LINE_END_REFUSE);
	expect_int(config->listeners[0].message_max_bytes, 50 * 1024 * 1024);
	expect_int(span_to_s(config->queue.retry.expire), 5 * 86400);
	config_free(config);
}

static void
test_all_errors(void)
{
	struct config *config = config_of_text("hostname = \"mx\"\nspool = \"here\"\nrelay \"a b\" { next-hop = { \"x:y\" } }\n"
	    "listen \"l\" { address = { \"nowhere\" } class = list }\n");

	test_case("all errors of a file are told, not only the first");
	expect_int(conf_n_errors(config->conf), 6);
	config_free(config);

	test_case("a slash behind the spool's name goes");
	config = config_of_text("spool = \"/var/spool/smtpfwd//\"\n" GOOD);
	expect_text(config->spool, "/var/spool/smtpfwd");
	config_free(config);
}

int
main(void)
{
	config_text_begin();
	expect_config_cases(cases, sizeof(cases) / sizeof(cases[0]));
	test_outbound();
	test_values();
	test_all_errors();
	config_text_end();
	return test_end();
}
