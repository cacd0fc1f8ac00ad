/*
 * reporter.c - makes the reports that are owed, and pays the debts
 *
 * Who is owed one is the queue's to know: nobody for a null reverse-path, so no report about
 * a report (RFC 5321 6.1), and only what NOTIFY asks for (RFC 3461 4.1).
 */
#include "base/insist.h"
#include "base/mem.h"
#include "mail/header.h"
#include "mail/history.h"
#include "policy/seal.h"
#include "smtpfwd/report/dsn.h"
#include "smtpfwd/report/reporter.h"
#include "smtpfwd/runtime/sync.h"

enum {
	/* A recipient makes some 12 KB of a report at most, a few hundred bytes in general; who is left has the next one. */
	REPORTED_MAX = 1000,
	OPENING_MAX_BYTES = 16 * 1024 * 1024,
	HEADER_ARENA_MAX_BYTES = 64 * 1024,	/* our own dozen of fields as structs */
	WORDS_MAX_BYTES = 1024,		/* a domain and two selectors */
	/* Each waits for a sync of the disk; several have the same one. */
	WRITERS = 8,
	PAY_WITHIN_S = 300,
	REST_S = 10,			/* after a failure of our own (a full disk) */
};

struct writer {				/* of one report at a time */
	struct reporter		*reporter;
	struct queue		*queue;
	struct log		*log;
	const struct policy	*policy;	/* of the report at hand; held */
	struct fiber		*fiber;		/* NULL: ended */
};

struct reporter {
	struct loop		*loop;
	const struct policy	*next_policy;	/* of the reports that follow; held */
	struct os_crew		*signers;
	struct log		*log;
	struct instant		 rest_until;	/* something of ours failed: what fails once would fail eight times */
	struct writer		 writers[WRITERS];
	int			 n_writing;
	struct signal_list	 ended;
};

static const char *
kind_word(enum report_kind kind)
{
	switch (kind) {
	case REPORT_FAILED:
		return "failure";
	case REPORT_DELAYED:
		return "delay";
	case REPORT_RELAYED:
		return "success";
	}
	return "failure";
}

/* Why no report is sent; NULL: one is. */
static const char *
why_not(const struct writer *writer, const struct owed *owed)
{
	char room[POLICY_DESTINATION_MAX];

	insist(!address_is_null(&owed->envelope->reverse_path));
	insist(owed->n_recipients > 0);
	if (str_eq(policy_destination_of(writer->policy, STR("report"), &owed->envelope->reverse_path, room), STR("none")))
		return "no outbound route is configured";
	return NULL;
}

/* Writes the opening, its header section first; the signature begins with that. */
static int
open_report(struct writer *writer, const struct dsn *dsn, struct str opening, struct outlet *outlet, struct instant deadline,
    struct fault *fault_out)
{
	struct header_section header;
	struct arena arena;
	int status = -1;

	arena_init(&arena, HEADER_ARENA_MAX_BYTES);
	if (header_read(opening, &arena, &header) != 0) {
		fault_temporary(fault_out, "the report's header is too large");
	} else if (outlet_append(outlet, str_sub(opening, 0, header.body_at), deadline, fault_out) == 0) {
		outlet->seal = seal_new(&(struct seal_inputs){
			.policy = writer->policy, .source = SIGN_SOURCE_OWN, .header = &header, .now = dsn->now,
		});
		status = outlet_append(outlet, str_from(opening, header.body_at), deadline, fault_out);
	}
	arena_fini(&arena);
	return status;
}

