/*
 * recipients.c - a fiber has changes written every few seconds, and the file anew when most of it is outdated
 */
#include <errno.h>

#include "base/mem.h"
#include "smtpfwd/recipients/known_file.h"
#include "smtpfwd/recipients/recipients.h"
#include "smtpfwd/runtime/sync.h"

enum {
	WRITE_EVERY_S = 5,
	AGAIN_AFTER_S = 60,		/* after trouble, the file is written anew not before */
	TELL_EVERY_S = 3600,		/* of trouble */
	SLACK_BYTES = 64 * 1024,	/* a file smaller than this is not written anew for its size */
	SLICE_MAX_BYTES = 8 * 1024 * 1024,	/* of a file written anew; entries of some 2000 slots */
};

struct recipients {
	struct loop		*loop;
	struct log		*log;
	struct os_crew		*crew;		/* one thread */
	struct fiber		*fiber;		/* NULL: ended */
	struct knowledge	*knowledge;
	struct signal_list	 changed;	/* it is to stop, or has ended */
	bool			 is_stopping;
	struct instant		 again_at;	/* when a file may be written anew */
	struct instant		 tell_at;	/* when trouble may be told again */
	int64_t			 reserve_bytes;
	struct buf		 records;	/* in the hands of the thread or empty */
	int64_t			 new_bytes;	/* that a file written anew will have, about */

	/* The thread's while it has a job. */
	struct known_file	 file;
};

/* --- on the thread --- */

static int
append(void *context, struct fault *fault_out)
{
	struct recipients *r = context;

	(void)fault_out;
	return known_file_append(&r->file, buf_str(&r->records));
}

static int
begin_new(void *context, struct fault *fault_out)
{
	struct recipients *r = context;

	(void)fault_out;
	return known_file_begin_new(&r->file, r->new_bytes);
}

static int
append_new(void *context, struct fault *fault_out)
{
	struct recipients *r = context;

	(void)fault_out;
	return known_file_append_new(&r->file, buf_str(&r->records));
}

static int
adopt_new(void *context, struct fault *fault_out)
{
	struct recipients *r = context;

	(void)fault_out;
	return known_file_adopt_new(&r->file);
}

/* --- on the loop --- */

static void
tell_trouble(struct recipients *r, int error)
{
	struct instant now = os_now();

	if (instant_is_before(now, r->tell_at))
		return;
	r->tell_at = instant_after(now, span_s(TELL_EVERY_S));
	log_say(r->log, LOG_LEVEL_WARNING, "recipients-trouble", "what is known of recipients is not kept: %s: %s", r->file.path,
	    error == -ENOSPC ? "the disk is full" : strerror(-error));
}

static int
run_on_crew(struct recipients *r, int (*call)(void *context, struct fault *fault_out))
{
	int error;

	r->file.reserve_bytes = r->reserve_bytes;	/* now it is in nobody's hands */
	error = fiber_call_on_crew(r->crew, call, r, NULL);
	if (error != 0)
		tell_trouble(r, error);
	return error;
}

static void
add_record(void *context, const struct known_record *record)
{
	struct recipients *r = context;

	(void)known_record_append(record, &r->records);		/* there is room for several times as many as are usual */
}

/* Entries that change meanwhile are among the changes that are appended next, and later records win. */
static int
fill_new(struct recipients *r)
{
	size_t place = 0;
	bool is_more = true;
	int error = 0;

	while (error == 0 && is_more) {
		buf_clear(&r->records);
		do
			is_more = knowledge_each(r->knowledge, &place, add_record, r);
		while (is_more && r->records.len == 0);
		if (r->records.len > 0)
			error = run_on_crew(r, append_new);
	}
	return error;
}

static void
write_anew(struct recipients *r)
{
	int error;

	r->new_bytes = knowledge_live_bytes(r->knowledge);	/* the table is the loop's */
	error = run_on_crew(r, begin_new);
	if (error == 0)
		error = fill_new(r);
	if (error == 0)
		error = run_on_crew(r, adopt_new);
	buf_clear(&r->records);
	r->again_at = error != 0 ? instant_after(os_now(), span_s(AGAIN_AFTER_S)) : (struct instant){ 0 };
}

