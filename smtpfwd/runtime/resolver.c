/*
 * resolver.c - questions of fibers, asked through libunbound and its event API
 *
 * Every call of the library is made on the loop's own stack, because its first one
 * needs more than a fiber has: a fiber puts its requests on a list and parks, and a timer
 * set to now makes the calls.  How the library is set up stands in unbound_setup.c; what
 * a packet says, in base/dns.c.
 */
#include <stdio.h>
#include <unbound.h>
#include <unbound-event.h>

#include "base/code.h"
#include "base/dns_wire.h"
#include "base/insist.h"
#include "base/list.h"
#include "base/mem.h"
#include "smtpfwd/runtime/resolver.h"
#include "smtpfwd/runtime/unbound_events.h"
#include "smtpfwd/runtime/unbound_setup.h"

enum { CLASS_IN = 1 };

enum { SEC_BOGUS = 1, SEC_SECURE = 2 };	/* as the library's callback says it */

struct unbound_resolver {
	struct resolver		 resolver;
	struct loop		*loop;
	struct unbound_events	*events;
	struct ub_ctx		*ctx;
	struct timer		 submit;
	struct list		 waiting;	/* requests that the library does not have yet */
	struct list		 asked;		/* those it has; it calls back exactly once for each */
	struct span		 question_limit;
};

struct ask {				/* on the stack of the fiber that waits */
	struct fiber	*fiber;
	struct arena	*arena;
	struct list	 requests;	/* open ones */
};

struct request {
	struct list_link		 link;		/* waiting or asked */
	struct list_link		 ask_link;
	struct unbound_resolver		*of;
	struct ask			*ask;		/* NULL: nobody waits any more */
	const struct dns_question	*question;	/* this and the next are the asker's */
	struct dns_answer		*answer;
	char				 name[];	/* as the library wants it */
};

static void	say_unsettled(struct dns_answer *answer, const char *format, ...)
		    __attribute__((format(printf, 2, 3)));

static void
say_unsettled(struct dns_answer *answer, const char *format, ...)
{
	va_list args;

	*answer = (struct dns_answer){ .result = DNS_UNSETTLED };
	va_start(args, format);
	vsnprintf(answer->why, sizeof(answer->why), format, args);
	va_end(args);
}

/* --- names --- */

/* Room for name_write: each byte may become \DDD; a last dot and a NUL. */
static size_t
name_room_bytes(struct str name)
{
	return 4 * name.len + 2;
}

/* For the library, which takes \DDD as base/dns.h does, but would take \X too, and blanks amiss. */
static void
name_write(struct str name, char *room)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.\\";

	for (size_t i = 0; i < name.len; i++) {
		unsigned byte = (unsigned char)name.at[i];

		if (byte != 0 && strchr(plain, (int)byte) != NULL)
			*room++ = (char)byte;
		else
			room += sprintf(room, "\\%03u", byte);
	}
	*room++ = '.';
	*room = '\0';
}

/* --- a request and the library; on the loop's own stack --- */

/* The asker, if there is one still, has its answer. */
static void
request_end(struct request *request)
{
	struct ask *ask = request->ask;

	if (ask != NULL) {
		list_remove(&ask->requests, &request->ask_link);
		if (list_is_empty(&ask->requests))
			fiber_wake(ask->fiber);
	}
	mem_free(request);
}

static void
say_bogus(struct dns_answer *answer, const char *why_bogus)
{
	struct buf shown;

	/* The library's text has names in it that strangers chose. */
	buf_init(&shown, 4 * sizeof(answer->why));
	(void)escape_append(str_of(why_bogus != NULL ? why_bogus : "no reason known"), false,
	    sizeof(answer->why) - sizeof("bogus: "), &shown);
	say_unsettled(answer, "bogus: %.*s", STR_ARG(buf_str(&shown)));
	answer->is_bogus = true;
	buf_fini(&shown);
}

static void
request_answered(void *arg, int rcode, void *packet, int packet_bytes, int sec, char *why_bogus,
    int was_ratelimited)
{
	struct request *request = arg;
	struct dns_answer *answer = request->answer;

	list_remove(&request->of->asked, &request->link);
	if (request->ask == NULL) {
		request_end(request);
		return;
	}
	if (sec == SEC_BOGUS)
		say_bogus(answer, why_bogus);
	else if (rcode != 0 || packet == NULL || packet_bytes <= 0)
		say_unsettled(answer, "no server gave a usable answer (rcode %d)", rcode);
	else {
		dns_read_packet(str_n(packet, (size_t)packet_bytes), request->question,
		    request->ask->arena, answer);
		answer->is_secure = sec == SEC_SECURE;
	}
	request_end(request);
}

/* May call request_answered at once, for what is cached. */
static void
request_submit(struct unbound_resolver *r, struct request *request)
{
	int error;

	list_append(&r->asked, &request->link);
	error = ub_resolve_event(r->ctx, request->name, (int)request->question->type, CLASS_IN, request,
	    request_answered, NULL);
	if (error == 0)
		return;
	list_remove(&r->asked, &request->link);
	say_unsettled(request->answer, "the question could not be asked: %s", ub_strerror(error));
	request_end(request);
}

