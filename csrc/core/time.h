/*
 * Times as text, and back: pure functions between epoch seconds (double, UTC) and the forms that
 * GitLab and HTTP use. No clock, no time zone of the process, no locale.
 *
 * Read:
 *   2016-08-11T11:28:34.085Z   2016-08-11T13:28:34+02:00   2016-08-11 11:28   2016-08-11
 *   2016-08-12 15:23:28 UTC    2021-04-28 21:50:00 +0200   (webhooks)
 *   Sun, 06 Nov 1994 08:49:37 GMT   Sunday, 06-Nov-94 08:49:37 GMT   Sun Nov  6 08:49:37 1994
 *
 * A time without a zone is UTC. Years are 1 to 9999; a two-digit year is 1970 to 2069. A leap
 * second (:60) is the first second of the next minute. Digits of a fraction beyond the ninth do
 * not count.
 */
#ifndef GP_TIME_H
#define GP_TIME_H

#include <stddef.h>

/* Space for any text made here, its NUL included. */
#define GP_TIME_TEXT 32

/* A moment in its parts, UTC. weekday: 0 is Sunday. */
typedef struct gp_time_parts {
    int year, month, day, hour, minute, second, millisecond, weekday;
} gp_time_parts;

/* Each reads the whole text and returns 1, or returns 0 and leaves *seconds alone. gp_time_parse
 * takes any form of the list above, the other two their own family only. */
int gp_time_parse(const char *text, size_t len, double *seconds);
int gp_time_parse_iso(const char *text, size_t len, double *seconds);
int gp_time_parse_http(const char *text, size_t len, double *seconds);

/* Each writes a C string and returns 1, or returns 0 for a time outside the years 1 to 9999.
 * The first rounds to the nearest millisecond, the others down to a second. */
int gp_time_format_iso(double seconds, char text[GP_TIME_TEXT]); /* 2016-08-11T11:28:34.085Z */
int gp_time_format_http(double seconds,
                        char text[GP_TIME_TEXT]);                /* Sun, 06 Nov 1994 08:49:37 GMT */
int gp_time_format_utc(double seconds, char text[GP_TIME_TEXT]); /* 2016-08-12 15:23:28 UTC */

/* The parts of a moment, rounded to the nearest millisecond; 0 outside the years 1 to 9999. */
int gp_time_split(double seconds, gp_time_parts *parts);

#endif
