/*
 * text.c - the steps of an explanation as people read them
 */
#include <stdio.h>
#include <string.h>

#include "smtpfwd/explain/explain.h"
#include "smtpfwd/ctl/show.h"

/* --- parts of a line --- */

static void
begin(const char *label)
{
	printf("%-10s  ", label);
}

static void
begin_below(void)
{
	printf("\n%-10s  ", "");
}

static bool
has(const json_t *step, const char *key)
{
	return show_text(step, key)[0] != '\0';
}

static bool
is_true(const json_t *step, const char *key)
{
	return json_is_true(json_object_get(step, key));
}

static bool
says(const json_t *step, const char *key, const char *text)
{
	return strcmp(show_text(step, key), text) == 0;
}

/* Nothing where the step has no such member. */
static void
say(const char *before, const json_t *step, const char *key, const char *behind)
{
	if (!has(step, key))
		return;
	show_member(before, step, key);
	fputs(behind, stdout);
}

/* "accepted", or the reply and its reason. */
static void
say_verdict(const json_t *step)
{
	if (says(step, "action", "accept")) {
		fputs("accepted", stdout);
		return;
	}
	show_member(says(step, "action", "defer") ? "deferred: " : "refused: ", step, "reply");
	say(" (", step, "reason", ")");
}

/* --- connection and envelope --- */

static void
show_client(const json_t *step)
{
	begin("Client");
	show_member("", step, "client");
	show_member(is_true(step, "milter") ? " at Postfix's service \"" : " at listener \"", step, "listener");
	say("\", class ", step, "class", "");
	say(", logged in as ", step, "login", "");
	say(", with a certificate of ", step, "certificate", "");
	begin_below();
	if (is_true(step, "trusted")) {
		fputs("trusted: ", stdout);
		if (has(step, "network"))
			say("it is in ", step, "network", is_true(step, "milter") ? " of the milter's networks" : " of the listener's networks");
		else
			fputs(has(step, "login") ? "it has logged in" : "its certificate is of client-names", stdout);
		fputs("; it may relay, and its mail is not checked unless its class says so", stdout);
	} else {
		printf("not trusted: it is in none of the %s's networks and has not logged in", is_true(step, "milter") ? "milter" : "listener");
		if (is_true(step, "certificate-may-help"))
			fputs("; a certificate might help (--certificate)", stdout);
	}
	putchar('\n');
	begin("HELO");
	show_member("", step, "helo");
	putchar('\n');
}

static void
show_iprev(const json_t *step)
{
	begin("Name");
	show_member("iprev=", step, "result");
	say(": ", step, "name", " leads back to the address");
	if (!has(step, "name"))
		say(": reverse name ", step, "reverse-name", "");
	say(": ", step, "problem", "");
	putchar('\n');
}

static void
show_mail(const json_t *step)
{
	begin("MAIL FROM");
	show_member("", step, "from");
	fputs(": ", stdout);
	say_verdict(step);
	putchar('\n');
}

static void
show_recipient(const json_t *step)
{
	const json_t *hops = json_object_get(step, "next-hops"), *hop;
	size_t i;

	begin("RCPT TO");
	show_member("", step, "to");
	say(" (SRS, for ", step, "undone", ")");
	fputs(": ", stdout);
	if (is_true(step, "by-postfix"))
		fputs("if Postfix takes it", stdout);
	else
		say_verdict(step);
	if (is_true(step, "srs-unknown")) {
		begin_below();
		fputs("the secrets of srs cannot be read here: an SRS address is taken for any other", stdout);
	}
	if (has(step, "destination")) {
		begin_below();
		show_member("goes to ", step, "destination");
		json_array_foreach(hops, i, hop) {
			fputs(i == 0 ? ", next hop " : ", ", stdout);
			show_safe(json_string_value(hop), stdout);
		}
		say(" (", step, "balance", ")");
		say(", TLS ", step, "tls", "");
		say(", with the login ", step, "login-as", "");
		explain_show_identity(step);
		explain_show_mailbox(step);
		explain_show_way(step);
	}
	putchar('\n');
}

static void
show_content(const json_t *step)
{
	begin("DATA");
	printf("%lld bytes", show_number(step, "bytes"));
	if (json_object_get(step, "fields") != NULL)
		printf(", %lld of them in %lld header fields", show_number(step, "header-bytes"), show_number(step, "fields"));
	if (!says(step, "action", "accept")) {
		begin_below();
		say_verdict(step);
	}
	putchar('\n');
}

static void
show_bounds(const json_t *step)
{
	begin("Bounds");
	say_verdict(step);
	putchar('\n');
}

static void
show_hops(const json_t *step)
{
	begin("Hops");
	printf("%lld Received fields, at most %lld: ", show_number(step, "received"), show_number(step, "most"));
	if (says(step, "action", "accept"))
		fputs("no loop", stdout);
	else
		say_verdict(step);
	putchar('\n');
}

