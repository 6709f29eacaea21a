#include "core/calendar.h"

enum { DAYS_OF_ERA = 146097, EPOCH = 719468 }; /* EPOCH: 1970-01-01, counted from 0000-03-01 */

int64_t gp_calendar_days(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * DAYS_OF_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH;
}

gp_date gp_calendar_date(int64_t days)
{
    gp_date date;
    int64_t era, year;
    int of_era, of_year, month;
    days += EPOCH;
    era = days / DAYS_OF_ERA;
    of_era = (int)(days - era * DAYS_OF_ERA);
    year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    of_year = of_era - (int)(365 * year + year / 4 - year / 100);
    month = (5 * of_year + 2) / 153;
    date.day = of_year - (153 * month + 2) / 5 + 1;
    date.month = month < 10 ? month + 3 : month - 9;
    date.year = (int)(year + era * 400 + (date.month <= 2));
    return date;
}
