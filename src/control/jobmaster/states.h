/*
 * States of a job and of an execution attempt, under Flink's names, and which changes between them are legal.
 * One function says it (here), one makes it (jobmaster__set_state, graph__set_state).
 */
#ifndef WEIR_CONTROL_JOBMASTER_STATES_H
#define WEIR_CONTROL_JOBMASTER_STATES_H

#include "proto/codec.h"

enum { WEIR_EXECUTION_STATES = WEIR__EXECUTION_STATE__EXECUTION_RECONCILING + 1 };
enum { WEIR_JOB_STATES = WEIR__JOB_STATE__JOB_RECONCILING + 1 };

bool weir_job_state_is_legal(Weir__JobState from, Weir__JobState to);
bool weir_job_state_is_terminal(Weir__JobState state);
bool weir_execution_state_is_legal(Weir__ExecutionState from, Weir__ExecutionState to);
/* FINISHED, CANCELED or FAILED: nothing of the attempt computes any more. */
bool weir_execution_state_is_terminal(Weir__ExecutionState state);
/* DEPLOYING, INITIALIZING, RUNNING, CANCELING: the attempt may hold its slot. */
bool weir_execution_state_is_alive(Weir__ExecutionState state);
const char *weir_job_state_name(Weir__JobState state);             /* "RUNNING" */
const char *weir_execution_state_name(Weir__ExecutionState state); /* "DEPLOYING" */

#endif
