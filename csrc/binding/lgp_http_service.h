/*
 * How a service crosses from one shared object to another: as a userdata whose memory is a
 * gp_http_service and whose metatable has this registry name, which ends in the version of that
 * layout. Its user value keeps the owner of the service's ctx alive.
 */
#ifndef LGP_HTTP_SERVICE_H
#define LGP_HTTP_SERVICE_H

#include "core/http_service.h"
#include "lgp.h"

#define LGP_HTTP_SERVICE "gitlab_pipelines.http_service.1"

#endif
