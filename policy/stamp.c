/*
 * stamp.c - findings as fields and as words; what they mean was judged before
 */
#include "base/insist.h"
#include "mail/received_spf.h"
#include "policy/stamp.h"

enum {
	/* iprev, two of SPF, ARC, DMARC; one of DKIM for each signature and for the rest. */
	RESULTS_MAX = 5 + DKIM_SIGNATURES_MAX + 1,
	PROPERTIES_MAX = 5,		/* of a result */
	B_SHOWN_MAX_BYTES = 64,		/* of header.b; signatures alike for longer are somebody's joke */
	ARENA_MAX_BYTES = 64 * 1024,	/* results with their properties, addresses: 10 KB */
	DOMAIN_SHOWN_MAX_BYTES = 100,	/* in a log line, which names several */
	DKIM_WORDS_MAX_BYTES = 1200,	/* all signatures in a log line */
};

static const char *
name_state_word(enum peer_name state)
{
	switch (state) {
	case PEER_NAME_UNASKED:
		return NULL;
	case PEER_NAME_FOUND:
		return "pass";
	case PEER_NAME_DIFFERS:
		return "fail";
	case PEER_NAME_NONE:
		return "permerror";
	case PEER_NAME_UNSETTLED:
		return "temperror";
	}
	return "temperror";
}

/* --- Authentication-Results --- */

struct result_properties {
	struct auth_property at[PROPERTIES_MAX];
};

struct stamping {
	const struct stamp_inputs *in;
	struct arena	 arena;
	struct auth_result *results;
	struct result_properties *properties;	/* of each */
	int		 n_results;
	bool		 is_full;	/* the arena */
};

/* One without properties yet. */
static void
add_result(struct stamping *s, const char *method, const char *value, struct str reason)
{
	s->results[s->n_results] = (struct auth_result){
		.method = method, .result = value, .reason = reason, .properties = s->properties[s->n_results].at,
	};
	s->n_results++;
}

/* Of the last result. */
static void
add_property(struct stamping *s, const char *ptype, const char *name, struct str value)
{
	struct auth_result *result = &s->results[s->n_results - 1];

	s->properties[s->n_results - 1].at[result->n_properties++] = (struct auth_property){ ptype, name, value };
}

static void
add_iprev(struct stamping *s)
{
	const struct peer *peer = s->in->peer;
	const char *value = name_state_word(peer->name_state);
	char *room = arena_alloc(&s->arena, IP_TEXT_MAX);

	if (value == NULL || peer->client.ip.family == IP_NONE)
		return;
	if (room == NULL) {
		s->is_full = true;
		return;
	}
	add_result(s, "iprev", value, STR_EMPTY);
	add_property(s, "policy", "iprev", ip_text(&peer->client.ip, room));	/* RFC 8601 2.7.3 */
}

/* What a reader cannot see by the value alone. */
static struct str
spf_reason(const struct spf_result *result)
{
	return result->value == SPF_TEMPERROR || result->value == SPF_PERMERROR ? result->problem : STR_EMPTY;
}

/*
 * Two identities are two results (RFC 8601 2.7.2).  For the null reverse-path there is one, since MAIL FROM is what HELO said
 * (RFC 7208 2.4).
 */
static void
add_spf(struct stamping *s)
{
	const struct findings *findings = s->in->findings;
	const struct address *reverse_path = &s->in->envelope->reverse_path;
	struct str sender;

	if (!findings->has_spf)
		return;
	if (!address_is_null(reverse_path)) {
		if (!address_text(reverse_path, &s->arena, &sender)) {
			s->is_full = true;
			return;
		}
		add_result(s, "spf", spf_value_word(findings->spf_mail_from.value), spf_reason(&findings->spf_mail_from));
		add_property(s, "smtp", "mailfrom", sender);
	}
	if (s->in->peer->helo.len > 0) {
		add_result(s, "spf", spf_value_word(findings->spf_helo.value), spf_reason(&findings->spf_helo));
		add_property(s, "smtp", "helo", s->in->peer->helo);
	}
}

static void
add_signature(struct stamping *s, const struct dkim_result *dkim)
{
	struct str reason = dkim->is_testing && dkim->reason.len == 0 ? STR("the key is in testing mode") : dkim->reason;

	add_result(s, "dkim", dkim_verdict_word(dkim->verdict), reason);
	add_property(s, "header", "d", dkim->domain);
	add_property(s, "header", "i", dkim->identity);
	add_property(s, "header", "s", dkim->selector);
	add_property(s, "header", "a", dkim->algorithm);
	add_property(s, "header", "b", str_sub(dkim->b_prefix, 0, B_SHOWN_MAX_BYTES));	/* RFC 6008 */
}

static void
add_dkim(struct stamping *s)
{
	const struct findings *findings = s->in->findings;

	if (!findings->has_dkim)
		return;
	for (int i = 0; i < findings->n_dkim; i++)
		add_signature(s, &findings->dkim[i]);
	if (findings->n_dkim == 0)
		add_result(s, "dkim", "none", STR_EMPTY);
}

