/*
 * storm_ledger.c - what was sent, promised, delivered and reported in a storm, by everybody's own sight but the relay's
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/insist.h"
#include "tests/expect.h"
#include "tests/relay/storm.h"

enum {
	LETTERS_MAX = 70,
	MISSES_SHOWN = 10,
	ALL_SEEN_MAILS = 2000,			/* so many of a storm have some of every kind */
	TOP_MAX_BYTES = 4000,
	DELAY_WARNED_MS = 4 * 3600 * 1000,	/* relay.c's warn */
};

static uint64_t
roll(uint64_t *state)			/* splitmix64 */
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* --- what a mail is --- */

static size_t
body_bytes(uint64_t *dice)
{
	uint64_t kind = roll(dice) % 100;

	if (kind < 1)
		return 200 * 1000 + roll(dice) % 200000;
	if (kind < 7)
		return 8000 + roll(dice) % 60000;	/* about the limit of what is kept in memory, and above it */
	return roll(dice) % 3000;
}

/* To one who is at home, which nobody refuses. */
static void
plan_return(struct storm_mail *mail, uint64_t *dice)
{
	mail->returns = roll(dice) % 2 == 0 ? RETURN_GOOD : (enum storm_return)(RETURN_FORGED + roll(dice) % 3);
	mail->is_null = mail->returns != RETURN_OF_SOMEBODY;
	mail->is_poison = false;
	mail->notify = NULL;
	mail->origin = ORIGIN_STRANGER;
	mail->kind = KIND_USUAL;
	mail->n_recipients = 1;
	mail->recipients[0] = (struct storm_recipient){ .fate = FATE_GOOD, .domain = STORM_OUTSIDE };
}

static void
plan_mail(struct storm_mail *mail, uint64_t *dice)
{
	static const char *const notifies[] = { "NEVER", "SUCCESS,FAILURE", "FAILURE,DELAY", "DELAY" };
	bool is_list = roll(dice) % 5 == 0;

	mail->body_bytes = body_bytes(dice);
	mail->is_null = roll(dice) % 10 == 0;
	mail->is_poison = roll(dice) % 60 == 0;
	if (roll(dice) % 8 == 0)
		mail->notify = notifies[roll(dice) % 4];
	mail->origin = (enum storm_origin)(roll(dice) % (ORIGIN_OURS + 1));
	mail->is_forged = roll(dice) % 4 == 0;
	if (mail->origin == ORIGIN_OURS)
		mail->kind = roll(dice) % 3 == 0 ? KIND_LIST : roll(dice) % 6 == 0 ? KIND_SEEN : KIND_USUAL;
	mail->n_recipients = is_list ? 2 + (int)(roll(dice) % (STORM_RECIPIENTS_MAX - 1)) : 1;
	for (int i = 0; i < mail->n_recipients; i++) {
		uint64_t fate = roll(dice) % 20;

		mail->recipients[i].domain = (int)(roll(dice) % STORM_DOMAINS);
		if (mail->origin == ORIGIN_OURS && roll(dice) % 3 == 0)
			mail->recipients[i].domain = STORM_OUTSIDE;
		mail->recipients[i].is_moved = roll(dice) % 2 == 0;
		mail->recipients[i].fate = fate == 0 ? FATE_BAD : fate < 4 ? FATE_GREY : FATE_GOOD;
	}
	if (roll(dice) % 12 == 0)
		plan_return(mail, dice);
}

struct storm_ledger *
ledger_new(uint64_t seed, int n_mails)
{
	size_t n_bytes = sizeof(struct storm_ledger) + (size_t)n_mails * sizeof(struct storm_mail);
	struct storm_ledger *ledger = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t dice = seed ^ 0x73746f726d;

	insist(ledger != MAP_FAILED);
	ledger->seed = seed;
	ledger->n_mails = n_mails;
	ledger->keys = judged_keys_new();
	returns_init(ledger);
	for (int i = 0; i < n_mails; i++)
		plan_mail(&ledger->mails[i], &dice);
	return ledger;
}

