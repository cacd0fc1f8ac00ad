/*
 * online_client.c - see online_client.h
 */
#include <stdio.h>

#include "base/insist.h"
#include "tests/deliver/online_client.h"

enum { BUDGET_S = 60, FINAL_S = 300 };

void
friendly(struct world *w)
{
	for (int i = 0; i < PEERS; i++)
		peer_says(&w->peers[i], "S: 220 hi\nM: PIPELINING");
}

void
wait_ms(struct world *w, int ms)
{
	fiber_sleep(instant_after(loop_now(w->loop), span_ms(ms)));
}

struct instant
in_s(const struct world *w, int seconds)
{
	return instant_after(loop_now(w->loop), span_s(seconds));
}

struct online *
new_online(struct client_of_ours *us)
{
	const struct envelope envelope = { .reverse_path = { .local = STR("a"), .domain = STR("example.org") } };
	const struct identity identity = {
		.client = { .ip = { .family = IP_V4, .bytes = { 203, 0, 113, 7 } }, .port = 4711 }, .helo = STR("client.example"), .is_esmtp = true,
	};

	return online_new(&(struct online_settings){
		.couriers = us->w->couriers, .destination = us->destination != NULL ? str_of(us->destination) : STR("relay:x"),
		.envelope = &envelope, .idle_max = us->idle_max, .identity = us->is_introduced ? &identity : NULL,
		.client = { .family = us->last_byte > 0 ? IP_V4 : IP_NONE, .bytes = { 203, 0, 113, us->last_byte } },
	});
}

/* True: go on with the mail. */
static bool
count(struct client_of_ours *us, const struct online *online, enum online_end end, struct instant began)
{
	struct span took = instant_diff(began, loop_now(us->w->loop));

	if (took.ns > us->longest.ns)
		us->longest = took;
	switch (end) {
	case ONLINE_ANSWERED:
		if (reply_is_positive(online_reply(online)))
			return true;
		us->n_refused++;
		return false;
	case ONLINE_UNAVAILABLE:
		us->n_unavailable++;
		break;
	case ONLINE_AMBIGUOUS:
		us->n_ambiguous++;
		break;
	case ONLINE_CANCELLED:
		us->n_cancelled++;
		return false;
	}
	snprintf(us->trouble, sizeof(us->trouble), "%s", online_trouble(online)->text);
	return false;
}

static bool
ask_all(struct client_of_ours *us, struct online *online)
{
	size_t n_bytes = online_memory_bytes(online);
	char local[20];

	for (int i = 0; i < us->n_recipients || i == 0; i++) {
		struct recipient recipient = { .address = { .domain = STR("example.com") } };
		struct instant began = loop_now(us->w->loop);

		snprintf(local, sizeof(local), "r%d", i + 1);
		recipient.address.local = str_of(local);
		if (!count(us, online, online_rcpt(online, &recipient, in_s(us->w, us->budget_s > 0 ? us->budget_s : BUDGET_S)), began))
			return false;
		expect(online_memory_bytes(online) > n_bytes && online_memory_bytes(online) < n_bytes + (size_t)(i + 1) * 1000 + 10000);
	}
	return true;
}

static void
send_one(struct client_of_ours *us, struct online *online)
{
	struct instant began = loop_now(us->w->loop);
	struct online_mail mail = { .draft = draft_new(us->w->queue), .arrived = os_wall_clock(), .prefix = STR("Received: here\r\n") };
	struct fault fault;
	enum online_end end;

	expect_int(draft_append(mail.draft, STR("Subject: online\r\n\r\n"), in_s(us->w, 60), &fault), 0);
	end = online_send(online, &mail, in_s(us->w, BUDGET_S), in_s(us->w, FINAL_S));
	us->n_taken += count(us, online, end, began);
	if (end != ONLINE_CANCELLED)
		draft_discard(mail.draft);
}

static void
bring_mails(void *arg)
{
	struct client_of_ours *us = arg;

	for (int i = 0; i < us->n_mails && !fiber_is_cancelled(); i++) {
		struct online *online = new_online(us);
		bool is_asked = ask_all(us, online);

		if (is_asked && us->think_ms > 0)
			wait_ms(us->w, us->think_ms);
		if (is_asked && !us->hangs_up)
			send_one(us, online);
		online_drop(online);
		wait_ms(us->w, us->pause_ms);
	}
	us->is_over = true;
}

void
begin(struct client_of_ours *us)
{
	us->fiber = fiber_start(us->w->loop, "client", bring_mails, us);
	insist(us->fiber != NULL);
}

void
wait_for(struct client_of_ours *us)
{
	while (!us->is_over)
		wait_ms(us->w, 10);
}

void
bring(struct client_of_ours *us)
{
	us->is_over = false;
	bring_mails(us);
}

int
n_busy(struct world *w)
{
	int n = 0;

	for (int i = 0; i < n_hops_known(w); i++)
		n += hop(w, i).n_connections - hop(w, i).n_idle;
	return n;
}

int
n_heard(const struct world *w, const char *what)
{
	struct str rest = buf_str(&w->peers[0].heard), line;
	int n = 0;

	while (str_take_until(&rest, '\n', &line))
		n += str_starts(line, str_of(what));
	return n;
}
