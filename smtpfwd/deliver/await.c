/*
 * await.c - is a next hop worth the wait of one more client?
 */
#include "smtpfwd/deliver/await.h"

static struct span
longer(struct span rest)
{
	int64_t ns = rest.ns * 2;

	if (ns < span_s(AWAIT_REST_MIN_S).ns)
		ns = span_s(AWAIT_REST_MIN_S).ns;
	if (ns > span_s(AWAIT_REST_MAX_S).ns)
		ns = span_s(AWAIT_REST_MAX_S).ns;
	return (struct span){ ns };
}

static bool
is_same(const struct await_try *a, const struct await_try *b)
{
	return mail_id_eq(&a->mail, &b->mail) || (a->client.family != IP_NONE && ip_eq(&a->client, &b->client));
}

bool
await_failed(struct await *await, const struct await_try *tried, struct instant now)
{
	bool was_vain = await->rest.ns > 0;

	if (await->n_in_vain == 0 || !is_same(&await->last, tried))
		await->n_in_vain++;
	await->last = *tried;
	if (!was_vain && await->n_in_vain < AWAIT_STRIKES)
		return false;
	/* Those that were asked together and ended together are one lesson. */
	if (!was_vain || !instant_is_before(now, await->rest_until)) {
		await->rest = longer(await->rest);
		await->rest_until = instant_after(now, await->rest);
	}
	return !was_vain;
}

bool
await_answered(struct await *await, enum await_step step)
{
	bool was_vain = await->rest.ns > 0;

	if (await->n_in_vain > 0 && await->last.step > step)
		return false;
	*await = (struct await){ .n_in_vain = 0 };
	return was_vain;
}

void
await_rested(struct await *await)
{
	await->rest_until = (struct instant){ INT64_MIN };
}

bool
await_is_vain(const struct await *await, bool is_free, struct instant now)
{
	return await->rest.ns > 0 && (!is_free || instant_is_before(now, await->rest_until));
}
