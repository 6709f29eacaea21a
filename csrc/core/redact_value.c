#include "core/redact_value.h"

/* The most bytes searched for the end of a userinfo; anything longer is treated as one. */
#define MAX_USERINFO 1024

enum state {
    STATE_PLAIN = GP_REDACT_NO_VALUE,
    STATE_NAME,         /* in the rest of a parameter's name */
    STATE_BEHIND_NAME,  /* expects a separator */
    STATE_BEFORE_VALUE, /* expects the value's first byte */
    STATE_QUOTED,
    STATE_PARAMETER,
    STATE_HEADER,
    STATE_TOKEN,
    STATE_USERINFO,
    STATE_ENDLESS_USERINFO
};

static int is_quote(int c)
{
    return c == '"' || c == '\'' || c == '`';
}

static int is_token_byte(int c, int wide)
{
    return gp_redact_is_name_byte(c) || c == '.' || (wide && gp_redact_is_one_of(c, "+/="));
}

/* Does a control character, a blank, a quote or one of `more` end a value here? */
static int ends(const gp_redact_unit *u, int separator, const char *more)
{
    int c = u->bytes[0];
    if (u->escape == '%' && separator != '%') return 0;
    return c <= ' ' || c == 0x7f || is_quote(c) || gp_redact_is_one_of(c, "<>") ||
           gp_redact_is_one_of(c, more);
}

/* Looks whether "://" at the cursor is followed by userinfo. Returns 0 for "more". */
static int look_for_userinfo(gp_redact_value *value, const gp_redact_cursor *cursor,
                             const gp_redact_unit *opening)
{
    size_t start = cursor->at + cursor->found_len, at = start, last = 0;
    gp_redact_unit u;
    while (at < cursor->n && at - start <= MAX_USERINFO) {
        if (!gp_redact_read_unit(cursor->s + at, cursor->n - at, GP_READ_BOTH, &u) &&
            !cursor->final)
            return 0;
        if (ends(&u, opening->escape, "/?#")) break;
        if (u.bytes[0] == '@' && (u.escape != '%' || opening->escape == '%')) last = at;
        at += u.len;
    }
    if (at == cursor->n && at - start <= MAX_USERINFO && !cursor->final) return 0;
    value->pass_until = start;
    if (at - start > MAX_USERINFO) {
        value->state = STATE_ENDLESS_USERINFO;
        value->separator = opening->escape;
    } else if (last > start) {
        value->state = STATE_USERINFO;
        value->user_until = last;
    }
    return 1;
}

/* Enters the state that follows what was found. Returns 0 for "more". */
static int open_found(gp_redact_value *value, const gp_redact_cursor *cursor,
                      const gp_redact_unit *u)
{
    const gp_redact_needle *found = cursor->found;
    size_t behind = cursor->at + cursor->found_len;
    if (found->kind == GP_NEEDLE_AUTHORITY) return look_for_userinfo(value, cursor, u);
    if (found->kind == GP_NEEDLE_TOKEN || found->kind == GP_NEEDLE_WIDE_TOKEN) {
        gp_redact_unit next;
        if (behind == cursor->n) return cursor->final;
        if (!gp_redact_read_unit(cursor->s + behind, cursor->n - behind, GP_READ_BOTH, &next) &&
            !cursor->final)
            return 0;
        if (!is_token_byte(next.bytes[0], found->kind == GP_NEEDLE_WIDE_TOKEN)) return 1;
        value->sub = found->kind == GP_NEEDLE_WIDE_TOKEN;
        value->state = STATE_TOKEN;
        gp_redact_cover(value, behind);
    } else {
        value->state = found->kind == GP_NEEDLE_PARAMETER_OF ? STATE_NAME : STATE_BEHIND_NAME;
        value->sub = found->kind == GP_NEEDLE_HEADER;
        value->named_in = is_quote(value->previous) ? value->previous : 0;
        value->closed_name = 0;
    }
    value->pass_until = behind;
    return 1;
}

/* Behind a name: blanks and a closing quote may stand before the separator. */
static void pass_behind_name(gp_redact_value *value, const gp_redact_unit *u)
{
    int c = u->bytes[0];
    if (c == ' ' || c == '\t' || c == '\\') return;
    if (is_quote(c) && !value->closed_name) {
        value->closed_name = 1;
        value->named_in = 0;
        return;
    }
    if (c == ']' && value->closed_name) return;
    if (c == '=' || (c == ':' && (value->sub || value->closed_name)) ||
        (c == ',' && value->sub && value->closed_name)) {
        value->state = STATE_BEFORE_VALUE;
        value->separator = u->escape;
        if (c == '=') value->closed_name = 0; /* no JSON: the value may do without quotes */
        return;
    }
    value->state = STATE_PLAIN;
}

/* Before a value: enters the state that covers it. Returns 1 if the unit belongs to it. */
static int open_value(gp_redact_value *value, const gp_redact_unit *u)
{
    int c = u->bytes[0];
    if (c == ' ' || c == '\t' || c == '\\' || c == '>' || (c == '[' && value->closed_name))
        return 0;
    if (is_quote(c) && c != value->named_in) {
        value->state = STATE_QUOTED;
        value->quote = c;
        value->quote_len = (int)u->len;
        value->slashed = value->after_slash;
        return 0;
    }
    if (value->closed_name || c == '\n' || c == '\r' || is_quote(c) ||
        (!value->sub && ends(u, value->separator, "&#"))) {
        value->state = STATE_PLAIN; /* a number or null of JSON's; or nothing at all */
        return 0;
    }
    value->state = value->sub ? STATE_HEADER : STATE_PARAMETER;
    return 1;
}

/* Is this unit the quote that closes the value, or the end of a line that never closed it? */
static int closes_quote(const gp_redact_value *value, const gp_redact_unit *u)
{
    int c = u->bytes[0];
    if (u->len == 1 && (c == '\n' || c == '\r')) return 1;
    if (c != value->quote) return 0;
    if (u->len != 1 && (int)u->len != value->quote_len) return 0;
    return u->escape != '\\' || value->after_slash == value->slashed;
}

/* Is this unit behind the value of the state that the machine is in? */
static int is_behind_value(const gp_redact_value *value, const gp_redact_cursor *cursor,
                           const gp_redact_unit *u)
{
    int c = u->bytes[0];
    switch (value->state) {
    case STATE_QUOTED:
        return closes_quote(value, u);
    case STATE_PARAMETER:
        return ends(u, value->separator, "&#");
    case STATE_HEADER:
        return c == '\n' || c == '\r' || (c && c == value->named_in);
    case STATE_TOKEN:
        return !is_token_byte(c, value->sub);
    case STATE_USERINFO:
        return cursor->at >= value->user_until;
    default: /* STATE_ENDLESS_USERINFO */
        return ends(u, value->separator, "/?#");
    }
}

int gp_redact_value_step(gp_redact_value *value, const gp_redact_cursor *cursor,
                         const gp_redact_unit *u)
{
    if (cursor->at < value->pass_until) return 0;
    if (value->state == STATE_NAME && !gp_redact_is_name_byte(u->bytes[0])) {
        value->state = STATE_BEHIND_NAME;
    }
    if (value->state == STATE_BEHIND_NAME) {
        pass_behind_name(value, u);
    } else if (value->state == STATE_BEFORE_VALUE) {
        if (open_value(value, u)) return 1;
    } else if (value->state >= STATE_QUOTED) {
        if (!is_behind_value(value, cursor, u)) return 1;
        value->state = STATE_PLAIN;
    }
    if (value->state == STATE_PLAIN && cursor->found && !open_found(value, cursor, u)) return -1;
    return 0;
}
