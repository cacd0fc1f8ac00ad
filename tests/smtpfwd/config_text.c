/*
 * config_text.c - configurations as texts
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/insist.h"
#include "tests/expect.h"
#include "tests/smtpfwd/config_text.h"

static char path[] = "/tmp/smtpfwd-config.XXXXXX";

void
config_text_begin(void)
{
	int file = mkstemp(path);

	insist(file >= 0);
	close(file);
}

void
config_text_end(void)
{
	unlink(path);
}

const char *
config_text_path(void)
{
	return path;
}

struct config *
config_of_text(const char *text)
{
	FILE *file = fopen(path, "w");

	insist(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
	return config_load(path);
}

void
expect_config_cases(const struct config_case *cases, size_t n_cases)
{
	for (size_t i = 0; i < n_cases; i++) {
		struct config *config = config_of_text(cases[i].text);
		int n = conf_n_errors(config->conf);

		test_case("%s", cases[i].name);
		expect_int(n, cases[i].want != NULL ? 1 : 0);
		if (n > 0 && cases[i].want != NULL && !expect(strstr(conf_error_text(config->conf, 0), cases[i].want) != NULL))
			printf("#   got  %s\n#   want %s\n", conf_error_text(config->conf, 0), cases[i].want);
		for (int k = cases[i].want != NULL; k < n; k++)
			printf("#   more %s\n", conf_error_text(config->conf, k));
		config_free(config);
	}
}
