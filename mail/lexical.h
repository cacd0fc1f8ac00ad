/*
 * lexical.h - the tokens that structured fields are made of (RFC 5322 3.2, RFC 2045 5.1)
 *
 * Each function takes its token off the front of *rest and leaves *rest as it is when there is
 * none.  Line ends are blanks, folded or not; nesting has no depth that hurts.
 */
#ifndef MAIL_LEXICAL_H
#define MAIL_LEXICAL_H

#include "base/arena.h"

/* Skips blanks, line ends and comments (CFWS); false for a comment that does not end. */
bool	lexical_skip_cfws(struct str *rest);

/* Takes a comment that begins here; inside_out is without its outer parentheses. */
bool	lexical_take_comment(struct str *rest, struct str *inside_out);

/* What stands between the quotes, quoted pairs as they are; false if no quote begins here or it does not end. */
bool	lexical_take_quoted(struct str *rest, struct str *inside_out);

/* A token of RFC 2045; an atom of RFC 5322, in which bytes of UTF-8 are letters (RFC 6532).  May be empty. */
struct str	lexical_take_token(struct str *rest);
struct str	lexical_take_atom(struct str *rest);

/* The text that quoted pairs stand for, without the line ends of folding.  False at the arena's limit. */
bool	lexical_unquote(struct str inside, struct arena *arena, struct str *text_out);

/* True if all of s, which is not empty, is a token; a dot-atom. */
bool	lexical_is_token(struct str s);
bool	lexical_is_dot_atom(struct str s);

/*
 * The text with its encoded words (RFC 2047) decoded: their bytes, in whatever charset, and all
 * between them as it was.  More is taken for an encoded word than the RFC does: for who looks for
 * what is hidden.  False at the arena's limit.
 */
bool	lexical_decode_words(struct str text, struct arena *arena, struct str *decoded_out);

/* The same for "%40" and the like (RFC 3986 2.1). */
bool	lexical_decode_percent(struct str text, struct arena *arena, struct str *decoded_out);

/* The text without its comments; one that does not end hides all that follows.  False at the arena's limit. */
bool	lexical_without_comments(struct str text, struct arena *arena, struct str *plain_out);

#endif
