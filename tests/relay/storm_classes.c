/*
 * storm_classes.c - the classes of a storm's mail: one has a way of its own, one is held too, and there are limits of rate
 *
 * What a class sets holds whatever becomes of the relay in between: the ledger has a mail's class, and knows neither queue
 * nor configuration.
 */
#include <stdio.h>

#include "base/insist.h"
#include "tests/relay/storm.h"

static const char *const kinds[] = { [KIND_USUAL] = "common", [KIND_LIST] = "list", [KIND_SEEN] = "seen" };
static const char kind_field[] = "X-Kind", class_field[] = "X-Traffic-Class";

/* Each bites now and then; whoever is put off by it comes again. */
static const struct class_rate list_rates[] = {
	{ RATE_OF_RECIPIENTS, RATE_PER_CLIENT, { 6, { 60 * INT64_C(1000000000) } } },
};
static const struct class_rate common_rates[] = {
	{ RATE_OF_MESSAGES, RATE_PER_CLIENT, { 40, { 60 * INT64_C(1000000000) } } },
	{ RATE_OF_BYTES, RATE_PER_SENDER, { 100 * 1000, { 60 * INT64_C(1000000000) } } },
};
static const struct class_rate other_rates[] = {
	{ RATE_OF_RECIPIENTS, RATE_PER_SENDER, { 4, { 30 * INT64_C(1000000000) } } },
	{ RATE_OF_MESSAGES, RATE_PER_CLIENT, { 30, { 60 * INT64_C(1000000000) } } },
};

/* That of all mail comes last: what it is of is known at MAIL, for who is not trusted cannot claim the others. */
void
classes_plan(struct storm_classes *classes, bool is_usual, struct relay_plan *plan)
{
	static const char *const fields[] = { "X-Kind: list", "X-Kind: seen" };
	static const char *const listeners[] = { "mx" };

	insist(network_parse(str_of(TRUSTED_AT), &classes->trusted));
	for (int i = 0; i < 2; i++)
		classes->sections[i] = (struct class_section){
			.name = kinds[KIND_LIST + i], .networks = &classes->trusted, .n_networks = 1, .fields = &fields[i], .n_fields = 1,
			.actions = { .route = "route:bulk", .is_held = i == 1, .rates = list_rates, .n_rates = 1 },
		};
	classes->sections[2] = (struct class_section){
		.name = kinds[KIND_USUAL], .listeners = listeners, .n_listeners = 1,
		.actions = { .rates = is_usual ? common_rates : other_rates, .n_rates = 2 },
	};
	plan->classes = (struct policy_classes){ .sections = classes->sections, .n_sections = STORM_CLASSES, .field_name = class_field };
}

void
classes_write_field(const struct storm_mail *mail, struct buf *out)
{
	if (mail->kind != KIND_USUAL)
		buf_printf(out, "%s: %s\r\n", kind_field, kinds[mail->kind]);
}

/* Outsiders may say what they like. */
void
classes_write_forged(struct buf *out)
{
	buf_printf(out, "%s: %s; direction=inbound; by=network\r\n", class_field, kinds[KIND_SEEN]);
}

const char *
classes_wrong_top(const struct storm_mail *mail, const struct header_section *top)
{
	int at = header_find(top, str_of(class_field), 0);
	struct str value, name;

	if (header_count(top, str_of(class_field)) != 1)
		return "not one field of its class";
	value = str_trim(top->fields[at].value);
	if (!str_take_until(&value, ';', &name) || !str_eq(name, str_of(kinds[mail->kind])))
		return "the field of another class";
	return NULL;
}

const char *
classes_wrong_arrival(const struct storm *storm, const struct storm_mail *mail, int domain, int hop)
{
	int way = mail->kind == KIND_USUAL ? STORM_HOME : STORM_BULK;

	if (domain == STORM_OUTSIDE && hop != way)
		return "went the way of another class";
	if (mail->kind == KIND_SEEN && !mail->is_let_go && storm->n_releasing == 0)
		return "arrived, though it is held and nobody released it";
	return NULL;
}

/* domain: the one whose mail is released; -1: all. */
void
classes_let_go(struct storm_ledger *ledger, int domain)
{
	for (int i = 0; i < ledger->n_mails; i++) {
		struct storm_mail *mail = &ledger->mails[i];

		if (mail->n_tries == 0 && !mail->is_busy)
			continue;		/* nobody brought it yet */
		for (int j = 0; j < mail->n_recipients; j++)
			mail->is_let_go |= domain < 0 || mail->recipients[j].domain == domain;
	}
}

static void
count_put_off(void *context, const struct class_rates_view *view)
{
	*(int *)context += (int)view->n_put_off;
}

/* A kill or a reload with other limits takes with it what was not counted yet. */
void
classes_count(struct storm *storm)
{
	int *counted = &storm->ledger->counts.n_put_off, n = storm->n_put_off_before;

	class_rates_each(storm->relay.rates, count_put_off, &n);
	if (n > *counted)
		*counted = n;
}
