/*
 * What request and response bodies look like: one flat table of schemas, for the contract.
 *
 * A type is written as one of these; a '?' after it means: or null.
 *
 *     integer number boolean string object any    JSON's own types
 *     time date                                   an ISO 8601 string
 *     a|b|c                                       a string, one of these
 *     Job                                         a schema of this table
 *     [Job]                                       an array of it
 *     {string}                                    an object whose members all have that type
 *
 * A field whose name ends with '?' may be absent. A schema with the field "*" may have more fields.
 */
#ifndef GP_MOCK_CONTROL_SCHEMAS_H
#define GP_MOCK_CONTROL_SCHEMAS_H

/* Statuses of pipelines and jobs. */
#define GP_STATUS_CHOICES                                                                          \
    "created|waiting_for_resource|preparing|waiting_for_callback|pending|running|"                 \
    "success|failed|canceling|canceled|skipped|manual|scheduled"

typedef struct gp_schema_field {
    const char *name, *type, *about;
} gp_schema_field; /* lists of them end with a NULL name */

typedef struct gp_schema {
    const char *name, *about;
    const gp_schema_field *fields; /* its own; NULL: see `either` */
    const gp_schema_field *base;   /* fields that it shares with others come first, or NULL */
    const char *either;            /* "A|B": one of these schemas, or NULL */
} gp_schema;

extern const gp_schema gp_schemas[]; /* ends with a NULL name */

#endif