static int
fill(struct writer *writer, const struct dsn *dsn, struct outlet *outlet, struct instant deadline, struct fault *fault_out)
{
	struct buf text;
	int status = -1;

	buf_init(&text, OPENING_MAX_BYTES);
	if (dsn_append_opening(dsn, &text) != 0)
		fault_temporary(fault_out, "the report is too large");
	else if (open_report(writer, dsn, buf_str(&text), outlet, deadline, fault_out) == 0 &&
	    returned_copy(writer->queue, dsn->owed, dsn->returned, dsn_is_quoted(dsn), outlet, deadline, fault_out) == 0) {
		buf_clear(&text);
		insist(dsn_append_closing(dsn, &text) == 0);
		status = outlet_append(outlet, buf_str(&text), deadline, fault_out);
	}
	buf_fini(&text);
	return status;
}

static int
sign_on_crew(void *context, struct fault *fault_out)
{
	return seal_sign(context, fault_out);
}

/* A report of a domain that no sign section names goes unsigned; where a signature fails it waits for a better time. */
static int
sign(struct writer *writer, const struct dsn *dsn, struct seal *seal, struct buf *fields, struct fault *fault_out)
{
	struct buf words;

	if (!seal_is_signing(seal) && strcmp(seal_reason(seal), "no-rule") == 0)
		return 0;
	seal_ready(seal);
	if (fiber_call_on_crew(writer->reporter->signers, sign_on_crew, seal, fault_out) != 0)
		return -1;
	if (seal_fields(seal, fields) != 0)
		return fault_temporary(fault_out, "the report's signature is too large");
	buf_init(&words, WORDS_MAX_BYTES);
	if (seal_is_signing(seal))
		buf_printf(&words, "signed=%.*s", STR_ARG(seal_signer(seal)));
	else
		buf_printf(&words, "unsigned=%s", seal_reason(seal));
	history_judged(writer->log, &dsn->id, buf_str(&words));
	buf_fini(&words);
	return 0;
}

/* Puts the report into the queue, and owed with it to its end, or gives it back. */
static int
send_report(struct writer *writer, struct owed *owed, struct dsn *dsn, struct draft *draft, struct instant deadline,
    struct fault *fault_out)
{
	/* NEVER: should it fail, nobody is told (RFC 3461 6.1). */
	struct recipient sender = { .address = dsn->to, .notify = NOTIFY_NEVER };
	struct mail_facts facts = { .arrived = dsn->now, .class_name = STR("report"), .client = STR(""),
	    .listener = STR(""), .is_from_trusted = true, .is_report = true };
	struct outlet outlet = { .draft = draft };
	struct returned returned;
	struct buf fields;
	int status = -1;

	buf_init(&fields, DKIM_FIELDS_MAX_BYTES);
	dsn->returned = &returned;
	if (returned_look(writer->queue, owed, deadline, &returned, fault_out) == 0 &&
	    fill(writer, dsn, &outlet, deadline, fault_out) == 0 && sign(writer, dsn, outlet.seal, &fields, fault_out) == 0) {
		struct envelope envelope = { .recipients = &sender, .n_recipients = 1, .cap_recipients = 1,
		    .is_smtputf8 = dsn->is_utf8, .is_8bit = dsn_is_8bit(dsn) };

		status = queue_pay(writer->queue, owed, draft, &envelope, &facts, buf_str(&fields), deadline, fault_out);
	} else {
		queue_give_back_owed(writer->queue, owed);
	}
	seal_free(outlet.seal);
	buf_fini(&fields);
	return status;
}

static int
pay_with_report(struct writer *writer, struct owed *owed, struct fault *fault_out)
{
	struct instant deadline = instant_after(loop_now(writer->reporter->loop), span_s(PAY_WITHIN_S));
	struct dsn dsn = { .owed = owed, .hostname = str_of(policy_hostname(writer->policy)), .now = os_wall_clock() };
	struct draft *draft = draft_new(writer->queue);
	enum report_kind kind = owed->kind;
	struct mail_id mail = owed->mail;
	int n_recipients = owed->n_recipients, status;
	struct address to;
	struct arena kept;

	dsn.id = draft_id(draft);
	dsn.is_utf8 = dsn_address(&owed->envelope->reverse_path, owed->arena, &dsn.to);
	/* What the log line says must outlive owed, which is freed. */
	arena_init(&kept, 4 * ADDRESS_MAX_BYTES);
	insist(address_copy(&kept, &dsn.to, &to));
	status = send_report(writer, owed, &dsn, draft, deadline, fault_out);
	if (status == 0)
		history_reported(writer->log, &mail, kind_word(kind), &dsn.id, &to, n_recipients);
	else
		draft_discard(draft);
	arena_fini(&kept);
	return status;
}

