/*
 * people.c - the part of a report that a person reads: what happened, to whom, why, and what to do
 */
#include "base/code.h"
#include "base/insist.h"
#include "mail/date.h"
#include "smtpfwd/report/people.h"
#include "smtpfwd/report/wording.h"

enum {
	SUBJECT_ADDRESS_MAX_BYTES = 150,	/* longer ones are left out of the subject */
	SUBJECT_SHORT_BYTES = 30,		/* fits into one line with all else */
	INDENT_COLUMNS = 4,
};

struct words {				/* what differs between the kinds of reports */
	const char	*subject;	/* behind the recipients */
	const char	*opening;
	const char	*who;
};

static const struct words *
words_of(enum report_kind kind)
{
	static const struct words failed = {
		.subject = "could not be delivered",
		.opening = "A mail of yours could not be delivered. It will not be tried again.\r\n",
		.who = "Who did not get it, and why:\r\n",
	};
	static const struct words delayed = {
		.subject = "is delayed",
		.opening = "A mail of yours is on its way longer than usual. YOU NEED DO NOTHING,\r\n"
		    "and need not send it again: it is still being tried, and you will be told\r\n"
		    "if it fails.\r\n",
		.who = "Who is still to get it, and what went wrong so far:\r\n",
	};
	static const struct words relayed = {
		.subject = "was passed on",
		.opening = "A mail of yours was passed on to a mail server that does not send the\r\n"
		    "reports you asked for. This is the last you hear of it, unless it fails\r\n"
		    "there.\r\n",
		.who = "Whom it was passed on for:\r\n",
	};

	switch (kind) {
	case REPORT_FAILED:
		return &failed;
	case REPORT_DELAYED:
		return &delayed;
	case REPORT_RELAYED:
		return &relayed;
	}
	return &failed;
}

int
people_append_subject(const struct dsn *dsn, struct buf *out)
{
	const struct owed *owed = dsn->owed;
	const struct address *first = &owed->recipients[0].recipient.address;
	int n_others = owed->n_recipients - 1, status = 0;
	struct buf shown;
	const char *blank;

	buf_init(&shown, WORDING_MAX_BYTES + 4);
	insist(wording_address(first, &shown) == 0);
	/* A long address has a line of its own; beside encoded-words there must not be more than 76 columns (RFC 2047 2). */
	blank = shown.len > SUBJECT_SHORT_BYTES || !str_is_ascii(buf_str(&shown)) ? "\r\n " : " ";
	if (shown.len > SUBJECT_ADDRESS_MAX_BYTES)
		status = buf_printf(out, "Mail to %d recipient%s ", n_others + 1, n_others > 0 ? "s" : "");
	else if (buf_printf(out, "Mail to%s", blank) != 0 ||
	    (dsn->is_utf8 ? buf_append(out, buf_str(&shown)) : wording_encoded(buf_str(&shown), out)) != 0)
		status = -1;
	else if (n_others > 0)
		status = buf_printf(out, "%sand %d other%s ", blank, n_others, n_others > 1 ? "s" : "");
	else
		status = buf_append(out, str_of(blank));
	buf_fini(&shown);
	return status != 0 ? status : buf_append(out, str_of(words_of(owed->kind)->subject));
}

/* --- which mail --- */

/* An encoded subject says nothing to a person as it stands. */
static bool
is_legible(struct str subject)
{
	return subject.len > 0 && str_find_str(subject, STR("=?")) < 0 && str_is_utf8(subject);
}

static int
append_which(const struct dsn *dsn, struct buf *out)
{
	char date[DATE_TEXT_MAX];

	if (is_legible(dsn->returned->subject) &&
	    (buf_append(out, STR("    Subject:  ")) != 0 ||
	    escape_append(dsn->returned->subject, true, WORDING_MAX_BYTES, out) != 0 || buf_append(out, STR("\r\n")) != 0))
		return -1;
	if (buf_printf(out, "    Taken in: %.*s\r\n", STR_ARG(date_text(dsn->owed->facts->arrived, 0, date))) != 0)
		return -1;
	if (dsn->owed->kind == REPORT_DELAYED)
		return buf_printf(out, "    Tried until: %.*s\r\n", STR_ARG(date_text(dsn->owed->expires, 0, date)));
	return 0;
}

/* --- what to do --- */

