/*
 * settings.c - the tables; smtpfwd.conf(5) says the same to people, and a test compares the two
 */
#include "policy/settings.h"

#define COUNT(table)	((int)(sizeof(table) / sizeof((table)[0])))

static const struct setting top[] = {
	{ .name = "hostname", .type = SETTING_STRING, .is_needed = true, .most = "253",
	  .sentence = "our name in the greeting, EHLO, Received and reports" },
	{ .name = "spool", .type = SETTING_STRING, .otherwise = "/var/spool/smtpfwd",
	  .sentence = "where the queue is kept" },
	{ .name = "spool-reserve", .type = SETTING_SIZE, .otherwise = "256M", .least = "0",
	  .sentence = "new mail is refused for a while (452) when the disk has less room than this" },
	{ .name = "control", .type = SETTING_STRING, .otherwise = "/run/smtpfwd/control", .most = "100",
	  .sentence = "the socket at which smtpfwdctl finds the daemon" },
	{ .name = "user", .type = SETTING_STRING, .otherwise = "smtpfwd",
	  .sentence = "whom the daemon becomes when it was started as root" },
	{ .name = "users", .type = SETTING_STRING, .is_file = true,
	  .sentence = "the file with the logins for auth; not readable by all" },
	{ .name = "outbound", .type = SETTING_STRING, .otherwise = "internet",
	  .sentence = "the route of mail for no relay domain: reports, and what trusted clients send; none: there is none" },
	{ .name = "class-header", .type = SETTING_STRING, .otherwise = "X-Traffic-Class", .most = "100",
	  .sentence = "the field in which a mail's class is told, and that others cannot bring; none: it is told in none" },
	{ .name = "bounce-unverified", .type = SETTING_BOOL, .otherwise = "no",
	  .sentence = "report failures, delays and successes also to senders that were not verified" },
	{ .name = "forward-doomed", .type = SETTING_CHOICE, .choices = "reject send hold", .otherwise = "send",
	  .sentence = "mail that passes DMARC only by SPF, and will be refused where it is forwarded to: what is done" },
	{ .name = "trace-keep", .type = SETTING_SPAN, .otherwise = "7d", .least = "0s", .most = "365d",
	  .sentence = "how long smtpfwdctl trace can tell what became of a mail; 0s: not at all" },
	{ .name = "trace-max", .type = SETTING_SIZE, .otherwise = "1G", .least = "1M", .most = "1024G",
	  .sentence = "the room in the spool for that; when it is full the oldest goes first" },
	{ .name = "stop-within", .type = SETTING_SPAN, .otherwise = "30s", .least = "0s", .most = "1h",
	  .sentence = "how long sessions and deliveries may go on after SIGTERM" },
};

static const struct setting log_settings[] = {
	{ .name = "to", .type = SETTING_STRING, .otherwise = "stderr",
	  .sentence = "stderr, journal, syslog, or the path of a file" },
	{ .name = "level", .type = SETTING_CHOICE, .choices = "error warning info debug", .otherwise = "info",
	  .sentence = "how much is said" },
};

static const struct setting resolver_settings[] = {
	{ .name = "servers", .type = SETTING_LIST,
	  .sentence = "address:port of each DNS server; none: those of /etc/resolv.conf" },
	{ .name = "timeout", .type = SETTING_SPAN, .otherwise = "2s", .least = "100ms", .most = "1m",
	  .sentence = "of one try" },
	{ .name = "tries", .type = SETTING_INTEGER, .otherwise = "3", .least = "1", .most = "20",
	  .sentence = "timeout times tries bounds a question" },
	{ .name = "dnssec", .type = SETTING_BOOL, .otherwise = "no",
	  .sentence = "validate; a bogus answer is a temporary failure" },
	{ .name = "trust-anchor", .type = SETTING_STRING, .is_file = true,
	  .sentence = "a file with the keys to trust, for dnssec" },
};

