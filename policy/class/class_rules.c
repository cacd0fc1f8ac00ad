/*
 * class_rules.c - class sections compared with a peer and its mail
 */
#include "base/insist.h"
#include "base/mem.h"
#include "mail/domain.h"
#include "policy/class/class_rules.h"
#include "policy/class/glob.h"
#include "policy/class/pattern.h"

enum {
	/* Of the patterns and names of all sections: bounded by the configuration's own limits. */
	RULES_ARENA_MAX_BYTES = 64 * 1024 * 1024,
	/* Of ENVELOPE_RECIPIENTS_MAX addresses made plain: 60 bytes each as a rule, 600 at most. */
	PLAIN_ARENA_MAX_BYTES = 32 * 1024 * 1024,
	NETWORK_TEXT_MAX = IP_TEXT_MAX + 4,
};

struct class_network {
	struct network		 network;
	struct str		 text;
};

struct class_rule {
	const char		*name;
	struct class_actions	 actions;
	struct str		*listeners, *logins, *client_names;
	struct class_network	*networks;
	struct address_pattern	*senders, *recipients;
	struct field_pattern	*fields;
	int			 n_listeners, n_networks, n_logins, n_client_names, n_senders, n_recipients, n_fields;
	int			 recipients_least;
	struct str		 least_text;
};

struct class_rules {
	struct arena		 arena;		/* of all below */
	struct class_rule	*rules;
	int			 n_rules;
};

/* --- made once --- */

bool
class_name_is_valid(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_'))
			return false;
	}
	return name.len > 0 && name.len <= CLASS_NAME_MAX_BYTES;
}

bool
class_name_is_built_in(struct str name)
{
	static const char *const names[] = { "incoming", "local", "application", "list" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq(name, str_of(names[i])))
			return true;
	return false;
}

static void *
room_for(struct arena *arena, int n, size_t item_bytes)
{
	void *room;

	insist(n <= CLASS_ITEMS_MAX);
	room = arena_array(arena, (size_t)n + 1, item_bytes);
	insist(room != NULL);
	return room;
}

static struct str
keep(struct arena *arena, struct str text)
{
	struct str copy;

	insist(arena_copy(arena, text, &copy));
	return copy;
}

static struct str *
keep_texts(struct arena *arena, const char *const *texts, int n)
{
	struct str *kept = room_for(arena, n, sizeof(*kept));

	for (int i = 0; i < n; i++)
		kept[i] = keep(arena, str_of(texts[i]));
	return kept;
}

static struct class_network *
keep_networks(struct arena *arena, const struct network *networks, int n)
{
	struct class_network *kept = room_for(arena, n, sizeof(*kept));

	for (int i = 0; i < n; i++) {
		char room[IP_TEXT_MAX];

		kept[i].network = networks[i];
		insist(arena_printf(arena, &kept[i].text, "%.*s/%d", STR_ARG(ip_text(&networks[i].ip, room)), networks[i].prefix_bits));
	}
	return kept;
}

static struct address_pattern *
keep_addresses(struct arena *arena, const char *const *texts, int n)
{
	struct address_pattern *kept = room_for(arena, n, sizeof(*kept));
	const char *why;

	for (int i = 0; i < n; i++)
		insist(address_pattern_read(str_of(texts[i]), arena, &kept[i], &why));
	return kept;
}

static struct field_pattern *
keep_fields(struct arena *arena, const char *const *texts, int n)
{
	struct field_pattern *kept = room_for(arena, n, sizeof(*kept));
	const char *why;

	for (int i = 0; i < n; i++)
		insist(field_pattern_read(str_of(texts[i]), arena, &kept[i], &why));
	return kept;
}

static void
make_rule(struct arena *arena, const struct class_section *section, struct class_rule *rule)
{
	insist(class_name_is_valid(str_of(section->name)));
	*rule = (struct class_rule){
		.name = keep(arena, str_of(section->name)).at,
		.listeners = keep_texts(arena, section->listeners, section->n_listeners),
		.networks = keep_networks(arena, section->networks, section->n_networks),
		.logins = keep_texts(arena, section->logins, section->n_logins),
		.client_names = keep_texts(arena, section->client_names, section->n_client_names),
		.senders = keep_addresses(arena, section->senders, section->n_senders),
		.recipients = keep_addresses(arena, section->recipients, section->n_recipients),
		.fields = keep_fields(arena, section->fields, section->n_fields),
		.n_listeners = section->n_listeners, .n_networks = section->n_networks, .n_logins = section->n_logins,
		.n_client_names = section->n_client_names, .n_senders = section->n_senders,
		.n_recipients = section->n_recipients, .n_fields = section->n_fields,
		.recipients_least = section->recipients_least,
	};
	insist(arena_printf(arena, &rule->least_text, "%d", section->recipients_least));
	insist(section->actions.n_added <= CLASS_FIELDS_MAX && section->actions.n_removed <= CLASS_FIELDS_MAX);
	insist(section->actions.n_rates <= CLASS_ITEMS_MAX);
	insist(class_actions_copy(&section->actions, arena, &rule->actions));
}

