/*
 * storm_hop_session.c - a session of a storm's next hop, with all that servers get wrong
 *
 * What it takes is entered in the ledger before its 250.  Until the relay says something more in the session
 * that 250 may have been lost, and the relay may bring the mail again.
 */
#include <stdio.h>

#include "base/insist.h"
#include "base/mem.h"
#include "tests/relay/storm.h"

enum { PATIENCE_S = 1200, ACCEPTED_MAX = STORM_RECIPIENTS_MAX + 5, MAIL_MAX_BYTES = 4 << 20, GREY_MS = 5 * 60 * 1000,
	SILENCE_MS = 800 * 1000 };	/* longer than anybody waits */

struct accepted {			/* a recipient of the transaction at hand */
	char			 address[100];
	struct storm_recipient	*recipient;	/* NULL: not a storm's mail: a report to a sender */
};

struct session {
	struct storm_hop	*hop;
	struct storm		*storm;
	struct list_link	 link;
	struct fiber		*fiber;
	struct wire		 wire;
	bool			 is_piecewise;	/* replies in odd pieces */
	bool			 has_pipelining;
	const char		*offers;
	bool			 has_mail;	/* MAIL was taken */
	char			 path[300];	/* in it */
	struct storm_identity	 identity;
	struct accepted		 accepted[ACCEPTED_MAX];
	int			 n_accepted;
	struct storm_recipient	*unheard[ACCEPTED_MAX];	/* taken, and the relay said nothing since */
	int			 n_unheard;
};

static uint64_t
dice(const struct session *s, uint64_t below)
{
	return sim_random(s->storm->relay.sim, below);
}

static void
pause_ms(const struct session *s, uint64_t ms_max)
{
	fiber_sleep(instant_after(loop_now(s->storm->relay.loop), span_ms((int64_t)dice(s, ms_max))));
}

static bool
say(struct session *s, const char *text)
{
	struct str rest = str_of(text);

	while (rest.len > 0) {
		size_t n = s->is_piecewise ? 1 + dice(s, 7) : rest.len;
		struct str piece = str_sub(rest, 0, n);

		if (!wire_write(&s->wire, piece))
			return false;
		rest = str_from(rest, piece.len);
		if (s->is_piecewise && rest.len > 0)
			pause_ms(s, 300);
	}
	return true;
}

enum mischief { NONE, HANG_UP, SAY_NOTHING, SAY_421, SAY_4XX, SAY_JUNK, SAY_MIXED, SAY_TOO_MUCH, N_MISCHIEFS };

/* What goes wrong at this step; slowness is had here. */
static enum mischief
mischief(struct session *s)
{
	if (s->hop->trouble_percent == 0 || dice(s, 100) >= (uint64_t)s->hop->trouble_percent)
		return NONE;
	if (dice(s, 3) == 0) {
		pause_ms(s, 60000);
		return NONE;
	}
	return (enum mischief)(1 + dice(s, N_MISCHIEFS - 1));
}

/* False: the session is over. */
static bool
make_trouble(struct session *s, enum mischief what)
{
	switch (what) {
	case NONE:
		return true;
	case HANG_UP:
		return false;
	case SAY_NOTHING:
		pause_ms(s, SILENCE_MS);
		return false;
	case SAY_421:
		say(s, "421 4.3.2 going away\r\n");
		return false;
	case SAY_4XX:
		return say(s, "450-4.2.0 not now,\r\n450 4.2.0 maybe later\r\n");
	case SAY_JUNK:
		return say(s, dice(s, 2) == 0 ? "2x0 what\r\n" : "\r\n");
	case SAY_MIXED:
		return say(s, "250-yes\r\n550 no\r\n");
	case SAY_TOO_MUCH:		/* before it is asked.  (No final 250: behind our dot it would be a lie that nobody can see.) */
		say(s, "250 ok\r\n250 ok\r\n250 ok\r\n354 go on\r\n");
		pause_ms(s, 5000);
		return false;
	case N_MISCHIEFS:
		break;
	}
	return false;
}

