#include "mock/base/ms.h"

#include <math.h>
#include <string.h>

typedef struct civil {
    int64_t year;
    int month, day, hour, minute, second, milli;
} civil;

/* Days since the epoch to a date of the proleptic Gregorian calendar, counted in eras of 400
 * years that begin in March, so that the leap day is the last of its year. */
static civil civil_from(gp_ms value)
{
    civil c;
    int64_t days = value / 86400000, era, year;
    int rest = (int)(value % 86400000), of_era, of_year, month;
    days += 719468;
    era = days / 146097;
    of_era = (int)(days - era * 146097);
    year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    of_year = of_era - (int)(365 * year + year / 4 - year / 100);
    month = (5 * of_year + 2) / 153;
    c.day = of_year - (153 * month + 2) / 5 + 1;
    c.month = month < 10 ? month + 3 : month - 9;
    c.year = year + era * 400 + (c.month <= 2);
    c.hour = rest / 3600000;
    c.minute = rest / 60000 % 60;
    c.second = rest / 1000 % 60;
    c.milli = rest % 1000;
    return c;
}

static char *digits(char *at, int value, int count)
{
    int i;
    for (i = count - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + count;
}

void gp_ms_iso(char text[GP_TIME_TEXT], gp_ms value)
{
    civil c = civil_from(value);
    char *at = digits(text, (int)(c.year % 10000), 4);
    *at++ = '-';
    at = digits(at, c.month, 2);
    *at++ = '-';
    at = digits(at, c.day, 2);
    *at++ = 'T';
    at = digits(at, c.hour, 2);
    *at++ = ':';
    at = digits(at, c.minute, 2);
    *at++ = ':';
    at = digits(at, c.second, 2);
    *at++ = '.';
    at = digits(at, c.milli, 3);
    *at++ = 'Z';
    *at = 0;
}

void gp_ms_http(char text[GP_TIME_TEXT], gp_ms value)
{
    if (!gp_time_format_http((double)value / 1000, text)) text[0] = 0;
}

gp_ms gp_ms_parse(const char *text)
{
    double seconds;
    if (!gp_time_parse_iso(text, strlen(text), &seconds) || seconds < 0) return GP_MS_NONE;
    return gp_ms_from_seconds(seconds);
}

gp_ms gp_ms_from_seconds(double seconds)
{
    if (!(seconds > 0)) return 0;
    if (seconds > GP_MS_LAST / 1000.0) seconds = GP_MS_LAST / 1000.0;
    return (gp_ms)llround(seconds * 1000);
}