static bool
is_outdated(const struct recipients *r)
{
	return r->file.bytes > SLACK_BYTES && r->file.bytes / 2 > knowledge_live_bytes(r->knowledge);
}

static void
write_changes(struct recipients *r)
{
	bool is_all = knowledge_take_changes(r->knowledge, &r->records);
	bool is_due = !instant_is_before(os_now(), r->again_at) || r->is_stopping;

	if (!is_all)
		r->file.is_whole = false;
	if (r->file.is_whole && r->records.len > 0)
		(void)run_on_crew(r, append);
	buf_clear(&r->records);
	if (is_due && (!r->file.is_whole || is_outdated(r)))
		write_anew(r);
	buf_shrink(&r->records);
}

static void
run(void *arg)
{
	struct recipients *r = arg;
	bool is_last = false;

	while (!is_last) {
		if (!r->is_stopping)
			(void)signal_wait(&r->changed, instant_after(loop_now(r->loop), span_s(WRITE_EVERY_S)));
		is_last = r->is_stopping || fiber_is_cancelled();
		knowledge_expire(r->knowledge, os_wall_clock());
		write_changes(r);
	}
	r->fiber = NULL;
	signal_all(&r->changed);
}

/* --- beginning and end --- */

struct loading {
	struct knowledge	*knowledge;
	struct timestamp	 now;
};

static void
load_one(void *context, const struct known_record *record)
{
	const struct loading *loading = context;

	knowledge_load(loading->knowledge, record, loading->now);
}

static void
load(struct recipients *r)
{
	struct loading loading = { .knowledge = r->knowledge, .now = os_wall_clock() };
	int error = known_file_read(&r->file, load_one, &loading);

	knowledge_loaded(r->knowledge);
	if (error != 0)
		log_say(r->log, LOG_LEVEL_WARNING, "recipients-trouble", "some of what was known of recipients is lost: %s: %s",
		    r->file.path, error == -EBADMSG ? "damaged" : strerror(-error));
}

struct recipients *
recipients_new(struct loop *loop, const struct recipients_settings *settings, const char *const *relays, int n_relays,
    struct log *log, struct fault *fault_out)
{
	struct recipients *r = mem_new(sizeof(*r));
	uint64_t seed[2];

	os_random(seed, sizeof(seed));
	*r = (struct recipients){ .loop = loop, .log = log, .crew = os_crew_new(loop_poller(loop), 1, "recipients"),
	    .reserve_bytes = settings->reserve_bytes, .knowledge = knowledge_new(&settings->bounds, seed) };
	signal_init(&r->changed);
	known_file_init(&r->file, settings->path, settings->reserve_bytes);
	buf_init(&r->records, SLICE_MAX_BYTES);
	knowledge_set_relays(r->knowledge, relays, n_relays);
	if (r->crew != NULL)
		r->fiber = fiber_start(loop, "recipients", run, r);
	if (r->fiber == NULL) {
		(void)fault_temporary(fault_out, "no thread or no memory for what is known of recipients");
		recipients_free(r);
		return NULL;
	}
	load(r);
	return r;
}

struct knowledge *
recipients_knowledge(struct recipients *recipients)
{
	return recipients->knowledge;
}

void
recipients_set(struct recipients *recipients, const struct recipients_settings *settings, const char *const *relays, int n_relays)
{
	recipients->reserve_bytes = settings->reserve_bytes;
	knowledge_set_bounds(recipients->knowledge, &settings->bounds);
	knowledge_set_relays(recipients->knowledge, relays, n_relays);
}

bool
recipients_stop(struct recipients *recipients, struct instant deadline)
{
	recipients->is_stopping = true;
	signal_all(&recipients->changed);
	while (recipients->fiber != NULL && signal_wait(&recipients->changed, deadline) == WAKE_READY)
		;
	return recipients->fiber == NULL;
}

void
recipients_free(struct recipients *recipients)
{
	if (recipients == NULL)
		return;
	if (recipients->crew != NULL)
		os_crew_free(recipients->crew);
	known_file_fini(&recipients->file);
	knowledge_free(recipients->knowledge);
	buf_fini(&recipients->records);
	mem_free(recipients);
}
