/*
 * A service is passed between shared objects as a userdata that holds a gp_http_service. Its
 * metatable has this registry name, which ends in the version of the layout. Its user value keeps
 * the owner of the service's ctx alive.
 */
#ifndef LGP_HTTP_SERVICE_H
#define LGP_HTTP_SERVICE_H

#include "core/http_service.h"
#include "lgp.h"

#define LGP_HTTP_SERVICE "gitlab_pipelines.http_service.1"

#endif
