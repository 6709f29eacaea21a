/*
 * The one word that a transfer engine says to whoever decides: "these bytes can leave now".
 *
 * An exchange (core/exchange.h) begins with a hook. The HTTP engine calls `sent` from libcurl's
 * pre-request callback, when a connection is ready and the request is about to be written. When a
 * kept connection dies ahead of the first answered byte, libcurl repeats the request by itself:
 * then it is called again, and may say no. It may be called from inside a pump, so it must neither
 * allocate nor wait. The engine keeps the exchange alive for as long as it holds the hook, and
 * forgets it when the transfer ends.
 */
#ifndef GP_SENT_HOOK_H
#define GP_SENT_HOOK_H

typedef struct gp_sent_hook {
    /* `now` is the runtime's time in seconds. 0: not again, there is no room; whoever decides wants
     * to be asked. Safe to call at any moment of the exchange's life. */
    int (*sent)(struct gp_sent_hook *self, double now);
} gp_sent_hook;

#endif
