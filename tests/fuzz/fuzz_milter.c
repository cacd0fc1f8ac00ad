/*
 * fuzz_milter.c - Postfix's socketmap and policy delegation protocols: a message means the same however it comes in, and what is answered is one
 * message
 */
#include "milter/delegation.h"
#include "milter/socketmap.h"
#include "tests/fuzz/fuzz.h"

/* Each front part of a message is a part, or broken already as the whole is. */
static void
check_parts(bool is_socketmap, struct str bytes, size_t n_taken)
{
	struct socketmap_request request;
	struct delegation_request delegation;
	size_t n;

	for (size_t i = 0; i < n_taken; i++) {
		if (is_socketmap)
			insist(socketmap_read(str_sub(bytes, 0, i), &request, &n) == NETSTRING_PART);
		else
			insist(delegation_read(str_sub(bytes, 0, i), &delegation, &n) == DELEGATION_PART);
	}
}

static void
check_reply(struct str text)
{
	struct buf out;
	struct str inside;
	size_t n;

	buf_init(&out, FUZZ_ROOM_MAX_BYTES);
	insist(socketmap_reply(SOCKETMAP_OK, text, &out) == 0);
	insist(netstring_read(buf_str(&out), SOCKETMAP_REPLY_MAX_BYTES, &inside, &n) == NETSTRING_WHOLE && n == out.len);
	insist(str_starts(inside, text.len > 0 ? STR("OK ") : STR("PERM ")) && str_find(inside, '\n') < 0);
	buf_clear(&out);
	insist(delegation_reply("450 4.7.1", text, &out) == 0);
	insist(str_find(buf_str(&out), '\n') == (ptrdiff_t)out.len - 2);
	buf_fini(&out);
}

static void
read_socketmap(struct str rest)
{
	struct socketmap_request request;
	size_t n = 0;

	while (socketmap_read(rest, &request, &n) == NETSTRING_WHOLE) {
		insist(n > 0 && n <= rest.len && request.map.len > 0 && str_find(request.map, ' ') < 0);
		insist(request.map.len + 1 + request.key.len <= SOCKETMAP_REQUEST_MAX_BYTES);
		check_parts(true, rest, n);
		check_reply(request.key);
		rest = str_from(rest, n);
	}
}

static void
read_delegation(struct str rest)
{
	struct delegation_request request;
	size_t n = 0;

	while (delegation_read(rest, &request, &n) == DELEGATION_WHOLE) {
		insist(n > 0 && n <= rest.len && n <= DELEGATION_REQUEST_MAX_BYTES && rest.at[n - 1] == '\n');
		insist(str_find(request.sender, '\n') < 0 && str_find(request.recipient, '\0') < 0);
		check_parts(false, rest, n);
		check_reply(request.sender);
		rest = str_from(rest, n);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	unsigned choice;
	struct fuzz f;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	check_reply(f.rest);
	if (choice & 1)
		read_delegation(f.rest);
	else
		read_socketmap(f.rest);
	fuzz_end(&f);
	return 0;
}