static void
submit_waiting(struct timer *timer)
{
	struct unbound_resolver *r = HEAP_ITEM(timer, struct unbound_resolver, submit);
	struct list_link *link;

	while ((link = list_take_first(&r->waiting)) != NULL)
		request_submit(r, LIST_ITEM(link, struct request, link));
}

/* --- the asking fiber --- */

static void
request_begin(struct unbound_resolver *r, struct ask *ask, const struct dns_question *question,
    struct dns_answer *answer)
{
	size_t n_most = question->is_strangers ? RESOLVER_STRANGERS_MAX : RESOLVER_QUESTIONS_MAX;
	struct request *request;
	struct dns_name name;

	/* The library would keep a little memory until its end for each name it cannot read. */
	if (!dns_name_of_text(question->name, &name)) {
		*answer = (struct dns_answer){ .result = DNS_NO_NAME };
		return;
	}
	if (r->waiting.n + r->asked.n >= n_most) {
		say_unsettled(answer, "%zu questions are open already", n_most);
		return;
	}
	say_unsettled(answer, "not asked yet");
	request = mem_new(sizeof(*request) + name_room_bytes(question->name));
	request->of = r;
	request->ask = ask;
	request->question = question;
	request->answer = answer;
	name_write(question->name, request->name);
	list_append(&r->waiting, &request->link);
	list_append(&ask->requests, &request->ask_link);
}

/*
 * The asker stops waiting.  What the library has stays with it until it calls back, so that
 * RESOLVER_QUESTIONS_MAX bounds its work too, and a late answer is in its cache for who asks next.
 */
static void
ask_abandon(struct unbound_resolver *r, struct ask *ask, const char *why)
{
	struct list_link *link;

	while ((link = list_take_first(&ask->requests)) != NULL) {
		struct request *request = LIST_ITEM(link, struct request, ask_link);

		say_unsettled(request->answer, "%s", why);
		request->ask = NULL;
	}
	LIST_EACH(at, &r->waiting) {
		struct request *request = LIST_ITEM(at, struct request, link);

		if (request->ask == NULL) {
			list_remove(&r->waiting, at);
			mem_free(request);
		}
	}
}

static void
resolver_ask(struct resolver *resolver, const struct dns_question *questions, int n_questions,
    struct instant deadline, struct arena *arena, struct dns_answer *answers_out)
{
	struct unbound_resolver *r = (struct unbound_resolver *)(void *)resolver;
	struct instant limit = instant_after(loop_now(r->loop), r->question_limit);
	struct instant until = instant_min(deadline, limit);
	struct ask ask = { .fiber = fiber_self(), .arena = arena };
	enum wake wake = WAKE_READY;

	insist(ask.fiber != NULL);
	list_init(&ask.requests);
	for (int i = 0; i < n_questions; i++)
		request_begin(r, &ask, &questions[i], &answers_out[i]);
	if (!list_is_empty(&r->waiting))
		timer_set(r->loop, &r->submit, loop_now(r->loop));
	while (!list_is_empty(&ask.requests) && wake == WAKE_READY)
		wake = fiber_park(until);
	switch (wake) {
	case WAKE_READY:
		break;
	case WAKE_TIMED_OUT:
		ask_abandon(r, &ask, "no answer in time");
		break;
	case WAKE_CANCELLED:
		ask_abandon(r, &ask, "cancelled");
		break;
	}
}

struct resolver *
resolver_new(struct loop *loop, const struct resolver_settings *settings, struct fault *fault_out)
{
	struct unbound_resolver *r = mem_new(sizeof(*r));

	insist(settings->tries > 0 && settings->timeout.ns > 0);
	r->resolver.ask = resolver_ask;
	r->loop = loop;
	r->submit.ring = submit_waiting;
	list_init(&r->waiting);
	list_init(&r->asked);
	if (__builtin_mul_overflow(settings->timeout.ns, settings->tries, &r->question_limit.ns))
		r->question_limit.ns = INT64_MAX;
	r->events = unbound_events_new(loop);
	r->ctx = unbound_setup(unbound_events_base(r->events), settings, fault_out);
	if (r->ctx == NULL) {
		unbound_events_free(r->events);
		mem_free(r);
		return NULL;
	}
	return &r->resolver;
}

void
resolver_free(struct resolver *resolver)
{
	struct unbound_resolver *r = (struct unbound_resolver *)(void *)resolver;
	struct list_link *link;

	if (r == NULL)
		return;
	insist(list_is_empty(&r->waiting));	/* a fiber would wait for ever */
	LIST_EACH(at, &r->asked)
		insist(LIST_ITEM(at, struct request, link)->ask == NULL);
	timer_clear(r->loop, &r->submit);
	ub_ctx_delete(r->ctx);			/* may call back for some of the questions it has */
	while ((link = list_take_first(&r->asked)) != NULL)
		mem_free(LIST_ITEM(link, struct request, link));
	unbound_events_free(r->events);
	mem_free(r);
}
