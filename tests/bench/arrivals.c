/*
 * arrivals.c - what came to the sink of a measurement
 */
#include "tests/bench/arrivals.h"

#include <stdio.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/runtime/os.h"
#include "tests/bench/message.h"

bool
arrivals_init(struct arrivals *arrivals)
{
	arrivals->seen = mem_new((size_t)arrivals->n_wanted);
	return !arrivals->has_mails || mails_read(&arrivals->mails);
}

static bool
is_whole(const struct arrivals *arrivals, struct str mail, long number)
{
	struct str sent;

	if (!arrivals->has_mails)
		return message_is_whole(mail, number, (size_t)arrivals->n_bytes);
	sent = mails_get(&arrivals->mails, number);
	return mail.len >= sent.len && str_eq(str_from(mail, mail.len - sent.len), sent);
}

static void
keep(struct str mail, long number)
{
	char name[40];
	FILE *file;

	snprintf(name, sizeof(name), "%ld.eml", number);
	file = fopen(name, "wb");
	insist(file != NULL);
	insist(fwrite(mail.at, 1, mail.len, file) == mail.len);
	insist(fclose(file) == 0);
}

long
arrivals_look(struct arrivals *arrivals, struct str mail)
{
	long number = message_number(mail);

	if (number < 0 || number >= arrivals->n_wanted)
		return number;
	if (arrivals->sample > 0 && number % arrivals->sample == 0 && !is_whole(arrivals, mail, number))
		arrivals->n_damaged++;
	if (arrivals->keep > 0 && number % arrivals->keep == 0)
		keep(mail, number);
	return number;
}

void
arrivals_count(struct arrivals *arrivals, long number)
{
	if (number < 0 || number >= arrivals->n_wanted) {	/* the source's first ones, to wake everybody up */
		arrivals->n_others++;
		return;
	}
	if (arrivals->seen[number] != 0) {
		arrivals->n_twice++;
		return;
	}
	arrivals->seen[number] = 1;
	arrivals->last = os_now();
	if (arrivals->n_arrived++ == 0)
		arrivals->first = arrivals->last;
}

bool
arrivals_are_all(const struct arrivals *arrivals)
{
	return arrivals->n_arrived >= (arrivals->n_enough > 0 ? arrivals->n_enough : arrivals->n_wanted);
}

void
arrivals_print(const struct arrivals *arrivals)
{
	printf("{\"arrived\":%ld,\"twice\":%ld,\"damaged\":%ld,\"others\":%ld,\"first_s\":%.6f,\"last_s\":%.6f}\n", arrivals->n_arrived,
	    arrivals->n_twice, arrivals->n_damaged, arrivals->n_others, (double)arrivals->first.ns / 1e9, (double)arrivals->last.ns / 1e9);
}
