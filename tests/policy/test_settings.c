/*
 * test_settings.c - smtpfwd.conf(5) names every setting with its default, and no other
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "policy/settings.h"
#include "tests/expect.h"

enum { MANUAL_MAX_BYTES = 1024 * 1024 };

static void
read_manual(struct buf *manual)
{
	const char *top = getenv("top_srcdir");
	char path[4096];
	FILE *file;
	size_t n;
	char *room;

	snprintf(path, sizeof(path), "%s/conf/smtpfwd.conf.5", top != NULL ? top : ".");
	buf_init(manual, MANUAL_MAX_BYTES);
	file = fopen(path, "r");
	if (file == NULL)
		return;
	while ((room = buf_room(manual, 4096)) != NULL && (n = fread(room, 1, 4096, file)) > 0)
		buf_added(manual, n);
	fclose(file);
}

/* The entry of a setting in its section's part of the manual: up to the next entry. */
static struct str
entry_of(struct str part, const char *name)
{
	char head[100];
	ptrdiff_t at, end;

	snprintf(head, sizeof(head), "\n.It Ic %s No = ", name);
	at = str_find_str(part, str_of(head));
	if (at < 0)
		return STR_EMPTY;
	part = str_from(part, (size_t)at + strlen(head));
	end = str_find_str(part, STR("\n.It "));
	return end >= 0 ? str_sub(part, 0, (size_t)end) : part;
}

static struct str
part_of(struct str manual, const struct section_kind *kind)
{
	char head[100];
	ptrdiff_t at, end;

	snprintf(head, sizeof(head), "\n.Ss %s\n", kind->name[0] == '\0' ? "Outside of all sections" : kind->name);
	if (kind->has_title)
		snprintf(head, sizeof(head), "\n.Ss %s Qq name\n", kind->name);
	at = str_find_str(manual, str_of(head));
	if (at < 0)
		return STR_EMPTY;
	manual = str_from(manual, (size_t)at + strlen(head));
	end = str_find_str(manual, STR("\n.S"));
	return end >= 0 ? str_sub(manual, 0, (size_t)end + 1) : manual;
}

static int
count_entries(struct str part)
{
	ptrdiff_t at;
	int n = 0;

	while ((at = str_find_str(part, STR("\n.It Ic "))) >= 0) {
		n++;
		part = str_from(part, (size_t)at + 1);
	}
	return n;
}

static void
compare(struct str manual, const struct section_kind *kind)
{
	struct str part = part_of(manual, kind);
	char by_default[200];

	test_case("section \"%s\" is in the manual", kind->name);
	expect(part.len != 0);
	/* A route has a relay's settings; the manual says so instead of saying them again. */
	if (strcmp(kind->name, "route") == 0)
		return;
	expect_int(count_entries(part), kind->n_settings);
	for (int i = 0; i < kind->n_settings; i++) {
		const struct setting *setting = &kind->settings[i];
		struct str entry = entry_of(part, setting->name);

		test_case("%s %s, as in the table", kind->name, setting->name);
		expect(entry.len != 0);
		snprintf(by_default, sizeof(by_default), "The default is\n.Cm %s .", setting->otherwise != NULL ? setting->otherwise : "");
		expect_int(str_find_str(entry, str_of(by_default)) >= 0, setting->otherwise != NULL);
		expect_int(str_find_str(entry, STR("Needed.")) >= 0, setting->is_needed);
	}
}

int
main(void)
{
	struct buf manual;

	read_manual(&manual);
	for (int i = 0; i < settings_n_kinds; i++)
		compare(buf_str(&manual), &settings_kinds[i]);
	buf_fini(&manual);
	return test_end();
}
