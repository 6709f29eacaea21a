/*
 * Lines of a job's log with their styles, written for a terminal or for a page.
 */
#ifndef GP_JOBLOG_FORMAT_H
#define GP_JOBLOG_FORMAT_H

#include "core/joblog.h"

/* Adds a line with its styles as ANSI escapes, each styled run reset at its end. */
void gp_joblog_ansi(const gp_joblog_event *line, gp_buf *out);

/* Adds a line as HTML: escaped, each styled run in a <span> with a style attribute. */
void gp_joblog_html(const gp_joblog_event *line, gp_buf *out);

#endif
