/*
 * json_str.c - bytes of others as a JSON string
 */
#include "base/buf.h"
#include "base/code.h"
#include "smtpfwd/control/control.h"

enum { TEXT_MAX_BYTES = 64 * 1024 };

json_t *
control_json_str(struct str text)
{
	struct buf shown;
	json_t *string;

	/* A NUL would be legal JSON, but few programs that read it expect one. */
	if (str_is_utf8(text) && str_find(text, '\0') < 0 &&
	    (string = json_stringn(text.at != NULL ? text.at : "", text.len)) != NULL)
		return string;
	buf_init(&shown, TEXT_MAX_BYTES);
	escape_append(text, true, TEXT_MAX_BYTES / 4, &shown);
	string = json_stringn(shown.at != NULL ? shown.at : "", shown.len);
	buf_fini(&shown);
	return string;
}