/* --- mail --- */

static void
look_at_sender(struct session *s, const struct storm_recipient *r, int number)
{
	struct storm_counts *counts = &s->storm->ledger->counts;
	bool is_rewritten = false, is_seen = s->identity.seen[0] != '\0';

	if (!returns_is_sender(s->storm->ledger, number, r->domain, str_of(s->path), is_seen, &is_rewritten) ||
	    !identity_is_right(&s->identity, &s->storm->ledger->mails[number])) {
		printf("# a wrong sender or client of r%d at d%d: %s from %s, %s\n", number, r->domain, s->path, s->identity.seen, s->identity.forwarded);
		counts->n_strange++;
	}
	counts->n_rewritten += is_rewritten;
	counts->n_seen += is_seen;
	counts->n_forwarded += s->identity.forwarded[0] != '\0';
}

static void
look_at_class(struct session *s, const struct storm_recipient *r, const struct storm_mail *mail)
{
	struct storm_counts *counts = &s->storm->ledger->counts;
	const char *wrong = classes_wrong_arrival(s->storm, mail, r->domain, s->hop->number);

	counts->n_by_class += s->hop->number == STORM_BULK;
	counts->n_seen_first += s->hop->number == STORM_BULK && mail->kind == KIND_SEEN;
	if (wrong == NULL)
		return;
	printf("# to d%d by next hop %d, kind %d: %s\n", r->domain, s->hop->number, mail->kind, wrong);
	counts->n_misled++;
}

/* Who wants the mail refused for good, wants it each time. */
static bool
is_poison(struct session *s)
{
	struct storm_mail *mail;

	return s->n_accepted > 0 && ledger_find(s->storm->ledger, str_of(s->accepted[0].address), &mail, NULL) != NULL &&
	    mail->is_poison;
}

static void
enter_arrival(struct session *s, struct str bytes)
{
	struct storm_ledger *ledger = s->storm->ledger;
	struct storm_counts *counts = &ledger->counts;
	const char *wrong;
	size_t top_bytes;
	int number;

	s->n_unheard = 0;
	for (int i = 0; i < s->n_accepted; i++) {
		struct storm_recipient *r = s->accepted[i].recipient;

		counts->n_arrived++;
		if (r == NULL) {
			ledger_note_report(s->storm, bytes);
			counts->n_reports_signed += judged_is_signed(ledger, bytes, "old.example.com");
			continue;
		}
		insist(ledger_find(ledger, str_of(s->accepted[i].address), NULL, &number) == r);
		look_at_sender(s, r, number);
		look_at_class(s, r, &ledger->mails[number]);
		if (!ledger_is_whole(ledger, number, bytes, &top_bytes)) {
			printf("# garbled: %s, %zu bytes\n", s->accepted[i].address, bytes.len);
			counts->n_garbled++;
			continue;
		}
		if ((wrong = judged_wrong(ledger, number, bytes, top_bytes)) != NULL) {
			printf("# %s: %s, origin %d, disturbed %d\n%.*s", s->accepted[i].address, wrong, ledger->mails[number].origin,
			    ledger->mails[number].is_disturbed, (int)top_bytes, bytes.at);
			counts->n_misjudged++;
		}
		counts->n_returned += ledger->mails[number].returns == RETURN_GOOD;
		r->n_arrived++;
		r->n_this_life++;
		s->unheard[s->n_unheard++] = r;
	}
}

/* The relay may never have heard our 250. */
static void
enter_unheard(struct session *s)
{
	for (int i = 0; i < s->n_unheard; i++)
		s->unheard[i]->n_unsure++;
	s->storm->ledger->counts.n_cut += s->n_unheard > 0;
	s->n_unheard = 0;
}