/* RFC 8617 10.2.  The client's address is what a reader at the chain's end cannot know by himself. */
static void
add_arc(struct stamping *s)
{
	const struct arc_result *arc = &s->in->findings->arc;
	const struct ip *client = &s->in->peer->client.ip;
	char *room = arena_alloc(&s->arena, IP_TEXT_MAX);
	struct str oldest;

	if (!s->in->findings->has_arc)
		return;
	if (room == NULL || !arena_printf(&s->arena, &oldest, "%d", arc->oldest_pass)) {
		s->is_full = true;
		return;
	}
	add_result(s, "arc", arc_status_word(arc->status), arc->reason);
	if (client->family != IP_NONE)
		add_property(s, "smtp", "remote-ip", ip_text(client, room));
	if (arc->status == ARC_PASS)
		add_property(s, "header", "oldest-pass", oldest);
}

static void
add_dmarc(struct stamping *s)
{
	if (!s->in->findings->has_dmarc)
		return;
	if (dmarc_auth_result(&s->in->findings->dmarc, &s->arena, &s->results[s->n_results]))
		s->n_results++;
	else
		s->is_full = true;
}

/*
 * Of a mail that needs SMTPUTF8 anyway, for its reverse-path.  HELO may be any bytes, and one that is ASCII but for those is no
 * internationalised mail: its next hop need not know SMTPUTF8.
 */
static bool
may_have_utf8(const struct envelope *envelope)
{
	return envelope->is_smtputf8 && !address_is_ascii(&envelope->reverse_path);
}

static int
stamp_auth_results(const struct stamp_inputs *in, struct buf *out)
{
	struct stamping s = { .in = in };
	int status = -1;

	arena_init(&s.arena, ARENA_MAX_BYTES);
	s.results = arena_array(&s.arena, RESULTS_MAX, sizeof(s.results[0]));
	s.properties = arena_array(&s.arena, RESULTS_MAX, sizeof(s.properties[0]));
	if (s.results != NULL && s.properties != NULL) {
		add_iprev(&s);
		add_spf(&s);
		add_dkim(&s);
		add_arc(&s);
		add_dmarc(&s);
		if (!s.is_full)
			status = auth_results_append(str_of(policy_verify_rules(in->policy)->authserv_id), s.results, s.n_results,
			    may_have_utf8(in->envelope), out);
	}
	arena_fini(&s.arena);
	return status;
}

/* --- Received-SPF --- */

/* The sentences of RFC 7208 9.1's examples. */
static bool
write_comment(const struct spf_result *spf, struct str sender, struct str client, struct arena *arena, struct str *comment_out)
{
	switch (spf->value) {
	case SPF_PASS:
		return arena_printf(arena, comment_out, "domain of %.*s designates %.*s as permitted sender", STR_ARG(sender), STR_ARG(client));
	case SPF_FAIL:
		return arena_printf(arena, comment_out, "domain of %.*s does not designate %.*s as permitted sender", STR_ARG(sender),
		    STR_ARG(client));
	case SPF_SOFTFAIL:
		return arena_printf(arena, comment_out, "transitioning domain of %.*s does not designate %.*s as permitted sender",
		    STR_ARG(sender), STR_ARG(client));
	case SPF_NEUTRAL:
		return arena_printf(arena, comment_out, "%.*s is neither permitted nor denied by domain of %.*s", STR_ARG(client),
		    STR_ARG(sender));
	case SPF_NONE:
		return arena_printf(arena, comment_out, "domain of %.*s does not say who may send for it", STR_ARG(sender));
	case SPF_TEMPERROR:
	case SPF_PERMERROR:
		return arena_printf(arena, comment_out, "error in the check of %.*s", STR_ARG(sender));
	}
	return false;
}

static int
stamp_received_spf(const struct stamp_inputs *in, const struct spf_result *spf, struct arena *arena, struct buf *out)
{
	const struct address *reverse_path = &in->envelope->reverse_path;
	bool is_helo = spf->identity == SPF_HELO;
	char room[IP_TEXT_MAX];
	struct received_spf field = {
		.result = spf_value_word(spf->value), .comment = STR_EMPTY, .client = in->peer->client.ip, .envelope_from = STR_EMPTY,
		.helo = in->peer->helo, .identity = is_helo ? "helo" : "mailfrom", .receiver = str_of(policy_hostname(in->policy)),
		.mechanism = spf->mechanism, .problem = spf_reason(spf),
	};

	if (!address_text(reverse_path, arena, &field.envelope_from) ||
	    !write_comment(spf, is_helo ? in->peer->helo : field.envelope_from, ip_text(&in->peer->client.ip, room), arena, &field.comment))
		return -1;
	return received_spf_append(&field, out);
}

static int
stamp_both_received_spf(const struct stamp_inputs *in, struct buf *out)
{
	const struct findings *findings = in->findings;
	struct arena arena;
	int status = 0;

	arena_init(&arena, ARENA_MAX_BYTES);
	if (!address_is_null(&in->envelope->reverse_path))
		status = stamp_received_spf(in, &findings->spf_mail_from, &arena, out);
	if (status == 0 && in->peer->helo.len > 0)
		status = stamp_received_spf(in, &findings->spf_helo, &arena, out);
	arena_fini(&arena);
	return status;
}

