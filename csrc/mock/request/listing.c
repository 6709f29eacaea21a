/* Rows are copied only when they are filtered or sorted. */
#include "mock/request/listing.h"

#include <stdlib.h>

#include "mock/request/answer.h"

static void write_rows(gp_call *call, const gp_listing *listing, const gp_list *rows)
{
    gp_page page = {.last = (int64_t)rows->count};
    size_t i;
    if (!listing->whole) page = gp_page_of(call, (int64_t)rows->count, !listing->uncounted);
    gp_write_open(&call->out->body, NULL, '[');
    for (i = (size_t)page.first; i < (size_t)page.last && i < rows->count; i++)
        listing->view(call, rows->items[listing->reverse ? rows->count - 1 - i : i]);
    gp_write_close(&call->out->body, ']');
}

int gp_listing_respond(gp_call *call, const gp_listing *listing)
{
    const gp_list *all = listing->rows;
    gp_list rows = {0};
    size_t i;
    if (!listing->wanted && !listing->compare) {
        write_rows(call, listing, all);
        return 200;
    }
    for (i = 0; i < all->count; i++) {
        if (listing->wanted && !listing->wanted(call, all->items[i], listing->ctx)) continue;
        if (!gp_list_add(&rows, all->items[i])) call->m->memory_failed = 1;
    }
    if (listing->compare && rows.count)
        qsort(rows.items, rows.count, sizeof *rows.items, listing->compare);
    write_rows(call, listing, &rows);
    gp_list_free(&rows);
    return 200;
}
