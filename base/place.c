/*
 * place.c - "unix:PATH", "inet:ADDRESS:PORT", "inet:PORT@ADDRESS"
 */
#include "base/place.h"

static bool
parse_path(struct str path, struct place *place_out)
{
	*place_out = (struct place){ .path = path };
	return str_starts(path, STR("/")) && path.len <= PLACE_PATH_MAX_BYTES && !str_ends_nocase(path, STR("/")) && str_find(path, '\0') < 0;
}

/* libmilter's; an IPv6 address has brackets there, or none. */
static bool
parse_port_first(struct str text, struct endpoint *at_out)
{
	struct str port, address;
	uint64_t number;

	address = str_from(text, (size_t)str_find(text, '@') + 1);
	port = str_sub(text, 0, text.len - address.len - 1);
	if (str_starts(address, STR("[")) && str_ends_nocase(address, STR("]")))
		address = str_sub(address, 1, address.len - 2);
	if (!str_to_u64(port, &number) || number > UINT16_MAX)
		return false;
	at_out->port = (uint16_t)number;
	return ip_parse(address, &at_out->ip);
}

bool
place_parse(struct str text, struct place *place_out)
{
	struct place place = { .path = STR_EMPTY };

	if (str_starts(text, STR("unix:")))
		return parse_path(str_from(text, strlen("unix:")), place_out);
	if (str_starts(text, STR("inet6:")))
		text = str_from(text, strlen("inet6:"));
	else if (str_starts(text, STR("inet:")))
		text = str_from(text, strlen("inet:"));
	else
		return false;
	if (!(str_find(text, '@') >= 0 ? parse_port_first(text, &place.at) : endpoint_parse(text, &place.at)) || place.at.port == 0)
		return false;
	*place_out = place;
	return true;
}
