/*
 * unbound_setup.c - a libunbound context made from the resolver's settings
 *
 * The library's defaults are those of a small tool: they would give us a 1 MB cache
 * and NXDOMAIN for names it thinks are nobody's.  Some settings it takes from a file
 * only, so it gets one that exists in memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unbound.h>
#include <unbound-event.h>

#include "base/buf.h"
#include "smtpfwd/runtime/resolv_conf.h"
#include "smtpfwd/runtime/unbound_setup.h"

enum {
	SETUP_MAX_BYTES = 16384,	/* the text below and a line for each server */
	TRY_LEAST_MS = 50,		/* the library's own least wait for an answer */
	TRY_MOST_MS = 10000,		/* beyond 12 s it takes a server for dead */
};

/*
 * Sizes are for one loop of a busy relay: some 10,000 sessions with a few names each.
 *
 * unblock-lan-zones and the local-zone lines take back what the library answers by
 * itself (RFC 6303, 6761): when an administrator names servers, those know whether
 * 10.in-addr.arpa or .test is somebody's.
 *
 * 1232 bytes pass every path without fragments (DNS flag day 2020).
 *
 * infra-: a server that was away is asked again as soon as it is back; the library's own
 * way is to leave it alone for 15 minutes.
 */
static const char setup_fixed[] =
	"server:\n"
	"  verbosity: 0\n"
	"  use-syslog: no\n"
	"  msg-cache-size: 8m\n"
	"  rrset-cache-size: 16m\n"
	"  key-cache-size: 2m\n"
	"  neg-cache-size: 1m\n"
	"  infra-cache-numhosts: 1000\n"
	"  outgoing-num-tcp: 64\n"
	"  edns-buffer-size: 1232\n"
	"  do-not-query-localhost: no\n"
	"  unblock-lan-zones: yes\n"
	"  local-zone: \"localhost.\" nodefault\n"
	"  local-zone: \"127.in-addr.arpa.\" nodefault\n"
	"  local-zone: \"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.\" nodefault\n"
	"  local-zone: \"home.arpa.\" nodefault\n"
	"  local-zone: \"onion.\" nodefault\n"
	"  local-zone: \"test.\" nodefault\n"
	"  local-zone: \"invalid.\" nodefault\n"
	"  trust-anchor-signaling: no\n"
	"  qname-minimisation: no\n"
	"  infra-host-ttl: 5\n"
	"  infra-keep-probing: yes\n";

/*
 * The library waits for a quick server 50 ms and asks again, so that one that has to
 * look further itself is asked four times and its late answers are thrown away.  It doubles
 * the wait with each try: beginning with half a timeout, three tries take 1/2 + 1 + 2
 * timeouts, of which the third is cut off where timeout times tries ends.  One try more than that always reaches
 * there; with five, as it likes best, it would hold a socket for half a minute when nobody waits any more.
 */
static int
write_tries(struct buf *text, struct span timeout, int tries)
{
	int64_t first_ms = span_to_ms(timeout) / 2;

	if (first_ms < TRY_LEAST_MS)
		first_ms = TRY_LEAST_MS;
	if (first_ms > TRY_MOST_MS)
		first_ms = TRY_MOST_MS;
	return buf_printf(text, "  infra-cache-min-rtt: %d\n  unknown-server-time-limit: %d\n  outbound-msg-retry: %d\n",
	    (int)first_ms, (int)first_ms, tries + 1);
}

/*
 * Whatever the library takes it can ask at once.  What has no socket would wait behind all the questions that some
 * stranger's servers leave unanswered.
 */
static int
write_bounds(struct buf *text)
{
	return buf_printf(text, "  outgoing-range: %d\n  num-queries-per-thread: %d\n", RESOLVER_QUESTIONS_MAX,
	    RESOLVER_QUESTIONS_MAX);
}

static int
write_text(struct buf *text, const struct resolver_settings *settings, const struct endpoint *servers, int n_servers)
{
	char room[IP_TEXT_MAX];
	int failed;

	failed = buf_append(text, str_of(setup_fixed));
	failed |= write_bounds(text);
	failed |= write_tries(text, settings->timeout, settings->tries);
	failed |= buf_printf(text, "  module-config: \"%s\"\n", settings->is_dnssec ? "validator iterator" : "iterator");
	failed |= buf_printf(text, "forward-zone:\n  name: \".\"\n");
	for (int i = 0; i < n_servers; i++) {
		struct str ip = ip_text(&servers[i].ip, room);

		failed |= buf_printf(text, "  forward-addr: %.*s@%u\n", STR_ARG(ip), (unsigned)servers[i].port);
	}
	return failed;
}

