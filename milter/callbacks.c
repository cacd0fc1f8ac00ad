/*
 * callbacks.c - what libmilter calls, for each session of Postfix's
 *
 * Thin: which data of the protocol goes where.  Each call may come on another thread, those of one session one behind the other.
 * MAIL and pieces of the body are answered, as a mail may end there; all else is not, and what is wrong is said at the
 * end: a RCPT of sendmail(1) must not be refused.
 */
#include <stdlib.h>
#include <string.h>

#include <libmilter/mfapi.h>

#include "base/insist.h"
#include "base/mem.h"
#include "mail/history.h"
#include "milter/apply.h"
#include "milter/callbacks.h"
#include "policy/stamp.h"

#define ACTIONS_NEEDED	((unsigned long)(SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE | SMFIF_SETSYMLIST))
#define STEPS_NEEDED	((unsigned long)(SMFIP_HDR_LEADSPC | SMFIP_SKIP))
#define STEPS_UNUSED	((unsigned long)(SMFIP_NOCONNECT | SMFIP_NOUNKNOWN | SMFIP_NODATA))
#define STEPS_UNANSWERED	((unsigned long)(SMFIP_NR_HELO | SMFIP_NR_RCPT | SMFIP_NR_HDR | SMFIP_NR_EOH))

enum { MESSAGE_MAX_BYTES = 1024 * 1024 };

#define MACROS_RCPT	"i {rcpt_mailer}"

struct session {			/* one connection of Postfix's, which is one of its client's */
	unsigned long	 steps;		/* as agreed */
	char		*helo;		/* or NULL */
	struct judging	*judging;	/* NULL between mails */
};

/* libmilter has one filter in a process, and hands its callbacks nothing of ours before a session is there. */
static struct milter *registered;

/* Old interfaces take strings that they do not write to. */
static char *
unconst(const char *text)
{
	return (char *)(uintptr_t)text;
}

static const char *
find_macro(void *context, const char *name)
{
	return smfi_getsymval(context, unconst(name));
}

static struct str
macro(SMFICTX *context, const char *name)
{
	const char *value = find_macro(context, name);

	return value != NULL ? str_of(value) : STR_EMPTY;
}

