/* Pipelined regions: the connected components of subtasks under the plan's edges. */
#ifndef WEIR_CONTROL_JOBMASTER_REGIONS_H
#define WEIR_CONTROL_JOBMASTER_REGIONS_H

#include "control/jobmaster/execution_graph.h"

/* Fills graph->regions, graph->members and subtasks[].region; regions are numbered by their first subtask. */
void regions__compute(struct execution_graph *graph, struct weir_memory *memory);

#endif