struct class_rules *
class_rules_new(const struct class_section *sections, int n_sections)
{
	struct class_rules *made = mem_new(sizeof(*made));

	insist(n_sections <= CLASS_SECTIONS_MAX);
	arena_init(&made->arena, RULES_ARENA_MAX_BYTES);
	made->rules = room_for(&made->arena, n_sections, sizeof(*made->rules));
	made->n_rules = n_sections;
	for (int i = 0; i < n_sections; i++)
		make_rule(&made->arena, &sections[i], &made->rules[i]);
	return made;
}

void
class_rules_free(struct class_rules *rules)
{
	if (rules == NULL)
		return;
	arena_fini(&rules->arena);
	mem_free(rules);
}

/* --- the peer --- */

static bool
because(struct class_reason *reason, const char *word, struct str criterion)
{
	*reason = (struct class_reason){ word, criterion };
	return true;
}

/*
 * Its listener comes last, for that names nobody, and who is named too is not to lose by it (classify_sign_source).  RFC 4954 has
 * logins compared by who checked them: they came through here as they are in the file of users.
 */
static bool
peer_matches(const struct class_rule *rule, const struct class_evidence *evidence, struct class_reason *reason)
{
	const struct peer *peer = evidence->peer;

	for (int i = 0; i < rule->n_networks; i++)
		if (network_has(&rule->networks[i].network, &peer->client.ip))
			return because(reason, "network", rule->networks[i].text);
	for (int i = 0; i < rule->n_logins && peer->login.len > 0; i++)
		if (glob_matches(rule->logins[i], peer->login))
			return because(reason, "login", rule->logins[i]);
	for (int i = 0; i < rule->n_client_names && evidence->certificate_name.len > 0; i++)
		if (domain_is_listed(evidence->certificate_name, rule->client_names[i]))
			return because(reason, "certificate", rule->client_names[i]);
	for (int i = 0; i < rule->n_listeners; i++)
		if (str_eq(rule->listeners[i], peer->listener))
			return because(reason, "listener", rule->listeners[i]);
	return false;
}

/* --- the mail --- */

/*
 * The mail's addresses as all sections compare them, made when the first one asks.  What there is no room for is none that a
 * pattern is for.
 */
struct plain_mail {
	const struct envelope	*envelope;
	struct arena		 arena;
	struct plain_address	*sender, *recipients;	/* NULL: not asked for yet, or no room */
	int			 n_recipients;
};

static const struct address_pattern *
find_pattern(const struct address_pattern *patterns, int n, const struct plain_address *address)
{
	for (int i = 0; i < n; i++)
		if (address_pattern_matches(&patterns[i], address))
			return &patterns[i];
	return NULL;
}

static void
make_sender_plain(struct plain_mail *mail)
{
	struct plain_address *sender;

	if (mail->sender != NULL)
		return;
	sender = arena_alloc(&mail->arena, sizeof(*sender));
	if (sender != NULL && address_plain(&mail->envelope->reverse_path, &mail->arena, sender))
		mail->sender = sender;
}

static void
make_recipients_plain(struct plain_mail *mail)
{
	const struct envelope *envelope = mail->envelope;

	if (mail->recipients != NULL)
		return;
	mail->recipients = arena_array(&mail->arena, (size_t)envelope->n_recipients + 1, sizeof(*mail->recipients));
	while (mail->recipients != NULL && mail->n_recipients < envelope->n_recipients &&
	    address_plain(&envelope->recipients[mail->n_recipients].address, &mail->arena, &mail->recipients[mail->n_recipients]))
		mail->n_recipients++;
}

static bool
recipients_match(const struct class_rule *rule, struct plain_mail *mail, struct class_reason *reason)
{
	const struct envelope *envelope = mail->envelope;

	if (rule->n_recipients > 0)
		make_recipients_plain(mail);
	for (int i = 0; i < mail->n_recipients && rule->n_recipients > 0; i++) {
		const struct address_pattern *pattern = find_pattern(rule->recipients, rule->n_recipients, &mail->recipients[i]);

		if (pattern != NULL)
			return because(reason, "recipient", pattern->text);
	}
	if (rule->recipients_least > 0 && envelope->n_recipients >= rule->recipients_least)
		return because(reason, "recipients", rule->least_text);
	return false;
}

