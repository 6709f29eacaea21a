/*
 * Compares a needle with a text that may be escaped, in any case or alphabet that the needle's kind
 * allows, and, if the needle is a secret, interrupted by gaps.
 */
#ifndef GP_REDACT_MATCH_H
#define GP_REDACT_MATCH_H

#include "core/redact_unit.h"
#include "core/redactor.h"

/* Does the needle stand at the beginning of these `n` bytes? In every mode that matters; the
 * longest match is *len. MORE wins over YES, since a longer match may come: *len is then that of
 * the matches so far, or 0. */
gp_redact_found gp_redact_match(const gp_redact_needle *needle, const char *s, size_t n,
                                size_t *len);

#endif