void
ledger_free(struct storm_ledger *ledger)
{
	judged_keys_free(ledger->keys);
	returns_fini(ledger);
	munmap(ledger, sizeof(struct storm_ledger) + (size_t)ledger->n_mails * sizeof(struct storm_mail));
}

void
ledger_write_sender(const struct storm_ledger *ledger, int number, struct buf *out)
{
	if (!ledger->mails[number].is_null)
		buf_printf(out, "s%d@m%d.home.example", number, number);
}

void
ledger_write_address(const struct storm_ledger *ledger, int number, int index, struct buf *out)
{
	if (ledger->mails[number].returns != RETURN_NOT)
		returns_write_address(ledger, number, out);
	else
		buf_printf(out, "r%d-%d@d%d.example", number, index, ledger->mails[number].recipients[index].domain);
}

/* Lines of any length and octets, many with a dot in front; some mails are 8-bit. */
static void
write_unsigned(const struct storm_ledger *ledger, int number, struct buf *out)
{
	const struct storm_mail *mail = &ledger->mails[number];
	uint64_t dice = ledger->seed + (uint64_t)number * 7919;
	bool is_8bit = roll(&dice) % 10 == 0;
	size_t end;

	if (mail->origin == ORIGIN_OURS)
		buf_printf(out, "From: <a%d@ours.example>\r\n", number);
	else
		buf_printf(out, "From: <s%d@m%d.home.example>\r\n", number, number);
	classes_write_field(mail, out);
	buf_printf(out, "Subject: storm %d\r\n\r\n", number);
	end = out->len + mail->body_bytes;
	while (out->len < end) {
		size_t n = roll(&dice) % LETTERS_MAX;

		if (n > 0 && roll(&dice) % 8 == 0)
			buf_append(out, STR("."));
		for (size_t i = 0; i < n; i++)
			buf_append_char(out, (char)(is_8bit && i % 9 == 0 ? 0xa0 + (dice >> i % 60) % 64 : 'a' + (dice >> i % 60) % 26));
		buf_append(out, STR("\r\n"));
	}
}

void
ledger_write_mail(const struct storm_ledger *ledger, int number, bool goes_on, struct buf *out)
{
	const struct storm_mail *mail = &ledger->mails[number];
	bool is_signed = mail->origin == ORIGIN_SIGNED || mail->origin == ORIGIN_SPOILED;
	struct buf text;

	buf_init(&text, 4 << 20);
	write_unsigned(ledger, number, &text);
	if (mail->is_forged && !goes_on)
		judged_write_forged(out);
	if (is_signed)
		judged_write_signature(ledger, number, buf_str(&text), out);
	buf_append(out, buf_str(&text));
	buf_fini(&text);
}

bool
ledger_is_whole(const struct storm_ledger *ledger, int number, struct str arrived, size_t *top_bytes_out)
{
	struct buf sent;
	bool is_whole;

	buf_init(&sent, 4 << 20);
	ledger_write_mail(ledger, number, true, &sent);
	/* Below our own fields stands what was sent, to the last byte. */
	is_whole = arrived.len > sent.len && str_eq(str_from(arrived, arrived.len - sent.len), buf_str(&sent)) &&
	    arrived.len < sent.len + TOP_MAX_BYTES;
	*top_bytes_out = is_whole ? arrived.len - sent.len : 0;
	buf_fini(&sent);
	return is_whole;
}

static bool
parse_address(const struct storm_ledger *ledger, const char *text, int *number, int *index, int *domain)
{
	int same;

	if (sscanf(text, "r%d-%d@d%d.example", number, index, domain) == 3)
		return *number >= 0 && *number < ledger->n_mails;
	*index = 0;
	*domain = STORM_OUTSIDE;
	return sscanf(text, "s%d@m%d.home.example", number, &same) == 2 && same == *number && *number >= 0 &&
	    *number < ledger->n_mails && ledger->mails[*number].returns == RETURN_GOOD;
}

