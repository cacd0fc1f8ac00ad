/*
 * signer.c - signed mails for a measurement, by libopendkim, and not by what is measured
 *
 *	signer --messages N [--domains N] [--bytes N] [--spoiled N] <KEY.pem >MAILS
 *
 * Mail n is from, and signed by, the domain d(n mod domains).bench.example, with the selector "bench", RSA and relaxed/relaxed.  Of mails
 * number 0, N, 2N ... of `spoiled` the body was changed afterwards.  MAILS is what mails.h reads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <opendkim/dkim.h>

#include "base/insist.h"
#include "tests/bench/arguments.h"
#include "tests/bench/message.h"

enum { KEY_MAX_BYTES = 16384, FIELD_MAX_BYTES = 4096 };

struct signer {
	long		 n_messages, n_domains, n_bytes, spoiled;
	DKIM_LIB	*library;
	char		 key[KEY_MAX_BYTES];
};

static unsigned char *
unsigned_of(const void *bytes)
{
	return (unsigned char *)(uintptr_t)bytes;
}

/* Each field of its header on a line; behind it the body. */
static void
show(DKIM *signature, struct str mail)
{
	struct str line, rest = mail;

	while (str_take_until(&rest, '\n', &line) && line.len > 1)
		insist(dkim_header(signature, unsigned_of(line.at), line.len - 1) == DKIM_STAT_OK);
	insist(dkim_eoh(signature) == DKIM_STAT_OK);
	insist(dkim_body(signature, unsigned_of(rest.at), rest.len) == DKIM_STAT_OK);
	insist(dkim_eom(signature, NULL) == DKIM_STAT_OK);
}

/* With CRLF where the library has LF; prints them. */
static void
print(const struct signer *signer, long number, const unsigned char *field, size_t n_field, struct buf *mail)
{
	struct buf head;

	buf_init(&head, FIELD_MAX_BYTES);
	insist(buf_append(&head, STR("DKIM-Signature: ")) == 0);
	for (size_t i = 0; i < n_field; i++)
		if (field[i] != '\r')
			insist(buf_append(&head, field[i] == '\n' ? STR("\r\n") : str_n(field + i, 1)) == 0);
	insist(buf_append(&head, STR("\r\n")) == 0);
	if (signer->spoiled > 0 && number % signer->spoiled == 0)
		mail->at[str_find_str(buf_str(mail), STR("\r\n\r\n")) + 4] = '!';
	printf("%zu\n", head.len + mail->len);
	fwrite(head.at, 1, head.len, stdout);
	fwrite(mail->at, 1, mail->len, stdout);
	buf_fini(&head);
}

static void
sign(struct signer *signer, long number)
{
	struct buf mail;
	char domain[64];
	unsigned char *field;
	size_t n_field;
	DKIM_STAT status;
	DKIM *signature;

	snprintf(domain, sizeof(domain), "d%ld.bench.example", number % signer->n_domains);
	buf_init(&mail, MESSAGE_MOST_BYTES);
	message_write_from(str_of(domain), number, (size_t)signer->n_bytes, &mail);
	signature = dkim_sign(signer->library, unsigned_of("mail"), NULL, unsigned_of(signer->key), unsigned_of("bench"), unsigned_of(domain),
	    DKIM_CANON_RELAXED, DKIM_CANON_RELAXED, DKIM_SIGN_RSASHA256, -1, &status);
	insist(signature != NULL && status == DKIM_STAT_OK);
	show(signature, buf_str(&mail));
	insist(dkim_getsighdr_d(signature, sizeof("DKIM-Signature: ") - 1, &field, &n_field) == DKIM_STAT_OK);
	print(signer, number, field, n_field, &mail);
	dkim_free(signature);
	buf_fini(&mail);
}

int
main(int argc, char **argv)
{
	static struct signer signer = { .n_messages = 1000, .n_domains = 1, .n_bytes = 4096 };
	const struct argument arguments[] = {
		{ "--messages", &signer.n_messages, 1, 1000000 }, { "--domains", &signer.n_domains, 1, 1000000 },
		{ "--bytes", &signer.n_bytes, MESSAGE_LEAST_BYTES, MESSAGE_MOST_BYTES }, { "--spoiled", &signer.spoiled, 0, 1000000 },
	};

	if (!arguments_read(argc, argv, arguments, sizeof(arguments) / sizeof(arguments[0])) ||
	    fread(signer.key, 1, sizeof(signer.key) - 1, stdin) == 0)
		return 2;
	signer.library = dkim_init(NULL, NULL);
	insist(signer.library != NULL);
	for (long i = 0; i < signer.n_messages; i++)
		sign(&signer, i);
	dkim_close(signer.library);
	return fflush(stdout) == 0 ? 0 : 1;
}
