/*
 * fuzz_endpoint.c - addresses, endpoints and networks as text; the C library judges what an address is
 */
#include <arpa/inet.h>

#include "base/endpoint.h"
#include "tests/fuzz/fuzz.h"

static void
check_ip(struct str text)
{
	char room[IP_TEXT_MAX], line[200];
	unsigned char judged[16];
	struct ip ip, again;
	bool is_ip = ip_parse(text, &ip);

	if (is_ip)
		insist(ip_parse(ip_text(&ip, room), &again) && ip_eq(&ip, &again));
	if (text.len >= sizeof(line) || str_find(text, '\0') >= 0)
		return;
	memcpy(line, text.at, text.len);
	line[text.len] = '\0';
	insist(is_ip == (inet_pton(AF_INET, line, judged) == 1 || inet_pton(AF_INET6, line, judged) == 1));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct str text = str_n(bytes, n_bytes);
	char room[ENDPOINT_TEXT_MAX];
	struct endpoint endpoint, again;
	struct network network;

	check_ip(text);
	if (endpoint_parse(text, &endpoint))
		insist(endpoint_parse(endpoint_text(&endpoint, room), &again) && endpoint_eq(&endpoint, &again));
	if (network_parse(text, &network)) {
		insist(network_has(&network, &network.ip));
		insist(networks_find(&network, 1, &network.ip) == 0);
	}
	return 0;
}
