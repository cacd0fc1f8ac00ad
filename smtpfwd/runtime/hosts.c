/*
 * hosts.c - a resolver that knows the names of a hosts file, before another one
 */
#include "base/map.h"
#include "base/mem.h"
#include "smtpfwd/runtime/hosts.h"
#include "smtpfwd/runtime/os.h"
#include "smtpfwd/runtime/text_file.h"

enum {
	HOSTS_MAX_BYTES = 4 << 20,	/* what stands behind is not read; some block lists are that long */
	HOST_ADDRESSES_MAX = 16,	/* more of one name are passed over */
	HOST_NAME_MAX_BYTES = 253,
	HOST_TTL_S = 3600,		/* the file is read at start only */
};

struct host {
	struct host	*next;		/* of all, to be freed */
	int		 n_addresses;
	struct ip	 addresses[HOST_ADDRESSES_MAX];
};

struct hosts_resolver {
	struct resolver	 resolver;
	struct resolver	*below;
	struct map	 names;		/* lower case -> struct host */
	struct host	*hosts;
};

/* False for a name that is too long to be one. */
static bool
name_lower(struct str name, char room[HOST_NAME_MAX_BYTES], struct str *lower_out)
{
	if (name.len != 0 && name.at[name.len - 1] == '.')
		name.len--;
	if (name.len == 0 || name.len > HOST_NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		room[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	*lower_out = str_n(room, name.len);
	return true;
}

static void
hosts_add(struct hosts_resolver *hosts, struct str name, const struct ip *ip)
{
	char room[HOST_NAME_MAX_BYTES];
	struct host *host;

	if (!name_lower(name, room, &name))
		return;
	host = map_get(&hosts->names, name);
	if (host == NULL) {
		host = mem_new(sizeof(*host));
		host->next = hosts->hosts;
		hosts->hosts = host;
		map_set(&hosts->names, name, host);
	}
	for (int i = 0; i < host->n_addresses; i++)
		if (ip_eq(&host->addresses[i], ip))
			return;
	if (host->n_addresses < HOST_ADDRESSES_MAX)
		host->addresses[host->n_addresses++] = *ip;
}

static void
hosts_read_line(struct hosts_resolver *hosts, struct str line)
{
	struct str rest, word;
	struct ip ip;

	if (!str_take_until(&line, '#', &rest))
		return;
	rest = str_trim(rest);
	if (!str_take_word(&rest, &word) || !ip_parse(word, &ip))
		return;
	while (str_take_word(&rest, &word))
		hosts_add(hosts, word, &ip);
}

static void
hosts_read(struct hosts_resolver *hosts, const char *path)
{
	static const char localhost[] = "127.0.0.1 localhost\n" "::1 localhost\n";
	struct str rest, line;
	struct buf text;

	buf_init(&text, HOSTS_MAX_BYTES);
	(void)text_file_read(path, &text);
	rest = buf_str(&text);
	while (str_take_until(&rest, '\n', &line))
		hosts_read_line(hosts, line);
	buf_fini(&text);
	if (map_get(&hosts->names, STR("localhost")) != NULL)
		return;
	rest = str_of(localhost);
	while (str_take_until(&rest, '\n', &line))
		hosts_read_line(hosts, line);
}

/* The host a question is about, or NULL if the one below is to be asked. */
static const struct host *
hosts_find(const struct hosts_resolver *hosts, const struct dns_question *question)
{
	char room[HOST_NAME_MAX_BYTES];
	struct str name;

	if (question->is_strangers || (question->type != DNS_A && question->type != DNS_AAAA))
		return NULL;
	if (!name_lower(question->name, room, &name))
		return NULL;
	return map_get(&hosts->names, name);
}

static void
host_answer(const struct host *host, const struct dns_question *question, struct arena *arena,
    struct dns_answer *answer_out)
{
	enum ip_family family = question->type == DNS_A ? IP_V4 : IP_V6;
	struct dns_record *records = arena_array(arena, (size_t)host->n_addresses, sizeof(*records));

	if (records == NULL) {
		*answer_out = (struct dns_answer){ .result = DNS_UNSETTLED, .why = "the answer is too large" };
		return;
	}
	*answer_out = (struct dns_answer){ .records = records, .ttl_s = HOST_TTL_S };
	for (int i = 0; i < host->n_addresses; i++)
		if (host->addresses[i].family == family)
			records[answer_out->n_records++].ip = host->addresses[i];
	answer_out->result = answer_out->n_records != 0 ? DNS_FOUND : DNS_NO_DATA;
}

/* Asks below what is not ours: n_below of the questions. */
static void
ask_below(struct hosts_resolver *hosts, const struct dns_question *questions, int n_questions, int n_below,
    struct instant deadline, struct arena *arena, struct dns_answer *answers_out)
{
	struct dns_question *asked = arena_array(arena, (size_t)n_below, sizeof(*asked));
	struct dns_answer *answers = arena_array(arena, (size_t)n_below, sizeof(*answers));
	bool has_room = asked != NULL && answers != NULL;
	int n = 0;

	for (int i = 0; has_room && i < n_questions; i++)
		if (hosts_find(hosts, &questions[i]) == NULL)
			asked[n++] = questions[i];
	if (has_room)
		dns_ask(hosts->below, asked, n_below, deadline, arena, answers);
	n = 0;
	for (int i = 0; i < n_questions; i++) {
		if (hosts_find(hosts, &questions[i]) != NULL)
			continue;
		if (has_room)
			answers_out[i] = answers[n++];
		else
			answers_out[i] = (struct dns_answer){ .result = DNS_UNSETTLED, .why = "no room for the answer" };
	}
}

static void
hosts_ask(struct resolver *resolver, const struct dns_question *questions, int n_questions,
    struct instant deadline, struct arena *arena, struct dns_answer *answers_out)
{
	struct hosts_resolver *hosts = (struct hosts_resolver *)(void *)resolver;
	int n_below = 0;

	for (int i = 0; i < n_questions; i++) {
		const struct host *host = hosts_find(hosts, &questions[i]);

		if (host != NULL)
			host_answer(host, &questions[i], arena, &answers_out[i]);
		else
			n_below++;
	}
	if (n_below == 0)
		return;
	if (n_below == n_questions)
		dns_ask(hosts->below, questions, n_questions, deadline, arena, answers_out);
	else
		ask_below(hosts, questions, n_questions, n_below, deadline, arena, answers_out);
}

struct resolver *
hosts_resolver_new(const char *path, struct resolver *below)
{
	struct hosts_resolver *hosts = mem_new(sizeof(*hosts));
	uint64_t seed[2];

	os_random(seed, sizeof(seed));
	hosts->resolver.ask = hosts_ask;
	hosts->below = below;
	map_init(&hosts->names, seed);
	hosts_read(hosts, path);
	return &hosts->resolver;
}

struct resolver *
hosts_resolver_below(const struct resolver *resolver)
{
	return ((const struct hosts_resolver *)(const void *)resolver)->below;
}

void
hosts_resolver_free(struct resolver *resolver)
{
	struct hosts_resolver *hosts = (struct hosts_resolver *)(void *)resolver;

	if (hosts == NULL)
		return;
	map_fini(&hosts->names);
	while (hosts->hosts != NULL) {
		struct host *host = hosts->hosts;

		hosts->hosts = host->next;
		mem_free(host);
	}
	mem_free(hosts);
}