static const struct setting recipients_settings[] = {
	{ .name = "keep-good", .type = SETTING_SPAN, .otherwise = "7d", .least = "1h", .most = "90d",
	  .sentence = "that there is such a mailbox, since a next hop said so last" },
	{ .name = "keep-bad", .type = SETTING_SPAN, .otherwise = "2h", .least = "1m", .most = "7d",
	  .sentence = "that there is none" },
	{ .name = "max-good", .type = SETTING_INTEGER, .otherwise = "200000", .least = "100", .most = "2000000",
	  .sentence = "so many good ones of a relay are kept; what is more goes, told longest ago first" },
	{ .name = "max-bad", .type = SETTING_INTEGER, .otherwise = "50000", .least = "100", .most = "2000000",
	  .sentence = "so many bad ones" },
};

static const struct setting retry_settings[] = {
	{ .name = "first", .type = SETTING_SPAN, .otherwise = "1m", .least = "1s", .most = "1d",
	  .sentence = "the wait before the second try" },
	{ .name = "factor", .type = SETTING_DECIMAL, .otherwise = "1.5", .least = "1", .most = "10",
	  .sentence = "each wait is so many times the one before, give or take some chance" },
	{ .name = "max", .type = SETTING_SPAN, .otherwise = "1h", .least = "1s", .most = "2d",
	  .sentence = "the longest wait" },
	{ .name = "expire", .type = SETTING_SPAN, .otherwise = "5d", .least = "1m", .most = "60d",
	  .sentence = "mail older than this is given up and reported" },
	{ .name = "warn", .type = SETTING_SPAN, .otherwise = "4h", .least = "0s", .most = "30d",
	  .sentence = "a delay is reported after this; 0s: never" },
	{ .name = "hold-expire", .type = SETTING_SPAN, .otherwise = "5d", .least = "0s", .most = "365d",
	  .sentence = "failed mail of a sender that was not verified is held for so long beyond expire, then removed" },
	{ .name = "hold-max", .type = SETTING_SIZE, .otherwise = "1G", .least = "1M", .most = "1024G",
	  .sentence = "so much of such mail is held; what is more is removed, the oldest first" },
	{ .name = "hold-max-mails", .type = SETTING_INTEGER, .otherwise = "10000", .least = "1", .most = "10000000",
	  .sentence = "so many of such mails" },
};

static const struct setting verify_settings[] = {
	{ .name = "spf", .type = SETTING_BOOL, .otherwise = "yes",
	  .sentence = "may the client send for the domains of HELO and MAIL FROM?" },
	{ .name = "dkim", .type = SETTING_BOOL, .otherwise = "yes",
	  .sentence = "are the mail's signatures right?" },
	{ .name = "dmarc", .type = SETTING_CHOICE, .choices = "off stamp enforce", .otherwise = "stamp",
	  .sentence = "is it from its author's domain? only told, or its policy is done: mail refused or marked" },
	{ .name = "arc", .type = SETTING_BOOL, .otherwise = "no",
	  .sentence = "are the seals right of those who forwarded it?" },
	{ .name = "authserv-id", .type = SETTING_STRING, .most = "253",
	  .sentence = "our name in Authentication-Results; without it the hostname" },
	{ .name = "max-signatures", .type = SETTING_INTEGER, .otherwise = "10", .least = "1", .most = "32",
	  .sentence = "signatures of a mail that are looked at; those of its author first" },
	{ .name = "clock-drift", .type = SETTING_SPAN, .otherwise = "5m", .least = "0s", .most = "1d",
	  .sentence = "by how much a signer's clock may be wrong" },
	{ .name = "partial-body", .type = SETTING_BOOL, .otherwise = "no",
	  .sentence = "a signature may pass that leaves the end of the body unsigned (l=)" },
	{ .name = "received-spf", .type = SETTING_BOOL, .otherwise = "no",
	  .sentence = "write a field Received-SPF too" },
	{ .name = "timeout", .type = SETTING_SPAN, .otherwise = "20s", .least = "1s", .most = "2m",
	  .sentence = "of all the checks of one mail; what is not known then is a temporary error" },
	{ .name = "mark-field", .type = SETTING_STRING, .otherwise = "X-Spam-Flag: YES", .most = "900",
	  .sentence = "the field put on mail that dmarc = enforce has to quarantine" },
};

