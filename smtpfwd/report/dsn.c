/*
 * dsn.c - the words and fields of a report; whether one is sent is reporter.c's
 */
#include <stdio.h>

#include "base/code.h"
#include "base/endpoint.h"
#include "mail/date.h"
#include "mail/xtext.h"
#include "smtpfwd/report/dsn.h"

enum {
	FOLD_AT_COLUMNS = 76,
	SHOWN_MAX_BYTES = 900,		/* of a reply or an address: a line has 998 (RFC 5322 2.1.1) */
	BOUNDARY_MAX_BYTES = MAIL_ID_TEXT_MAX + 16,
};

struct words {				/* what differs between the kinds of reports */
	const char	*subject, *action, *opening;
};

static const struct words *
words_of(enum report_kind kind)
{
	static const struct words failed = { "Undelivered mail returned to sender", "failed",
	    "Your mail could not be delivered to the recipients below. This is final:\r\n"
	    "it will not be tried again.\r\n" };
	static const struct words delayed = { "Delayed mail (still being tried)", "delayed",
	    "Your mail has not reached the recipients below yet. You need do nothing:\r\n"
	    "it is tried again until the time given, and you are told if it fails.\r\n" };
	static const struct words relayed = { "Mail relayed to a system that does not report", "relayed",
	    "Your mail was passed on for the recipients below. The system that took it\r\n"
	    "does not send the reports you asked for, so this is the last you hear of it.\r\n" };

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

static struct str
boundary(const struct dsn *dsn, char room[BOUNDARY_MAX_BYTES])
{
	char id[MAIL_ID_TEXT_MAX];

	/* "=_" stands in no base64 or quoted-printable text (RFC 2045 6.7). */
	snprintf(room, BOUNDARY_MAX_BYTES, "=_report_%.*s", STR_ARG(mail_id_text(&dsn->id, id)));
	return str_of(room);
}

/* Bytes of others, made safe; UTF-8 stays where the report itself is internationalised. */
static int
append_shown(const struct dsn *dsn, struct str text, struct buf *out)
{
	return escape_append(text, dsn->owed->envelope->is_smtputf8, SHOWN_MAX_BYTES, out);
}

static int
append_address(const struct dsn *dsn, const struct address *address, struct buf *out)
{
	struct str text;

	if (!address_text(address, dsn->owed->arena, &text))
		return -1;
	return append_shown(dsn, text, out);
}

/* The same bytes folded at blanks, as the value of a field (or indented text) may be. */
static int
append_folded(struct str text, size_t column, const char *indent, struct buf *out)
{
	struct str word;
	bool is_first = true;

	while (str_take_word(&text, &word)) {
		if (!is_first && column + 1 + word.len > FOLD_AT_COLUMNS) {
			if (buf_printf(out, "\r\n%s", indent) != 0)
				return -1;
			column = strlen(indent);
		} else if (!is_first) {
			if (buf_append_char(out, ' ') != 0)
				return -1;
			column++;
		}
		if (buf_append(out, word) != 0)
			return -1;
		column += word.len;
		is_first = false;
	}
	return 0;
}

/* What the remote MTA said, or why we gave up, on one line. */
static int
append_reason(const struct outcome *outcome, struct buf *out)
{
	if (outcome->reply.code != 0)
		return reply_append_line(&outcome->reply, SHOWN_MAX_BYTES, out);
	return escape_append(outcome->text, false, SHOWN_MAX_BYTES, out);
}

static int
append_header(const struct dsn *dsn, struct buf *out)
{
	const struct envelope *envelope = dsn->owed->envelope;
	char date[DATE_TEXT_MAX], id[MAIL_ID_TEXT_MAX], edge[BOUNDARY_MAX_BYTES];

	if (buf_printf(out, "From: Mail Delivery System <postmaster@%.*s>\r\nTo: <", STR_ARG(dsn->hostname)) != 0 ||
	    append_address(dsn, &envelope->reverse_path, out) != 0 ||
	    buf_printf(out, ">\r\nSubject: %s\r\nDate: %.*s\r\nMessage-ID: <%.*s@%.*s>\r\n",
	    words_of(dsn->owed->kind)->subject, STR_ARG(date_text(dsn->now, 0, date)),
	    STR_ARG(mail_id_text(&dsn->id, id)), STR_ARG(dsn->hostname)) != 0)
		return -1;
	/* RFC 3834 5: so that nobody's vacation program answers. */
	if (buf_printf(out, "MIME-Version: 1.0\r\nAuto-Submitted: auto-replied\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"%.*s\"\r\n",
	    STR_ARG(boundary(dsn, edge))) != 0)
		return -1;
	if ((envelope->is_8bit || envelope->is_smtputf8) &&
	    buf_append(out, STR("Content-Transfer-Encoding: 8bit\r\n")) != 0)
		return -1;
	return buf_append(out, STR("\r\n"));
}

static int
append_edge(const struct dsn *dsn, const char *type, bool may_be_8bit, struct buf *out)
{
	char edge[BOUNDARY_MAX_BYTES];

	return buf_printf(out, "--%.*s\r\nContent-Type: %s\r\n%s\r\n", STR_ARG(boundary(dsn, edge)), type,
	    may_be_8bit ? "Content-Transfer-Encoding: 8bit\r\n" : "");
}

static int
append_for_people(const struct dsn *dsn, struct buf *out)
{
	const struct owed *owed = dsn->owed;
	bool is_utf8 = owed->envelope->is_smtputf8;
	struct buf reason;
	char date[DATE_TEXT_MAX];
	int status = 0;

	if (append_edge(dsn, is_utf8 ? "text/plain; charset=utf-8" : "text/plain; charset=us-ascii", is_utf8, out) != 0 ||
	    buf_printf(out, "This is the mail system at %.*s.\r\n\r\n%s", STR_ARG(dsn->hostname), words_of(owed->kind)->opening) != 0)
		return -1;
	if (owed->kind == REPORT_DELAYED &&
	    buf_printf(out, "It is given up on %.*s.\r\n", STR_ARG(date_text(owed->expires, 0, date))) != 0)
		return -1;
	buf_init(&reason, 4 * SHOWN_MAX_BYTES);
	for (int i = 0; i < owed->n_recipients && status == 0; i++) {
		const struct owed_recipient *r = &owed->recipients[i];

		buf_clear(&reason);
		if (buf_append(out, STR("\r\n<")) != 0 || append_address(dsn, &r->recipient.address, out) != 0 ||
		    buf_append(out, STR(">\r\n    ")) != 0 || append_reason(&r->outcome, &reason) != 0)
			status = -1;
		else if (r->outcome.remote_mta.len != 0 && r->outcome.reply.code != 0 &&
		    (append_shown(dsn, r->outcome.remote_mta, out) != 0 || buf_append(out, STR(" said:\r\n    ")) != 0))
			status = -1;
		else if (append_folded(buf_str(&reason), 4, "    ", out) != 0 || buf_append(out, STR("\r\n")) != 0)
			status = -1;
	}
	buf_fini(&reason);
	return status != 0 ? status : buf_append(out, STR("\r\n"));
}

/* RFC 3464 2.2: about the mail. */
static int
append_message_fields(const struct dsn *dsn, struct buf *out)
{
	const struct owed *owed = dsn->owed;
	struct buf envid;
	char date[DATE_TEXT_MAX];
	int status;

	if (buf_printf(out, "Reporting-MTA: dns; %.*s\r\n", STR_ARG(dsn->hostname)) != 0)
		return -1;
	buf_init(&envid, ENVELOPE_ENVID_MAX_BYTES);
	status = 0;
	if (owed->envelope->envid.len != 0 && xtext_decode(owed->envelope->envid, &envid) == 0) {
		if (buf_append(out, STR("Original-Envelope-Id: ")) != 0 ||
		    escape_append(buf_str(&envid), false, SHOWN_MAX_BYTES, out) != 0 || buf_append(out, STR("\r\n")) != 0)
			status = -1;
	}
	buf_fini(&envid);
	if (status != 0)
		return -1;
	return buf_printf(out, "Arrival-Date: %.*s\r\n", STR_ARG(date_text(owed->facts->arrived, 0, date)));
}

/* "rfc822;xtext" as "rfc822; address" (RFC 3464 2.3.1); what is malformed is left out. */
static int
append_original_recipient(struct str orcpt, struct buf *out)
{
	struct str type, rest = orcpt;
	struct buf address;
	int status = 0;

	if (!str_take_until(&rest, ';', &type) || rest.len == 0)
		return 0;
	buf_init(&address, ENVELOPE_ORCPT_MAX_BYTES);
	if (xtext_decode(rest, &address) == 0 &&
	    (buf_append(out, STR("Original-Recipient: ")) != 0 || escape_append(type, false, SHOWN_MAX_BYTES, out) != 0 ||
	    buf_append(out, STR("; ")) != 0 || escape_append(buf_str(&address), false, SHOWN_MAX_BYTES, out) != 0 ||
	    buf_append(out, STR("\r\n")) != 0))
		status = -1;
	buf_fini(&address);
	return status;
}

/* RFC 3464 2.3.4 wants a status of the action's class; a report without any has x.0.0. */
static struct status
status_for(enum report_kind kind, struct status status)
{
	uint8_t class = kind == REPORT_FAILED ? 5 : kind == REPORT_DELAYED ? 4 : 2;

	if (status.class == class || (kind == REPORT_FAILED && status.class == 4))
		return status;		/* an expired mail fails with the 4.x.x of its last try */
	return STATUS(class, 0, 0);
}

/* An address stands there as a domain literal (RFC 3464 9.3). */
static int
append_remote_mta(struct str remote, struct buf *out)
{
	struct ip ip;
	const char *open = "", *close = "";

	if (ip_parse(remote, &ip)) {
		open = ip.family == IP_V6 ? "[IPv6:" : "[";
		close = "]";
	}
	if (buf_printf(out, "Remote-MTA: dns; %s", open) != 0 || escape_append(remote, false, SHOWN_MAX_BYTES, out) != 0)
		return -1;
	return buf_printf(out, "%s\r\n", close);
}

static int
append_diagnostic(const struct outcome *outcome, struct buf *out)
{
	struct buf reason;
	struct str remote = outcome->remote_mta;
	int status = -1;

	if (outcome->reply.code == 0)
		return 0;
	if (remote.len != 0 && append_remote_mta(remote, out) != 0)
		return -1;
	buf_init(&reason, 4 * SHOWN_MAX_BYTES);
	if (append_reason(outcome, &reason) == 0 && buf_append(out, STR("Diagnostic-Code: smtp; ")) == 0 &&
	    append_folded(buf_str(&reason), 23, "\t", out) == 0)
		status = buf_append(out, STR("\r\n"));
	buf_fini(&reason);
	return status;
}

/* RFC 3464 2.3: about one recipient. */
static int
append_recipient_fields(const struct dsn *dsn, const struct owed_recipient *r, struct buf *out)
{
	const struct owed *owed = dsn->owed;
	char room[STATUS_TEXT_MAX], date[DATE_TEXT_MAX];
	bool is_utf8 = !address_is_ascii(&r->recipient.address);

	if (buf_append(out, STR("\r\n")) != 0 || append_original_recipient(r->recipient.orcpt, out) != 0 ||
	    buf_printf(out, "Final-Recipient: %s; ", is_utf8 ? "utf-8" : "rfc822") != 0 ||
	    append_address(dsn, &r->recipient.address, out) != 0 ||
	    buf_printf(out, "\r\nAction: %s\r\nStatus: %.*s\r\n", words_of(owed->kind)->action,
	    STR_ARG(status_text(status_for(owed->kind, r->outcome.status), room))) != 0 ||
	    append_diagnostic(&r->outcome, out) != 0)
		return -1;
	if (owed->kind == REPORT_DELAYED)
		return buf_printf(out, "Will-Retry-Until: %.*s\r\n", STR_ARG(date_text(owed->expires, 0, date)));
	return 0;
}

int
dsn_append_opening(const struct dsn *dsn, struct buf *out)
{
	const struct owed *owed = dsn->owed;
	bool is_utf8 = owed->envelope->is_smtputf8;
	const char *returned = dsn->is_full ? (is_utf8 ? "message/global" : "message/rfc822") :
	    is_utf8 ? "message/global-headers" : "text/rfc822-headers";

	if (append_header(dsn, out) != 0 || append_for_people(dsn, out) != 0 ||
	    append_edge(dsn, is_utf8 ? "message/global-delivery-status" : "message/delivery-status", is_utf8, out) != 0 ||
	    append_message_fields(dsn, out) != 0)
		return -1;
	for (int i = 0; i < owed->n_recipients; i++)
		if (append_recipient_fields(dsn, &owed->recipients[i], out) != 0)
			return -1;
	if (buf_append(out, STR("\r\n")) != 0)
		return -1;
	return append_edge(dsn, returned, is_utf8 || owed->envelope->is_8bit, out);
}

int
dsn_append_closing(const struct dsn *dsn, struct buf *out)
{
	char edge[BOUNDARY_MAX_BYTES];

	return buf_printf(out, "\r\n--%.*s--\r\n", STR_ARG(boundary(dsn, edge)));
}