static bool
claims_match(const struct class_rule *rule, const struct class_evidence *evidence, struct plain_mail *mail, struct class_reason *reason)
{
	const struct address_pattern *pattern = NULL;

	if (mail->envelope != NULL && rule->n_senders > 0)
		make_sender_plain(mail);
	if (mail->sender != NULL)
		pattern = find_pattern(rule->senders, rule->n_senders, mail->sender);
	if (pattern != NULL)
		return because(reason, "sender", pattern->text);
	for (int i = 0; i < rule->n_fields && evidence->header != NULL; i++)
		if (field_pattern_matches(&rule->fields[i], evidence->header))
			return because(reason, "field", rule->fields[i].text);
	return false;
}

static bool
mail_matches(const struct class_rule *rule, const struct class_evidence *evidence, struct plain_mail *mail, struct class_reason *reason)
{
	if (evidence->peer->is_trusted && claims_match(rule, evidence, mail, reason))
		return true;
	return mail->envelope != NULL && recipients_match(rule, mail, reason);
}

static bool
asks_mail(const struct class_rule *rule)
{
	return rule->n_senders + rule->n_recipients + rule->n_fields + rule->recipients_least > 0;
}

/* One that asks for no peer is for trusted ones, and only if it asks for mail. */
static bool
is_for_peer(const struct class_rule *rule, const struct class_evidence *evidence, struct class_reason *reason)
{
	if (rule->n_listeners + rule->n_networks + rule->n_logins + rule->n_client_names > 0)
		return peer_matches(rule, evidence, reason);
	return asks_mail(rule) && evidence->peer->is_trusted && because(reason, "trusted", STR_EMPTY);
}

static bool
rule_matches(const struct class_rule *rule, const struct class_evidence *evidence, struct plain_mail *mail, struct class_match *match)
{
	*match = (struct class_match){ .name = rule->name };
	return is_for_peer(rule, evidence, &match->peer) && (!asks_mail(rule) || mail_matches(rule, evidence, mail, &match->mail));
}

bool
class_rules_find(const struct class_rules *rules, const struct class_evidence *evidence, struct class_match *match_out)
{
	struct plain_mail mail = { .envelope = evidence->envelope };
	bool is_found = false;

	arena_init(&mail.arena, PLAIN_ARENA_MAX_BYTES);
	for (int i = 0; i < rules->n_rules && !is_found; i++)
		is_found = rule_matches(&rules->rules[i], evidence, &mail, match_out);
	arena_fini(&mail.arena);
	return is_found;
}

/* --- by name, and before all is known --- */

bool
class_rules_know(const struct class_rules *rules, struct str name)
{
	for (int i = 0; i < rules->n_rules; i++)
		if (str_eq(name, str_of(rules->rules[i].name)))
			return true;
	return class_name_is_built_in(name);
}

const struct class_actions *
class_rules_actions(const struct class_rules *rules, struct str name)
{
	static const struct class_actions none = { .signing = CLASS_SIGNING_AUTO };

	for (int i = 0; i < rules->n_rules; i++)
		if (str_eq(name, str_of(rules->rules[i].name)))
			return &rules->rules[i].actions;
	return &none;
}

/* Whether more evidence may make a rule match whose peer it is for: the reverse-path stays, recipients come, the header comes. */
static bool
may_match_later(const struct class_rule *rule, const struct class_evidence *evidence)
{
	bool counts_claims = evidence->peer->is_trusted;

	if (evidence->header != NULL)
		return false;
	if (rule->n_recipients > 0 || rule->recipients_least > 0)
		return true;
	return counts_claims && (rule->n_fields > 0 || (evidence->envelope == NULL && rule->n_senders > 0));
}

int
class_rules_find_possible(const struct class_rules *rules, const struct class_evidence *evidence,
    const struct class_actions *possible_out[CLASS_SECTIONS_MAX], bool *is_settled_out)
{
	struct plain_mail mail = { .envelope = evidence->envelope };
	int n = 0;

	*is_settled_out = false;
	arena_init(&mail.arena, PLAIN_ARENA_MAX_BYTES);
	for (int i = 0; i < rules->n_rules && !*is_settled_out; i++) {
		const struct class_rule *rule = &rules->rules[i];
		struct class_match match;

		*is_settled_out = rule_matches(rule, evidence, &mail, &match);
		if (*is_settled_out || (is_for_peer(rule, evidence, &match.peer) && may_match_later(rule, evidence)))
			possible_out[n++] = &rule->actions;
	}
	arena_fini(&mail.arena);
	return n;
}
