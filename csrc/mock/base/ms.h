/*
 * Every time of the simulation: whole milliseconds since the epoch, so that a row read back from
 * the database is the row that was written.
 */
#ifndef GP_MOCK_BASE_MS_H
#define GP_MOCK_BASE_MS_H

#include <stdint.h>

#include "core/time.h"

/* Milliseconds since the epoch: every time in the mock. */
typedef int64_t gp_ms;
#define GP_MS_NONE  (-1)                     /* no such time: null */
#define GP_MS_NEVER INT64_MAX                /* will not come */
#define GP_MS_FIRST INT64_C(1577836800000)   /* 2020: since when there is what a world lists */
#define GP_MS_LAST  INT64_C(250000000000000) /* in the year 9892: four digits still hold it */

/* "2026-01-01T00:00:00.000Z" into `text`: integer arithmetic only, since every response has
 * several. */
void gp_ms_iso(char text[GP_TIME_TEXT], gp_ms value);

/* "Thu, 01 Jan 2026 00:00:00 GMT" */
void gp_ms_http(char text[GP_TIME_TEXT], gp_ms value);

/* Reads an ISO 8601 date or time; GP_MS_NONE if it is invalid, or before 1970. */
gp_ms gp_ms_parse(const char *text);

/* Seconds since the epoch, or an amount of seconds, to milliseconds: rounded, clamped, never
 * negative. */
gp_ms gp_ms_from_seconds(double seconds);

#endif