static sfsistat
go_on(const struct session *session, unsigned long step)
{
	return (session->steps & step) != 0 ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

static void
drop_mail(struct session *session)
{
	if (session->judging == NULL)
		return;
	judging_free(session->judging);
	session->judging = NULL;
	atomic_fetch_sub(&registered->n_mails, 1);
}

/* --- a session --- */

static sfsistat
negotiate(SMFICTX *context, unsigned long actions, unsigned long steps, unsigned long unused_1, unsigned long unused_2,
    unsigned long *actions_out, unsigned long *steps_out, unsigned long *unused_1_out, unsigned long *unused_2_out)
{
	struct session *session;

	(void)unused_1, (void)unused_2;
	if ((actions & ACTIONS_NEEDED) != ACTIONS_NEEDED || (steps & STEPS_NEEDED) != STEPS_NEEDED) {
		log_say(registered->log, LOG_LEVEL_ERROR, "milter-protocol",
		    "the mail server cannot do what is needed (milter_protocol = 6, Postfix 2.6 or later): actions %lx, steps %lx", actions, steps);
		return SMFIS_REJECT;
	}
	*actions_out = ACTIONS_NEEDED | (actions & SMFIF_CHGFROM);
	*steps_out = STEPS_NEEDED | (steps & (STEPS_UNUSED | STEPS_UNANSWERED));
	*unused_1_out = *unused_2_out = 0;
	if (smfi_setsymlist(context, SMFIM_CONNECT, unconst(CLIENT_MACROS_CONNECT)) != MI_SUCCESS ||
	    smfi_setsymlist(context, SMFIM_HELO, unconst(CLIENT_MACROS_HELO)) != MI_SUCCESS ||
	    smfi_setsymlist(context, SMFIM_ENVFROM, unconst(CLIENT_MACROS_MAIL)) != MI_SUCCESS ||
	    smfi_setsymlist(context, SMFIM_ENVRCPT, unconst(MACROS_RCPT)) != MI_SUCCESS ||
	    smfi_setsymlist(context, SMFIM_EOM, unconst("i")) != MI_SUCCESS)
		return SMFIS_REJECT;
	session = mem_new(sizeof(*session));
	session->steps = *steps_out;
	if (smfi_setpriv(context, session) != MI_SUCCESS) {
		mem_free(session);
		return SMFIS_REJECT;
	}
	atomic_fetch_add(&registered->n_sessions, 1);
	return SMFIS_CONTINUE;
}

static sfsistat
greet(SMFICTX *context, char *name)
{
	struct session *session = smfi_getpriv(context);

	if (session == NULL)
		return SMFIS_TEMPFAIL;
	free(session->helo);
	session->helo = name != NULL ? strdup(name) : NULL;
	return go_on(session, SMFIP_NR_HELO);
}

static sfsistat
end_session(SMFICTX *context)
{
	struct session *session = smfi_getpriv(context);

	if (session == NULL)
		return SMFIS_CONTINUE;
	drop_mail(session);
	free(session->helo);
	mem_free(session);
	(void)smfi_setpriv(context, NULL);
	atomic_fetch_sub(&registered->n_sessions, 1);
	return SMFIS_CONTINUE;
}

/* --- a mail --- */

static bool
is_word_there(char **words, const char *wanted)
{
	for (; *words != NULL; words++)
		if (str_eq_nocase(str_of(*words), str_of(wanted)))
			return true;
	return false;
}

/* As SIZE says (RFC 1870); 0: it is not there. */
static uint64_t
size_of(char **words)
{
	uint64_t n_bytes = 0;

	for (; *words != NULL; words++)
		if (str_starts_nocase(str_of(*words), STR("SIZE=")) && !str_to_u64(str_from(str_of(*words), 5), &n_bytes))
			n_bytes = 0;
	return n_bytes;
}

static sfsistat
refuse_at_mail(SMFICTX *context, const char *reason)
{
	struct log_line line;

	atomic_fetch_add(&registered->n_failed, 1);
	log_begin(&line, registered->log, LOG_LEVEL_WARNING, "unjudged");
	log_text(&line, "why", reason);
	log_str(&line, "client", macro(context, "{client_addr}"));
	log_end(&line);
	(void)smfi_setreply(context, unconst("451"), unconst("4.3.2"), unconst("Too busy; try again later"));
	return SMFIS_TEMPFAIL;
}

/* A limit of its class is in the way. */
static sfsistat
put_off_at_mail(SMFICTX *context, struct session *session, const struct verdict *verdict)
{
	sfsistat status;

	if (!verdict->is_quiet)
		history_rejected(registered->log, NULL, judging_peer(session->judging), "mail",
		    &judging_envelope(session->judging)->reverse_path, NULL, &verdict->reply, verdict->reason);
	atomic_fetch_add(&registered->n_deferred, 1);
	status = apply_put_off(context, verdict);
	drop_mail(session);
	return status;
}

static sfsistat
begin_mail(SMFICTX *context, char **words)
{
	struct session *session = smfi_getpriv(context);
	struct rules *rules = rules_hold(registered->world.rules);
	const bool accepts = rules->accepts_on_failure;
	const char *why = atomic_load(&registered->is_draining) ? "stopping" :
	    atomic_load(&registered->n_sessions) > rules->sessions_max ? "max-sessions" : NULL;
	const bool was_here = rules_is_after_filter(rules, macro(context, "{daemon_name}"));
	struct judging_start start = { .macros = { .find = find_macro, .context = context }, .path = str_of(words[0]),
	    .is_smtputf8 = is_word_there(words + 1, "SMTPUTF8"), .size_bytes = size_of(words + 1) };
	struct verdict verdict;

	rules_release(rules);
	if (session == NULL)
		return SMFIS_TEMPFAIL;
	drop_mail(session);
	if (was_here)
		return SMFIS_ACCEPT;
	if (why != NULL && !accepts)
		return refuse_at_mail(context, why);
	start.helo = session->helo != NULL ? str_of(session->helo) : STR_EMPTY;
	session->judging = judging_new(&registered->world, &start);
	if (why != NULL)
		judging_fail(session->judging, why);	/* it goes on; what is forged of it does not */
	atomic_fetch_add(&registered->n_mails, 1);
	return judging_is_put_off(session->judging, &verdict) ? put_off_at_mail(context, session, &verdict) : SMFIS_CONTINUE;
}

/* Of a mail that was begun; else Postfix does what its protocol does not know. */
static struct judging *
judging_of(SMFICTX *context)
{
	const struct session *session = smfi_getpriv(context);

	return session != NULL ? session->judging : NULL;
}

static sfsistat
take_recipient(SMFICTX *context, char **words)
{
	if (judging_of(context) == NULL)
		return SMFIS_TEMPFAIL;
	judging_recipient(judging_of(context), str_of(words[0]), macro(context, "{rcpt_mailer}"));
	return go_on(smfi_getpriv(context), SMFIP_NR_RCPT);
}

static sfsistat
take_field(SMFICTX *context, char *name, char *value)
{
	if (judging_of(context) == NULL)
		return SMFIS_TEMPFAIL;
	judging_field(judging_of(context), str_of(name), str_of(value));
	return go_on(smfi_getpriv(context), SMFIP_NR_HDR);
}

static sfsistat
end_header(SMFICTX *context)
{
	if (judging_of(context) == NULL)
		return SMFIS_TEMPFAIL;
	judging_header(judging_of(context));
	return go_on(smfi_getpriv(context), SMFIP_NR_EOH);
}

static sfsistat
take_body(SMFICTX *context, unsigned char *bytes, size_t n_bytes)
{
	struct judging *judging = judging_of(context);

	if (judging == NULL)
		return SMFIS_TEMPFAIL;
	if (!judging_wants_body(judging))
		return SMFIS_SKIP;
	judging_body(judging, str_n((const char *)bytes, n_bytes));
	return SMFIS_CONTINUE;
}

/* --- its end --- */

static void
say(SMFICTX *context, const struct judging *judging)
{
	struct buf words;

	buf_init(&words, STAMP_WORDS_MAX_BYTES);
	judging_words(judging, &words);
	history_judged_for(registered->log, macro(context, "i"), judging_peer(judging), judging_envelope(judging), buf_str(&words));
	buf_fini(&words);
}

static void
count(const struct judging *judging, const struct verdict *verdict)
{
	atomic_llong *counter = &registered->n_accepted;

	if (judging_has_failed(judging))
		counter = &registered->n_failed;
	else if (verdict->action == ACTION_REJECT)
		counter = &registered->n_rejected;
	else if (verdict->action == ACTION_DEFER)
		counter = &registered->n_deferred;
	else if (verdict->is_held)
		counter = &registered->n_held;
	atomic_fetch_add(counter, 1);
}

static sfsistat
end_mail(SMFICTX *context)
{
	struct judging *judging = judging_of(context);
	struct verdict verdict;
	sfsistat status = SMFIS_TEMPFAIL;

	if (judging == NULL)
		return SMFIS_TEMPFAIL;
	judging_end(judging, &verdict);
	if (!verdict.is_quiet)
		say(context, judging);
	count(judging, &verdict);
	/* Half of the changes are none: a forged field could stand beside ours. */
	if (!apply(context, judging, &verdict, &status)) {
		log_say(registered->log, LOG_LEVEL_WARNING, "not-changed", "%.*s: the mail server does not take the changes", STR_ARG(macro(context, "i")));
		status = SMFIS_TEMPFAIL;
	}
	drop_mail(smfi_getpriv(context));
	return status;
}

static sfsistat
drop(SMFICTX *context)
{
	struct session *session = smfi_getpriv(context);

	if (session != NULL)
		drop_mail(session);
	return SMFIS_CONTINUE;
}

int
callbacks_register(struct milter *milter, struct fault *fault_out)
{
	struct smfiDesc filter = {
		.xxfi_name = unconst("smtpfwd-milter"), .xxfi_version = SMFI_VERSION, .xxfi_flags = ACTIONS_NEEDED | SMFIF_CHGFROM,
		.xxfi_negotiate = negotiate, .xxfi_helo = greet, .xxfi_envfrom = begin_mail, .xxfi_envrcpt = take_recipient,
		.xxfi_header = take_field, .xxfi_eoh = end_header, .xxfi_body = take_body, .xxfi_eom = end_mail, .xxfi_abort = drop,
		.xxfi_close = end_session,
	};

	insist(registered == NULL);
	registered = milter;
	/* Of one message of the protocol: a field that is longer would end the session (64 KB by default; a field has 100 KB in Postfix). */
	(void)smfi_setmaxdatasize(MESSAGE_MAX_BYTES);
	if (smfi_register(filter) != MI_SUCCESS)
		return fault_permanent(fault_out, "libmilter does not take the filter");
	return 0;
}
