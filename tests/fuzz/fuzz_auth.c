/*
 * fuzz_auth.c - users files and AUTH exchanges, either side: nobody is proven who does not know the password
 *
 * The input is a users file up to a NUL, or nothing for a usual one, then lines of the peer.
 */
#include "base/code.h"
#include "smtpfwd/auth/sasl.h"
#include "tests/fuzz/fuzz.h"

enum { STEPS_MAX = 12 };

/* RFC 7677 3's example: user, pencil. */
static const struct str usual = STR(
    "user:SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=\n"
    "mailman:$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/\n");

static void
check_users(struct users *users, struct str login)
{
	struct scram_keys keys;
	bool is_known;
	const struct verifier *verifier = users_find(users, login, &is_known);

	insist((verifier != NULL) == (users_n(users) > 0) && users_n_scram(users) <= users_n(users));
	insist(!is_known || verifier != NULL);
	insist(users_find_scram(users, login, &keys) == (users_n_scram(users) > 0));
	if (users_n_scram(users) > 0)
		insist(keys.iterations >= SCRAM_ITERATIONS_MIN && keys.iterations <= SCRAM_ITERATIONS_MAX &&
		    keys.n_salt_bytes > 0 && keys.n_salt_bytes <= SCRAM_SALT_MAX_BYTES);
}

static bool
is_going_on(const struct sasl_server *server, enum sasl_step step, const struct buf *challenge)
{
	struct buf decoded;

	insist(step != SASL_PROVEN);
	if (step == SASL_PASSWORD)
		insist(sasl_server_login(server).len > 0 && sasl_server_password(server).len > 0);
	if (step != SASL_CHALLENGE)
		return false;
	buf_init(&decoded, FUZZ_ROOM_MAX_BYTES);
	insist(base64_decode(buf_str(challenge), &decoded) == 0);
	buf_fini(&decoded);
	return true;
}

static void
talk_to_server(struct fuzz *f, struct sasl *sasl, enum sasl_mechanism mechanism, bool has_initial, struct users *users)
{
	struct sasl_server *server = sasl_server_new(sasl, mechanism, users);
	struct str line = has_initial ? fuzz_line(f) : STR_EMPTY;
	struct buf challenge;
	enum sasl_step step;

	insist(server != NULL);
	buf_init(&challenge, FUZZ_ROOM_MAX_BYTES);
	step = sasl_server_begin(server, has_initial, line, &challenge);
	for (int i = 0; i < STEPS_MAX && is_going_on(server, step, &challenge); i++) {
		buf_clear(&challenge);
		line = fuzz_line(f);
		step = sasl_server_step(server, line, &challenge);
	}
	insist(step != SASL_CHALLENGE);		/* SASL_STEPS_MAX ends it at last */
	buf_fini(&challenge);
	sasl_server_free(server);
}

static void
talk_to_client(struct fuzz *f, struct sasl *sasl, enum sasl_mechanism mechanism)
{
	struct sasl_client *client = sasl_client_new(sasl, mechanism, STR("user"), STR("pencil"));
	struct buf answer;
	struct fault fault;
	int result = 0;

	insist(client != NULL);
	buf_init(&answer, FUZZ_ROOM_MAX_BYTES);
	if (sasl_client_begins(mechanism))
		result = sasl_client_step(client, STR_EMPTY, &answer, &fault);
	for (int i = 0; i < STEPS_MAX && result == 0 && f->rest.len > 0; i++) {
		struct str line = fuzz_line(f);

		result = sasl_client_step(client, line, &answer, &fault);
		insist(mechanism != SASL_SCRAM_SHA_256 || !sasl_client_is_done(client));	/* its nonce is not to be guessed */
	}
	if (result != 0)
		insist(str_is_utf8(str_of(fault.text)));
	buf_fini(&answer);
	sasl_client_free(client);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct fuzz f;
	unsigned choice;
	struct sasl *sasl = sasl_new();
	struct users *users;
	struct fault fault;
	struct str text;
	ptrdiff_t end;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	end = str_find(f.rest, '\0');
	text = end > 0 ? str_sub(f.rest, 0, (size_t)end) : usual;
	f.rest = str_from(f.rest, (size_t)end + 1);
	users = users_parse(text, "users", &fault);
	if (users != NULL) {
		check_users(users, f.rest);
		check_users(users, STR("user"));
	} else {
		insist(str_is_utf8(str_of(fault.text)) && strncmp(fault.text, "users", 5) == 0);
		users = users_parse(usual, "users", &fault);
	}
	insist(sasl != NULL && users != NULL);
	if (choice & 4)
		talk_to_client(&f, sasl, (enum sasl_mechanism)(choice & 3) % SASL_N_MECHANISMS);
	else
		talk_to_server(&f, sasl, (enum sasl_mechanism)(choice & 3) % SASL_N_MECHANISMS, choice & 8, users);
	users_unref(users);
	sasl_free(sasl);
	fuzz_end(&f);
	return 0;
}
