#include "core/time.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/calendar.h"

static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char day_names[] = "SunMonTueWedThuFriSat";
static const char *const long_days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};

/* The moments at which the years 1 and 10000 begin. */
#define FIRST_MOMENT (-62135596800.0)
#define END_OF_TIME  253402300800.0

int gp_time_split(double seconds, gp_time_parts *parts)
{
    double ms = floor(seconds * 1000 + 0.5), whole = floor(ms / 1000);
    long days, of_day;
    gp_date date;
    if (!(whole >= FIRST_MOMENT && whole < END_OF_TIME)) return 0;
    days = (long)floor(whole / 86400);
    of_day = (long)(whole - (double)days * 86400);
    parts->millisecond = (int)(ms - whole * 1000);
    parts->hour = (int)(of_day / 3600);
    parts->minute = (int)(of_day / 60 % 60);
    parts->second = (int)(of_day % 60);
    parts->weekday = (int)((days + 719162 + 1) % 7); /* day 1 of year 1 was a Monday */
    date = gp_calendar_date(days);
    parts->day = date.day;
    parts->month = date.month;
    parts->year = date.year;
    return 1;
}

int gp_time_format_iso(double seconds, char text[GP_TIME_TEXT])
{
    gp_time_parts p;
    if (!gp_time_split(seconds, &p)) return 0;
    snprintf(text, GP_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", p.year, p.month, p.day,
             p.hour, p.minute, p.second, p.millisecond);
    return 1;
}

int gp_time_format_http(double seconds, char text[GP_TIME_TEXT])
{
    gp_time_parts p;
    if (!gp_time_split(floor(seconds), &p)) return 0;
    snprintf(text, GP_TIME_TEXT, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
             day_names + 3 * p.weekday, p.day, month_names + 3 * (p.month - 1), p.year, p.hour,
             p.minute, p.second);
    return 1;
}

int gp_time_format_utc(double seconds, char text[GP_TIME_TEXT])
{
    gp_time_parts p;
    if (!gp_time_split(floor(seconds), &p)) return 0;
    snprintf(text, GP_TIME_TEXT, "%04d-%02d-%02d %02d:%02d:%02d UTC", p.year, p.month, p.day,
             p.hour, p.minute, p.second);
    return 1;
}

/* A reader of the text: each step consumes what it expects, or marks the text as invalid. */
typedef struct reader {
    const char *at, *end;
    int wrong;
} reader;

static int peek(const reader *r)
{
    return r->at < r->end ? (unsigned char)*r->at : -1;
}

static int is_digit(int c)
{
    return c >= '0' && c <= '9';
}

/* Exactly `count` digits with a value from low to high. */
static int number(reader *r, int count, int low, int high)
{
    int value = 0;
    for (; count; count--) {
        if (!is_digit(peek(r))) {
            r->wrong = 1;
            return low;
        }
        value = value * 10 + (*r->at++ - '0');
    }
    if (value < low || value > high) r->wrong = 1;
    return value;
}

static int accept(reader *r, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(r->end - r->at) < len || memcmp(r->at, text, len) != 0) return 0;
    r->at += len;
    return 1;
}

static void expect(reader *r, const char *text)
{
    if (!accept(r, text)) r->wrong = 1;
}

/* One of the three-letter names, as its index. */
static int name_of(reader *r, const char *names, int count)
{
    int i;
    for (i = 0; i < count; i++) {
        if (r->end - r->at >= 3 && !memcmp(r->at, names + 3 * i, 3)) {
            r->at += 3;
            return i;
        }
    }
    r->wrong = 1;
    return 0;
}

