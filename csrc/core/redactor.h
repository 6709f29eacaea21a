/*
 * The needles of a redactor: byte strings that are secret themselves or precede a secret. A secret
 * is stored in every form in which it may be written (core/redact.h lists them);
 * GitLab's prefixes, headers and parameters are in tables of redactor.c.
 */
#ifndef GP_REDACTOR_H
#define GP_REDACTOR_H

#include <stddef.h>

#include "core/alloc.h"

/* The kinds of needles. */
enum {
    GP_NEEDLE_SECRET,       /* covered itself */
    GP_NEEDLE_HEX,          /* a secret in hexadecimal, lower case: compared in any case */
    GP_NEEDLE_BASE64,       /* a secret in base64: both alphabets, line breaks inside */
    GP_NEEDLE_TOKEN,        /* a prefix of tokens */
    GP_NEEDLE_WIDE_TOKEN,   /* a prefix of tokens in base64 */
    GP_NEEDLE_HEADER,       /* a header's name */
    GP_NEEDLE_PARAMETER,    /* a parameter's name */
    GP_NEEDLE_PARAMETER_OF, /* the beginning of parameters' names */
    GP_NEEDLE_AUTHORITY     /* :// */
};

/* A line that ends in fewer bytes of a secret than this is not held back for the next line.
 * Instead, the rest of the secret is searched for at the start of lines. */
enum { GP_NEEDLE_HEAD = 4 };

typedef struct gp_redact_needle {
    char *bytes;
    size_t len;
    int kind;
    int tail;      /* the rest of a secret: searched for at the beginning of lines */
    int ambiguous; /* holds % or \: to be compared in each mode, else in GP_READ_BOTH alone */
    int next;      /* next in its chain; -1: none */
} gp_redact_needle;

/* What is known to be secret. May grow while streams use it; must outlive them. */
typedef struct gp_redactor {
    const gp_alloc *alloc;
    gp_redact_needle *needles;
    size_t count, cap;
    int first[256]; /* by first byte, lower case: the head of a chain of needles, or -1 */
} gp_redactor;

/* Knows GitLab's prefixes, headers and parameters, and no secret; _known: not even those. Each of
 * the four returns 1, or 0 when memory ran out (the redactor is then as it was; after a failed
 * init, only close it). */
int gp_redactor_init(gp_redactor *redactor, const gp_alloc *alloc);
int gp_redactor_init_known(gp_redactor *redactor, const gp_alloc *alloc);
int gp_redactor_add(gp_redactor *redactor, const char *secret, size_t len); /* empty: ignored */
int gp_redactor_add_prefix(gp_redactor *redactor, const char *prefix, size_t len);

/* Cleanses and frees. May be called again. */
void gp_redactor_close(gp_redactor *redactor);

/* Is it the name of a header whose value is always secret? In any case of letters. */
int gp_redact_is_secret_header(const char *name, size_t len);

#endif
