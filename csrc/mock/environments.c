#include "mock/environments.h"

#include <stdlib.h>

void gp_environment_follow(gp_mock *m, gp_job *job, gp_ms at)
{
    (void)m;
    (void)job;
    (void)at;
}

int gp_environments_load(gp_mock *m)
{
    (void)m;
    return 1;
}

void gp_environment_free(gp_environment *environment)
{
    free(environment);
}

void gp_deployment_free(gp_deployment *deployment)
{
    free(deployment);
}