/* By the status (RFC 3463 3); "" where only the other server's own words help. */
static const char *
advice_for(struct status status)
{
	int code = status.subject * 1000 + status.detail;

	if (status.class == 4)
		return "It was tried for as long as mail is kept here. Send it again later, or reach them another way.";
	switch (code) {
	case 1000: case 1001: case 1002: case 1003: case 1006: case 1010:
		return "Look for a typing error in the address, or ask them another way for the right one.";
	case 2001:
		return "The mailbox is closed. Reach them another way.";
	case 2002:
		return "The mailbox is full. Reach them another way, or send it again later.";
	case 2003: case 3004:
		return "The mail is too large for them. Send less at once, or make it available another way.";
	case 4004:
		return "No way there is known here. Ask the people who run this mail system.";
	case 6003: case 6007: case 6009:
		return "Their mail server cannot take mail of this form. Use their plain address, and plain text, if you can.";
	}
	if (status.subject == 7)
		return "Their mail server refused it by its own rules. Show this report to your postmaster, or to theirs.";
	return "If that does not tell you enough, show this report to your postmaster.";
}

/* --- to whom, and why --- */

static bool
is_same_reason(const struct outcome *a, const struct outcome *b)
{
	return a->reply.code == b->reply.code && status_eq(a->reply.status, b->reply.status) &&
	    status_eq(a->status, b->status) && str_eq(a->reply.text, b->reply.text) &&
	    str_eq(a->remote_mta, b->remote_mta) && str_eq(a->text, b->text);
}

static int
append_why(enum report_kind kind, const struct outcome *outcome, struct buf *out)
{
	struct buf reason;
	int status = -1;

	buf_init(&reason, 2 * WORDING_MAX_BYTES);
	if (outcome->reply.code == 0)
		status = escape_append(outcome->text.len > 0 ? outcome->text : STR("it was not tried yet"), true, WORDING_MAX_BYTES, &reason);
	else
		status = wording_reply(&outcome->reply, true, &reason);
	if (status == 0 && outcome->remote_mta.len != 0 && outcome->reply.code != 0 &&
	    (buf_append(out, STR("    ")) != 0 || escape_append(outcome->remote_mta, true, WORDING_MAX_BYTES, out) != 0 ||
	    buf_append(out, STR(" answered:\r\n")) != 0))
		status = -1;
	if (status != 0 || buf_append(out, STR("    ")) != 0 ||
	    wording_fold(buf_str(&reason), INDENT_COLUMNS, "    ", out) != 0 || buf_append(out, STR("\r\n")) != 0)
		status = -1;
	if (status == 0 && kind == REPORT_FAILED && (buf_append(out, STR("    What to do: ")) != 0 ||
	    wording_fold(str_of(advice_for(outcome->status)), INDENT_COLUMNS + sizeof("What to do: ") - 1, "    ", out) != 0 ||
	    buf_append(out, STR("\r\n")) != 0))
		status = -1;
	buf_fini(&reason);
	return status;
}

/* Recipients of one reason stand together: a list of a thousand says it once. */
static int
append_recipients(const struct owed *owed, struct buf *out)
{
	for (int i = 0; i < owed->n_recipients; i++) {
		const struct owed_recipient *r = &owed->recipients[i];
		bool is_last = i + 1 == owed->n_recipients || !is_same_reason(&r->outcome, &r[1].outcome);
		bool is_first = i == 0 || !is_same_reason(&r->outcome, &r[-1].outcome);

		if ((is_first && buf_append(out, STR("\r\n")) != 0) || buf_append_char(out, '<') != 0 ||
		    wording_address(&r->recipient.address, out) != 0 || buf_append(out, STR(">\r\n")) != 0)
			return -1;
		if (is_last && append_why(owed->kind, &r->outcome, out) != 0)
			return -1;
	}
	return 0;
}

int
people_append_text(const struct dsn *dsn, struct buf *out)
{
	const struct owed *owed = dsn->owed;
	const struct words *words = words_of(owed->kind);

	if (buf_printf(out, "This is the mail system at %.*s.\r\n\r\n%s\r\n", STR_ARG(dsn->hostname), words->opening) != 0 ||
	    append_which(dsn, out) != 0 || buf_printf(out, "\r\n%s", words->who) != 0 || append_recipients(owed, out) != 0)
		return -1;
	return buf_printf(out, "\r\nBelow stand the same facts for programs, then %s.\r\n",
	    dsn->returned->is_full ? "your mail" : "the header of your mail");
}