static const struct setting sign_settings[] = {
	{ .name = "selector", .type = SETTING_LIST, .least = "1", .most = "2", .is_needed = true,
	  .sentence = "where in the DNS the public half is: SELECTOR._domainkey.DOMAIN; one for each key" },
	{ .name = "key", .type = SETTING_LIST, .least = "1", .most = "2", .is_file = true, .is_needed = true,
	  .sentence = "PEM files of private keys, RSA or Ed25519; not readable by all" },
	{ .name = "domain", .type = SETTING_STRING, .most = "253",
	  .sentence = "whose signature it is (d=); the title is a name then, for sign-as of classes, and no author's mail is signed by itself" },
	{ .name = "subdomains", .type = SETTING_BOOL, .otherwise = "no",
	  .sentence = "sign mail of the domains below too, where they have no section" },
	{ .name = "fields", .type = SETTING_LIST, .most = "64",
	  .sentence = "names of the fields to sign; without it a good choice; From always" },
	{ .name = "oversign", .type = SETTING_LIST, .most = "64",
	  .sentence = "names of fields of which nobody can add one unseen; without it a good choice; From always" },
	{ .name = "canonicalization", .type = SETTING_CHOICE, .choices = "relaxed/relaxed relaxed/simple simple/relaxed simple/simple",
	  .otherwise = "relaxed/relaxed", .sentence = "whether blanks may change on the way, in the header and in the body" },
	{ .name = "identity", .type = SETTING_STRING, .most = "254",
	  .sentence = "whom the signature speaks for (i=): @ and a domain at or below ours, or an address there" },
	{ .name = "time", .type = SETTING_BOOL, .otherwise = "yes",
	  .sentence = "say when it was signed (t=)" },
	{ .name = "lifetime", .type = SETTING_SPAN, .otherwise = "0s", .least = "0s", .most = "365d",
	  .sentence = "how long the signature counts (x=); 0s: for good" },
};

static const struct setting arc_settings[] = {
	{ .name = "domain", .type = SETTING_STRING, .most = "253",
	  .sentence = "as whom we seal" },
	{ .name = "selector", .type = SETTING_STRING, .most = "63",
	  .sentence = "where in the DNS the public half is: SELECTOR._domainkey.DOMAIN" },
	{ .name = "key", .type = SETTING_STRING, .is_file = true,
	  .sentence = "a PEM file of an RSA private key; not readable by all" },
	{ .name = "fields", .type = SETTING_LIST, .most = "64",
	  .sentence = "names of the fields to sign, as they are to stand in h=; without it a good choice" },
};

static const struct setting srs_settings[] = {
	{ .name = "domain", .type = SETTING_STRING, .most = "189",
	  .sentence = "the domain of the addresses; its mail comes to us" },
	{ .name = "secret-file", .type = SETTING_STRING, .is_file = true,
	  .sentence = "a file with secrets, one a line: the first signs, all are believed; not readable by all" },
	{ .name = "max-age", .type = SETTING_SPAN, .otherwise = "21d", .least = "1d", .most = "365d",
	  .sentence = "how long reports may come back, in whole days" },
	{ .name = "separator", .type = SETTING_CHOICE, .choices = "= + -", .otherwise = "=",
	  .sentence = "what stands behind SRS0 and SRS1 in the addresses made; all are understood" },
	{ .name = "max-local", .type = SETTING_INTEGER, .otherwise = "64", .least = "64", .most = "255",
	  .sentence = "the longest local part that is made, in bytes; what would be longer goes as it is" },
	{ .name = "reports-only", .type = SETTING_BOOL, .otherwise = "yes",
	  .sentence = "mail to such an address is refused unless its reverse-path is null" },
};