struct storm_recipient *
ledger_find(struct storm_ledger *ledger, struct str address, struct storm_mail **mail_out, int *number_out)
{
	int number, index, domain;
	char text[100];

	snprintf(text, sizeof(text), "%.*s", STR_ARG(address));
	if (!parse_address(ledger, text, &number, &index, &domain) || index < 0 || index >= ledger->mails[number].n_recipients ||
	    ledger->mails[number].recipients[index].domain != domain)
		return NULL;
	if (mail_out != NULL)
		*mail_out = &ledger->mails[number];
	if (number_out != NULL)
		*number_out = number;
	return &ledger->mails[number].recipients[index];
}

/* --- time and lives --- */

int64_t
storm_now_ms(struct storm *storm)
{
	struct storm_ledger *ledger = storm->ledger;

	ledger->now_ms = ledger->base_ms + span_to_ms((struct span){ loop_now(storm->relay.loop).ns }) - storm->start_ms;
	return ledger->now_ms;
}

void
ledger_begin_life(struct storm_ledger *ledger)
{
	ledger->base_ms = ledger->now_ms + 60000;
	for (int i = 0; i < ledger->n_mails; i++) {
		struct storm_mail *mail = &ledger->mails[i];

		for (int j = 0; j < mail->n_recipients; j++) {
			mail->recipients[j].n_this_life = 0;
			/* Its client was killed with the relay: it may have been stored. */
			mail->recipients[j].n_unanswered += mail->is_busy && mail->recipients[j].n_promised == 0;
		}
		mail->is_busy = false;
	}
}

void
ledger_note_kill(struct storm_ledger *ledger)
{
	ledger->counts.n_kills++;
	for (int i = 0; i < ledger->n_mails; i++)
		for (int j = 0; j < ledger->mails[i].n_recipients; j++)
			ledger->mails[i].recipients[j].n_of_kills += ledger->mails[i].recipients[j].n_this_life;
}

/* --- reports --- */

static int
subject_number(struct str report)
{
	ptrdiff_t at = str_find_str(report, STR("\r\nSubject: storm "));
	char text[20];

	if (at < 0)
		return -1;
	snprintf(text, sizeof(text), "%.*s", STR_ARG(str_sub(report, (size_t)at + 17, 10)));
	return atoi(text);
}

static struct str
field_of(struct str group, struct str name)
{
	ptrdiff_t at = str_find_str(group, name);
	struct str value = STR_EMPTY;

	if (at < 0)
		return value;
	group = str_from(group, (size_t)at + name.len);
	str_take_until(&group, '\r', &value);
	return str_trim(value);
}

/* Each group of per-recipient fields (RFC 3464 2.3) counts for its recipient. */
void
ledger_note_report(struct storm *storm, struct str report)
{
	struct storm_ledger *ledger = storm->ledger;
	int number = subject_number(report), n_groups = 0;
	ptrdiff_t at;

	ledger->counts.n_reports++;
	while ((at = str_find_str(report, STR("Final-Recipient: rfc822;"))) >= 0) {
		struct str group = str_from(report, (size_t)at), action;
		struct storm_recipient *recipient;
		struct storm_mail *mail;
		int of = -1;

		recipient = ledger_find(ledger, field_of(group, STR("Final-Recipient: rfc822;")), &mail, &of);
		action = field_of(group, STR("\r\nAction: "));
		report = str_from(group, 10);
		n_groups++;
		if (recipient == NULL || of != number) {
			ledger->counts.n_strange++;
			continue;
		}
		recipient->n_failed += str_eq(action, STR("failed"));
		recipient->n_relayed += str_eq(action, STR("relayed"));
		if (str_eq(action, STR("delayed")) && ++recipient->n_delayed == 1 &&
		    !expect(storm_now_ms(storm) - recipient->promised_ms >= DELAY_WARNED_MS / 2))
			printf("#   delay told too early: mail %d after %lld ms\n", of,
			    (long long)(storm_now_ms(storm) - recipient->promised_ms));
	}
	ledger->counts.n_strange += n_groups == 0;
}

