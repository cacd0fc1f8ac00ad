/*
 * srs_file.c - the secrets that the srs section names: read, tried, and made into rules
 */
#include "smtpfwd/auth/prepare.h"
#include "smtpfwd/auth/secret_file.h"
#include "smtpfwd/config/srs_file.h"

enum { FILE_MAX_BYTES = SRS_SECRETS_MAX * (SRS_SECRET_MAX_BYTES + 2) + 4096 };	/* and empty lines between */

/* The secrets point into the text, which is the caller's to wipe in any case. */
static int
read_secrets(const char *path, struct buf *text, struct str secrets_out[SRS_SECRETS_MAX], int *n_out, struct fault *fault_out)
{
	if (secret_file_read(path, text, fault_out) != 0)
		return -1;
	if (srs_secrets_read(buf_str(text), secrets_out, n_out, fault_out) == 0)
		return 0;
	fault_prefix(fault_out, "%s", path);
	return -1;
}

struct srs_rules *
srs_file_rules(const struct srs_section *section, struct fault *fault_out)
{
	struct srs_settings settings = section->settings;
	struct str secrets[SRS_SECRETS_MAX];
	struct srs_rules *rules = NULL;
	struct buf text;

	buf_init(&text, FILE_MAX_BYTES);
	if (read_secrets(section->secret_file, &text, secrets, &settings.n_secrets, fault_out) == 0) {
		settings.secrets = secrets;
		rules = srs_rules_new(&settings, fault_out);
	}
	prepare_wipe(&text);
	return rules;
}

int
srs_file_look(const char *path, size_t *shortest_bytes_out, struct fault *fault_out)
{
	struct str secrets[SRS_SECRETS_MAX];
	struct buf text;
	int result, n = 0;

	buf_init(&text, FILE_MAX_BYTES);
	result = read_secrets(path, &text, secrets, &n, fault_out);
	for (int i = 0; i < n && result == 0; i++)
		if (i == 0 || secrets[i].len < *shortest_bytes_out)
			*shortest_bytes_out = secrets[i].len;
	prepare_wipe(&text);
	return result;
}
