/*
 * names.c - the DNS of a measurement: knows the domains of signer.c and those of client.c, and answers after a delay that can be set
 *
 *	names [--delay-ms N] [--ttl N] <RECORD
 *
 * RECORD is the text of every selector's key.  dN.example is its own mail host, at the address of the sink's host N + 1 (sink.c).  Prints "ready PORT" of 127.0.0.1; at SIGTERM a line of JSON: how many questions came, how
 * many the kernel dropped, and how much later than the delay wants the latest answer left, from its arrival in the kernel.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/insist.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/bench/arguments.h"

enum {
	PACKET_MAX_BYTES = 1232,	/* as DNS servers have it since 2020 */
	WAITING_MAX = 65536,		/* a power of two; twice as many as smtpfwd-milter can ask at once */
	SOCKET_BYTES = 64 * 1024 * 1024,
	HEAD_BYTES = 12,
	TYPE_A = 1, TYPE_MX = 15, TYPE_TXT = 16,
	HOSTS_IN_A_NET = 250,		/* of the sink */
};

struct waiting {			/* an answer */
	int64_t			 due_ns;
	struct sockaddr_in	 to;
	size_t			 len;
	unsigned char		 bytes[PACKET_MAX_BYTES];
};

struct names {
	long		 delay_ms, ttl;
	char		 key[PACKET_MAX_BYTES / 2];
	int		 socket;
	struct waiting	*ring;		/* by their time, as the delay is the same for all */
	size_t		 first, last;
	long		 n_asked, n_dropped;
	int64_t		 latest_ns;
};

static volatile sig_atomic_t is_over;

static void
hear(int number)
{
	(void)number;
	is_over = 1;
}

/* --- what is known --- */

struct question {
	size_t	 end;			/* of the packet's part that is repeated */
	int	 n_labels, type;
	long	 host;			/* N of dN.example; -1: it is none of these */
	bool	 is_key, is_dmarc, is_reverse;
};

static bool
is_label(const unsigned char *label, const char *text)
{
	return label[0] == strlen(text) && strncasecmp((const char *)label + 1, text, label[0]) == 0;
}

/* -1: it is none. */
static long
read_number(const unsigned char *digits, size_t n)
{
	long number = 0;

	for (size_t i = 0; i < n; i++) {
		if (digits[i] < '0' || digits[i] > '9' || i == 5)
			return -1;
		number = number * 10 + digits[i] - '0';
	}
	return number;
}

static bool
read_question(const unsigned char *packet, size_t len, struct question *question)
{
	size_t at = HEAD_BYTES;

	*question = (struct question){ .host = -1 };
	for (; at < len && packet[at] != 0; at += 1 + packet[at]) {
		if (packet[at] > 63 || at + 1 + packet[at] >= len)
			return false;
		question->is_key |= is_label(packet + at, "_domainkey");
		question->is_dmarc |= question->n_labels == 0 && is_label(packet + at, "_dmarc");
		question->is_reverse |= is_label(packet + at, "arpa");
		if (question->n_labels == 0 && packet[at] > 1 && (packet[at + 1] | 0x20) == 'd')
			question->host = read_number(packet + at + 2, packet[at] - 1u);
		question->n_labels++;
	}
	if (at + 5 > len)
		return false;
	if (question->n_labels != 2)
		question->host = -1;
	question->type = packet[at + 1] << 8 | packet[at + 2];
	question->end = at + 5;
	return true;
}

/* NULL: there is no such record. */
static const char *
find_text(const struct names *names, const struct question *question)
{
	if (question->is_reverse || question->type != TYPE_TXT || question->n_labels - question->is_dmarc < 2)
		return NULL;
	return question->is_key ? names->key : question->is_dmarc ? "v=DMARC1; p=none" : "v=spf1 ip4:127.0.0.0/8 -all";
}

static size_t
put(unsigned char *out, const void *bytes, size_t n)
{
	memcpy(out, bytes, n);
	return n;
}

static size_t
put_text(unsigned char *out, const struct names *names, const char *text)
{
	size_t n = strlen(text), n_data = n + (n + 254) / 255, at = 0;
	const unsigned char head[] = { 0xc0, HEAD_BYTES, 0, TYPE_TXT, 0, 1, 0, 0, (unsigned char)(names->ttl >> 8), (unsigned char)names->ttl,
		(unsigned char)(n_data >> 8), (unsigned char)n_data };

	at += put(out, head, sizeof(head));
	for (size_t done = 0; done < n; done += 255) {
		unsigned char part = n - done < 255 ? (unsigned char)(n - done) : 255;

		out[at++] = part;
		at += put(out + at, text + done, part);
	}
	return at;
}

/* The record of a host's type, or 0 bytes. */
static size_t
put_host(unsigned char *out, const struct names *names, const struct question *question)
{
	const unsigned char head[] = { 0xc0, HEAD_BYTES, 0, (unsigned char)question->type, 0, 1, 0, 0, (unsigned char)(names->ttl >> 8),
		(unsigned char)names->ttl, 0, 4 };
	const unsigned char address[] = { 127, 0, (unsigned char)(1 + question->host / HOSTS_IN_A_NET),
		(unsigned char)(1 + question->host % HOSTS_IN_A_NET) }, itself[] = { 0, 10, 0xc0, HEAD_BYTES };
	size_t at = put(out, head, sizeof(head));

	return at + put(out + at, question->type == TYPE_MX ? itself : address, 4);
}

/* So that it may be kept that there is nothing: the root's, RFC 2308. */
static size_t
put_soa(unsigned char *out, const struct names *names)
{
	const unsigned char ttl[] = { 0, 0, (unsigned char)(names->ttl >> 8), (unsigned char)names->ttl };
	size_t at = put(out, "\0\0\6\0\1", 5);

	at += put(out + at, ttl, 4);
	at += put(out + at, "\0\26\0\0\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1", 20);
	return at + put(out + at, ttl, 4);
}

