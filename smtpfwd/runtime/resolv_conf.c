/*
 * resolv_conf.c - the name servers that /etc/resolv.conf names
 */
#include "smtpfwd/runtime/resolv_conf.h"
#include "smtpfwd/runtime/text_file.h"

enum { DNS_PORT = 53, RESOLV_CONF_MAX_BYTES = 65536 };	/* a file of more is not one of its kind */

int
resolv_conf_parse(struct str text, struct endpoint servers_out[RESOLVER_SERVERS_MAX])
{
	struct str line, word, address;
	int n = 0;

	while (n < RESOLVER_SERVERS_MAX && str_take_until(&text, '\n', &line)) {
		struct ip ip;

		line = str_trim(line);
		if (!str_take_word(&line, &word) || !str_eq(word, STR("nameserver")))
			continue;
		if (!str_take_word(&line, &address) || !ip_parse(address, &ip))
			continue;
		servers_out[n++] = (struct endpoint){ .ip = ip, .port = DNS_PORT };
	}
	if (n == 0)
		servers_out[n++] = (struct endpoint){
			.ip = { .family = IP_V4, .bytes = { 127, 0, 0, 1 } },
			.port = DNS_PORT,
		};
	return n;
}

int
resolv_conf_read(const char *path, struct endpoint servers_out[RESOLVER_SERVERS_MAX])
{
	struct buf text;
	int n;

	buf_init(&text, RESOLV_CONF_MAX_BYTES);
	(void)text_file_read(path, &text);
	n = resolv_conf_parse(buf_str(&text), servers_out);
	buf_fini(&text);
	return n;
}
