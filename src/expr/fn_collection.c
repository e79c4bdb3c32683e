/* Rows, arrays, maps: constructors and access. */
#include "expr/kernel.h"

/* Field access is answered by the evaluator without a copy; this line gives it a name and a type. */
bool weir_infer_field(WEIR_INFER_PARAMETERS)
{
    if (given[0]->id != WEIR_TYPE_ROW || !literals[1]) return false;
    uint32_t field = *(const uint32_t *)literals[1]->data;
    if (field >= given[0]->child_count) return false;
    ret->type = given[0]->children[field];
    return true;
}
