/*
 * measure.c - what keeping stories costs, and how long a lookup takes in how much; run by hand
 *
 *	tests/story/measure DIRECTORY [MEGABYTES]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/insist.h"
#include "smtpfwd/runtime/os.h"
#include "smtpfwd/story/story.h"

enum { LINES_A_ROUND = 500 };

struct measuring {
	struct loop	*loop;
	struct story	*story;
	struct log	 behind;
	int64_t		 want_bytes;
	struct mail_id	 first, middle;
};

static void
drop_line(struct log *log, enum log_level level, struct str line)
{
	(void)log;
	(void)level;
	(void)line;
}

static double
cpu_ms(int who)
{
	struct rusage usage;

	getrusage(who, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
	    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static void
log_mail(struct log *log, const struct mail_id *id)
{
	char text[MAIL_ID_TEXT_MAX];
	struct log_line line;

	mail_id_text(id, text);
	log_begin(&line, log, LOG_LEVEL_INFO, "accepted");
	log_text(&line, "id", text);
	log_text(&line, "from", "somebody@sender.example.org");
	log_text(&line, "to", "bob@example.com");
	log_int(&line, "size", 4096);
	log_text(&line, "client", "192.0.2.77:52742");
	log_text(&line, "message-id", "<20261121044613.1795246039420743@sender.example.org>");
	log_end(&line);
	log_begin(&line, log, LOG_LEVEL_INFO, "delivered");
	log_text(&line, "id", text);
	log_text(&line, "to", "bob@example.com");
	log_text(&line, "nexthop", "mail.new.example.net:25");
	log_text(&line, "remote", "203.0.113.21:25");
	log_text(&line, "delay", "12ms");
	log_text(&line, "reply", "250 2.0.0 Ok: queued as 4dD5Yz2Rj5z1xM");
	log_end(&line);
}

static void
look_up(struct measuring *m, const char *which, const struct mail_id *id)
{
	struct instant begin = os_now();
	double cpu = cpu_ms(RUSAGE_SELF);
	struct story_told told;
	struct fault fault;

	if (story_look_up(m->story, id, instant_after(begin, span_s(600)), &told, &fault) != 0)
		printf("lookup of %s: %s\n", which, fault.text);
	else
		printf("lookup of %s: %lld lines in %lld ms, CPU %.0f ms\n", which, (long long)told.n_lines,
		    (long long)span_to_ms(instant_diff(begin, os_now())), cpu_ms(RUSAGE_SELF) - cpu);
	buf_fini(&told.lines);
}

static void
run(void *arg)
{
	struct measuring *m = arg;
	struct instant begin = os_now();
	double loop_cpu = cpu_ms(RUSAGE_THREAD), all_cpu = cpu_ms(RUSAGE_SELF), bare;
	struct story_counts counts = { .bytes = 0 };
	int64_t n_mails = 0;
	struct mail_id id;

	while (counts.bytes < m->want_bytes) {
		for (int i = 0; i < LINES_A_ROUND; i++) {
			uint8_t random[MAIL_ID_RANDOM_BYTES] = { (uint8_t)(n_mails >> 16), (uint8_t)(n_mails >> 8), (uint8_t)n_mails };

			id = mail_id_make(os_wall_clock(), random);
			log_mail(story_log(m->story), &id);
			if (n_mails++ == 0)
				m->first = id;
		}
		if (counts.bytes < m->want_bytes / 2)
			m->middle = id;
		fiber_sleep(instant_after(os_now(), span_ms(1)));
		story_count(m->story, &counts);
	}
	printf("%lld mails, %lld lines, %lld MB in %lld ms, %lld lost; of each mail %.2f us on the loop, %.2f us in all\n",
	    (long long)n_mails, (long long)counts.n_lines, (long long)(counts.bytes >> 20),
	    (long long)span_to_ms(instant_diff(begin, os_now())), (long long)counts.n_dropped,
	    (cpu_ms(RUSAGE_THREAD) - loop_cpu) * 1e3 / (double)n_mails, (cpu_ms(RUSAGE_SELF) - all_cpu) * 1e3 / (double)n_mails);
	bare = cpu_ms(RUSAGE_THREAD);
	for (int64_t i = 0; i < n_mails; i++)
		log_mail(&m->behind, &id);
	printf("making the lines alone: %.2f us of each mail\n", (cpu_ms(RUSAGE_THREAD) - bare) * 1e3 / (double)n_mails);
	look_up(m, "the first mail", &m->first);
	look_up(m, "one in the middle", &m->middle);
	look_up(m, "the last", &id);
	loop_stop(m->loop);
}

int
main(int argc, char **argv)
{
	struct measuring m = { .behind = { .level = LOG_LEVEL_INFO, .write = drop_line } };
	struct story_settings settings = { .directory = argc > 1 ? argv[1] : "", .keep = span_s(7 * 86400) };

	if (argc < 2) {
		fprintf(stderr, "usage: measure DIRECTORY [MEGABYTES]\n");
		return 2;
	}
	m.want_bytes = (int64_t)(argc > 2 ? atoi(argv[2]) : 1000) << 20;
	settings.max_bytes = m.want_bytes + m.want_bytes / 4;
	m.loop = loop_new(10, NULL);
	m.story = story_new(&settings, &m.behind, NULL);
	insist(m.loop != NULL && m.story != NULL && story_start(m.story, m.loop, NULL) == 0);
	insist(fiber_start(m.loop, "measure", run, &m) != NULL);
	loop_run(m.loop);
	story_stop(m.story);
	story_free(m.story);
	loop_free(m.loop);
	return 0;
}
