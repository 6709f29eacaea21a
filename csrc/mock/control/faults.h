/*
 * /_mock/faults: the rules of faults.
 */
#ifndef GP_MOCK_CONTROL_FAULTS_H
#define GP_MOCK_CONTROL_FAULTS_H

#include "mock/request/route.h"

gp_handler gp_list_faults, gp_create_fault, gp_delete_fault, gp_clear_faults;

#endif
