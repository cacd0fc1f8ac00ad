/*
 * dsn.c - the header and the fields of a report; whether one is sent is reporter.c's
 */
#include <stdio.h>

#include "base/code.h"
#include "base/endpoint.h"
#include "mail/date.h"
#include "mail/domain.h"
#include "mail/xtext.h"
#include "smtpfwd/report/people.h"
#include "smtpfwd/report/wording.h"

enum {
	BOUNDARY_MAX_BYTES = MAIL_ID_TEXT_MAX + 16,
	PEOPLE_MAX_BYTES = 8 * 1024 * 1024,	/* a recipient and his reason make 3 KB at most */
};

bool
dsn_address(const struct address *reverse_path, struct arena *arena, struct address *to_out)
{
	struct str domain;

	*to_out = *reverse_path;
	if (address_is_ascii(reverse_path))
		return false;
	if (!str_is_ascii(reverse_path->local) || !domain_canonical(reverse_path->domain, arena, &domain))
		return true;
	to_out->domain = domain;
	return false;
}

static bool
is_global(const struct dsn *dsn)
{
	return dsn->returned->is_8bit && dsn->owed->envelope->is_smtputf8;
}

bool
dsn_is_8bit(const struct dsn *dsn)
{
	if (dsn->is_utf8)
		return true;
	return dsn->returned->is_8bit && dsn->returned->is_full && !is_global(dsn);
}

bool
dsn_is_quoted(const struct dsn *dsn)
{
	return dsn->returned->is_8bit && !dsn_is_8bit(dsn);
}

static struct str
boundary(const struct dsn *dsn, char room[BOUNDARY_MAX_BYTES])
{
	char id[MAIL_ID_TEXT_MAX];

	/* "=_" stands in no base64 or quoted-printable text (RFC 2045 6.7); nobody outside knows the id beforehand. */
	snprintf(room, BOUNDARY_MAX_BYTES, "=_report_%.*s", STR_ARG(mail_id_text(&dsn->id, id)));
	return str_of(room);
}

static const char *
action_of(enum report_kind kind)
{
	switch (kind) {
	case REPORT_FAILED:
		return "failed";
	case REPORT_DELAYED:
		return "delayed";
	case REPORT_RELAYED:
		return "relayed";
	}
	return "failed";
}

/* --- the header --- */

static int
append_header(const struct dsn *dsn, struct buf *out)
{
	struct str message_id = dsn->returned->message_id;
	char date[DATE_TEXT_MAX], id[MAIL_ID_TEXT_MAX], edge[BOUNDARY_MAX_BYTES];

	if (buf_printf(out, "From: Mail Delivery System <postmaster@%.*s>\r\nTo: <", STR_ARG(dsn->hostname)) != 0 ||
	    address_append(&dsn->to, out) != 0 || buf_append(out, STR(">\r\nSubject: ")) != 0 ||
	    people_append_subject(dsn, out) != 0 ||
	    buf_printf(out, "\r\nDate: %.*s\r\nMessage-ID: <%.*s@%.*s>\r\n",
	    STR_ARG(date_text(dsn->now, 0, date)), STR_ARG(mail_id_text(&dsn->id, id)), STR_ARG(dsn->hostname)) != 0)
		return -1;
	if (message_id.len > 0 && buf_printf(out, "In-Reply-To: %.*s\r\nReferences: %.*s\r\n",	/* RFC 3834 3.1.5 */
	    STR_ARG(message_id), STR_ARG(message_id)) != 0)
		return -1;
	/* RFC 3834 5: so that nobody's vacation program answers. */
	return buf_printf(out, "MIME-Version: 1.0\r\nAuto-Submitted: auto-replied\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"%.*s\"\r\n%s\r\n",
	    STR_ARG(boundary(dsn, edge)), dsn_is_8bit(dsn) ? "Content-Transfer-Encoding: 8bit\r\n" : "");
}

static int
append_edge(const struct dsn *dsn, const char *type, const char *encoding, struct buf *out)
{
	char edge[BOUNDARY_MAX_BYTES];

	if (buf_printf(out, "--%.*s\r\nContent-Type: %s\r\n", STR_ARG(boundary(dsn, edge)), type) != 0)
		return -1;
	return encoding == NULL ? buf_append(out, STR("\r\n")) :
	    buf_printf(out, "Content-Transfer-Encoding: %s\r\n\r\n", encoding);
}

