/*
 * Finds secret values after a name, a prefix or "://": a small state machine that reads a text unit
 * by unit, so that nothing has to be held back, and tells which units belong to a value.
 */
#ifndef GP_REDACT_VALUE_H
#define GP_REDACT_VALUE_H

#include "core/redact_unit.h"
#include "core/redactor.h"

enum { GP_REDACT_NO_VALUE = 0 };

/* The machine's state. Offsets are relative to the current piece of text: a caller that continues
 * with another piece adjusts them. */
typedef struct gp_redact_value {
    int state, sub;                /* where the machine is, and a detail of it */
    int quote, quote_len, slashed; /* how a quoted value was opened */
    int named_in;                  /* the quote right before a name, 0 for none */
    int closed_name;               /* a quote came after the name */
    int separator;                 /* how the separator was written: 0, '%' or '\\' */
    int previous;                  /* the byte that the last unit stood for */
    int after_slash;               /* the last unit was an escaped backslash */
    size_t cover_until;            /* end of a range that is secret regardless of the state */
    size_t pass_until, user_until; /* end of a name, and of a userinfo */
} gp_redact_value;

/* A cursor in a text, and the needle that announces a value there, if any. */
typedef struct gp_redact_cursor {
    const char *s;
    size_t n, at;
    int final; /* the text ends here: an incomplete match is no match */
    const gp_redact_needle *found;
    size_t found_len;
} gp_redact_cursor;

/* Moves the machine over the unit at the cursor. Returns 1 if the unit is covered, 0 if not, -1 if
 * more text is needed to know. */
int gp_redact_value_step(gp_redact_value *value, const gp_redact_cursor *cursor,
                         const gp_redact_unit *u);

static inline void gp_redact_cover(gp_redact_value *value, size_t until)
{
    if (until > value->cover_until) value->cover_until = until;
}

#endif
