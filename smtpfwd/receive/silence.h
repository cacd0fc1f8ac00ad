/*
 * silence.h - next hops that a question of our own was put to in vain, to the end of its time: they are left alone for a while
 *
 * One that takes connections and says nothing is not known as down for minutes (RFC 5321 4.5.3.2); until then each client would
 * wait in vain, and a listener's places are soon full of them.  After the rest the next question finds out.
 */
#ifndef RECEIVE_SILENCE_H
#define RECEIVE_SILENCE_H

#include "base/instant.h"
#include "base/map.h"

enum { SILENCE_REST_S = 30 };

struct silence {
	struct map	 until;		/* by destination: struct instant, owned.  As many as are configured */
};

void	silence_init(struct silence *silence);
void	silence_fini(struct silence *silence);

bool	silence_is_on(const struct silence *silence, struct str destination, struct instant now);
void	silence_begin(struct silence *silence, struct str destination, struct instant now);

#endif