int
stamp_results(const struct stamp_inputs *inputs, struct buf *out)
{
	size_t len_before = out->len, name_bytes = strlen("Authentication-Results: ");

	if (inputs->findings->why_unchecked != NULL)
		return 0;
	if (stamp_auth_results(inputs, out) != 0)
		return -1;
	insist(str_starts(str_from(buf_str(out), len_before), STR("Authentication-Results: ")) && str_ends_nocase(buf_str(out), STR("\r\n")));
	memmove(out->at + len_before, out->at + len_before + name_bytes, out->len - len_before - name_bytes);
	out->len -= name_bytes + strlen("\r\n");
	return 0;
}

int
stamp_fields(const struct stamp_inputs *inputs, struct buf *out)
{
	size_t len_before = out->len;

	if (inputs->findings->why_unchecked != NULL)
		return 0;
	if (stamp_auth_results(inputs, out) == 0 && (!inputs->findings->has_spf ||
	    !policy_verify_rules(inputs->policy)->with_received_spf || stamp_both_received_spf(inputs, out) == 0))
		return 0;
	out->len = len_before;
	return -1;
}

/* --- words --- */

/* " key=word", or as much as there is room for. */
static void
put_word(struct buf *out, const char *key, const char *word)
{
	(void)buf_printf(out, "%s%s=%s", out->len > 0 && out->at[out->len - 1] != ' ' ? " " : "", key, word);
}

/* ":NAME": letters, digits and what names are made of stay, all else is "?", and a long one is cut. */
static void
put_name(struct buf *out, struct str name)
{
	char shown[DOMAIN_SHOWN_MAX_BYTES];
	size_t n = name.len < sizeof(shown) ? name.len : sizeof(shown);

	for (size_t i = 0; i < n; i++) {
		char c = name.at[i];
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';

		shown[i] = is_plain ? c : '?';
	}
	(void)buf_printf(out, ":%.*s%s", (int)n, shown, n < name.len ? "..." : "");
}

static void
put_dkim(struct buf *out, const struct findings *findings)
{
	size_t end = out->len + DKIM_WORDS_MAX_BYTES - 2 * (DOMAIN_SHOWN_MAX_BYTES + 16);	/* where one more still fits */

	put_word(out, "dkim", findings->n_dkim == 0 ? "none" : "");
	for (int i = 0; i < findings->n_dkim; i++) {
		const struct dkim_result *result = &findings->dkim[i];

		if (out->len > end) {
			(void)buf_printf(out, "+%d", findings->n_dkim - i);
			return;
		}
		(void)buf_printf(out, "%s%s", i > 0 ? "," : "", dkim_verdict_word(result->verdict));
		if (result->domain.len > 0)
			put_name(out, result->domain);
		if (result->selector.len > 0)
			put_name(out, result->selector);
	}
}

/* Behind pass who sealed last; of a fail that time may heal, that. */
static void
put_arc(struct buf *out, const struct arc_result *arc)
{
	put_word(out, "arc", arc_status_word(arc->status));
	if (arc->n_sealers > 0)
		put_name(out, arc->sealers[arc->n_sealers - 1].domain);
	if (arc->is_temporary)
		put_name(out, STR("temporary"));
}

static void
put_dmarc(struct buf *out, const struct dmarc_result *dmarc)
{
	put_word(out, "dmarc", dmarc_verdict_text(dmarc->verdict));
	if (dmarc->deciding != NULL)
		put_name(out, dmarc->deciding->domain);
	if (dmarc->verdict == DMARC_FAIL)
		put_name(out, str_of(dmarc_policy_text(dmarc->applied)));
}

static const char *
verdict_word(const struct verdict *verdict)
{
	if (verdict->action == ACTION_ACCEPT && verdict->is_held)
		return "hold";
	if (verdict->action == ACTION_ACCEPT && verdict->is_marked)
		return "mark";
	return action_word(verdict->action);
}

void
stamp_words(const struct stamp_inputs *inputs, const struct verdict *verdict, struct buf *out)
{
	const struct findings *findings = inputs->findings;
	const char *iprev = name_state_word(inputs->peer->name_state);

	if (findings->why_unchecked != NULL)
		put_word(out, "unchecked", findings->why_unchecked);
	if (findings->why_unchecked == NULL && iprev != NULL)
		put_word(out, "iprev", iprev);
	if (findings->has_spf) {
		put_word(out, "spf-helo", spf_value_word(findings->spf_helo.value));
		put_word(out, "spf", spf_value_word(findings->spf_mail_from.value));
	}
	if (findings->has_dkim)
		put_dkim(out, findings);
	if (findings->has_arc)
		put_arc(out, &findings->arc);
	if (findings->has_dmarc)
		put_dmarc(out, &findings->dmarc);
	put_word(out, "verdict", verdict_word(verdict));
	if (verdict->reason != NULL)
		put_name(out, str_of(verdict->reason));
}
