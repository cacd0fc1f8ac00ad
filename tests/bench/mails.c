/*
 * mails.c - mails of a measurement that were made before
 */
#include "tests/bench/mails.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum { MAILS_MAX = 1000000 };

static bool
take(struct str *rest, struct str *mail_out)
{
	struct str line;
	uint64_t n_bytes;

	if (!str_take_until(rest, '\n', &line) || !str_to_u64(line, &n_bytes) || n_bytes > rest->len)
		return false;
	*mail_out = str_sub(*rest, 0, n_bytes);
	*rest = str_from(*rest, n_bytes);
	return true;
}

bool
mails_read(struct mails *mails)
{
	struct stat file;
	struct str rest;
	void *bytes;

	if (fstat(STDIN_FILENO, &file) != 0 || file.st_size == 0)
		return false;
	bytes = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_PRIVATE, STDIN_FILENO, 0);
	if (bytes == MAP_FAILED) {
		perror("mails");
		return false;
	}
	rest = str_n(bytes, (size_t)file.st_size);
	*mails = (struct mails){ .all = mem_new(MAILS_MAX * sizeof(struct str)) };
	while (rest.len > 0 && mails->n < MAILS_MAX)
		if (!take(&rest, &mails->all[mails->n++])) {
			fprintf(stderr, "mails: no mail %ld\n", mails->n);
			return false;
		}
	return true;
}

struct str
mails_get(const struct mails *mails, long number)
{
	return mails->all[number % mails->n];
}

struct str
mails_author(struct str mail)
{
	const struct str before = STR("\nFrom: <");
	ptrdiff_t at = str_find_str(mail, before);
	struct str rest, author = STR_EMPTY;

	if (at < 0)
		return STR_EMPTY;
	rest = str_from(mail, (size_t)at + before.len);
	(void)str_take_until(&rest, '>', &author);
	return author;
}
