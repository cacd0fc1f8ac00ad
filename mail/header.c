/*
 * header.c - a header section: its fields in order, as received (RFC 5322 2.2)
 */
#include "base/insist.h"
#include "mail/header.h"

enum { MAILBOX_LINE_LOOKED_AT_BYTES = 1000 };	/* an address, a date */

/* Bytes up to and with the next LF; all of them if there is none. */
static size_t
line_length(struct str text)
{
	ptrdiff_t end = str_find(text, '\n');

	return end < 0 ? text.len : (size_t)end + 1;
}

static struct str
without_line_end(struct str line)
{
	if (line.len > 0 && line.at[line.len - 1] == '\n') {
		line.len--;
		if (line.len > 0 && line.at[line.len - 1] == '\r')
			line.len--;
	}
	return line;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_name_char(char c)
{
	return c > ' ' && c < 0x7f && c != ':';
}

bool
header_is_field_name(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!is_name_char(name.at[i]))
			return false;
	return name.len > 0;
}

/* Where the colon of a field's first line stands; 0 if the line begins no field. */
static size_t
find_colon(struct str line, size_t *name_bytes_out)
{
	size_t i = 0;

	while (i < line.len && is_name_char(line.at[i]))
		i++;
	*name_bytes_out = i;
	while (i < line.len && is_blank(line.at[i]))	/* obsolete, RFC 5322 4.5 */
		i++;
	return *name_bytes_out > 0 && i < line.len && line.at[i] == ':' ? i : 0;
}

/*
 * Takes the next field off *rest.  False if what comes is no field: the empty line, the end, or
 * a line that is none (the section ends there too, RFC 5322 2.1).
 */
static bool
take_field(struct str *rest, struct header_field *field_out)
{
	size_t n = line_length(*rest), name_bytes;
	size_t colon = find_colon(str_sub(*rest, 0, n), &name_bytes);

	if (colon == 0)
		return false;
	while (n < rest->len && is_blank(rest->at[n]))
		n += line_length(str_from(*rest, n));
	*field_out = (struct header_field){
		.name = str_sub(*rest, 0, name_bytes),
		.value = without_line_end(str_sub(*rest, colon + 1, n - colon - 1)),
		.whole = str_sub(*rest, 0, n),
	};
	*rest = str_from(*rest, n);
	return true;
}

int
header_read(struct str bytes, struct arena *arena, struct header_section *section_out)
{
	struct header_section section = { .n_fields = 0 };
	struct header_field field;
	struct str rest = bytes;
	int n = 0;

	while (take_field(&rest, &field)) {
		if (++n > HEADER_FIELDS_MAX)
			return -1;
	}
	section.header_bytes = section.body_at = bytes.len - rest.len;
	if (str_starts(rest, STR("\n")))
		section.has_empty_line = true, section.body_at += 1;
	else if (str_starts(rest, STR("\r\n")))
		section.has_empty_line = true, section.body_at += 2;
	else
		section.is_cut = str_find(rest, '\n') < 0;	/* it may still become a field */

	section.fields = arena_array(arena, (size_t)n + 1, sizeof(section.fields[0]));
	if (section.fields == NULL)
		return -1;
	rest = bytes;
	while (section.n_fields < n && take_field(&rest, &section.fields[section.n_fields]))
		section.n_fields++;
	*section_out = section;
	return 0;
}

int
header_find(const struct header_section *section, struct str name, int from)
{
	for (int i = from; i < section->n_fields; i++) {
		if (str_eq_nocase(section->fields[i].name, name))
			return i;
	}
	return -1;
}

int
header_count(const struct header_section *section, struct str name)
{
	int n = 0;

	for (int i = header_find(section, name, 0); i >= 0; i = header_find(section, name, i + 1))
		n++;
	return n;
}

int
header_unfold(struct str value, struct buf *out)
{
	size_t len_before = out->len;

	value = str_trim(value);
	for (size_t i = 0, start = 0; i <= value.len; i++) {
		if (i < value.len && value.at[i] != '\r' && value.at[i] != '\n')
			continue;
		if (buf_append(out, str_sub(value, start, i - start)) != 0) {
			out->len = len_before;
			return -1;
		}
		start = i + 1;
	}
	return 0;
}

static bool
begins_with_mailbox_line(struct str rest)
{
	while (str_starts(rest, STR(">")))
		rest = str_from(rest, 1);
	if (!str_starts_nocase(rest, STR("From ")))
		return false;
	rest = str_trim(str_from(rest, strlen("From ")));
	return rest.len > 0 && rest.at[0] != ':';	/* else a field after all (RFC 5322 4.5) */
}

void
header_name_mailbox_line(struct buf *mail)
{
	static const struct str name = STR("X-Mailbox-Line: ");
	struct str text = buf_str(mail);
	struct buf named;

	if (!begins_with_mailbox_line(str_sub(text, 0, MAILBOX_LINE_LOOKED_AT_BYTES)))
		return;
	buf_init(&named, mail->max + name.len);
	insist(buf_append(&named, name) == 0 && buf_append(&named, text) == 0);
	buf_fini(mail);
	*mail = named;
}
