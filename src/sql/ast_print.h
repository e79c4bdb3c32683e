/* What the files of the printer share; parser.h has its public face. */
#ifndef WEIR_SQL_AST_PRINT_H
#define WEIR_SQL_AST_PRINT_H

#include "sql/ast.h"
#include "sql/parser.h"

void weir_sql_print_exprs(const struct weir_sql_exprs *exprs, struct weir_buffer *to); /* a, b */
void weir_sql_print_order(const struct weir_sql_order *order, struct weir_buffer *to); /* a DESC, b */
void weir_sql_print_names(
    const struct weir_sql_name *names, uint32_t count, struct weir_buffer *to);           /* (a, b) */
void weir_sql_print_window(const struct weir_sql_window *window, struct weir_buffer *to); /* (...) */
void weir_sql_print_call(const struct weir_sql_call *call, struct weir_buffer *to);
void weir_sql_print_json(
    const struct weir_sql_call *call, const struct weir_sql_json *clauses, struct weir_buffer *to);
void weir_sql_print_call_suffix(const struct weir_sql_call *call, struct weir_buffer *to);
void weir_sql_print_interval_unit(enum weir_interval_unit unit, uint8_t multiplier, int8_t leading_precision,
    int8_t fraction_precision, struct weir_buffer *to);
void weir_sql_print_table(const struct weir_sql_table_ref *table, struct weir_buffer *to);
void weir_sql_print_match(const struct weir_sql_match *match, struct weir_buffer *to);
void weir_sql_print_hints(const struct weir_sql_hints *hints, struct weir_buffer *to);
void weir_sql_print_options(const struct weir_sql_options *options, struct weir_buffer *to); /* ('k' = 'v') */
void weir_sql_print_ddl(
    const struct weir_sql_statement *statement, struct weir_buffer *to); /* CREATE ALTER DROP */
void weir_sql_print_partition(
    const struct weir_sql_partition *partition, struct weir_buffer *to); /* PARTITION (..) */
/* The expression in parentheses when it binds less tightly than floor; floor 0 never needs them. */
void weir_sql_print_operand(const struct weir_sql_expr *expr, int floor, struct weir_buffer *to);

static inline void put(struct weir_buffer *to, const char *text)
{
    weir_buffer_append_text(to, text);
}
/* Between the items of a list: nothing before the first. */
static inline void put_comma(struct weir_buffer *to, uint32_t index)
{
    if (index) weir_buffer_append_text(to, ", ");
}

#endif
