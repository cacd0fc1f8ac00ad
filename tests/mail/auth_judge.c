/*
 * auth_judge.c - asks judge_auth_results.py
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/insist.h"
#include "tests/expect.h"
#include "tests/mail/auth_judge.h"

void
auth_judge_open(struct auth_judge *judge)
{
	const char *top = getenv("top_srcdir");
	char command[1000], path[] = "/tmp/smtpfwd-judged.XXXXXX";
	int fd = mkstemp(path);

	insist(fd >= 0);
	snprintf(command, sizeof(command), "/usr/bin/python3 '%s/tests/mail/judge_auth_results.py' >&%d", top != NULL ? top : ".", fd);
	*judge = (struct auth_judge){ .questions = popen(command, "w"), .answers = fdopen(fd, "r") };
	insist(judge->questions != NULL);
	insist(judge->answers != NULL);
	unlink(path);
}

static void
tell(struct auth_judge *judge, struct str text)
{
	insist(fwrite(text.at, 1, text.len, judge->questions) == text.len);
	insist(fputc('\0', judge->questions) == '\0');
}

void
auth_judge_tell(struct auth_judge *judge, struct str field, struct str want)
{
	tell(judge, field);
	tell(judge, want);
	judge->n_told++;
}

void
auth_judge_close(struct auth_judge *judge)
{
	int n_right = -1;
	char line[2000];

	expect_int(pclose(judge->questions), 0);
	rewind(judge->answers);
	while (fgets(line, sizeof(line), judge->answers) != NULL) {
		if (sscanf(line, "right: %d", &n_right) != 1)
			printf("# %s", line);
	}
	expect_int(n_right, judge->n_told);
	fclose(judge->answers);
}
