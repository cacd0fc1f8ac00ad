/*
 * judge.c - grammar.py as a judge of reports
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/insist.h"
#include "base/mem.h"
#include "tests/report/judge.h"

enum { SHOWN_MAX = 5 };

struct judge {
	FILE	*program;
	int	 answers;
	char	 path[40];
};

struct judge *
judge_start(void)
{
	struct judge *judge = mem_new(sizeof(*judge));
	const char *top = getenv("top_srcdir");
	char command[1000];

	strcpy(judge->path, "/tmp/smtpfwd-judged.XXXXXX");
	judge->answers = mkstemp(judge->path);
	insist(judge->answers >= 0);
	snprintf(command, sizeof(command), "/usr/bin/python3 '%s/tests/report/grammar.py' >%s", top != NULL ? top : ".", judge->path);
	judge->program = popen(command, "w");
	insist(judge->program != NULL);
	return judge;
}

void
judge_tell(struct judge *judge, bool is_utf8, bool is_8bit, struct str mail, struct str report)
{
	fprintf(judge->program, "%d %d %zu %zu\n", is_utf8, is_8bit, mail.len, report.len);
	fwrite(mail.at, 1, mail.len, judge->program);
	fwrite(report.at, 1, report.len, judge->program);
}

int
judge_end(struct judge *judge)
{
	int n_right = -1, status = pclose(judge->program);
	char line[1000];
	FILE *in = fdopen(judge->answers, "r");

	insist(in != NULL);
	for (int n = 0; fgets(line, sizeof(line), in) != NULL; n++)
		if (sscanf(line, "right: %d", &n_right) != 1 && n < SHOWN_MAX)
			printf("# %s", line);
	fclose(in);
	unlink(judge->path);
	mem_free(judge);
	return status == 0 ? n_right : -1;
}
