/*
 * The pages for people: /docs, /redoc and the control page /_mock.
 */
#ifndef GP_MOCK_CONTROL_PAGES_H
#define GP_MOCK_CONTROL_PAGES_H

#include "mock/request/route.h"

gp_handler gp_get_docs, gp_get_redoc, gp_get_asset, gp_get_panel;

#endif