static const struct setting class_settings[] = {
	{ .name = "listeners", .type = SETTING_LIST, .most = "100",
	  .sentence = "titles of listen sections: where it comes in" },
	{ .name = "networks", .type = SETTING_LIST, .most = "100",
	  .sentence = "of the client" },
	{ .name = "logins", .type = SETTING_LIST, .most = "100",
	  .sentence = "patterns of whom the client logged in as, in upper and lower case as they are" },
	{ .name = "client-names", .type = SETTING_LIST, .most = "100",
	  .sentence = "names in the client's proven certificate, .x for those below x" },
	{ .name = "senders", .type = SETTING_LIST, .most = "100",
	  .sentence = "patterns of the reverse-path; <> is the null one" },
	{ .name = "recipients", .type = SETTING_LIST, .most = "100",
	  .sentence = "patterns of recipients; one that matches is enough" },
	{ .name = "headers", .type = SETTING_LIST, .most = "100",
	  .sentence = "\"Name\", that there is such a field, or \"Name: pattern\" of its value" },
	{ .name = "min-recipients", .type = SETTING_INTEGER, .otherwise = "0", .least = "0", .most = "50000",
	  .sentence = "so many recipients or more; 0: their number is nothing" },
	{ .name = "sign", .type = SETTING_CHOICE, .choices = "auto yes no", .otherwise = "auto",
	  .sentence = "whether its mail is signed: what trusted clients send, what the named ones send too, or none" },
	{ .name = "sign-as", .type = SETTING_STRING, .most = "253",
	  .sentence = "the title of the sign section that signs it, whoever the author is" },
	{ .name = "route", .type = SETTING_STRING, .most = "255",
	  .sentence = "the title of the route section that its mail takes instead of outbound" },
	{ .name = "srs", .type = SETTING_CHOICE, .choices = "as-route auto always never", .otherwise = "as-route",
	  .sentence = "whether its senders are rewritten, whatever the relay or route says" },
	{ .name = "verify", .type = SETTING_CHOICE, .choices = "auto yes no", .otherwise = "auto",
	  .sentence = "whether its mail is checked: what clients send that are not trusted, what trusted ones send too, or none" },
	{ .name = "max-message", .type = SETTING_SIZE, .least = "1K", .most = "2G",
	  .sentence = "the largest mail of the class, where the listener takes as much" },
	{ .name = "max-recipients", .type = SETTING_INTEGER, .least = "1", .most = "50000",
	  .sentence = "recipients of one mail of the class, where the listener takes as many" },
	{ .name = "remove-fields", .type = SETTING_LIST, .most = "16",
	  .sentence = "names of fields that are taken out of its mail" },
	{ .name = "add-fields", .type = SETTING_LIST, .most = "16",
	  .sentence = "\"Name: value\", fields that are put on top of it" },
	{ .name = "hold", .type = SETTING_BOOL, .otherwise = "no",
	  .sentence = "queue it, and hold it until an operator releases it" },
	{ .name = "rate", .type = SETTING_LIST, .most = "16",
	  .sentence = "limits such as \"100 messages/1h per login\": beyond them mail is put off (450)" },
};

static const struct setting tls_settings[] = {
	{ .name = "certificate", .type = SETTING_STRING, .is_file = true, .is_needed = true,
	  .sentence = "a PEM file, the chain behind the certificate" },
	{ .name = "key", .type = SETTING_STRING, .is_file = true, .is_needed = true,
	  .sentence = "a PEM file" },
};