/* --- checks --- */

/* Why a check is not made; false: it was made. */
static bool
show_unchecked(const char *label, const json_t *step)
{
	static const struct { const char *why, *text; } texts[] = {
		{ "trusted", "not checked: the client is trusted" },
		{ "class", "not checked: it is off for its class" },
		{ "off", "not checked: it is off in the section verify" },
		{ "no-mail", "not checked: it needs the mail" },
		{ "no-signature", "none: the mail has no signature" },
	};

	if (!json_is_false(json_object_get(step, "checked")))
		return false;
	begin(label);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (says(step, "why", texts[i].why))
			fputs(texts[i].text, stdout);
	say("; SPF would be right for an author at ", step, "spf-domain", " or in its organization");
	putchar('\n');
	return true;
}

static void
show_spf(const json_t *step)
{
	if (show_unchecked("SPF", step))
		return;
	begin("SPF");
	if (says(step, "identity", "helo") && !has(step, "domain"))
		fputs("HELO, which SPF cannot ask about", stdout);
	else if (says(step, "identity", "helo"))
		show_member("HELO ", step, "domain");
	else
		show_member("MAIL FROM ", step, "sender");
	show_member(": ", step, "result");
	if (says(step, "mechanism", "default"))
		fputs(" because no mechanism matches", stdout);
	else
		say(" by \"", step, "mechanism", "\"");
	say(" in the record of ", step, "mechanism-domain", "");
	say(": ", step, "problem", "");
	if (has(step, "explanation")) {
		begin_below();
		show_member("the domain says: ", step, "explanation");
	}
	putchar('\n');
}

static void
show_dkim(const json_t *step)
{
	if (show_unchecked("DKIM", step))
		return;
	begin("DKIM");
	if (is_true(step, "rest")) {
		show_member("other signatures: ", step, "result");
	} else {
		fputs(has(step, "domain") ? "" : "a signature", stdout);
		say("", step, "domain", "");
		say(", selector ", step, "selector", "");
		show_member(": ", step, "result");
	}
	say(": ", step, "reason", "");
	if (has(step, "algorithm")) {
		begin_below();
		show_member("", step, "algorithm");
		if (json_object_get(step, "key-bits") != NULL)
			printf(", a key of %lld bits", show_number(step, "key-bits"));
		say(", ", step, "canonicalization", "");
		say(", for ", step, "identity", "");
		say(", signed ", step, "signed", "");
		say(", expires ", step, "expires", "");
		if (json_object_get(step, "body-unsigned") != NULL)
			printf(", l=%lld leaves %lld bytes unsigned", show_number(step, "body-limit"), show_number(step, "body-unsigned"));
		fputs(is_true(step, "testing") ? ", the key is for tests (t=y)" : "", stdout);
	}
	putchar('\n');
}

static void
show_arc(const json_t *step)
{
	const json_t *sealers = json_object_get(step, "sealers"), *sealer;
	size_t i;

	begin("ARC");
	show_member("", step, "result");
	say(": ", step, "reason", "");
	if (is_true(step, "temporary"))
		fputs(", for now", stdout);
	if (show_number(step, "oldest-pass") > 0)
		printf(": the mail was changed before set %lld", show_number(step, "oldest-pass"));
	json_array_foreach(sealers, i, sealer) {
		begin_below();
		printf("set %zu sealed by ", i + 1);
		show_member("", sealer, "domain");
		show_member(", selector ", sealer, "selector");
	}
	putchar('\n');
}

static void
show_sealing(const json_t *step)
{
	const json_t *key = json_object_get(step, "key");

	begin("Sealing");
	if (!is_true(step, "sealed")) {
		show_member("not sealed: ", step, "reason");
		putchar('\n');
		return;
	}
	show_member("sealed for ", step, "domain");
	printf(": set %lld", show_number(step, "instance"));
	show_member(", cv=", step, "cv");
	begin_below();
	show_member("selector ", key, "selector");
	if (json_object_get(key, "bits") != NULL)
		printf(", %lld bits", show_number(key, "bits"));
	show_member(", key in ", key, "file");
	say("; you cannot read it: ", key, "problem", "");
	putchar('\n');
}

static void
show_dmarc(const json_t *step)
{
	if (show_unchecked("DMARC", step))
		return;
	begin("DMARC");
	say("From ", step, "from", ": ");
	show_member("", step, "result");
	say(": ", step, "reason", "");
	if (has(step, "aligned-by")) {
		fputs(says(step, "aligned-by", "spf") ? ": SPF" : ": DKIM", stdout);
		show_member(" passes for ", step, "aligned-domain");
		fputs(", which is aligned", stdout);
	}
	if (has(step, "record-domain")) {
		begin_below();
		show_member("record of ", step, "record-domain");
		say(": p=", step, "p", "");
		say(", sp=", step, "sp", "");
		say(", np=", step, "np", "");
		say(", DKIM ", step, "adkim", "");
		say(", SPF ", step, "aspf", "");
		say("; organization ", step, "organization", "");
		fputs(is_true(step, "testing") ? "; it tests (t=y)" : "", stdout);
	}
	if (has(step, "policy")) {
		begin_below();
		show_member("policy ", step, "policy");
		show_member(" by ", step, "policy-tag");
		show_member(", applied: ", step, "applied");
	}
	putchar('\n');
}

