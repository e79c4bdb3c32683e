/*
 * H10: what sinks have left uncommitted when their job has ended. Its name tells when a file was begun, and
 * so whether something that is kept may name it: spi/connector.h has the form of the names.
 */
#ifndef WEIR_CONTROL_UNCOMMITTED_H
#define WEIR_CONTROL_UNCOMMITTED_H

#include "control/effect.h"

enum { WEIR_UNCOMMITTED_MAX = 256 }; /* places of one job that its record remembers */

/* Nobody will ever commit it: of this sink, and begun late enough. */
bool weir_uncommitted_may_go(const Weir__UncommittedFiles *files, const char *path);
/* Fills result->uncommitted from the plan's; from_checkpoint: see there. */
void weir_uncommitted_note(Weir__JobResult *result, const Weir__ExecutionPlan *plan, uint64_t from_checkpoint,
    struct weir_arena *arena);
struct weir_blob_effect weir_uncommitted_list(const Weir__UncommittedFiles *files, struct weir_arena *arena);

#endif