static int
append_quoted(struct str text, struct buf *out)
{
	struct quoted quoted = { .column = 0 };

	return quoted_append(&quoted, text, out) != 0 ? -1 : quoted_end(&quoted, out);
}

static int
append_for_people(const struct dsn *dsn, struct buf *out)
{
	struct buf text;
	int status = -1;

	buf_init(&text, PEOPLE_MAX_BYTES);
	if (people_append_text(dsn, &text) != 0)
		;
	else if (str_is_ascii(buf_str(&text)))
		status = append_edge(dsn, "text/plain; charset=us-ascii", NULL, out) != 0 ? -1 : buf_append(out, buf_str(&text));
	else if (append_edge(dsn, "text/plain; charset=utf-8", "quoted-printable", out) == 0)
		status = append_quoted(buf_str(&text), out);
	buf_fini(&text);
	return status;
}

/* --- the fields about the mail (RFC 3464 2.2) --- */

static int
append_message_fields(const struct dsn *dsn, struct buf *out)
{
	const struct owed *owed = dsn->owed;
	struct buf envid;
	char date[DATE_TEXT_MAX];
	int status = 0;

	if (buf_printf(out, "Reporting-MTA: dns; %.*s\r\n", STR_ARG(dsn->hostname)) != 0)
		return -1;
	buf_init(&envid, ENVELOPE_ENVID_MAX_BYTES);
	if (xtext_decode(owed->envelope->envid, &envid) == 0 && str_trim(buf_str(&envid)).len > 0 &&
	    (buf_append(out, STR("Original-Envelope-Id: ")) != 0 ||
	    wording_exact(str_trim(buf_str(&envid)), false, out) != 0 || buf_append(out, STR("\r\n")) != 0))
		status = -1;
	buf_fini(&envid);
	if (status != 0)
		return -1;
	return buf_printf(out, "Arrival-Date: %.*s\r\n", STR_ARG(date_text(owed->facts->arrived, 0, date)));
}

/* --- the fields about a recipient (RFC 3464 2.3) --- */

/* Text of an address that needs no encoding here. */
static bool
may_stand(const struct dsn *dsn, struct str text)
{
	return text.len <= WORDING_MAX_BYTES && wording_is_safe(text, dsn->is_utf8);
}

/* The address of an ORCPT as it may stand in a field; false for what is malformed. */
static bool
original_address(const struct dsn *dsn, struct str type, struct str address, struct buf *out)
{
	if (!str_eq_nocase(type, STR("utf-8")))
		return xtext_decode(address, out) == 0;
	/* This type has an encoding of its own, which may stand in the field too (RFC 6533 3). */
	return (may_stand(dsn, address) ? buf_append(out, address) : wording_utf8_xtext(address, true, out)) == 0;
}

/* "rfc822;xtext" as "rfc822; address" (RFC 3464 2.3.1). */
static int
append_original_recipient(const struct dsn *dsn, struct str orcpt, struct buf *out)
{
	struct str type, rest = orcpt;
	struct buf address;
	int status = 0;

	if (!str_take_until(&rest, ';', &type) || !str_is_printable(type))
		return 0;
	buf_init(&address, WORDING_MAX_BYTES + ENVELOPE_ORCPT_MAX_BYTES);
	if (original_address(dsn, type, rest, &address) && str_trim(buf_str(&address)).len > 0 &&
	    (buf_printf(out, "Original-Recipient: %.*s; ", STR_ARG(type)) != 0 ||
	    wording_exact(str_trim(buf_str(&address)), dsn->is_utf8, out) != 0 || buf_append(out, STR("\r\n")) != 0))
		status = -1;
	buf_fini(&address);
	return status;
}

static int
append_final_recipient(const struct dsn *dsn, const struct address *address, struct buf *out)
{
	bool is_ascii = address_is_ascii(address);
	struct str text;

	if (!address_text(address, dsn->owed->arena, &text) ||
	    buf_printf(out, "Final-Recipient: %s; ", is_ascii ? "rfc822" : "utf-8") != 0)
		return -1;
	return is_ascii || may_stand(dsn, text) ? wording_exact(text, dsn->is_utf8, out) : wording_utf8_xtext(text, false, out);
}

