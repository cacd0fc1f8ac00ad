/*
 * findings.h - what the checks found out about one mail: facts, with their reasons
 *
 * Made by inspect.h, judged by decide.h, told to the next server by stamp.h.
 */
#ifndef POLICY_FINDINGS_H
#define POLICY_FINDINGS_H

#include "mail/author.h"
#include "policy/arc/arc_verify.h"
#include "policy/dkim/dkim_result.h"
#include "policy/dmarc/dmarc.h"
#include "policy/spf/spf.h"

struct findings {			/* strings live in the inspection's arena, or are the inputs' */
	const char		*why_unchecked;	/* a constant word: "trusted", "class", "off"; NULL: what the rules want was checked */

	bool			 has_spf;
	struct spf_result	 spf_helo;	/* SPF_NONE for a HELO that is no domain */
	struct spf_result	 spf_mail_from;	/* for the null reverse-path that of postmaster@HELO */

	bool			 has_dkim;	/* DKIM was looked for; there may be no signature */
	const struct dkim_result *dkim;		/* in the order of the fields */
	int			 n_dkim;

	bool			 has_arc;	/* ARC was looked at; there may be no set */
	struct arc_result	 arc;

	struct authors		 authors;	/* read whenever something was checked */

	bool			 has_dmarc;
	struct dmarc_result	 dmarc;
};

#endif
