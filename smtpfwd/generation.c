/*
 * generation.c - a configuration and what was made of it: policy, certificates, users
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/config/check_files.h"
#include "smtpfwd/config/files.h"
#include "smtpfwd/config/policy.h"
#include "smtpfwd/config/sign_keys.h"
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

static int
make_all(struct config *config, const struct policy_signing *signing, struct generation *generation)
{
	const struct conf_section *top = conf_section(config->conf, "");
	struct fault fault;

	if (wants_tls(config)) {
		generation->tls = make_tls(config, &fault);
		if (generation->tls == NULL) {
			conf_error(config->conf, top, NULL, "%s", fault.text);
			return -1;
		}
	}
	if (config->users != NULL) {
		generation->users = users_read(config->users, &fault);
		if (generation->users == NULL) {
			conf_error(config->conf, top, "users", "%s", fault.text);
			return -1;
		}
	}
	generation->policy = config_policy(config, signing);
	return generation->policy != NULL ? 0 : -1;
}

struct generation *
generation_new(struct config *config)
{
	struct policy_signing signing;
	struct generation *generation;

	insist(conf_n_errors(config->conf) == 0);
	config_stamp_files(config);	/* before they are read: who changes one now is seen the next time */
	check_files(config, &signing);
	if (conf_n_errors(config->conf) > 0) {
		sign_keys_free(&signing);
		return NULL;
	}
	generation = mem_new(sizeof(*generation));
	if (make_all(config, &signing, generation) != 0) {
		sign_keys_free(&signing);
		tls_server_free(generation->tls);
		users_unref(generation->users);
		mem_free(generation);
		return NULL;
	}
	generation->n_holders = 1;
	generation->config = config;
	generation->loaded = os_wall_clock();
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