/* --- the judgement --- */

/* Nothing proves a spoiled mail; what proves others may not have been looked at, or not found. */
static const char *
wrong_with_withholding(const struct storm_mail *mail, const struct storm_recipient *r)
{
	bool may_be_unverified = !mail->is_null && mail->origin != ORIGIN_OURS &&
	    (mail->origin == ORIGIN_SPOILED || mail->is_weakly_checked || mail->is_disturbed);

	if (r->n_withheld > 0 && !may_be_unverified)
		return "withheld, though its sender was verified";
	if (mail->origin == ORIGIN_SPOILED && !mail->is_bounced && r->n_failed + r->n_delayed + r->n_relayed > 0)
		return "reported to a sender that was not verified";
	return NULL;
}

/* More than anybody but a lost answer explains. */
static int
n_in_excess(const struct storm_recipient *r)
{
	int n = r->n_arrived - r->n_promised - r->n_unanswered - r->n_of_kills;

	return n > 0 ? n : 0;
}

/* Of what the client knows. */
static const char *
wrong_with_answers(const struct storm_mail *mail, const struct storm_recipient *r)
{
	/* It may have been ambiguous, and then there was no room in the queue. */
	if (r->n_promised + r->n_unanswered + r->n_unsure + r->n_of_kills == 0 && r->n_arrived > 0)
		return "delivered, though nobody was told 250";
	if (mail->returns > RETURN_GOOD && r->n_promised + r->n_arrived > 0)
		return "taken, though it is no report to an SRS address";
	if (mail->returns <= RETURN_GOOD && r->is_rejected && r->n_refused == 0)
		return "its client was told no for good, though no next hop said so";
	if (r->n_promised + r->n_unanswered == 0 && r->n_failed + r->n_withheld + r->n_delayed + r->n_relayed > 0)
		return "reported, though its client was told";
	return NULL;
}

static const char *
wrong_with(const struct storm_mail *mail, const struct storm_recipient *r)
{
	bool wants_failure = !mail->is_null && (mail->notify == NULL || strstr(mail->notify, "FAILURE") != NULL);
	int n_ended = r->n_arrived + (wants_failure ? r->n_failed + r->n_withheld : r->n_refused);
	const char *wrong = wrong_with_answers(mail, r);

	if (wrong != NULL)
		return wrong;
	if (!mail->is_removed && n_ended < r->n_promised)
		return r->n_refused > 0 && wants_failure ? "refused, and its sender not told" : "lost";
	if (n_in_excess(r) > r->n_unsure)
		return "delivered more often than anything explains";
	if (r->n_failed + r->n_withheld > 0 && r->n_refused == 0)
		return "failed, though nobody refused it";
	if (r->n_failed + r->n_withheld > 0 && !wants_failure)
		return "reported or withheld, though nobody asked";
	if (r->fate == FATE_BAD && r->n_arrived > 0)
		return "arrived, though it was refused";
	if (r->n_relayed > 0 && (mail->notify == NULL || strstr(mail->notify, "SUCCESS") == NULL))
		return "reported as relayed, though nobody asked";
	return wrong_with_withholding(mail, r);
}

static void
judge_recipient(struct storm_ledger *ledger, int number, int index, int *n_misses)
{
	const struct storm_mail *mail = &ledger->mails[number];
	const struct storm_recipient *r = &mail->recipients[index];
	const char *wrong = wrong_with(mail, r);

	if (r->n_arrived > r->n_promised)
		ledger->counts.n_duplicates += r->n_arrived - r->n_promised;
	if (expect(wrong == NULL) || ++*n_misses > MISSES_SHOWN)
		return;
	printf("#   r%d-%d: %s (promised %d, unanswered %d, rejected %d; fate %d, arrived %d, unsure %d, by kills %d, refused %d, failed %d, "
	    "withheld %d, origin %d, null %d, poison %d, notify %s, removed %d)\n", number, index, wrong, r->n_promised, r->n_unanswered, r->is_rejected, r->fate,
	    r->n_arrived, r->n_unsure, r->n_of_kills, r->n_refused, r->n_failed, r->n_withheld, mail->origin, mail->is_null, mail->is_poison,
	    mail->notify != NULL ? mail->notify : "-", mail->is_removed);
}