static bool
answer_data(struct session *s, struct str bytes)
{
	enum mischief what = mischief(s);

	if (is_poison(s)) {
		for (int i = 0; i < s->n_accepted; i++)
			s->accepted[i].recipient->n_refused++;
		return say(s, "554-5.6.0 this mail\r\n554 5.6.0 is not wanted\r\n");
	}
	if (what == SAY_421 || what == SAY_4XX)
		return make_trouble(s, what);
	enter_arrival(s, bytes);
	if (what != NONE) {		/* taken, but the answer is not one, or does not come */
		bool goes_on = make_trouble(s, what);

		enter_unheard(s);
		return goes_on;
	}
	return say(s, "250 2.0.0 taken\r\n");
}

static bool
take_data(struct session *s)
{
	enum mischief what = mischief(s);
	struct buf mail;
	bool goes_on;

	if (s->n_accepted == 0)
		return say(s, "554 5.5.1 for nobody\r\n");
	if (what != NONE) {
		s->n_accepted = 0;
		return make_trouble(s, what);
	}
	buf_init(&mail, MAIL_MAX_BYTES);
	goes_on = say(s, "354 go on\r\n");
	if (goes_on && dice(s, 200) < (uint64_t)s->hop->trouble_percent) {	/* early: refused while it comes */
		say(s, "452 4.3.1 no room\r\n");
		goes_on = false;
	}
	goes_on = goes_on && wire_read_data(&s->wire, &mail) && answer_data(s, buf_str(&mail));
	buf_fini(&mail);
	s->n_accepted = 0;
	s->identity.forwarded[0] = '\0';
	return goes_on;
}

/* --- the envelope --- */

static bool
is_grey_still(struct session *s, struct storm_recipient *r)
{
	int64_t now_ms = storm_now_ms(s->storm);

	if (r->fate != FATE_GREY)
		return false;
	if (r->asked_ms == 0)
		r->asked_ms = now_ms;
	return now_ms - r->asked_ms < GREY_MS;
}

static struct str
path_in(struct str line)
{
	ptrdiff_t start = str_find(line, '<'), end = str_find(line, '>');

	return str_sub(line, (size_t)start + 1, (size_t)(end - start - 1));
}

static bool
take_recipient(struct session *s, struct str line)
{
	struct str address = path_in(line);
	struct storm_recipient *r = ledger_find(s->storm->ledger, address, NULL, NULL);
	enum mischief what = mischief(s);

	if (r == NULL && !(str_starts(address, STR("s")) && str_ends_nocase(address, STR(".home.example")))) {
		printf("# a stranger: %.*s\n", STR_ARG(address));
		s->storm->ledger->counts.n_strange++;
		return say(s, "450 4.0.0 who is that\r\n");
	}
	if (what != NONE)
		return make_trouble(s, what);
	if (!s->has_mail)
		return say(s, "503 5.5.1 MAIL first\r\n");
	if (r != NULL && r->fate == FATE_BAD) {
		r->n_refused++;
		return say(s, "550 5.1.1 no such mailbox\r\n");
	}
	if (r != NULL && r->domain == STORM_SPLIT_DOMAIN && r->is_moved != (s->hop->number == 2))
		return say(s, "550 5.1.1 not here\r\n");
	if (r != NULL && is_grey_still(s, r))
		return say(s, "451 4.7.1 greylisted\r\n");
	if (s->n_accepted > 0 && s->hop->number % 3 == 1 && dice(s, 4) == 0)
		return say(s, "452 4.5.3 too many recipients\r\n");
	insist(s->n_accepted < ACCEPTED_MAX);
	snprintf(s->accepted[s->n_accepted].address, sizeof(s->accepted[0].address), "%.*s", STR_ARG(address));
	s->accepted[s->n_accepted++].recipient = r;
	return say(s, "250 2.1.5 ok\r\n");
}

