/*
 * apply.h - a judged mail's changes and verdict, told to Postfix
 */
#ifndef MILTER_APPLY_H
#define MILTER_APPLY_H

#include <libmilter/mfapi.h>

#include "milter/judging.h"

/*
 * What xxfi_eom is to return.  Changes are told for a mail that goes on, and to one that goes on though it could not be judged.  False: they could not
 * be told, and *status_out is not set.
 */
bool	apply(SMFICTX *context, struct judging *judging, const struct verdict *verdict, sfsistat *status_out);

/* What xxfi_envfrom is to return for a mail that is put off there. */
sfsistat	apply_put_off(SMFICTX *context, const struct verdict *verdict);

#endif
