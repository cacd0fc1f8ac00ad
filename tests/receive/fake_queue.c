/*
 * fake_queue.c - a queue in memory behind queue.h's putting side, for tests of receiving alone
 */
#include "base/insist.h"
#include "base/mem.h"
#include "tests/receive/fake_queue.h"

enum { CONTENT_MAX_BYTES = 64 * 1024 * 1024, MAIL_MAX_BYTES = 80 * 1024 * 1024 };

struct draft {
	struct queue	*queue;
	struct mail_id	 id;
	struct buf	 content;
};

struct draft *
draft_new(struct queue *queue)
{
	struct draft *draft = mem_new(sizeof(*draft));
	uint8_t random[MAIL_ID_RANDOM_BYTES] = { (uint8_t)++queue->n_made };

	draft->queue = queue;
	draft->id = mail_id_make((struct timestamp){ 1700000000000000 }, random);
	buf_init(&draft->content, CONTENT_MAX_BYTES);
	queue->n_drafts++;
	return draft;
}

struct mail_id
draft_id(const struct draft *draft)
{
	return draft->id;
}

int
draft_append(struct draft *draft, struct str content, struct instant deadline, struct fault *fault_out)
{
	struct queue *queue = draft->queue;

	fiber_yield();			/* the real one may suspend too */
	if (queue->does_append_fail)
		return fault_because(fault_out, queue->append_fails, "as the test wants");
	insist(buf_append(&draft->content, content) == 0);
	if ((int64_t)draft->content.len > queue->most_bytes)
		queue->most_bytes = (int64_t)draft->content.len;
	return 0;
}

int64_t
draft_content_bytes(const struct draft *draft)
{
	return (int64_t)draft->content.len;
}

size_t
draft_memory_bytes(const struct draft *draft)
{
	return draft->content.cap;
}

void
draft_discard(struct draft *draft)
{
	draft->queue->n_drafts--;
	buf_fini(&draft->content);
	mem_free(draft);
}

int
queue_put(struct queue *queue, struct draft *draft, const struct envelope *envelope, const struct mail_facts *facts,
    struct str prefix, struct instant deadline, struct fault *fault_out)
{
	struct fake_mail *mail;

	fiber_yield();
	if (queue->does_put_fail)
		return fault_because(fault_out, queue->put_fails, "as the test wants");
	insist(queue->n_mails < FAKE_MAILS_MAX);
	mail = mem_new(sizeof(*mail));
	arena_init(&mail->arena, MAIL_MAX_BYTES);
	mail->id = draft->id;
	mail->facts = *facts;
	insist(envelope_copy(envelope, true, &mail->arena, &mail->envelope));
	insist(arena_copy(&mail->arena, prefix, &mail->prefix));
	insist(arena_copy(&mail->arena, buf_str(&draft->content), &mail->content));
	insist(arena_copy(&mail->arena, facts->class_name, &mail->facts.class_name));
	insist(arena_copy(&mail->arena, facts->client, &mail->facts.client));
	insist(arena_copy(&mail->arena, facts->listener, &mail->facts.listener));
	queue->mails[queue->n_mails++] = mail;
	draft_discard(draft);
	return 0;
}

bool
queue_is_full(const struct queue *queue)
{
	return queue->is_full;
}

void
fake_queue_fini(struct queue *queue)
{
	for (int i = 0; i < queue->n_mails; i++) {
		arena_fini(&queue->mails[i]->arena);
		mem_free(queue->mails[i]);
	}
	*queue = (struct queue){ .n_mails = 0 };
}