static void
show_sender(const json_t *step)
{
	begin("Sender");
	fputs(is_true(step, "verified") ? "verified: " : "not verified: ", stdout);
	show_member("", step, "reason");
	fputs(is_true(step, "bounced") ? "; a bounce would be sent" : says(step, "reason", "null") ? "; no bounce has anywhere to go" :
	    "; a bounce would not be sent: what fails in the queue is held there", stdout);
	putchar('\n');
}

static void
show_decision(const json_t *step)
{
	begin("Decision");
	say_verdict(step);
	if (is_true(step, "marked"))
		fputs(", marked as suspicious", stdout);
	putchar('\n');
}

/* --- what is done --- */

/* On its lines, as it is folded; one that is longer than the room goes on below. */
static void
show_field(const char *label, const json_t *step)
{
	const char *at = show_text(step, "field");
	char line[1024];

	begin(label);
	while (*at != '\0') {
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\r\n"), at);
		show_safe(line, stdout);
		at += strlen(line);
		at += strspn(at, "\r\n");
		if (*at == '\0')
			break;
		at += strspn(at, " \t");
		begin_below();
		fputs("    ", stdout);
	}
	putchar('\n');
}

static void
show_removed(const json_t *step)
{
	show_field("Removed", step);
}

static void
show_added(const json_t *step)
{
	show_field("Added", step);
}

static void
show_signing(const json_t *step)
{
	static const struct { const char *reason, *text; } texts[] = {
		{ "exact", "the section is for the author's very domain" },
		{ "parent", "the section is for a parent of the author's domain" },
		{ "outside", "mail of clients that are not trusted never is" },
		{ "class", "it is off for its class" },
		{ "named", "its class names the section" },
		{ "no-author", "it has no author" },
		{ "no-rule", "no sign section is for the author's domain" },
		{ "authors-differ", "its authors are of different domains" },
		{ "several-from", "it has several From fields" },
		{ "many-authors", "it has too many authors" },
		{ "many-fields", "it has too many fields" },
	};
	const char *text = show_text(step, "reason");
	const json_t *key;
	size_t i;

	begin("Signing");
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (says(step, "reason", texts[i].reason))
			text = texts[i].text;
	fputs(is_true(step, "signed") ? "signed" : "not signed", stdout);
	say(" for ", step, "section", "");
	fputs(": ", stdout);
	show_safe(text, stdout);
	json_array_foreach(json_object_get(step, "keys"), i, key) {
		begin_below();
		show_member("selector ", key, "selector");
		say(", ", key, "algorithm", "");
		if (json_object_get(key, "bits") != NULL)
			printf(", %lld bits", show_number(key, "bits"));
		show_member(", key in ", key, "file");
		say("; you cannot read it: ", key, "problem", "");
	}
	putchar('\n');
}

static void
show_outcome(const json_t *step)
{
	long long n = show_number(step, "recipients"), n_accepted = show_number(step, "accepted");

	begin("Outcome");
	if (says(step, "action", "accept")) {
		fputs(is_true(step, "with-mail") ? "the mail would be accepted" : "the envelope would be accepted", stdout);
		fputs(is_true(step, "held") ? ", and held in the queue" : "", stdout);
	} else if (has(step, "reply")) {
		fputs(says(step, "action", "defer") ? "the mail would be deferred: " : "the mail would be refused: ", stdout);
		show_member("", step, "reply");
	} else {
		printf("%lld of %lld recipients would be accepted", n_accepted, n);
	}
	putchar('\n');
}

void
explain_show(const json_t *step)
{
	static const struct { const char *step; void (*show)(const json_t *step); } rows[] = {
		{ "client", show_client }, { "iprev", show_iprev }, { "mail", show_mail }, { "recipient", show_recipient },
		{ "content", show_content }, { "class", explain_show_class }, { "hops", show_hops }, { "bounds", show_bounds }, { "spf", show_spf }, { "dkim", show_dkim }, { "arc", show_arc },
		{ "dmarc-author", show_dmarc }, { "dmarc", show_dmarc }, { "sender", show_sender },
		{ "decision", show_decision },
		{ "survival", explain_show_survival }, { "removed", show_removed }, { "added", show_added }, { "signing", show_signing }, { "sealing", show_sealing }, { "outcome", show_outcome },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (says(step, "step", rows[i].step))
			rows[i].show(step);
}
