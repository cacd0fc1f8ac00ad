/*
 * generation.c - a configuration and what was made of it: policy, certificates, users
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/check_files.h"
#include "smtpfwd/config_files.h"
#include "smtpfwd/generation.h"

static bool
wants_tls(const struct config *config)
{
	bool is_wanted = false;

	for (int i = 0; i < config->n_listeners; i++)
		is_wanted |= config->listeners[i].tls != LISTEN_TLS_OFF;
	return is_wanted;
}

/* NULL and a fault. */
static struct tls_server *
make_tls(const struct config *config, struct fault *fault_out)
{
	struct tls_server *tls = config->n_certificates > 0 ?
	    tls_server_new(config->certificates, config->n_certificates, fault_out) :
	    tls_server_new_self_signed(config->hostname, fault_out);

	for (int i = 0; tls != NULL && i < config->n_listeners; i++) {
		const char *client_ca = config->listeners[i].client_ca;

		if (client_ca == NULL || tls_server_add_client_ca(tls, client_ca, fault_out) == 0)
			continue;
		tls_server_free(tls);
		tls = NULL;
	}
	return tls;
}

struct generation *
generation_new(struct config *config)
{
	struct users *users = NULL;
	struct tls_server *tls = NULL;
	struct generation *generation;
	struct fault fault;
	uint64_t seed[2];

	insist(conf_n_errors(config->conf) == 0);
	config_stamp_files(config);	/* before they are read: who changes one now is seen the next time */
	check_files(config);
	if (conf_n_errors(config->conf) > 0)
		return NULL;
	if (wants_tls(config)) {
		tls = make_tls(config, &fault);
		if (tls == NULL) {
			conf_error(config->conf, conf_section(config->conf, ""), NULL, "%s", fault.text);
			return NULL;
		}
	}
	if (config->users != NULL) {
		users = users_read(config->users, &fault);
		if (users == NULL) {
			tls_server_free(tls);
			conf_error(config->conf, conf_section(config->conf, ""), "users", "%s", fault.text);
			return NULL;
		}
	}
	generation = mem_new(sizeof(*generation));
	os_random(seed, sizeof(seed));
	*generation = (struct generation){ .n_holders = 1, .config = config, .policy = policy_new(&config->policy, seed),
	    .tls = tls, .users = users, .loaded = os_wall_clock() };
	return generation;
}

void
generation_hold(struct generation *generation)
{
	generation->n_holders++;
}

void
generation_release(struct generation *generation)
{
	if (generation == NULL)
		return;
	insist(generation->n_holders > 0);
	if (--generation->n_holders > 0)
		return;
	tls_server_free(generation->tls);
	users_unref(generation->users);
	policy_free(generation->policy);
	config_free(generation->config);
	mem_free(generation);
}
