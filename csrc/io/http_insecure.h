/*
 * Over which addresses a credential would travel in clear to another machine.
 */
#ifndef GP_IO_HTTP_INSECURE_H
#define GP_IO_HTTP_INSECURE_H

/* Would it, with a request to this URL? */
int gp_http_insecure(const char *url);

#endif