static bool
take_command(struct session *s, struct str line)
{
	enum mischief what;

	if (str_starts_nocase(line, STR("RCPT")))
		return take_recipient(s, line);
	if (str_starts_nocase(line, STR("DATA")))
		return take_data(s);
	if (str_starts_nocase(line, STR("QUIT"))) {
		say(s, "221 2.0.0 bye\r\n");
		return false;
	}
	s->n_accepted = 0;		/* EHLO, MAIL, RSET, XCLIENT, XFORWARD */
	s->has_mail = false;
	if (str_starts_nocase(line, STR("RSET")) || str_starts_nocase(line, STR("EHLO")))
		s->identity.forwarded[0] = '\0';
	what = mischief(s);
	if (what == SAY_TOO_MUCH && str_starts_nocase(line, STR("EHLO")))
		return false;		/* "250 ok" would be an answer, of a server without 8BITMIME */
	if (what != NONE)
		return make_trouble(s, what);
	if (str_starts_nocase(line, STR("EHLO"))) {
		char text[300];

		snprintf(text, sizeof(text), "250-server\r\n%s250-8BITMIME\r\n%s%s250 ENHANCEDSTATUSCODES\r\n",
		    s->has_pipelining ? "250-PIPELINING\r\n" : "", s->hop->number % 2 == 0 ? "250-DSN\r\n" : "", s->offers);
		return say(s, text);
	}
	if (str_starts_nocase(line, STR("X"))) {
		s->storm->ledger->counts.n_strange += !identity_read_command(line, &s->identity);
		return say(s, str_starts_nocase(line, STR("XCLIENT")) ? "220 server\r\n" : "250 2.0.0 ok\r\n");
	}
	s->has_mail = str_starts_nocase(line, STR("MAIL"));
	if (s->has_mail)
		snprintf(s->path, sizeof(s->path), "%.*s", STR_ARG(path_in(line)));
	return say(s, "250 2.0.0 ok\r\n");
}

/* --- the session --- */

static bool
greet(struct session *s)
{
	enum mischief what = mischief(s);

	if (what == NONE)
		return say(s, "220-server\r\n220 ESMTP\r\n");
	return what == HANG_UP || what == SAY_NOTHING ? make_trouble(s, what) : (say(s, what == SAY_421 ? "421 4.3.2 too busy\r\n" : "554 5.3.2 not today\r\n"), false);
}

static void
serve(void *arg)
{
	struct session *s = arg;
	struct buf line;
	bool goes_on = (!identity_has_proxy(s->hop->number) || identity_read_proxy(&s->wire, &s->identity)) && greet(s);

	buf_init(&line, 64 * 1024);
	while (goes_on && wire_read_line(&s->wire, &line)) {
		s->n_unheard = 0;
		goes_on = take_command(s, buf_str(&line));
	}
	enter_unheard(s);
	buf_fini(&line);
	stream_close(s->wire.stream);
	list_remove(&s->hop->sessions, &s->link);
	mem_free(s);
}

void
hop_serve(struct storm_hop *hop, int socket)
{
	struct session *s = mem_new(sizeof(*s));

	s->hop = hop;
	s->storm = hop->storm;
	s->is_piecewise = !hop->storm->is_calm && dice(s, 10) == 0;
	s->has_pipelining = dice(s, 3) != 0;
	s->offers = dice(s, 5) != 0 ? identity_offers(hop->number) : "250-X-OTHER THINGS\r\n";
	s->wire = (struct wire){ .loop = hop->storm->relay.loop, .patience = span_s(PATIENCE_S),
	    .stream = stream_new(hop->storm->relay.loop, socket, wire_limits, NULL) };
	s->fiber = fiber_start(hop->storm->relay.loop, "hop", serve, s);
	insist(s->wire.stream != NULL && s->fiber != NULL);
	list_append(&hop->sessions, &s->link);
}

void
hops_stop(struct storm *storm)
{
	for (int i = 0; i < STORM_HOPS; i++) {
		hop_close(&storm->hops[i]);
		LIST_EACH(link, &storm->hops[i].sessions)
			fiber_cancel(LIST_ITEM(link, struct session, link)->fiber);
	}
}