static int
pay(struct writer *writer, struct owed *owed, struct fault *fault_out)
{
	const char *why = why_not(writer, owed);

	if (why == NULL) {
		if (owed->n_recipients > REPORTED_MAX)
			owed->n_recipients = REPORTED_MAX;
		return pay_with_report(writer, owed, fault_out);
	}
	history_unreported(writer->log, &owed->mail, kind_word(owed->kind), why);
	return queue_pay(writer->queue, owed, NULL, NULL, NULL, STR_EMPTY,
	    instant_after(loop_now(writer->reporter->loop), span_s(PAY_WITHIN_S)), fault_out);
}

/* Between two reports only: one that is being written points into its policy. */
static void
take_policy(struct writer *writer, const struct policy *policy)
{
	if (policy != NULL)
		policy_hold(policy);
	policy_free(writer->policy);
	writer->policy = policy;
}

static void
run(void *arg)
{
	struct writer *writer = arg;
	struct reporter *reporter = writer->reporter;
	struct fault fault;
	struct owed *owed;

	while (!fiber_is_cancelled()) {
		if (instant_is_before(loop_now(reporter->loop), reporter->rest_until)) {
			fiber_sleep(reporter->rest_until);
			continue;
		}
		owed = queue_take_owed(writer->queue, INSTANT_NEVER);
		take_policy(writer, reporter->next_policy);
		if (owed == NULL || pay(writer, owed, &fault) == 0)
			continue;
		log_say(reporter->log, LOG_LEVEL_WARNING, "report-waits", "%s", fault.text);
		reporter->rest_until = instant_after(loop_now(reporter->loop), span_s(REST_S));
	}
	writer->fiber = NULL;
	reporter->n_writing--;
	signal_all(&reporter->ended);
}

struct reporter *
reporter_new(struct loop *loop, struct queue *queue, const struct policy *policy, struct os_crew *signers, struct log *log)
{
	struct reporter *reporter = mem_new(sizeof(*reporter));

	*reporter = (struct reporter){ .loop = loop, .next_policy = policy_hold(policy), .signers = signers, .log = log,
	    .rest_until = loop_now(loop) };
	signal_init(&reporter->ended);
	for (int i = 0; i < WRITERS; i++) {
		struct writer *writer = &reporter->writers[i];

		*writer = (struct writer){ .reporter = reporter, .queue = queue, .log = log };
		writer->fiber = fiber_start(loop, "reporter", run, writer);
		insist(writer->fiber != NULL);
		reporter->n_writing++;
	}
	return reporter;
}

void
reporter_adopt(struct reporter *reporter, const struct policy *policy)
{
	policy_hold(policy);
	policy_free(reporter->next_policy);
	reporter->next_policy = policy;
}

void
reporter_stop(struct reporter *reporter, struct instant deadline)
{
	for (int i = 0; i < WRITERS; i++)
		if (reporter->writers[i].fiber != NULL)
			fiber_cancel(reporter->writers[i].fiber);
	while (reporter->n_writing > 0 && signal_wait(&reporter->ended, deadline) == WAKE_READY)
		;
}

void
reporter_free(struct reporter *reporter)
{
	insist(reporter->n_writing == 0);
	for (int i = 0; i < WRITERS; i++)
		take_policy(&reporter->writers[i], NULL);
	policy_free(reporter->next_policy);
	mem_free(reporter);
}
