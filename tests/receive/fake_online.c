/*
 * fake_online.c - next hops that answer as a test says, behind online.h, for tests of receiving alone
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/deliver/view.h"
#include "tests/receive/fake_online.h"

enum { SLOW_S = 2 };

struct online {
	struct couriers	*couriers;
	struct reply	 reply;
	struct trouble	 trouble;
	int		 n_taken;
	bool		 is_mail_refused, was_rcpt_answered;
	bool		 is_way_one;	/* the first next hop of a relay that goes by the recipient */
};

static void __attribute__((format(printf, 2, 3)))
say(struct couriers *couriers, const char *format, ...)
{
	size_t room = sizeof(couriers->said) - couriers->n_said;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(couriers->said + couriers->n_said, room, format, args);
	va_end(args);
	insist(n >= 0);
	couriers->n_said += (size_t)n < room ? (size_t)n : room - 1;	/* who says more is not asked what it was */
}

struct online *
online_new(const struct online_settings *settings)
{
	struct online *online = mem_new(sizeof(*online));

	online->couriers = settings->couriers;
	online->is_way_one = str_ends_nocase(settings->destination, STR("/one"));
	settings->couriers->n_open++;
	if (settings->identity == NULL) {	/* a question of our own */
		insist(mail_id_is_none(&settings->id) && address_is_null(&settings->envelope->reverse_path) && settings->size_bytes == 0);
		say(settings->couriers, "ask %.*s; ", STR_ARG(settings->destination));
		return online;
	}
	insist(!mail_id_is_none(&settings->id));
	say(settings->couriers, "new %.*s %.*s %llu; ", STR_ARG(settings->destination),
	    STR_ARG(settings->envelope->reverse_path.local), (unsigned long long)settings->size_bytes);
	return online;
}

/* Waits as long as nothing but its end can come; true if that came. */
static bool
is_cancelled_waiting(struct instant deadline)
{
	return fiber_park(deadline) == WAKE_CANCELLED;
}

static enum online_end
unavailable(struct online *online, const char *why)
{
	snprintf(online->trouble.text, sizeof(online->trouble.text), "%s", why);
	return ONLINE_UNAVAILABLE;
}

static enum online_end
obey(struct online *online, char letter, struct instant deadline)
{
	switch (letter) {
	case '+':
		online->reply = REPLY(250, 2, 6, 9, "the next hop likes it");
		return ONLINE_ANSWERED;
	case '3':
		online->reply = (struct reply){ .code = 354, .text = STR("a strange one") };
		return ONLINE_ANSWERED;
	case '4':
		online->reply = REPLY(450, 4, 2, 9, "the next hop: not now");
		return ONLINE_ANSWERED;
	case '5':
		online->reply = REPLY(550, 5, 1, 1, "the next hop: never\nhere, caf\xc3\xa9");
		return ONLINE_ANSWERED;
	case 'b':
		online->reply = (struct reply){ .code = 550, .text = STR("go away") };
		return ONLINE_ANSWERED;
	case 'p':
		online->reply = REPLY(554, 5, 7, 1, "your address is on a list");
		return ONLINE_ANSWERED;
	case 'c':
		online->reply = REPLY(552, 5, 2, 2, "the mailbox is full");
		return ONLINE_ANSWERED;
	case 'd':
		online->reply = (struct reply){ .code = 251, .text = STR("2.1.5 it moved") };
		return ONLINE_ANSWERED;
	case '1':
		online->reply = (struct reply){ .code = 521, .text = STR("no mail here") };
		return ONLINE_ANSWERED;
	case 'l':
		online->reply = (struct reply){ .code = 552, .text = STR("too large") };
		online->is_mail_refused = true;
		return ONLINE_ANSWERED;
	case 'n':
		online->reply = REPLY(550, 5, 7, 1, "no null reverse-paths");
		online->is_mail_refused = true;
		return ONLINE_ANSWERED;
	case '8':
		online->reply = REPLY(550, 5, 6, 7, "no SMTPUTF8");
		online->is_mail_refused = true;
		return ONLINE_ANSWERED;
	case '7':
		online->reply = REPLY(553, 5, 6, 7, "needs an ASCII name");
		return ONLINE_ANSWERED;
	case '6':
		online->reply = REPLY(550, 5, 6, 0, "not with such a body");
		online->is_mail_refused = true;
		return ONLINE_ANSWERED;
	case 'f':
		online->reply = REPLY(452, 4, 5, 3, "the next hop: too many");
		return ONLINE_ANSWERED;
	case 'm':
		online->reply = REPLY(550, 5, 1, 1, "the next hop: not from you");
		online->is_mail_refused = true;
		return ONLINE_ANSWERED;
	case 'u':
		return unavailable(online, "nobody there");
	case '?':
		(void)unavailable(online, "lost at the dot");
		return ONLINE_AMBIGUOUS;
	case 's':
		fiber_sleep(instant_after(loop_now(online->couriers->loop), span_s(SLOW_S)));
		online->reply = REPLY(250, 2, 6, 9, "at last");
		return ONLINE_ANSWERED;
	case 'o':
		return obey(online, online->is_way_one ? '5' : 'w', deadline);
	case 'w':
		return is_cancelled_waiting(deadline) ? ONLINE_CANCELLED : unavailable(online, "too slow");
	}
	insist(false);
	return ONLINE_UNAVAILABLE;
}

