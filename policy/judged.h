/*
 * judged.h - what was found of a mail, decided and done to it, as the words of one line in the log; the same for relay and milter
 */
#ifndef POLICY_JUDGED_H
#define POLICY_JUDGED_H

#include "policy/classify.h"
#include "policy/seal.h"
#include "policy/stamp.h"
#include "policy/survive.h"

struct judged {				/* all of it is the caller's */
	const struct stamp_inputs	*stamped;
	const struct verdict		*verdict;
	const struct survival		*survival;	/* reason NULL: the mail did not come so far */
	const struct seal		*seal;
	const struct mail_class		*class;
};

/*
 * Appends the words (stamp_words, survive_words, "signed=", "sealed=" and their opposites, classify_words): STAMP_WORDS_MAX_BYTES
 * are enough for what matters, and without room for more they end as they are.  False, and nothing appended, of mail of which
 * there is nothing to say: neither checked nor of a domain that is signed for, nor of a class section or one that sets anything.
 */
bool	judged_words(const struct judged *judged, struct buf *out);

#endif
