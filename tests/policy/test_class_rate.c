/*
 * test_class_rate.c - limits of a class as a person writes them, and what is said of those that are none
 */
#include "policy/class/class_rate.h"
#include "tests/expect.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))

static const struct row {
	const char	*text, *back;		/* back NULL: as it was */
	enum class_rate_unit unit;
	enum class_rate_key key;
	int64_t		 most, window_s;
} rows[] = {
	{ "100 messages/1h per login", NULL, RATE_OF_MESSAGES, RATE_PER_LOGIN, 100, 3600 },
	{ "1 message/1s per sender", NULL, RATE_OF_MESSAGES, RATE_PER_SENDER, 1, 1 },
	{ "5000 recipients/30d per client", NULL, RATE_OF_RECIPIENTS, RATE_PER_CLIENT, 5000, 2592000 },
	{ "10M bytes/1d per client", NULL, RATE_OF_BYTES, RATE_PER_CLIENT, 10485760, 86400 },
	{ " 1024K\tbytes  /  24h  per  sender ", "1M bytes/1d per sender", RATE_OF_BYTES, RATE_PER_SENDER, 1048576, 86400 },
	{ "1 messages/60s per login", "1 message/1m per login", RATE_OF_MESSAGES, RATE_PER_LOGIN, 1, 60 },
	{ "2 recipient/1500ms per login", "2 recipients/1500ms per login", RATE_OF_RECIPIENTS, RATE_PER_LOGIN, 2, 1 },
	{ "1125899906842624 bytes/1h per login", "1048576G bytes/1h per login", RATE_OF_BYTES, RATE_PER_LOGIN, INT64_C(1125899906842624), 3600 },
};

static const struct { const char *text, *why; } wrong[] = {
	{ "", "is no limit such as 100 messages/1h per login" },
	{ "100 messages", "is no limit such as 100 messages/1h per login" },
	{ "100/1h per login", "is no limit such as 100 messages/1h per login" },
	{ "100 messages/1h", "is no limit such as 100 messages/1h per login" },
	{ "100 messages/1h for login", "is no limit such as 100 messages/1h per login" },
	{ "100 messages/1h per login now", "is no limit such as 100 messages/1h per login" },
	{ "at most 100 messages/1h per login", "is no limit such as 100 messages/1h per login" },
	{ "100 mails/1h per login", "counts neither messages nor recipients nor bytes" },
	{ "100 Messages/1h per login", "counts neither messages nor recipients nor bytes" },
	{ "100 messages/1h per domain", "is neither per client nor per login nor per sender" },
	{ "many messages/1h per login", "begins with no whole number" },
	{ "10K messages/1h per login", "begins with no whole number" },
	{ "-1 messages/1h per login", "begins with no whole number" },
	{ "99999999999999999999 messages/1h per login", "begins with no whole number" },
	{ "10MB bytes/1h per login", "begins with no size such as 64K, 50M or 2G" },
	{ "0 messages/1h per login", "allows nothing, or more than can be counted" },
	{ "1125899906842625 bytes/1h per login", "allows nothing, or more than can be counted" },
	{ "1 messages/h per login", "has no window behind the / such as 30s, 5m, 2h or 7d" },
	{ "1 messages/1h/2h per login", "has no window behind the / such as 30s, 5m, 2h or 7d" },
	{ "1 messages/999ms per login", "has a window that is not 1s to 30d" },
	{ "1 messages/31d per login", "has a window that is not 1s to 30d" },
};

int
main(void)
{
	char room[CLASS_RATE_TEXT_MAX], again_room[CLASS_RATE_TEXT_MAX];
	struct class_rate rate, again;
	const char *why = NULL;

	for (int i = 0; i < N_OF(rows); i++) {
		const struct row *row = &rows[i];
		struct str text;

		test_case("\"%s\"", row->text);
		if (!expect(class_rate_read(str_of(row->text), &rate, &why)))
			continue;
		expect(rate.unit == row->unit && rate.key == row->key);
		expect_int(rate.limit.most, row->most);
		expect_int(span_to_s(rate.limit.window), row->window_s);
		text = class_rate_text(&rate, room);
		expect_str(text, str_of(row->back != NULL ? row->back : row->text));
		expect(class_rate_read(text, &again, &why) && class_rate_eq(&rate, &again));
		expect_str(class_rate_text(&again, again_room), text);
	}
	for (int i = 0; i < N_OF(wrong); i++) {
		test_case("\"%s\" %s", wrong[i].text, wrong[i].why);
		why = "(none)";
		expect(!class_rate_read(str_of(wrong[i].text), &rate, &why));
		expect_text(why, wrong[i].why);
	}
	return test_end();
}
