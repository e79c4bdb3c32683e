#include "sql/optimizer.h"
void weir_prune(struct weir_planning *planning, struct weir_rel **roots, uint32_t root_count) {}
