/*
 * limits.h - sizes of RFC 5321 4.5.3.1 and what extensions add, one name each
 *
 * Times (4.5.3.2) are settings of receive and deliver.
 */
#ifndef SMTP_LIMITS_H
#define SMTP_LIMITS_H

enum {
	/*
	 * RFC 5321 4.5.3.1.4 has 512 with CRLF; SIZE, BODY, RET, ENVID, AUTH=, SMTPUTF8 add
	 * some 700 to MAIL, NOTIFY and ORCPT (RFC 3461 4.1, 4.2) some 530 to RCPT, and local
	 * parts may be longer here (mail/address.h).
	 */
	SMTP_COMMAND_LINE_MAX_BYTES = 2048,

	/* AUTH exchanges: RFC 4954 4 */
	SMTP_AUTH_LINE_MAX_BYTES = 12288,

	/* what we write, with CRLF: RFC 5321 4.5.3.1.5 */
	SMTP_REPLY_LINE_MAX_BYTES = 512,

	/* a line of mail data with CRLF, without the stuffed dot: RFC 5321 4.5.3.1.6 */
	SMTP_TEXT_LINE_MAX_BYTES = 1000,

	/* a server must take so many: RFC 5321 4.5.3.1.8; a client may count on no more without LIMITS */
	SMTP_RECIPIENTS_LEAST = 100,

	/* what we read of a server's reply; endless ones are cut off by a fault */
	SMTP_REPLY_READ_LINE_MAX_BYTES = 12288 + 6,	/* a 334 of AUTH, RFC 4954 4 */
	SMTP_REPLY_READ_LINES_MAX = 500,
	SMTP_REPLY_READ_TEXT_MAX_BYTES = 16384,		/* kept; more is a fault */

	/* a value of XCLIENT, decoded: Postfix has 255 */
	SMTP_XCLIENT_VALUE_MAX_BYTES = 255,

	/* parameters in one MAIL or RCPT; each is known by name and may stand once */
	SMTP_PARAMETERS_MAX = 16,
};

#endif
