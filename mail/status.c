/*
 * status.c - enhanced status codes (RFC 3463)
 */
#include "base/decimal.h"
#include "mail/status.h"

/* One to three digits; how many, or 0.  A leading zero is none of ours but seen (RFC 3463 2 forbids it). */
static size_t
take_number(struct str text, uint16_t *number_out)
{
	size_t i = 0;

	*number_out = 0;
	while (i < text.len && i < 4 && text.at[i] >= '0' && text.at[i] <= '9')
		*number_out = (uint16_t)(*number_out * 10 + (text.at[i++] - '0'));
	return i <= 3 ? i : 0;
}

/* How many bytes of the text are a status, or 0. */
static size_t
status_length(struct str text, struct status *status_out)
{
	size_t n_subject, n_detail;

	if (text.len < 5 || text.at[1] != '.' ||
	    (text.at[0] != '2' && text.at[0] != '4' && text.at[0] != '5'))
		return 0;
	status_out->class = (uint8_t)(text.at[0] - '0');
	n_subject = take_number(str_from(text, 2), &status_out->subject);
	if (n_subject == 0 || 2 + n_subject >= text.len || text.at[2 + n_subject] != '.')
		return 0;
	n_detail = take_number(str_from(text, 3 + n_subject), &status_out->detail);
	return n_detail == 0 ? 0 : 3 + n_subject + n_detail;
}

bool
status_take(struct str *rest, struct status *status_out)
{
	struct status status;
	size_t n = status_length(*rest, &status);

	if (n == 0 || (n < rest->len && rest->at[n] != ' ' && rest->at[n] != '\t'))
		return false;
	while (n < rest->len && (rest->at[n] == ' ' || rest->at[n] == '\t'))
		n++;
	*rest = str_from(*rest, n);
	*status_out = status;
	return true;
}

struct str
status_text(struct status status, char room[STATUS_TEXT_MAX])
{
	char *end;

	if (status.class == 0)
		return STR_EMPTY;
	end = decimal_put(room, status.class % 10u);
	*end++ = '.';
	end = decimal_put(end, status.subject % 1000u);
	*end++ = '.';
	end = decimal_put(end, status.detail % 1000u);
	*end = '\0';
	return str_n(room, (size_t)(end - room));
}

bool
status_eq(struct status a, struct status b)
{
	return a.class == b.class && a.subject == b.subject && a.detail == b.detail;
}
