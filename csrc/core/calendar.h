/*
 * The Gregorian calendar: days since 1970-01-01 to dates and back, in integers only.
 *
 * Years are counted from March, so that the leap day is the last of its year, in eras of 400
 * years. From year 1 on.
 */
#ifndef GP_CALENDAR_H
#define GP_CALENDAR_H

#include <stdint.h>

typedef struct gp_date {
    int year, month, day; /* month and day from 1 */
} gp_date;

int64_t gp_calendar_days(int year, int month, int day);
gp_date gp_calendar_date(int64_t days);

#endif