static const struct setting listen_settings[] = {
	{ .name = "address", .type = SETTING_LIST, .least = "1", .is_needed = true,
	  .sentence = "address:port, IPv6 in brackets; 0.0.0.0 and [::] are all of a family" },
	{ .name = "class", .type = SETTING_CHOICE, .choices = "incoming local application list", .otherwise = "incoming",
	  .sentence = "what kind of mail comes in here; it never grants anything" },
	{ .name = "tls", .type = SETTING_CHOICE, .choices = "off offered required implicit", .otherwise = "offered",
	  .sentence = "STARTTLS not offered, offered or demanded, or TLS from the first byte" },
	{ .name = "auth", .type = SETTING_CHOICE, .choices = "off offered required", .otherwise = "off",
	  .sentence = "whether clients may log in; who did may relay to anywhere" },
	{ .name = "networks", .type = SETTING_LIST,
	  .sentence = "clients that may relay to anywhere; none by default, loopback neither" },
	{ .name = "client-ca", .type = SETTING_STRING, .is_file = true,
	  .sentence = "a PEM file: clients are asked for a certificate, and these authorities alone prove it" },
	{ .name = "client-names", .type = SETTING_LIST,
	  .sentence = "names in a proven certificate whose clients may relay to anywhere, .x for those below x" },
	{ .name = "xclient-from", .type = SETTING_LIST,
	  .sentence = "clients that may say XCLIENT" },
	{ .name = "proxy-from", .type = SETTING_LIST,
	  .sentence = "clients that must open with a PROXY header" },
	{ .name = "bare-line-end", .type = SETTING_CHOICE, .choices = "refuse repair", .otherwise = "refuse",
	  .sentence = "what is done with a CR or LF alone; repair is for old devices" },
	{ .name = "max-message", .type = SETTING_SIZE, .otherwise = "50M", .least = "64K", .most = "2G",
	  .sentence = "the largest mail, told as SIZE" },
	{ .name = "max-recipients", .type = SETTING_INTEGER, .otherwise = "1000", .least = "100", .most = "50000",
	  .sentence = "recipients of one mail, told as LIMITS RCPTMAX" },
	{ .name = "max-connections", .type = SETTING_INTEGER, .otherwise = "9000", .least = "1", .most = "30000",
	  .sentence = "open connections in all; more get 421" },
	{ .name = "max-connections-per-address", .type = SETTING_INTEGER, .otherwise = "50", .least = "1", .most = "30000",
	  .sentence = "open connections of one client address; networks are not counted" },
	{ .name = "max-errors", .type = SETTING_INTEGER, .otherwise = "20", .least = "1", .most = "1000",
	  .sentence = "refused commands of a session, then 421" },
	{ .name = "max-hops", .type = SETTING_INTEGER, .otherwise = "50", .least = "5", .most = "200",
	  .sentence = "Received fields of a mail; more is taken for a loop" },
	{ .name = "greeting-delay", .type = SETTING_SPAN, .otherwise = "0s", .most = "1m",
	  .sentence = "how long a client is watched for talking before the greeting" },
	{ .name = "command-timeout", .type = SETTING_SPAN, .otherwise = "5m", .least = "1s", .most = "1h",
	  .sentence = "how long we wait for a command" },
	{ .name = "data-timeout", .type = SETTING_SPAN, .otherwise = "3m", .least = "1s", .most = "1h",
	  .sentence = "how long we wait for a piece of a mail" },
	{ .name = "max-session", .type = SETTING_SPAN, .otherwise = "4h", .least = "1m", .most = "7d",
	  .sentence = "how long a session may go on in all" },
};

/* What relay and route sections have in common: how mail gets to the next hop. */
#define NEXT_HOP_SETTINGS \
	{ .name = "next-hop", .type = SETTING_LIST, .least = "1", .most = "100", .is_needed = true, \
	  .sentence = "host:port or [address]:port, in order of preference; mx:domain: the mail hosts of a domain" }, \
	{ .name = "mx-port", .type = SETTING_INTEGER, .otherwise = "25", .least = "1", .most = "65535", \
	  .sentence = "the port of hosts that MX records name" }, \
	{ .name = "mx-loopback", .type = SETTING_BOOL, .otherwise = "no", \
	  .sentence = "connect to hosts of MX records at loopback addresses, for tests" }, \
	{ .name = "balance", .type = SETTING_CHOICE, .choices = "failover round-robin least-connections", \
	  .otherwise = "failover", .sentence = "how several next hops share" }, \
	{ .name = "tls", .type = SETTING_CHOICE, .choices = "off opportunistic required verify", \
	  .otherwise = "opportunistic", .sentence = "verify proves the next hop's name" }, \
	{ .name = "ca-file", .type = SETTING_STRING, .is_file = true, \
	  .sentence = "authorities that verify trusts; without it the system's" }, \
	{ .name = "tls-name", .type = SETTING_STRING, .most = "253", \
	  .sentence = "the name that verify wants; without it the next hop as written" }, \
	{ .name = "login", .type = SETTING_STRING, .most = "255", \
	  .sentence = "our name at the next hop, for AUTH; only with tls = required or verify" }, \
	{ .name = "password-file", .type = SETTING_STRING, .is_file = true, \
	  .sentence = "a file whose first line is the login's password; not readable by all" }, \
	{ .name = "connections", .type = SETTING_INTEGER, .otherwise = "20", .least = "1", .most = "1000", \
	  .sentence = "at most so many connections to one next hop" }, \
	{ .name = "check-interval", .type = SETTING_SPAN, .otherwise = "30s", .least = "1s", .most = "1h", \
	  .sentence = "how often a next hop that is down is tried" }, \
	{ .name = "srs", .type = SETTING_CHOICE, .choices = "auto always never", .otherwise = "auto", \
	  .sentence = "whether senders of other domains get an SRS address, where there is an srs section" }, \
	{ .name = "identity-login", .type = SETTING_BOOL, .otherwise = "no", \
	  .sentence = "with XCLIENT the next hop is told the client's login, too" }, \
	{ .name = "postfix-transport", .type = SETTING_STRING, .most = "900", \
	  .sentence = "a name of its master.cf, or name:next-hop, that a Postfix is told which asks where this mail goes" }, \
	{ .name = "source", .type = SETTING_LIST, .most = "2", \
	  .sentence = "local addresses to send from, one of a family" }

