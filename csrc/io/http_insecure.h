/*
 * Detects URLs that would send a credential unencrypted to another machine.
 */
#ifndef GP_IO_HTTP_INSECURE_H
#define GP_IO_HTTP_INSECURE_H

/* True for such a URL. */
int gp_http_insecure(const char *url);

#endif