/* The library reads its settings by a path. */
static int
give_text(struct ub_ctx *ctx, struct str text, struct fault *fault_out)
{
	char path[64];
	int fd = memfd_create("resolver", MFD_CLOEXEC), error;

	if (fd < 0)
		return fault_temporary(fault_out, "a file in memory: %s", strerror(errno));
	if (write(fd, text.at, text.len) != (ssize_t)text.len) {
		close(fd);
		return fault_temporary(fault_out, "a file in memory cannot be written");
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	error = ub_ctx_config(ctx, path);
	close(fd);
	if (error != 0)
		return fault_permanent(fault_out, "libunbound does not take its settings: %s", ub_strerror(error));
	return 0;
}

static int
configure(struct ub_ctx *ctx, const struct resolver_settings *settings, struct fault *fault_out)
{
	struct endpoint found[RESOLVER_SERVERS_MAX];
	const struct endpoint *servers = settings->servers;
	int n_servers = settings->n_servers, status = -1, error;
	struct buf text;

	if (n_servers == 0) {
		n_servers = resolv_conf_read("/etc/resolv.conf", found);
		servers = found;
	}
	buf_init(&text, SETUP_MAX_BYTES);
	if (write_text(&text, settings, servers, n_servers) != 0)
		fault_permanent(fault_out, "too many servers");
	else
		status = give_text(ctx, buf_str(&text), fault_out);
	buf_fini(&text);
	if (status != 0)
		return status;
	if (settings->is_dnssec) {
		error = ub_ctx_add_ta_file(ctx, settings->trust_anchor_path);
		if (error != 0)
			return fault_permanent(fault_out, "trust-anchor: %s", ub_strerror(error));
	}
	return 0;
}

/*
 * Makes the library read what it will use; by removing a local zone that there is
 * not, for lack of a call that only does this.
 */
static int
finish(struct ub_ctx *ctx, const struct resolver_settings *settings, struct fault *fault_out)
{
	int error = ub_ctx_zone_remove(ctx, "none.invalid.");

	if (error == 0)
		return 0;
	if (settings->is_dnssec)
		return fault_permanent(fault_out, "trust-anchor %s cannot be used: %s",
		    settings->trust_anchor_path, ub_strerror(error));
	return fault_permanent(fault_out, "libunbound: %s", ub_strerror(error));
}

/* "[1700000000] libunbound[1:0] error: TEXT": its first line says most. */
static void
add_log(struct fault *fault, const char *log)
{
	struct str rest = str_of(log), line;
	ptrdiff_t at;

	if (fault == NULL || !str_take_until(&rest, '\n', &line))
		return;
	at = str_find_str(line, STR("error: "));
	if (at >= 0)
		line = str_from(line, (size_t)at + strlen("error: "));
	fault_prefix(fault, "%.*s", STR_ARG(line));
}

struct ub_ctx *
unbound_setup(struct ub_event_base *base, const struct resolver_settings *settings, struct fault *fault_out)
{
	struct ub_ctx *ctx;
	char *log = NULL;
	size_t log_bytes = 0;
	FILE *log_file;
	int status;

	if (settings->is_dnssec && settings->trust_anchor_path == NULL) {
		fault_permanent(fault_out, "dnssec needs a trust-anchor");
		return NULL;
	}
	ctx = ub_ctx_create_ub_event(base);
	if (ctx == NULL) {
		fault_temporary(fault_out, "libunbound: %s", strerror(errno));
		return NULL;
	}
	log_file = open_memstream(&log, &log_bytes);
	(void)ub_ctx_debugout(ctx, log_file);		/* or it would write to stderr */
	status = configure(ctx, settings, fault_out);
	if (status == 0)
		status = finish(ctx, settings, fault_out);
	(void)ub_ctx_debugout(ctx, NULL);
	if (log_file != NULL) {
		fclose(log_file);
		if (status != 0)
			add_log(fault_out, log);
		free(log);
	}
	if (status != 0) {
		ub_ctx_delete(ctx);
		return NULL;
	}
	return ctx;
}
