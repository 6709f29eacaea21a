/* One entry for each kind of event. */
#include "mock/control/openapi_webhooks.h"

#include "mock/base/json_writer.h"
#include "mock/control/openapi_types.h"

static const struct {
    const char *name, *schema, *about;
} hooks[] = {
    {"pipeline", "PipelineEvent", "The status of a pipeline has changed"},
    {"job", "JobEvent", "The status of a job has changed, or it was created"},
    {"deployment", "DeploymentEvent", "The status of a deployment has changed"},
};

static const char about_hooks[] =
    "Sent to the targets of /_mock/hooks as POST. A 2xx or 3xx within 10 s is a success.";

void gp_openapi_webhooks(gp_buf *buf)
{
    size_t i;
    gp_write_open(buf, "webhooks", '{');
    for (i = 0; i < sizeof hooks / sizeof *hooks; i++) {
        gp_write_open(buf, hooks[i].name, '{');
        gp_write_open(buf, "post", '{');
        gp_write_open(buf, "operationId", '"');
        gp_buf_adds(buf, "webhook_");
        gp_buf_adds(buf, hooks[i].name);
        gp_write_close(buf, '"');
        gp_buf_adds(buf, ",\"tags\":[\"webhooks\"],\"security\":[]");
        gp_write_string(buf, "summary", hooks[i].about);
        gp_write_string(buf, "description", about_hooks);
        gp_write_open(buf, "requestBody", '{');
        gp_write_boolean(buf, "required", 1);
        gp_openapi_content(buf, hooks[i].schema);
        gp_write_close(buf, '}');
        gp_buf_adds(buf, ",\"responses\":{\"2XX\":{\"description\":\"Accepted.\"},"
                         "\"4XX\":{\"description\":\"Refused; the delivery is retried.\"}}");
        gp_write_close(buf, '}');
        gp_write_close(buf, '}');
    }
    gp_write_close(buf, '}');
}
