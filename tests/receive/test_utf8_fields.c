/*
 * test_utf8_fields.c - header fields beyond ASCII, of mails and of their parts, and text that is none
 */
#include "smtpfwd/receive/utf8_fields.h"
#include "tests/expect.h"

#define E	"\xc3\xa9"
#define PART	"--b\r\nContent-Type: text/plain\r\n\r\n"

static const struct {
	const char	*name, *mail;
	bool		 are_found;
} mails[] = {
	{ "ASCII", "Subject: x\r\n\r\ntext\r\n", false },
	{ "a text", "Subject: x\r\n\r\n" E "\r\n\r\n" E "\r\n", false },
	{ "a mail without fields", "\r\n" E "\r\n", false },
	{ "a field", "Subject: " E "\r\n\r\ntext\r\n", true },
	{ "a field and nothing else", "Subject: " E, true },
	{ "the last of several, folded", "A: b\r\nC: d\r\n\t" E "\r\n\r\ntext\r\n", true },
	{ "a part's text", "A: b\r\n\r\n" PART E "\r\n--b--\r\n", false },
	{ "a part's field (RFC 6532 3.2)", "A: b\r\n\r\n--b\r\nContent-Disposition: inline; filename=" E "\r\n\r\ntext\r\n--b--\r\n", true },
	{ "that of the second part", "A: b\r\n\r\n" PART E "\r\n--b\r\nX: " E "\r\n\r\n--b--\r\n", true },
	{ "that of a part in a part", "A: b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nX: " E "\r\n\r\n--c--\r\n--b--\r\n", true },
	{ "a boundary as long as they come", "A: b\r\n\r\n--0123456789012345678901234567890123456789012345678901234567890123456789\r\nX: " E "\r\n\r\n", true },
	{ "a boundary that begins with a blank", "A: b\r\n\r\n-- b\r\nX: " E "\r\n\r\n", true },
	{ "a boundary with blanks behind it", "A: b\r\n\r\n--b \t\r\nX: " E "\r\n\r\n", true },
	{ "a mail in a mail: its field", "A: b\r\n\r\n--b\r\nContent-Type: Message/RFC822\r\n\r\nSubject: " E "\r\n\r\ntext\r\n", true },
	{ "its text", "A: b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n" E "\r\n", false },
	{ "a mail in a mail in a mail", "A: b\r\nContent-Type: message/rfc822\r\n\r\nContent-Type:\r\n message/global\r\n\r\nSubject: " E "\r\n\r\ntext\r\n", true },
	{ "that which almost names message/", "A: b\r\nContent-Type: memessage/rfc822\r\n\r\nSubject: " E "\r\n", true },
	{ "what does not", "A: b\r\nContent-Type: mess age/rfc822\r\n\r\nSubject: " E "\r\n", false },
	{ "a text that names it", "A: b\r\n\r\nmessage/\r\n\r\n" PART E "\r\n", false },
	{ "a signature (RFC 3676 4.3)", "A: b\r\n\r\ntext\r\n-- \r\n" E "\r\n", false },
	{ "a line of two dashes, or one", "A: b\r\n\r\n--\r\n" E "\r\n-\r\n" E "\r\n", false },
	{ "dashes inside a line", "A: b\r\n\r\na --b\r\n" E "\r\n-a-b\r\n" E "\r\n", false },
	{ "text behind what may be a boundary is taken for fields", "A: b\r\n\r\n---- old mail ----\r\nFrom: " E "\r\n", true },
};

/* As it comes: whole, byte by byte, and cut at each place. */
static bool
look(struct str mail, size_t cut, size_t step)
{
	struct utf8_fields fields = { .are_found = false };

	utf8_fields_take(&fields, str_sub(mail, 0, cut));
	for (size_t i = cut; i < mail.len; i += step)
		utf8_fields_take(&fields, str_sub(mail, i, step));
	return fields.are_found;
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(mails) / sizeof(mails[0]); i++) {
		struct str mail = str_of(mails[i].mail);

		test_case("%s", mails[i].name);
		for (size_t cut = 0; cut <= mail.len; cut++)
			expect_int(look(mail, cut, mail.len), mails[i].are_found);
		expect_int(look(mail, 0, 1), mails[i].are_found);
	}
	return test_end();
}