/* RFC 3464 2.3.4 wants a status of the action's class; a report without any has x.0.0. */
static struct status
status_for(enum report_kind kind, struct status status)
{
	uint8_t class = kind == REPORT_FAILED ? 5 : kind == REPORT_DELAYED ? 4 : 2;

	if (status.class == class || (kind == REPORT_FAILED && status.class == 4))
		return status;		/* an expired mail fails with 4.4.7 */
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
	if (buf_printf(out, "Remote-MTA: dns; %s", open) != 0 || escape_append(remote, false, WORDING_MAX_BYTES, out) != 0)
		return -1;
	return buf_printf(out, "%s\r\n", close);
}

/* Who answered and what (RFC 3464 2.3.5, 2.3.6); what we say ourselves has a type of ours. */
static int
append_diagnostic(const struct dsn *dsn, const struct outcome *outcome, struct buf *out)
{
	bool is_reply = outcome->reply.code != 0;
	const char *type = is_reply ? "Diagnostic-Code: smtp; " : "Diagnostic-Code: x-smtpfwd; ";
	struct buf text;
	int status = -1;

	if (!is_reply && outcome->text.len == 0)
		return 0;
	if (is_reply && outcome->remote_mta.len != 0 && append_remote_mta(outcome->remote_mta, out) != 0)
		return -1;
	buf_init(&text, 2 * WORDING_MAX_BYTES);
	if ((is_reply ? wording_reply(&outcome->reply, dsn->is_utf8, &text) :
	    escape_append(outcome->text, dsn->is_utf8, WORDING_MAX_BYTES, &text)) == 0 &&
	    buf_append(out, str_of(type)) == 0 && wording_fold(buf_str(&text), strlen(type), "\t", out) == 0)
		status = buf_append(out, STR("\r\n"));
	buf_fini(&text);
	return status;
}

static int
append_recipient_fields(const struct dsn *dsn, const struct owed_recipient *r, struct buf *out)
{
	const struct owed *owed = dsn->owed;
	char room[STATUS_TEXT_MAX], date[DATE_TEXT_MAX];

	if (buf_append(out, STR("\r\n")) != 0 || append_original_recipient(dsn, r->recipient.orcpt, out) != 0 ||
	    append_final_recipient(dsn, &r->recipient.address, out) != 0 ||
	    buf_printf(out, "\r\nAction: %s\r\nStatus: %.*s\r\n", action_of(owed->kind),
	    STR_ARG(status_text(status_for(owed->kind, r->outcome.status), room))) != 0 ||
	    append_diagnostic(dsn, &r->outcome, out) != 0)
		return -1;
	if (r->last_try.us != 0 &&
	    buf_printf(out, "Last-Attempt-Date: %.*s\r\n", STR_ARG(date_text(r->last_try, 0, date))) != 0)
		return -1;
	if (owed->kind == REPORT_DELAYED)
		return buf_printf(out, "Will-Retry-Until: %.*s\r\n", STR_ARG(date_text(owed->expires, 0, date)));
	return 0;
}

/* --- the whole --- */

static const char *
returned_type(const struct dsn *dsn)
{
	if (dsn->returned->is_full)
		return is_global(dsn) ? "message/global" : "message/rfc822";
	return is_global(dsn) ? "message/global-headers" : "text/rfc822-headers";
}

int
dsn_append_opening(const struct dsn *dsn, struct buf *out)
{
	const struct owed *owed = dsn->owed;
	const char *encoding = dsn_is_quoted(dsn) ? "quoted-printable" : dsn->returned->is_8bit ? "8bit" : NULL;

	if (append_header(dsn, out) != 0 || append_for_people(dsn, out) != 0 || buf_append(out, STR("\r\n")) != 0 ||
	    append_edge(dsn, dsn->is_utf8 ? "message/global-delivery-status" : "message/delivery-status",
	    dsn->is_utf8 ? "8bit" : NULL, out) != 0 || append_message_fields(dsn, out) != 0)
		return -1;
	for (int i = 0; i < owed->n_recipients; i++)
		if (append_recipient_fields(dsn, &owed->recipients[i], out) != 0)
			return -1;
	if (buf_append(out, STR("\r\n")) != 0)
		return -1;
	return append_edge(dsn, returned_type(dsn), encoding, out);
}

int
dsn_append_closing(const struct dsn *dsn, struct buf *out)
{
	char edge[BOUNDARY_MAX_BYTES];

	return buf_printf(out, "\r\n--%.*s--\r\n", STR_ARG(boundary(dsn, edge)));
}
