#include "io/http_deadlines.h"

#include <stdlib.h>

static void place(gp_http_deadlines *deadlines, gp_http_deadline *deadline, size_t index)
{
    deadlines->heap[index] = deadline;
    deadline->index = index;
}

static void rise(gp_http_deadlines *deadlines, gp_http_deadline *deadline, size_t index)
{
    while (index > 1 && deadlines->heap[index / 2]->at > deadline->at) {
        place(deadlines, deadlines->heap[index / 2], index);
        index /= 2;
    }
    place(deadlines, deadline, index);
}

static void sink(gp_http_deadlines *deadlines, gp_http_deadline *deadline, size_t index)
{
    for (;;) {
        size_t child = index * 2;
        if (child > deadlines->count) break;
        if (child < deadlines->count &&
            deadlines->heap[child + 1]->at < deadlines->heap[child]->at) {
            child++;
        }
        if (deadlines->heap[child]->at >= deadline->at) break;
        place(deadlines, deadlines->heap[child], index);
        index = child;
    }
    place(deadlines, deadline, index);
}

int gp_http_deadlines_add(gp_http_deadlines *deadlines, gp_http_deadline *deadline, double at)
{
    if (deadlines->count + 1 >= deadlines->cap) {
        size_t cap = deadlines->cap ? deadlines->cap * 2 : 64;
        gp_http_deadline **grown = realloc(deadlines->heap, cap * sizeof(*grown));
        if (!grown) return 0;
        deadlines->heap = grown;
        deadlines->cap = cap;
    }
    deadline->at = at;
    rise(deadlines, deadline, ++deadlines->count);
    return 1;
}

void gp_http_deadlines_move(gp_http_deadlines *deadlines, gp_http_deadline *deadline, double at)
{
    size_t index = deadline->index;
    double before = deadline->at;
    if (!index) return;
    deadline->at = at;
    if (at < before)
        rise(deadlines, deadline, index);
    else
        sink(deadlines, deadline, index);
}

void gp_http_deadlines_remove(gp_http_deadlines *deadlines, gp_http_deadline *deadline)
{
    size_t index = deadline->index;
    gp_http_deadline *last;
    if (!index) return;
    deadline->index = 0;
    last = deadlines->heap[deadlines->count--];
    if (last == deadline) return;
    if (index > 1 && deadlines->heap[index / 2]->at > last->at)
        rise(deadlines, last, index);
    else
        sink(deadlines, last, index);
}

gp_http_deadline *gp_http_deadlines_first(const gp_http_deadlines *deadlines)
{
    return deadlines->count ? deadlines->heap[1] : NULL;
}

void gp_http_deadlines_free(gp_http_deadlines *deadlines)
{
    free(deadlines->heap);
}
