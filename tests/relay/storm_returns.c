/*
 * storm_returns.c - SRS addresses in a storm: what MAIL says to a next hop, and what comes back to such an address
 */
#include <stdio.h>

#include "base/insist.h"
#include "tests/relay/storm.h"

const char STORM_SRS_SECRET[] = "of the storm";

enum { ROOM_MAX_BYTES = 4000, OLD_DAYS = 30 };

static struct srs_rules *
rules_of(const char *secret)
{
	struct str secrets[] = { str_of(secret) };
	struct srs_settings settings = { .domain = "fwd.example.com", .secrets = secrets, .n_secrets = 1 };
	struct srs_rules *rules = srs_rules_new(&settings, NULL);

	insist(rules != NULL);
	return rules;
}

void
returns_init(struct storm_ledger *ledger)
{
	ledger->srs = rules_of(STORM_SRS_SECRET);
	ledger->srs_of_others = rules_of("guessed");
}

void
returns_fini(struct storm_ledger *ledger)
{
	srs_rules_free(ledger->srs);
	srs_rules_free(ledger->srs_of_others);
}

void
returns_write_address(const struct storm_ledger *ledger, int number, struct buf *out)
{
	enum storm_return returns = ledger->mails[number].returns;
	struct timestamp made = os_wall_clock();
	struct address sender, rewritten;
	char text[100];
	struct arena arena;

	if (returns == RETURN_OLD)
		made = timestamp_after(made, span_s(-(int64_t)OLD_DAYS * 86400));
	snprintf(text, sizeof(text), "s%d@m%d.home.example", number, number);
	arena_init(&arena, ROOM_MAX_BYTES);
	insist(address_parse(str_of(text), false, &sender));
	insist(srs_forward(returns == RETURN_FORGED ? ledger->srs_of_others : ledger->srs, &sender, made, &arena, &rewritten) == SRS_FORWARD_REWRITTEN);
	buf_append(out, rewritten.local);
	buf_append_char(out, '@');
	buf_append(out, rewritten.domain);
	arena_fini(&arena);
}

enum srs_mode
returns_mode(int route)
{
	static const enum srs_mode modes[STORM_ROUTES] = { SRS_AUTO, SRS_NEVER, SRS_AUTO, SRS_ALWAYS, SRS_NEVER, SRS_AUTO, SRS_AUTO };

	return modes[route];
}

/* A mail's sender, whether its domain is "mN.home.example" or that is in an SRS address that the relay will know again. */
bool
returns_is_sender(const struct storm_ledger *ledger, int number, int domain, struct str path, bool is_client_seen,
    bool *is_rewritten_out)
{
	struct address said, sender;
	struct buf want, got;
	struct arena arena;
	bool is_right;

	buf_init(&want, ROOM_MAX_BYTES);
	buf_init(&got, ROOM_MAX_BYTES);
	arena_init(&arena, ROOM_MAX_BYTES);
	ledger_write_sender(ledger, number, &want);
	*is_rewritten_out = want.len > 0 && (returns_mode(domain) == SRS_ALWAYS || (returns_mode(domain) == SRS_AUTO && !is_client_seen));
	buf_append(&got, path);
	if (*is_rewritten_out && address_parse(path, false, &said) &&
	    srs_reverse(ledger->srs, &said, os_wall_clock(), &arena, &sender) == SRS_REVERSE_UNDONE) {
		buf_clear(&got);
		buf_append(&got, sender.local);
		buf_append_char(&got, '@');
		buf_append(&got, sender.domain);
	} else if (*is_rewritten_out) {
		buf_clear(&got);
	}
	is_right = str_eq(buf_str(&got), buf_str(&want));
	arena_fini(&arena);
	buf_fini(&got);
	buf_fini(&want);
	return is_right;
}
