/*
 * glob.h - patterns of text as people write them: * for any run of characters, ? for any one
 *
 * All of the text is to match.  There is no escape: a ? stands for these two themselves too.  Nothing is gone back to
 * twice, so that the time is at most the text's length times the pattern's, whatever is in them.
 */
#ifndef POLICY_CLASS_GLOB_H
#define POLICY_CLASS_GLOB_H

#include "base/str.h"

/* The pattern is well-formed UTF-8 (another one matches by its bytes).  A ? takes a whole character of well-formed UTF-8, else a byte.  The second knows no case of ASCII letters. */
bool	glob_matches(struct str pattern, struct str text);
bool	glob_matches_nocase(struct str pattern, struct str text);

/* True if * or ? is in it. */
bool	glob_is_pattern(struct str text);

#endif
