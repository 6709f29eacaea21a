/*
 * A binary heap of times at which a transfer's timeout may have expired, the soonest first. A time
 * may be too early (a byte has arrived since): then the owner checks it and adds it back, which is
 * cheaper than moving it for every byte.
 */
#ifndef GP_IO_HTTP_DEADLINES_H
#define GP_IO_HTTP_DEADLINES_H

#include <stddef.h>

#include "io/http.h"

/* Embedded in a transfer. */
typedef struct gp_http_deadline {
    double at;
    size_t index; /* in the heap, from 1; 0: not in the heap */
    gp_http_transfer *transfer;
} gp_http_deadline;

typedef struct gp_http_deadlines {
    gp_http_deadline **heap; /* from 1 */
    size_t count, cap;
} gp_http_deadlines;

/* The soonest; NULL: none. */
gp_http_deadline *gp_http_deadlines_first(const gp_http_deadlines *deadlines);

/* 0 when out of memory. */
int gp_http_deadlines_add(gp_http_deadlines *deadlines, gp_http_deadline *deadline, double at);

/* No effect on a deadline that is not in the heap. */
void gp_http_deadlines_move(gp_http_deadlines *deadlines, gp_http_deadline *deadline, double at);
void gp_http_deadlines_remove(gp_http_deadlines *deadlines, gp_http_deadline *deadline);

void gp_http_deadlines_free(gp_http_deadlines *deadlines);

#endif