/* A route mostly leads to strangers, who are not to be told whom our mail is from. */
#define IDENTITY_SETTING(by_default) \
	{ .name = "identity", .type = SETTING_CHOICE, .choices = "none auto proxy xclient xforward", .otherwise = by_default, \
	  .sentence = "how the next hop is told who the client is; auto: by XCLIENT or XFORWARD, where it takes that" }

static const struct setting relay_settings[] = {
	{ .name = "domains", .type = SETTING_LIST,
	  .sentence = "whose mail it is, a leading dot for subdomains; without it the title" },
	{ .name = "mode", .type = SETTING_CHOICE, .choices = "online queue", .otherwise = "online",
	  .sentence = "the client gets the next hop's own answer, or ours before the mail goes on" },
	{ .name = "online-timeout", .type = SETTING_SPAN, .otherwise = "60s", .least = "1s", .most = "2m",
	  .sentence = "how long a client waits for the next hop before the mail goes into the queue" },
	{ .name = "online-4xx", .type = SETTING_CHOICE, .choices = "pass queue", .otherwise = "pass",
	  .sentence = "what the next hop refuses for now: the client hears it, or the mail goes into the queue" },
	{ .name = "mixed", .type = SETTING_CHOICE, .choices = "refuse queue", .otherwise = "refuse",
	  .sentence = "recipients that go other ways than the first: 452, or all of the mail goes into the queue" },
	{ .name = "verify-recipients", .type = SETTING_BOOL, .otherwise = "yes",
	  .sentence = "with mode = queue too, the next hop is asked whether it has the mailbox" },
	{ .name = "recipients-unknown", .type = SETTING_CHOICE, .choices = "defer accept", .otherwise = "defer",
	  .sentence = "who is not known to be a mailbox, or none, while the next hop cannot be asked" },
	{ .name = "next-hop-by-recipient", .type = SETTING_BOOL, .otherwise = "no",
	  .sentence = "the next hops are asked in order, and the first that has the mailbox takes the mail" },
	NEXT_HOP_SETTINGS,
	IDENTITY_SETTING("auto"),
};

static const struct setting route_settings[] = {
	NEXT_HOP_SETTINGS,
	IDENTITY_SETTING("none"),
};

