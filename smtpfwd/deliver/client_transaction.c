/*
 * client_transaction.c - the SMTP client's transaction: MAIL, RCPT, DATA, the mail, its end
 */
#include "base/insist.h"
#include "smtpfwd/deliver/client_inside.h"
#include "smtpfwd/smtp/command.h"
#include "smtpfwd/smtp/limits.h"

enum {
	COPIED_SPAN_MAX_BYTES = 8192,	/* longer spans of content are not worth a copy */
	/* What TLS adds to what is behind the dot at most: two records' headers, tags and padding. */
	TLS_ADDS_MAX_BYTES = 256,
};

/* --- the envelope --- */

int
client_write_rset(struct client *client, struct instant deadline, struct fault *fault_out)
{
	return client_write_command(client, STR("RSET\r\n"), deadline, fault_out);
}

int
client_write_mail(struct client *client, const struct envelope *envelope, const struct address *reverse_path,
    uint64_t size_bytes, struct instant deadline, struct fault *fault_out)
{
	struct buf line;
	int done;

	buf_init(&line, SMTP_COMMAND_LINE_MAX_BYTES);
	if (command_write_mail(envelope, reverse_path, size_bytes, &client->ehlo, &line) != 0) {
		fault_permanent(fault_out, "the reverse-path is too long for MAIL");
		done = client_broken(client);
	} else {
		client->n_transactions++;
		done = client_write_command(client, buf_str(&line), deadline, fault_out);
	}
	buf_fini(&line);
	return done;
}

int
client_write_rcpt(struct client *client, const struct recipient *recipient, struct instant deadline,
    struct fault *fault_out)
{
	struct buf line;
	int done;

	buf_init(&line, SMTP_COMMAND_LINE_MAX_BYTES);
	if (command_write_rcpt(recipient, &client->ehlo, &line) != 0) {
		fault_permanent(fault_out, "the forward-path is too long for RCPT");
		done = client_broken(client);
	} else
		done = client_write_command(client, buf_str(&line), deadline, fault_out);
	buf_fini(&line);
	return done;
}

int
client_write_data(struct client *client, struct instant deadline, struct fault *fault_out)
{
	client->encoder = (struct data_encoder){ .is_inside_line = false };
	return client_write_command(client, STR("DATA\r\n"), deadline, fault_out);
}

int
client_mail(struct client *client, const struct envelope *envelope, const struct address *reverse_path,
    uint64_t size_bytes, struct instant deadline, struct reply *reply_out, struct fault *fault_out)
{
	if (client_write_mail(client, envelope, reverse_path, size_bytes, deadline, fault_out) != 0 ||
	    client_flush(client, deadline, fault_out) != 0)
		return -1;
	return client_read(client, CLIENT_MAIL, deadline, reply_out, fault_out);
}

int
client_rcpt(struct client *client, const struct recipient *recipient, struct instant deadline,
    struct reply *reply_out, struct fault *fault_out)
{
	if (client_write_rcpt(client, recipient, deadline, fault_out) != 0 ||
	    client_flush(client, deadline, fault_out) != 0)
		return -1;
	return client_read(client, CLIENT_RCPT, deadline, reply_out, fault_out);
}

int
client_data(struct client *client, struct instant deadline, struct reply *reply_out, struct fault *fault_out)
{
	if (client_write_data(client, deadline, fault_out) != 0 || client_flush(client, deadline, fault_out) != 0)
		return -1;
	return client_read(client, CLIENT_DATA, deadline, reply_out, fault_out);
}

int
client_rset(struct client *client, struct instant deadline, struct reply *reply_out, struct fault *fault_out)
{
	return client_command(client, CLIENT_RSET, STR("RSET\r\n"), deadline, reply_out, fault_out);
}

/* --- the mail --- */

/*
 * Some servers refuse a mail while it is still coming (552, 421) and close.  No dot was sent, so nothing can have
 * been accepted, and their answer is as good as one to the dot.  A 2xx here is no answer to anything.
 */
static int
take_early_refusal(struct client *client, struct instant deadline, struct reply *reply_out, struct fault *fault_out)
{
	if (stream_input(client->stream).len == 0) {
		fault_because(fault_out, FAULT_CLOSED, "the next hop closed the connection before the end of the mail");
		return client_broken(client);
	}
	client->n_outstanding = 1;
	if (client_read(client, CLIENT_FINAL, client_within(client, client->settings->block_timeout, deadline), reply_out,
	    fault_out) != 0)
		return -1;
	client_broken(client);			/* the server is not where we are */
	if (reply_is_positive(reply_out))
		return fault_temporary(fault_out, "the next hop breaks the protocol: it accepted the mail before its end");
	return 1;
}

int
client_content(struct client *client, struct str piece, struct instant deadline, struct reply *reply_out,
    struct fault *fault_out)
{
	struct str span;

	insist(client->n_outstanding == 0);
	while (data_encode(&client->encoder, &piece, &span)) {
		struct instant until = client_within(client, client->settings->block_timeout, deadline);

		if ((span.len > COPIED_SPAN_MAX_BYTES ? stream_write_from : stream_write)(client->stream, span, until,
		    fault_out) != 0) {
			/* Why it closed may still be readable, and says more than a broken pipe. */
			if (fault_out->cause == FAULT_CLOSED && stream_input(client->stream).len > 0)
				return take_early_refusal(client, deadline, reply_out, fault_out);
			fault_prefix(fault_out, "sending the mail");
			return client_broken(client);
		}
	}
	if (stream_has_input(client->stream))
		return take_early_refusal(client, deadline, reply_out, fault_out);
	return 0;
}

int
client_write_end(struct client *client, struct instant deadline, struct fault *fault_out)
{
	insist(client->n_outstanding == 0);
	if (client_write_bytes(client, data_encode_end(&client->encoder), deadline, fault_out) != 0)
		return -1;
	client->n_outstanding = 1;
	client->n_bytes_behind_end = 0;
	return 0;
}

/*
 * Our side's buffers may hold megabytes: a server that accepts before it can have seen the dot has taken nothing.  What is behind the
 * dot may still be on its way.
 */
static bool
end_is_confirmed(const struct client *client)
{
	int64_t n_behind = client->n_bytes_behind_end;

	if (n_behind > 0 && client->tls.version[0] != '\0')
		n_behind += TLS_ADDS_MAX_BYTES;
	return stream_is_confirmed(client->stream, n_behind);
}

int
client_finish(struct client *client, struct instant deadline, struct reply *reply_out, bool *is_ambiguous_out,
    struct fault *fault_out)
{
	/* From here on the dot may be at the server whatever we learn. */
	*is_ambiguous_out = true;
	if (client->n_outstanding == 0 && client_write_end(client, deadline, fault_out) != 0)
		return -1;
	if (client_flush(client, deadline, fault_out) != 0)
		return -1;
	if (client_read(client, CLIENT_FINAL, deadline, reply_out, fault_out) != 0)
		return -1;
	if (reply_is_positive(reply_out) && !end_is_confirmed(client)) {
		fault_temporary(fault_out, "the next hop breaks the protocol: it accepted the mail before its end");
		return client_broken(client);
	}
	*is_ambiguous_out = false;
	return 0;
}
