/*
 * The tables whose rows have columns of their own. Everything else is JSON in the table `objects`,
 * see entity.h.
 */
#ifndef GP_MOCK_ROWS_TABLES_H
#define GP_MOCK_ROWS_TABLES_H

#include "mock/rows/table.h"

/* Public: their columns are part of the interface. */
extern const gp_table gp_scenario_table; /* rows are gp_mock_scenario */
extern const gp_table gp_pipeline_table; /* rows are gp_pipeline */

/* What a pipeline is besides, and whether it has a `never_complete` of its own. */
extern const gp_table gp_pipeline_details_table, gp_pipeline_never_table;

extern const gp_table gp_job_table;     /* rows are gp_job */
extern const gp_table gp_project_table; /* rows are gp_project */

#endif
