/* A binary heap; each pipeline knows its place in it. */
#include "mock/engine/schedule.h"
#include "mock/engine/job.h"

static int earlier(const gp_pipeline *a, const gp_pipeline *b)
{
    return a->due != b->due ? a->due < b->due : a->id < b->id;
}

static void place(gp_list *heap, size_t at, gp_pipeline *pipeline)
{
    heap->items[at] = pipeline;
    pipeline->heap_at = at + 1;
}

static void sift(gp_list *heap, size_t at)
{
    gp_pipeline *moving = heap->items[at];
    while (at > 0 && earlier(moving, heap->items[(at - 1) / 2])) {
        place(heap, at, heap->items[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= heap->count) break;
        if (child + 1 < heap->count && earlier(heap->items[child + 1], heap->items[child])) child++;
        if (!earlier(heap->items[child], moving)) break;
        place(heap, at, heap->items[child]);
        at = child;
    }
    place(heap, at, moving);
}

void gp_schedule_remove(gp_mock *m, gp_pipeline *pipeline)
{
    gp_list *heap = &m->heap;
    size_t at = pipeline->heap_at;
    gp_pipeline *last;
    if (!at) return;
    pipeline->heap_at = 0;
    last = heap->items[--heap->count];
    if (last == pipeline) return;
    place(heap, at - 1, last);
    sift(heap, at - 1);
}

void gp_schedule_update(gp_mock *m, gp_pipeline *pipeline)
{
    if (pipeline->due == GP_MS_NEVER) {
        gp_schedule_remove(m, pipeline);
        return;
    }
    if (!pipeline->heap_at) {
        if (!gp_list_add(&m->heap, pipeline)) {
            m->memory_failed = 1;
            return;
        }
        pipeline->heap_at = m->heap.count;
    }
    sift(&m->heap, pipeline->heap_at - 1);
}

gp_pipeline *gp_schedule_first(const gp_mock *m)
{
    return m->heap.count ? m->heap.items[0] : NULL;
}

void gp_schedule_pipeline(gp_mock *m, gp_pipeline *p)
{
    size_t i;
    if (p->rule == GP_RULE_WORLD) {
        p->due = p->wake;
        for (i = 0; i < p->jobs.count; i++) {
            if (gp_job_at(p, i)->due < p->due) p->due = gp_job_at(p, i)->due;
        }
    }
    gp_schedule_update(m, p);
}
