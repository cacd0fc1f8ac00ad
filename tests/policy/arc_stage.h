/*
 * arc_stage.h - what tests of ARC stand on: cases made by arc_cases.py, a resolver of their keys, a mail verified and sealed
 */
#ifndef TESTS_POLICY_ARC_STAGE_H
#define TESTS_POLICY_ARC_STAGE_H

#include "policy/arc/arc_seal.h"
#include "policy/arc/arc_verify.h"

enum {
	ARC_CASES_MAX_BYTES = 16 * 1024 * 1024,
	ARC_STAGE_NOW_S = 1795219200,	/* 2026-11-21 */
};

struct arc_stage {
	struct resolver	 resolver;
	struct str	 keys;		/* lines "key NAME RECORD"; others may stand between them */
	bool		 is_silent;	/* no question is answered */
	int		 n_asks, n_questions;	/* so far */
};

void	arc_stage_init(struct arc_stage *stage, struct str keys);

/* Verifies a mail, its body in pieces of so many bytes; the result lives in the arena. */
const struct arc_result	*arc_stage_verify(struct arc_stage *stage, struct str mail, size_t piece_bytes, struct arena *arena);

/* Puts a set on top of a mail, its body in pieces; the whole goes to out.  0, or -1: the mail gets none. */
int	arc_stage_seal(const struct arc_sealer *sealer, struct str mail, enum arc_status cv, struct str results, size_t piece_bytes,
	    struct buf *out, struct fault *fault_out);

/* What arc_cases.py prints, or a file; the caller frees .at. */
struct str	arc_stage_read_cases(const char *path);

struct arc_case {
	struct str	 name, want, oldest, mail;
	struct str	 before;	/* the text up to here: its keys */
};

/* The next case of *rest, which begins as all of text; false at the end. */
bool	arc_stage_take_case(struct str *text, struct str *rest, struct arc_case *case_out);

#endif