void
online_announce_mail(struct online *online)
{
	say(online->couriers, "mail next; ");
}

enum online_end
online_rcpt(struct online *online, const struct recipient *recipient, struct instant deadline)
{
	struct couriers *couriers = online->couriers;
	char letter = couriers->rcpts[0];
	enum online_end end;

	if (couriers->rcpts[1] != '\0')
		couriers->rcpts++;
	couriers->budget = instant_diff(loop_now(couriers->loop), deadline);
	say(couriers, "rcpt %.*s; ", STR_ARG(recipient->address.local));
	fiber_yield();
	end = obey(online, letter, deadline);
	online->was_rcpt_answered = end == ONLINE_ANSWERED && letter != 'f' && !online->is_mail_refused;
	online->n_taken += end == ONLINE_ANSWERED && reply_is_positive(&online->reply);
	return end;
}

enum online_end
online_send(struct online *online, const struct online_mail *mail, struct instant deadline, struct instant final_deadline)
{
	struct couriers *couriers = online->couriers;
	enum online_end end;

	insist(online->n_taken > 0 && mail->draft != NULL && instant_is_before(deadline, final_deadline));
	couriers->budget = instant_diff(loop_now(couriers->loop), deadline);
	couriers->final_budget = instant_diff(loop_now(couriers->loop), final_deadline);
	say(couriers, "send %d %d%s%s; ", online->n_taken, (int)draft_content_bytes(mail->draft), mail->is_8bit ? " 8bit" : "",
	    mail->is_smtputf8 ? " utf8" : "");
	insist(str_find_str(mail->prefix, STR("Received: ")) >= 0);
	fiber_yield();
	end = obey(online, couriers->mail, deadline);
	if (end == ONLINE_CANCELLED)
		draft_discard(mail->draft);
	return end;
}

const struct reply *
online_reply(const struct online *online)
{
	return &online->reply;
}

const struct trouble *
online_trouble(const struct online *online)
{
	return &online->trouble;
}

struct str
online_next_hop(const struct online *online)
{
	(void)online;
	return STR("new.example.net:25");
}

bool
online_was_rcpt_answered(const struct online *online)
{
	return online->was_rcpt_answered;
}

bool
online_is_seen(const struct online *online)
{
	return online->couriers->is_seen;
}

enum client_view
view_of_destination(const struct couriers *couriers, struct str destination, const struct identity *identity)
{
	(void)destination, (void)identity;
	return couriers->view;
}

bool
view_is_rewritten(const struct couriers *couriers, struct str destination, const struct envelope *envelope, enum client_view view)
{
	(void)couriers, (void)destination;
	return view == VIEW_OF_US && !address_is_null(&envelope->srs_path);
}

size_t
online_memory_bytes(const struct online *online)
{
	return sizeof(*online);
}

void
online_drop(struct online *online)
{
	if (online == NULL)
		return;
	say(online->couriers, "drop; ");
	online->couriers->n_open--;
	mem_free(online);
}

int
fake_online_n_open(const struct couriers *couriers)
{
	return couriers->n_open;
}