static const struct setting milter_settings[] = {
	{ .name = "socket", .type = SETTING_STRING, .otherwise = "inet:127.0.0.1:8891", .most = "120",
	  .sentence = "where Postfix finds it, as in smtpd_milters: inet:ADDRESS:PORT or unix:PATH" },
	{ .name = "socketmap", .type = SETTING_STRING, .most = "120",
	  .sentence = "where Postfix can ask where mail goes, by its socketmap tables; without it, nowhere" },
	{ .name = "policy-service", .type = SETTING_STRING, .most = "120",
	  .sentence = "where Postfix can ask for limits of rate, by its check_policy_service; without it, nowhere" },
	{ .name = "group", .type = SETTING_STRING, .most = "60",
	  .sentence = "whose group a unix socket is, which may use it; without it that of user" },
	{ .name = "control", .type = SETTING_STRING, .otherwise = "/run/smtpfwd-milter/control", .most = "100",
	  .sentence = "the socket at which smtpfwdctl --milter finds it" },
	{ .name = "networks", .type = SETTING_LIST, .otherwise = "127.0.0.0/8 ::1",
	  .sentence = "clients that Postfix relays for without a login, as in mynetworks" },
	{ .name = "client-names", .type = SETTING_LIST, .most = "100",
	  .sentence = "clients that Postfix relays for by a certificate which it verified; .x for those below x" },
	{ .name = "local-transports", .type = SETTING_LIST, .otherwise = "local virtual lmtp relay", .most = "100",
	  .sentence = "transports by which Postfix reaches mailboxes of ours: mail that goes nowhere else is internal" },
	{ .name = "after-filter", .type = SETTING_LIST, .most = "100",
	  .sentence = "daemon names of services of Postfix whose mail was here before: it is let through" },
	{ .name = "on-failure", .type = SETTING_CHOICE, .choices = "defer accept", .otherwise = "defer",
	  .sentence = "mail that could not be judged or signed comes again, or goes on as it is" },
	{ .name = "max-sessions", .type = SETTING_INTEGER, .otherwise = "4000", .least = "1", .most = "10000",
	  .sentence = "of Postfix at once; more is a failure" },
	{ .name = "max-memory", .type = SETTING_SIZE, .otherwise = "512M", .least = "8M", .most = "64G",
	  .sentence = "for all mails at once; more is a failure" },
	{ .name = "max-hops", .type = SETTING_INTEGER, .otherwise = "50", .least = "5", .most = "200",
	  .sentence = "Received fields of a mail; more is taken for a loop" },
};

const struct section_kind settings_kinds[] = {
	{ .name = "", .settings = top, .n_settings = COUNT(top),
	  .sentence = "outside of all sections" },
	{ .name = "log", .settings = log_settings, .n_settings = COUNT(log_settings),
	  .sentence = "one line per event" },
	{ .name = "resolver", .settings = resolver_settings, .n_settings = COUNT(resolver_settings),
	  .sentence = "how the DNS is asked" },
	{ .name = "retry", .settings = retry_settings, .n_settings = COUNT(retry_settings),
	  .sentence = "when mail that waits is tried again" },
	{ .name = "recipients", .settings = recipients_settings, .n_settings = COUNT(recipients_settings),
	  .sentence = "what is known of mailboxes, for when their server cannot be asked" },
	{ .name = "verify", .settings = verify_settings, .n_settings = COUNT(verify_settings),
	  .sentence = "how mail is checked that comes from others" },
	{ .name = "sign", .has_title = true, .settings = sign_settings, .n_settings = COUNT(sign_settings),
	  .sentence = "a domain whose mail is signed" },
	{ .name = "arc", .settings = arc_settings, .n_settings = COUNT(arc_settings),
	  .sentence = "what we found of forwarded mail, sealed for the next hop" },
	{ .name = "srs", .settings = srs_settings, .n_settings = COUNT(srs_settings),
	  .sentence = "addresses that lead reports back to senders of other domains" },
	{ .name = "class", .has_title = true, .settings = class_settings, .n_settings = COUNT(class_settings),
	  .sentence = "a kind of mail, and by what it is known" },
	{ .name = "tls", .has_title = true, .settings = tls_settings, .n_settings = COUNT(tls_settings),
	  .sentence = "a certificate; the name a client asks for chooses among several" },
	{ .name = "listen", .has_title = true, .settings = listen_settings, .n_settings = COUNT(listen_settings),
	  .sentence = "where mail comes in" },
	{ .name = "relay", .has_title = true, .settings = relay_settings, .n_settings = COUNT(relay_settings),
	  .sentence = "domains that moved, and where to" },
	{ .name = "route", .has_title = true, .settings = route_settings, .n_settings = COUNT(route_settings),
	  .sentence = "a way for mail that is for no relay domain" },
	{ .name = "milter", .settings = milter_settings, .n_settings = COUNT(milter_settings),
	  .sentence = "smtpfwd-milter, which judges and signs the mail of a Postfix" },
};
const int settings_n_kinds = COUNT(settings_kinds);
