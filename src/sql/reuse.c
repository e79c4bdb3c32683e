#include "sql/physical.h"
void weir_physical_reuse(struct weir_planning *planning, struct weir_physical **roots, uint32_t root_count) {}
