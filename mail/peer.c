/*
 * peer.c - who is at the other end of a session, in a word
 */
#include "mail/peer.h"

struct str
peer_protocol(const struct peer *peer, bool is_smtputf8)
{
	bool is_tls = peer->tls.is_on, has_login = peer->login.len > 0;

	if (!peer->is_esmtp)		/* HELO: no word for TLS or a login is registered */
		return STR("SMTP");
	if (is_smtputf8) {
		if (is_tls)
			return has_login ? STR("UTF8SMTPSA") : STR("UTF8SMTPS");
		return has_login ? STR("UTF8SMTPA") : STR("UTF8SMTP");
	}
	if (is_tls)
		return has_login ? STR("ESMTPSA") : STR("ESMTPS");
	return has_login ? STR("ESMTPA") : STR("ESMTP");
}
