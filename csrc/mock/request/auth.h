/*
 * Who asks. The static token may do everything; tokens of a world have a kind, scopes, a role and
 * an end.
 */
#ifndef GP_MOCK_REQUEST_AUTH_H
#define GP_MOCK_REQUEST_AUTH_H

#include "mock/request/call.h"

/* Finds the credential and sets the call's user and role: 0, or the status of the error written. */
int gp_auth(gp_call *call);

/* The same for a credential that was found already; NULL for none. */
int gp_auth_text(gp_call *call, const char *text);

/* Is this text the static token? */
int gp_auth_is_static(const gp_mock *m, const char *token);

/* The credential of the headers, or NULL. */
const char *gp_auth_header(const gp_call *call);

#endif
