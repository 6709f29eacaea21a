/* Scenario 0 never completes; every other preset succeeds after a fixed time. */
#include "mock/rows/presets.h"

#include <stdio.h>

#include "mock/rows/statements.h"

int gp_scenario_is_preset(int64_t id)
{
    return (id >= 0 && id <= 100) || id == 200 || id == 500;
}

void gp_presets_write(gp_store *store)
{
    static const int ids[] = {0, 100, 200, 500}, after[] = {GP_UNSET, 60, 120, 300};
    int i;
    for (i = 0; i < 103; i++) {
        char name[60];
        gp_mock_scenario row = {.id = i < 4 ? ids[i] : i - 3,
                                .name = name,
                                .after = i < 4 ? after[i] : i - 3,
                                .terminal = GP_STATUS_SUCCESS};
        row.never = row.after == GP_UNSET;
        if (row.never) {
            snprintf(name, sizeof name, "never completes");
        } else {
            snprintf(name, sizeof name, "succeeds after %d s", (int)row.after);
        }
        gp_statement_write(store, GP_PUT_SCENARIO, &row);
    }
}