static size_t
write_answer(const struct names *names, const unsigned char *packet, const struct question *question, unsigned char *out)
{
	static const unsigned char opt[] = { 0, 0, 41, PACKET_MAX_BYTES >> 8, PACKET_MAX_BYTES & 255, 0, 0, 0, 0, 0, 0 };
	const char *text = find_text(names, question);
	bool has_opt = packet[11] > 0, is_unknown = question->is_reverse || question->n_labels - question->is_dmarc < 2;
	bool is_host = question->host >= 0 && (question->type == TYPE_A || question->type == TYPE_MX), has_answer = is_host || text != NULL;
	size_t at = put(out, packet, question->end);

	out[2] = 0x84 | (packet[2] & 1);
	out[3] = is_unknown ? 0x83 : 0x80;
	memcpy(out + 4, has_answer ? "\0\1\0\1\0\0" : "\0\1\0\0\0\1", 6);
	out[10] = 0;
	out[11] = has_opt;
	at += is_host ? put_host(out + at, names, question) : text != NULL ? put_text(out + at, names, text) : put_soa(out + at, names);
	return has_opt ? at + put(out + at, opt, sizeof(opt)) : at;
}

/* --- at work --- */

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t
look_at_arrival(struct names *names, struct msghdr *message)
{
	int64_t arrived_ns = now_ns();

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		struct timespec at;
		uint32_t n;

		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
			memcpy(&at, CMSG_DATA(c), sizeof(at));
			arrived_ns = (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
		} else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
			memcpy(&n, CMSG_DATA(c), sizeof(n));
			names->n_dropped = n;
		}
	}
	return arrived_ns;
}

/* False: there is nothing to read. */
static bool
take(struct names *names)
{
	struct waiting *waiting = &names->ring[names->last % WAITING_MAX];
	unsigned char packet[PACKET_MAX_BYTES], control[128];
	struct iovec bytes = { .iov_base = packet, .iov_len = sizeof(packet) / 2 };	/* room for an answer behind it */
	struct msghdr message = { .msg_name = &waiting->to, .msg_namelen = sizeof(waiting->to), .msg_iov = &bytes, .msg_iovlen = 1,
	    .msg_control = control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(names->socket, &message, MSG_DONTWAIT);
	struct question question;

	if (n < 0)
		return false;
	names->n_asked++;
	waiting->due_ns = look_at_arrival(names, &message) + names->delay_ms * 1000000;
	if (n < HEAD_BYTES || !read_question(packet, (size_t)n, &question))
		return true;
	waiting->len = write_answer(names, packet, &question, waiting->bytes);
	names->last++;
	insist(names->last - names->first < WAITING_MAX);
	return true;
}

static void
answer(struct names *names)
{
	while (names->first < names->last) {
		const struct waiting *waiting = &names->ring[names->first % WAITING_MAX];
		int64_t late_ns = now_ns() - waiting->due_ns;

		if (late_ns < 0)
			return;
		if (late_ns > names->latest_ns)
			names->latest_ns = late_ns;
		(void)sendto(names->socket, waiting->bytes, waiting->len, 0, (const struct sockaddr *)&waiting->to, sizeof(waiting->to));
		names->first++;
	}
}

static void
serve(struct names *names)
{
	while (!is_over) {
		struct pollfd poll = { .fd = names->socket, .events = POLLIN };
		int64_t wait_ns = names->first < names->last ? names->ring[names->first % WAITING_MAX].due_ns - now_ns() : 100000000;
		struct timespec patience = { .tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000 };

		if (wait_ns > 0)
			(void)ppoll(&poll, 1, &patience, NULL);
		answer(names);
		for (int i = 0; i < 64 && take(names); i++)
			;
	}
}

static void
open_socket(struct names *names)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int on = 1, n_bytes = SOCKET_BYTES;
	socklen_t len = sizeof(at);

	names->socket = socket(AF_INET, SOCK_DGRAM, 0);
	insist(names->socket >= 0);
	if (setsockopt(names->socket, SOL_SOCKET, SO_RCVBUFFORCE, &n_bytes, sizeof(n_bytes)) != 0)
		(void)setsockopt(names->socket, SOL_SOCKET, SO_RCVBUF, &n_bytes, sizeof(n_bytes));
	(void)setsockopt(names->socket, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	(void)setsockopt(names->socket, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
	insist(bind(names->socket, (struct sockaddr *)&at, sizeof(at)) == 0 && getsockname(names->socket, (struct sockaddr *)&at, &len) == 0);
	printf("ready %d\n", ntohs(at.sin_port));
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	static struct names names = { .ttl = 3600 };
	const struct argument arguments[] = { { "--delay-ms", &names.delay_ms, 0, 60000 }, { "--ttl", &names.ttl, 0, 65535 } };
	const struct sigaction action = { .sa_handler = hear };
	size_t n;

	if (!arguments_read(argc, argv, arguments, sizeof(arguments) / sizeof(arguments[0])))
		return 2;
	n = fread(names.key, 1, sizeof(names.key) - 1, stdin);
	names.key[strcspn(names.key, "\n")] = '\0';
	if (n == 0 || names.key[0] == '\0')
		return 2;
	names.ring = mem_new(WAITING_MAX * sizeof(struct waiting));
	sigaction(SIGTERM, &action, NULL);
	open_socket(&names);
	serve(&names);
	printf("{\"asked\":%ld,\"dropped\":%ld,\"latest_ms\":%.3f}\n", names.n_asked, names.n_dropped, (double)names.latest_ns / 1e6);
	return 0;
}
