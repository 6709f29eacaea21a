/*
 * The hook by which a transfer engine reports that a request is about to be sent.
 *
 * An exchange (core/exchange.h) begins with a hook. The HTTP engine calls `sent` from libcurl's
 * pre-request callback, when a connection is ready and the request is about to be written. If a
 * reused connection dies before the first byte of the response, libcurl resends the request itself:
 * then `sent` is called again and may refuse. It may be called inside a pump, so it must neither
 * allocate nor wait. The engine keeps the exchange alive while it has the hook, and drops it when
 * the transfer ends.
 */
#ifndef GP_SENT_HOOK_H
#define GP_SENT_HOOK_H

typedef struct gp_sent_hook {
    /* `now` is the runtime's time in seconds. 0: the request must not be resent now, as no window
     * has a free slot. May be called at any time in the exchange's life. */
    int (*sent)(struct gp_sent_hook *self, double now);
} gp_sent_hook;

#endif
