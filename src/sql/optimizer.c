#include "sql/planning.h"
enum weir_error_code weir_optimize(
    struct weir_planning *planning, struct weir_rel **roots, uint32_t root_count)
{
    return WEIR_OK;
}