static void
print_counts(const struct storm_ledger *ledger, int n_promised)
{
	const struct storm_counts *c = &ledger->counts;

	printf("# %d mails of %d promised, %d arrivals, %d explained duplicates, %d reports; %d kills, %d stops, %d cut in delivery, "
	    "%d refused by the relay for now, %d removed, %d troubles, %d reloads; %lld s of storm\n", n_promised, ledger->n_mails,
	    c->n_arrived, c->n_duplicates, c->n_reports, c->n_kills, c->n_stops, c->n_cut, c->n_refused_by_relay, c->n_removed,
	    c->n_troubles, c->n_reloads, (long long)(ledger->now_ms / 1000));
	printf("# while clients waited: %d recipients promised, %d told no, %d mails fell back; %d clients seen, %d in the log only\n",
	    c->n_waited_for, c->n_rejected, c->n_fell_back, c->n_seen, c->n_forwarded);
	printf("# %d arrivals with results, %d temporary errors in these, %d signed, %d reports signed; %d questions disturbed\n",
	    c->n_results, c->n_temperrors, c->n_signed, c->n_reports_signed, c->n_disturbed);
	printf("# %d senders rewritten, %d reports to these back, %d forged or old ones refused; %d withheld at the end, %d bounced and "
	    "%d let off by the operator\n", c->n_rewritten, c->n_returned, c->n_unreturned, c->n_withheld, c->n_bounced, c->n_let_off);
	printf("# %d arrivals by the way of a class, %d of these were held first; %d put off by limits of rate\n", c->n_by_class, c->n_seen_first,
	    c->n_put_off);
}

/* Each kind of thing that can happen did. */
static bool
is_rich(const struct storm_counts *c)
{
	return c->n_by_class > c->n_seen_first && c->n_seen_first > 0 && c->n_put_off > 0 && c->n_rewritten > 0 && c->n_returned > 0 && c->n_unreturned > 0 && c->n_withheld > 0 &&
	    c->n_waited_for > 0 && c->n_rejected > 0 && c->n_fell_back > 0 && c->n_seen > 0 && c->n_forwarded > 0;
}

void
ledger_judge(struct storm_ledger *ledger, int n_ambiguous)
{
	const struct storm_counts *c = &ledger->counts;
	int n_misses = 0, n_promised = 0, n_excess = 0;

	for (int i = 0; i < ledger->n_mails; i++) {
		bool is_promised = false;

		for (int j = 0; j < ledger->mails[i].n_recipients; j++) {
			const struct storm_recipient *r = &ledger->mails[i].recipients[j];

			judge_recipient(ledger, i, j, &n_misses);
			is_promised |= r->n_promised > 0 || r->is_rejected;
			n_excess += n_in_excess(r);
		}
		n_promised += is_promised;
	}
	expect_int(c->n_garbled, 0);
	expect_int(c->n_strange, 0);
	expect_int(c->n_misjudged, 0);
	expect_int(c->n_misled, 0);
	expect_int(c->n_reports_signed, c->n_reports);
	if (!expect(n_excess <= n_ambiguous))
		printf("#   %d arrivals that only ambiguities explain, and %d were logged\n", n_excess, n_ambiguous);
	/* Retries of clients included: a storm that lets nothing through proves nothing. */
	expect(n_promised > ledger->n_mails / 2);
	expect(ledger->n_mails < ALL_SEEN_MAILS || is_rich(c));
	print_counts(ledger, n_promised);
}