static int days_in(int year, int month)
{
    static const char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

typedef struct moment {
    int year, month, day, hour, minute, second;
    double fraction;
    int offset; /* seconds east of UTC */
} moment;

static int finish(const reader *r, const moment *m, double *seconds)
{
    if (r->wrong || r->at != r->end) return 0;
    if (m->day > days_in(m->year, m->month)) return 0;
    *seconds = (double)gp_calendar_days(m->year, m->month, m->day) * 86400.0 + m->hour * 3600.0 +
               m->minute * 60.0 + m->second - m->offset + m->fraction;
    return 1;
}

static void read_clock(reader *r, moment *m)
{
    m->hour = number(r, 2, 0, 23);
    expect(r, ":");
    m->minute = number(r, 2, 0, 59);
    expect(r, ":");
    m->second = number(r, 2, 0, 60);
}

static double fraction(reader *r)
{
    double value = 0, unit = 1;
    int digits = 0;
    if (!is_digit(peek(r))) r->wrong = 1;
    for (; is_digit(peek(r)); r->at++) {
        if (digits++ >= 9) continue;
        value = value * 10 + (*r->at - '0');
        unit *= 10;
    }
    return value / unit;
}

/* Z, UTC, GMT, +02:00, +0200, +02, or nothing. */
static int zone(reader *r)
{
    int sign, hours, minutes = 0;
    accept(r, " ");
    if (accept(r, "Z") || accept(r, "z") || accept(r, "UTC") || accept(r, "GMT")) return 0;
    sign = accept(r, "+") ? 1 : accept(r, "-") ? -1 : 0;
    if (!sign) {
        if (r->at[-1] == ' ') r->wrong = 1;
        return 0;
    }
    hours = number(r, 2, 0, 23);
    if (accept(r, ":") || is_digit(peek(r))) minutes = number(r, 2, 0, 59);
    return sign * (hours * 3600 + minutes * 60);
}

int gp_time_parse_iso(const char *text, size_t len, double *seconds)
{
    reader r = {text, text + len, 0};
    moment m = {0};
    m.year = number(&r, 4, 1, 9999);
    expect(&r, "-");
    m.month = number(&r, 2, 1, 12);
    expect(&r, "-");
    m.day = number(&r, 2, 1, 31);
    if (!r.wrong && r.at != r.end) {
        if (!accept(&r, "T") && !accept(&r, "t")) expect(&r, " ");
        m.hour = number(&r, 2, 0, 23);
        expect(&r, ":");
        m.minute = number(&r, 2, 0, 59);
        if (accept(&r, ":")) {
            m.second = number(&r, 2, 0, 60);
            if (accept(&r, ".")) m.fraction = fraction(&r);
        }
        if (!r.wrong) m.offset = zone(&r);
    }
    return finish(&r, &m, seconds);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", after the day's name. */
static void fixed_date(reader *r, moment *m)
{
    m->day = number(r, 2, 1, 31);
    expect(r, " ");
    m->month = name_of(r, month_names, 12) + 1;
    expect(r, " ");
    m->year = number(r, 4, 1, 9999);
    expect(r, " ");
    read_clock(r, m);
    expect(r, " GMT");
}

/* "Sunday, 06-Nov-94 08:49:37 GMT", after the day's name. */
static void old_date(reader *r, moment *m)
{
    m->day = number(r, 2, 1, 31);
    expect(r, "-");
    m->month = name_of(r, month_names, 12) + 1;
    expect(r, "-");
    m->year = number(r, 2, 0, 99);
    m->year += m->year < 70 ? 2000 : 1900;
    expect(r, " ");
    read_clock(r, m);
    expect(r, " GMT");
}

/* "Sun Nov  6 08:49:37 1994", after the day's name. */
static void asctime_date(reader *r, moment *m)
{
    m->month = name_of(r, month_names, 12) + 1;
    expect(r, " ");
    m->day = accept(r, " ") ? number(r, 1, 1, 9) : number(r, 2, 1, 31);
    expect(r, " ");
    read_clock(r, m);
    expect(r, " ");
    m->year = number(r, 4, 1, 9999);
}

int gp_time_parse_http(const char *text, size_t len, double *seconds)
{
    reader r = {text, text + len, 0};
    moment m = {0};
    int i;
    m.year = m.month = m.day = 1;
    for (i = 0; i < 7; i++) {
        if (!accept(&r, long_days[i])) continue;
        expect(&r, ", ");
        old_date(&r, &m);
        return finish(&r, &m, seconds);
    }
    name_of(&r, day_names, 7);
    if (accept(&r, ", ")) {
        fixed_date(&r, &m);
    } else {
        expect(&r, " ");
        asctime_date(&r, &m);
    }
    return finish(&r, &m, seconds);
}

int gp_time_parse(const char *text, size_t len, double *seconds)
{
    return gp_time_parse_iso(text, len, seconds) || gp_time_parse_http(text, len, seconds);
}
