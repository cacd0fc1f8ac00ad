/*
 * srs_rules.c - the settings of SRS, checked and kept; the secrets of a file
 */
#include <openssl/crypto.h>

#include "base/mem.h"
#include "mail/domain.h"
#include "policy/srs/srs_inside.h"

static struct str
keep(struct str s)
{
	char *copy = mem_new(s.len + 1);

	memcpy(copy, s.at, s.len);
	return str_n(copy, s.len);
}

static int
check_settings(const struct srs_settings *s, struct fault *fault_out)
{
	struct str domain = str_of(s->domain);

	if (!domain_is_valid(domain, false) || domain.len > SRS_DOMAIN_MAX_BYTES)
		return fault_permanent(fault_out, "the SRS domain is no domain name of up to %d bytes", SRS_DOMAIN_MAX_BYTES);
	if (s->n_secrets < 1 || s->n_secrets > SRS_SECRETS_MAX)
		return fault_permanent(fault_out, "%d SRS secrets: 1 to %d can be", s->n_secrets, SRS_SECRETS_MAX);
	for (int i = 0; i < s->n_secrets; i++) {
		if (s->secrets[i].len == 0 || s->secrets[i].len > SRS_SECRET_MAX_BYTES)
			return fault_permanent(fault_out, "SRS secret %d has not 1 to %d bytes", i + 1, SRS_SECRET_MAX_BYTES);
	}
	if (s->max_age_days < 0 || s->max_age_days > SRS_MAX_AGE_MAX_DAYS)
		return fault_permanent(fault_out, "SRS addresses live 1 to %d days", SRS_MAX_AGE_MAX_DAYS);
	if (s->separator != '\0' && strchr("=+-", s->separator) == NULL)
		return fault_permanent(fault_out, "the SRS separator is one of = + -");
	if (s->local_max_bytes != 0 &&
	    (s->local_max_bytes < SRS_LOCAL_MAX_BYTES || s->local_max_bytes > ADDRESS_LOCAL_MAX_BYTES))
		return fault_permanent(fault_out, "SRS local parts may have %d to %d bytes at most",
		    SRS_LOCAL_MAX_BYTES, ADDRESS_LOCAL_MAX_BYTES);
	return 0;
}

struct srs_rules *
srs_rules_new(const struct srs_settings *settings, struct fault *fault_out)
{
	struct srs_rules *rules;

	if (check_settings(settings, fault_out) != 0)
		return NULL;
	rules = mem_new(sizeof(*rules));
	rules->domain = keep(str_of(settings->domain));
	for (int i = 0; i < settings->n_secrets; i++)
		rules->secrets[i] = keep(settings->secrets[i]);
	rules->n_secrets = settings->n_secrets;
	rules->max_age_days = settings->max_age_days != 0 ? settings->max_age_days : SRS_MAX_AGE_DAYS;
	rules->local_max_bytes = settings->local_max_bytes != 0 ? settings->local_max_bytes : SRS_LOCAL_MAX_BYTES;
	rules->separator = settings->separator != '\0' ? settings->separator : '=';
	return rules;
}

void
srs_rules_free(struct srs_rules *rules)
{
	if (rules == NULL)
		return;
	for (int i = 0; i < rules->n_secrets; i++) {
		OPENSSL_cleanse((char *)rules->secrets[i].at, rules->secrets[i].len);
		mem_free((char *)rules->secrets[i].at);
	}
	mem_free((char *)rules->domain.at);
	mem_free(rules);
}

int
srs_secrets_read(struct str text, struct str secrets_out[SRS_SECRETS_MAX], int *n_secrets_out, struct fault *fault_out)
{
	struct str rest = text, line;
	int n = 0;

	*n_secrets_out = 0;
	for (int number = 1; str_take_until(&rest, '\n', &line); number++) {
		if (line.len > 0 && line.at[line.len - 1] == '\r')
			line.len--;
		if (line.len == 0)
			continue;
		if (line.len > SRS_SECRET_MAX_BYTES)
			return fault_permanent(fault_out, "line %d is longer than %d bytes", number, SRS_SECRET_MAX_BYTES);
		if (n == SRS_SECRETS_MAX)
			return fault_permanent(fault_out, "has more than %d secrets", SRS_SECRETS_MAX);
		secrets_out[n++] = line;
	}
	if (n == 0)
		return fault_permanent(fault_out, "has no secret");
	*n_secrets_out = n;
	return 0;
}
