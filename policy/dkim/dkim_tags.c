/*
 * dkim_tags.c - a tag-list, as signatures and key records are written (RFC 6376 3.2), read strictly
 */
#include "policy/dkim/dkim_tags.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_tag_name(struct str name)
{
	if (name.len == 0 || !is_letter(name.at[0]))
		return false;
	for (size_t i = 1; i < name.len; i++) {
		if (!is_letter(name.at[i]) && !(name.at[i] >= '0' && name.at[i] <= '9') && name.at[i] != '_')
			return false;
	}
	return true;
}

static bool
is_tag_value(struct str value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (!is_blank(value.at[i]) && (value.at[i] < 0x21 || value.at[i] > 0x7e))
			return false;
	}
	return true;
}

bool
dkim_tags_read(struct str text, struct dkim_tags *tags_out, const char **why_out)
{
	struct str rest = text, spec, name, ignored;

	tags_out->n_tags = 0;
	tags_out->has_empty_end = false;
	*why_out = "no tag-list";
	while (str_take_until(&rest, ';', &spec)) {
		struct dkim_tag tag;

		if (str_trim(spec).len == 0 && str_trim(rest).len == 0) {
			tags_out->has_empty_end = spec.at + spec.len != text.at + text.len;
			break;			/* what may follow the last ";" */
		}
		if (str_find(spec, '=') < 0 || !str_take_until(&spec, '=', &name))
			return false;
		tag = (struct dkim_tag){ .name = str_trim(name), .value = str_trim(spec) };
		tag.has_blank = name.len > 0 && is_blank(name.at[name.len - 1]);
		if (!is_tag_name(tag.name) || !is_tag_value(tag.value))
			return false;
		if (dkim_tags_find(tags_out, tag.name, &ignored)) {
			*why_out = "a tag stands twice";
			return false;
		}
		if (tags_out->n_tags == DKIM_TAGS_MAX) {
			*why_out = "too many tags";
			return false;
		}
		tags_out->tags[tags_out->n_tags++] = tag;
	}
	return tags_out->n_tags > 0;
}

bool
dkim_tags_find(const struct dkim_tags *tags, struct str name, struct str *value_out)
{
	for (int i = 0; i < tags->n_tags; i++) {
		if (str_eq(tags->tags[i].name, name)) {
			*value_out = tags->tags[i].value;
			return true;
		}
	}
	return false;
}

bool
dkim_tags_take_item(struct str *rest, struct str *item_out)
{
	if (!str_take_until(rest, ':', item_out))
		return false;
	*item_out = str_trim(*item_out);
	return true;
}

bool
dkim_tags_has_dns_query(const struct dkim_tags *tags)
{
	struct str value = STR("dns/txt"), item;

	(void)dkim_tags_find(tags, STR("q"), &value);
	while (dkim_tags_take_item(&value, &item))
		if (str_eq_nocase(item, STR("dns/txt")))
			return true;
	return false;
}

bool
dkim_tags_squeeze(struct str value, struct arena *arena, struct str *squeezed_out)
{
	char *room = arena_alloc(arena, value.len + 1);
	size_t n = 0;

	if (room == NULL)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		if (!is_blank(value.at[i]))
			room[n++] = value.at[i];
	}
	*squeezed_out = str_n(room, n);
	return true;
}
