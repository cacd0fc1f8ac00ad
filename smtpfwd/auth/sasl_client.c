/*
 * sasl_client.c - the client's side of a SASL exchange
 */
#include "base/code.h"
#include "base/mem.h"
#include "smtpfwd/auth/sasl_inside.h"

struct sasl_client {
	enum sasl_mechanism	 mechanism;
	Gsasl_session		*session;
	bool			 is_done;
	int			 n_steps;
};

static int
set(Gsasl_session *session, Gsasl_property property, struct str value)
{
	return gsasl_property_set_raw(session, property, value.at, value.len);
}

struct sasl_client *
sasl_client_new(struct sasl *sasl, enum sasl_mechanism mechanism, struct str login, struct str password)
{
	struct sasl_client *client = mem_new(sizeof(*client));

	client->mechanism = mechanism;
	if (gsasl_client_start(sasl->gsasl, sasl_mechanism_name(mechanism), &client->session) != GSASL_OK) {
		mem_free(client);
		return NULL;
	}
	if (set(client->session, GSASL_AUTHID, login) != GSASL_OK || set(client->session, GSASL_PASSWORD, password) != GSASL_OK) {
		sasl_client_free(client);
		return NULL;
	}
	return client;
}

void
sasl_client_free(struct sasl_client *client)
{
	if (client == NULL)
		return;
	sasl_wipe(client->session, GSASL_PASSWORD);
	gsasl_finish(client->session);
	mem_free(client);
}

bool
sasl_client_begins(enum sasl_mechanism mechanism)
{
	return mechanism != SASL_LOGIN;
}

bool
sasl_client_is_done(const struct sasl_client *client)
{
	return client->is_done;
}

/*
 * How often a server may make us hash.  Few iterations would make our answer easy to guess the password from, too
 * many keep us busy for an hour.  The field is the third (RFC 5802 7), extensions stand behind it.
 */
static int
check_iterations(struct str message, struct fault *fault_out)
{
	struct str field = STR_EMPTY;
	uint64_t n = 0;

	for (int i = 0; i < 3; i++) {
		if (!str_take_until(&message, ',', &field))
			field = STR_EMPTY;
	}
	if (!str_starts(field, STR("i=")) || !str_to_u64(str_from(field, 2), &n))
		return fault_temporary(fault_out, "its SCRAM challenge is malformed");
	if (n < SCRAM_ITERATIONS_MIN || n > SCRAM_ITERATIONS_MAX)
		return fault_temporary(fault_out, "it asks for %llu SCRAM iterations; %d to %d are accepted",
		    (unsigned long long)n, SCRAM_ITERATIONS_MIN, SCRAM_ITERATIONS_MAX);
	return 0;
}

static int
fault_of(const struct sasl_client *client, int result, struct fault *fault_out)
{
	/* In SCRAM's last step this is what the server's proof is measured by. */
	if (result == GSASL_AUTHENTICATION_ERROR)
		return fault_temporary(fault_out, "it does not prove that it knows the password");
	if (result == GSASL_MECHANISM_PARSE_ERROR || result == GSASL_BASE64_ERROR ||
	    result == GSASL_MECHANISM_CALLED_TOO_MANY_TIMES)
		return fault_temporary(fault_out, "its %s challenge is malformed", sasl_mechanism_name(client->mechanism));
	return fault_temporary(fault_out, "%s: %s", sasl_mechanism_name(client->mechanism), gsasl_strerror(result));
}

static int
step(struct sasl_client *client, struct str message, struct buf *answer_out, struct fault *fault_out)
{
	char *output = NULL;
	size_t n_output = 0;
	int result;

	if (client->mechanism == SASL_SCRAM_SHA_256 && client->n_steps == 2 && check_iterations(message, fault_out) != 0)
		return -1;
	result = gsasl_step(client->session, message.at, message.len, &output, &n_output);
	if (result == GSASL_OK || result == GSASL_NEEDS_MORE) {
		client->is_done = result == GSASL_OK;
		result = base64_encode(str_n(output, n_output), answer_out) == 0 ? 0 :
		    fault_temporary(fault_out, "the answer is too long");
	} else
		result = fault_of(client, result, fault_out);
	if (output != NULL)
		explicit_bzero(output, n_output);
	gsasl_free(output);
	return result;
}

int
sasl_client_step(struct sasl_client *client, struct str challenge, struct buf *answer_out, struct fault *fault_out)
{
	struct buf message;
	int result;

	if (client->is_done)
		return fault_temporary(fault_out, "it goes on asking after the end of %s", sasl_mechanism_name(client->mechanism));
	if (++client->n_steps > SASL_STEPS_MAX || challenge.len > SASL_LINE_MAX_BYTES)
		return fault_temporary(fault_out, "it asks too much");
	buf_init(&message, SASL_LINE_MAX_BYTES);
	/* LOGIN's challenges are for people: whatever they are, they are not looked at. */
	if (client->mechanism != SASL_LOGIN && base64_decode(challenge, &message) != 0)
		result = fault_temporary(fault_out, "its challenge is not base64");
	else
		result = step(client, buf_str(&message), answer_out, fault_out);
	buf_fini(&message);
	return result;
}
