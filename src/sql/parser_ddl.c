/* CREATE and DROP. */
#include "sql/parser_internal.h"

/* ------------------------------------------------------------------------------------------------ table
 * elements */

static void column_list(struct weir_sql_parser *parser, struct weir_sql_constraint *constraint)
{
    constraint->columns = weir_sql_names_parse(parser, "a column's name");
}

/* PRIMARY KEY | UNIQUE; false: at none. */
static bool constraint_kind(struct weir_sql_parser *parser, struct weir_sql_constraint *constraint)
{
    if (accept_keyword(parser, K(PRIMARY))) {
        expect_keyword(parser, K(KEY));
        constraint->kind = WEIR_SQL_CONSTRAINT_PRIMARY_KEY;
    } else if (accept_keyword(parser, K(UNIQUE))) {
        constraint->kind = WEIR_SQL_CONSTRAINT_UNIQUE;
    } else {
        return false;
    }
    return true;
}

static void enforcement(struct weir_sql_parser *parser, struct weir_sql_constraint *constraint)
{
    if (accept_keywords(parser, K(NOT), K(ENFORCED)))
        constraint->enforcement = WEIR_SQL_NOT_ENFORCED;
    else if (accept_keyword(parser, K(ENFORCED)))
        constraint->enforcement = WEIR_SQL_ENFORCED;
    end_span(parser, &constraint->span);
}

/* [CONSTRAINT name] PRIMARY KEY ... of a table (with columns) or behind the column named. */
static bool constraint(
    struct weir_sql_parser *parser, struct weir_sql_list *list, const struct weir_sql_name *column)
{
    if (!at_keyword(parser, K(CONSTRAINT)) && !at_keyword(parser, K(PRIMARY)) &&
        !at_keyword(parser, K(UNIQUE)))
        return false;
    struct weir_sql_constraint *found = LIST_ADD(parser, list, struct weir_sql_constraint);
    found->span = span_here(parser);
    if (accept_keyword(parser, K(CONSTRAINT)))
        found->name = weir_sql_name_parse(parser, "a constraint's name");
    if (!constraint_kind(parser, found)) fail_expected(parser, "PRIMARY KEY or UNIQUE");
    if (column) {
        struct weir_sql_name *name = WEIR_ARENA_NEW(parser->arena, struct weir_sql_name);
        *name = *column;
        found->inline_ = true;
        found->columns = (struct weir_sql_names){ 1, name };
    } else {
        column_list(parser, found);
    }
    enforcement(parser, found);
    return true;
}

static bool watermark(struct weir_sql_parser *parser, struct weir_sql_list *list)
{
    if (!at_keyword(parser, K(WATERMARK))) return false;
    struct weir_sql_watermark *found = LIST_ADD(parser, list, struct weir_sql_watermark);
    found->span = span_here(parser);
    weir_sql_parser_next(parser);
    expect_keyword(parser, K(FOR));
    found->column = weir_sql_path_parse(parser, "the watermark's column");
    expect_keyword(parser, K(AS));
    found->expr = weir_sql_expr_parse(parser);
    end_span(parser, &found->span);
    return true;
}

static void metadata(struct weir_sql_parser *parser, struct weir_sql_column *column)
{
    column->kind = WEIR_SQL_COLUMN_METADATA;
    if (accept_keyword(parser, K(FROM)))
        column->metadata_key = weir_sql_string_parse(parser, "a metadata key in single quotes");
    column->is_virtual = accept_keyword(parser, K(VIRTUAL));
}

static void column(struct weir_sql_parser *parser, bool altering, struct weir_sql_list *list,
    struct weir_sql_list *constraints)
{
    struct weir_sql_column *found = LIST_ADD(parser, list, struct weir_sql_column);
    found->span = span_here(parser);
    found->name = weir_sql_path_parse(parser, "a column's name");
    if (!altering && found->name.count > 1)
        weir_sql_parser_fail_at(
            parser, found->name.span, WEIR_E_SQL_SYNTAX, "expected a column's name without dots");
    if (accept_keyword(parser, K(AS))) {
        found->kind = WEIR_SQL_COLUMN_COMPUTED;
        found->expr = weir_sql_expr_parse(parser);
    } else if (!at(parser, T(COMMA)) && !at(parser, T(RIGHT_PARENTHESIS))) {
        found->type = weir_sql_type_parse(parser);
        if (accept_keyword(parser, K(METADATA))) metadata(parser, found);
        if (found->name.count) constraint(parser, constraints, &found->name.parts[found->name.count - 1]);
        if (at_keyword(parser, K(DEFAULT)) || at_keyword(parser, K(CHECK)) ||
            at_keyword(parser, K(REFERENCES)))
            weir_sql_parser_fail_at(parser, span_here(parser), WEIR_E_UNSUPPORTED,
                "%s of a column is not implemented", weir_sql_keyword_text(peek(parser, 0)->keyword));
    }
    if (accept_keyword(parser, K(COMMENT)))
        found->comment = weir_sql_string_parse(parser, "a comment in single quotes");
    if (altering && accept_keyword(parser, K(FIRST))) {
        found->position = WEIR_SQL_POSITION_FIRST;
    } else if (altering && accept_keyword(parser, K(AFTER))) {
        found->position = WEIR_SQL_POSITION_AFTER;
        found->after = weir_sql_path_parse(parser, "a column's name behind AFTER");
    }
    end_span(parser, &found->span);
}

void weir_sql_table_elements_parse(
    struct weir_sql_parser *parser, bool altering, bool parentheses, struct weir_sql_table_elements *ret)
{
    struct weir_sql_list columns = { 0 }, constraints = { 0 }, watermarks = { 0 };
    if (parentheses) expect(parser, T(LEFT_PARENTHESIS));
    if (!parentheses || !at(parser, T(RIGHT_PARENTHESIS))) {
        do {
            if (!constraint(parser, &constraints, NULL) && !watermark(parser, &watermarks))
                column(parser, altering, &columns, &constraints);
        } while (parentheses && accept(parser, T(COMMA)));
    }
    if (parentheses && !accept(parser, T(RIGHT_PARENTHESIS)))
        fail_expected(parser, "',' or ')' behind a column");
    *ret = (struct weir_sql_table_elements){ columns.count, constraints.count, watermarks.count,
        columns.items, constraints.items, watermarks.items };
}

/* BY [HASH | RANGE] (columns) [INTO n BUCKETS] | INTO n BUCKETS */
struct weir_sql_distribution *weir_sql_distribution_parse(struct weir_sql_parser *parser)
{
    struct weir_sql_distribution *distribution = WEIR_ARENA_NEW(parser->arena, struct weir_sql_distribution);
    distribution->span = span_here(parser);
    bool by = accept_keyword(parser, K(BY));
    if (by) {
        if (accept_keyword(parser, K(HASH)))
            distribution->kind = WEIR_SQL_DISTRIBUTION_HASH;
        else if (accept_keyword(parser, K(RANGE)))
            distribution->kind = WEIR_SQL_DISTRIBUTION_RANGE;
        distribution->columns = weir_sql_names_parse(parser, "a column's name");
    }
    if (accept_keyword(parser, K(INTO))) {
        struct weir_sql_span span = span_here(parser);
        distribution->has_bucket_count = true;
        distribution->bucket_count = weir_sql_number_parse(parser, "a number of buckets", INT32_MAX);
        if (distribution->bucket_count == 0)
            weir_sql_parser_fail_at(parser, span, WEIR_E_SQL_SYNTAX, "found 0, expected at least one bucket");
        expect_keyword(parser, K(BUCKETS));
    } else if (!by) {
        fail_expected(parser, "BY or INTO n BUCKETS");
    }
    end_span(parser, &distribution->span);
    return distribution;
}

static bool like_option(struct weir_sql_parser *parser, struct weir_sql_like_option *option)
{
    static const struct {
        uint16_t keyword;
        uint8_t feature;
    } features[] = { { K(ALL), WEIR_SQL_LIKE_ALL }, { K(CONSTRAINTS), WEIR_SQL_LIKE_CONSTRAINTS },
        { K(DISTRIBUTION), WEIR_SQL_LIKE_DISTRIBUTION }, { K(PARTITIONS), WEIR_SQL_LIKE_PARTITIONS },
        { K(GENERATED), WEIR_SQL_LIKE_GENERATED }, { K(OPTIONS), WEIR_SQL_LIKE_OPTIONS },
        { K(WATERMARKS), WEIR_SQL_LIKE_WATERMARKS }, { K(METADATA), WEIR_SQL_LIKE_METADATA } };
    option->span = span_here(parser);
    if (accept_keyword(parser, K(INCLUDING)))
        option->merging = WEIR_SQL_LIKE_INCLUDING;
    else if (accept_keyword(parser, K(EXCLUDING)))
        option->merging = WEIR_SQL_LIKE_EXCLUDING;
    else if (accept_keyword(parser, K(OVERWRITING)))
        option->merging = WEIR_SQL_LIKE_OVERWRITING;
    else
        fail_expected(parser, "INCLUDING, EXCLUDING or OVERWRITING");
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(features); i++) {
        if (!accept_keyword(parser, (enum weir_sql_keyword)features[i].keyword)) continue;
        option->feature = (enum weir_sql_like_feature)features[i].feature;
        end_span(parser, &option->span);
        return true;
    }
    fail_expected(
        parser, "ALL, CONSTRAINTS, DISTRIBUTION, PARTITIONS, GENERATED, OPTIONS, WATERMARKS or METADATA");
    return false;
}

static struct weir_sql_table_like *table_like(struct weir_sql_parser *parser)
{
    struct weir_sql_table_like *like = WEIR_ARENA_NEW(parser->arena, struct weir_sql_table_like);
    struct weir_sql_list list = { 0 };
    like->span = span_here(parser);
    weir_sql_parser_next(parser);
    like->table = weir_sql_path_parse(parser, "a table's name behind LIKE");
    if (accept(parser, T(LEFT_PARENTHESIS))) {
        while (!at(parser, T(RIGHT_PARENTHESIS)) && !failed(parser))
            like_option(parser, LIST_ADD(parser, &list, struct weir_sql_like_option));
        expect(parser, T(RIGHT_PARENTHESIS));
    }
    like->option_count = list.count;
    like->options = list.items;
    end_span(parser, &like->span);
    return like;
}

/* --------------------------------------------------------------------------------------------------------
 * CREATE */

struct create {
    struct weir_sql_span from;
    bool create, replace, or_alter, temporary, system;
};

static bool if_not_exists(struct weir_sql_parser *parser)
{
    return accept_keywords(parser, K(IF), K(NOT), K(EXISTS));
}

static const char *comment(struct weir_sql_parser *parser)
{
    return accept_keyword(parser, K(COMMENT)) ? weir_sql_string_parse(parser, "a comment in single quotes")
                                              : NULL;
}

static struct weir_sql_options with_options(struct weir_sql_parser *parser)
{
    if (!accept_keyword(parser, K(WITH))) return (struct weir_sql_options){ 0 };
    return weir_sql_options_parse(parser);
}

uint8_t weir_sql_refresh_mode_parse(struct weir_sql_parser *parser)
{
    expect(parser, T(EQUAL));
    if (accept_keyword(parser, K(FULL))) return WEIR_SQL_REFRESH_FULL;
    if (!accept_keyword(parser, K(CONTINUOUS))) fail_expected(parser, "FULL or CONTINUOUS");
    return WEIR_SQL_REFRESH_CONTINUOUS;
}

const struct weir_sql_expr *weir_sql_freshness_parse(struct weir_sql_parser *parser)
{
    struct weir_sql_span span;
    expect(parser, T(EQUAL));
    span = span_here(parser);
    const struct weir_sql_expr *expr = weir_sql_expr_parse(parser);
    if (expr->kind != WEIR_SQL_EXPR_INTERVAL)
        weir_sql_parser_fail_at(parser, span, WEIR_E_SQL_SYNTAX,
            "expected an interval such as INTERVAL '1' MINUTE for FRESHNESS");
    return expr;
}

static void table_clauses(
    struct weir_sql_parser *parser, struct weir_sql_create_table *table, bool materialized)
{
    table->comment = comment(parser);
    if (accept_keyword(parser, K(DISTRIBUTED))) table->distribution = weir_sql_distribution_parse(parser);
    if (accept_keyword(parser, K(PARTITIONED))) {
        expect_keyword(parser, K(BY));
        table->partitioned_by = weir_sql_names_parse(parser, "a partition column's name");
    }
    table->options = with_options(parser);
    if (materialized && accept_keyword(parser, K(FRESHNESS)))
        table->freshness = weir_sql_freshness_parse(parser);
    if (materialized && accept_keyword(parser, K(REFRESH_MODE)))
        table->refresh_mode = weir_sql_refresh_mode_parse(parser);
    if (!materialized && at_keyword(parser, K(LIKE))) table->like = table_like(parser);
    if (accept_keyword(parser, K(AS))) table->query = weir_sql_query_parse(parser);
}

static struct weir_sql_statement *create_table(
    struct weir_sql_parser *parser, const struct create *create, bool materialized)
{
    struct weir_sql_statement *statement = weir_sql_statement_new(parser,
        materialized ? WEIR_SQL_STATEMENT_CREATE_MATERIALIZED_TABLE : WEIR_SQL_STATEMENT_CREATE_TABLE,
        create->from);
    struct weir_sql_create_table *table = WEIR_ARENA_NEW(parser->arena, struct weir_sql_create_table);
    statement->create_table = table;
    table->temporary = create->temporary;
    table->create = create->create;
    table->replace = create->replace;
    table->or_alter = create->or_alter;
    table->if_not_exists = if_not_exists(parser);
    table->name = weir_sql_path_parse(parser, "a table's name");
    table->has_elements = at(parser, T(LEFT_PARENTHESIS));
    if (table->has_elements) weir_sql_table_elements_parse(parser, false, true, &table->elements);
    table_clauses(parser, table, materialized);
    if (table->query || table->like) return statement;
    if (materialized) {
        fail_expected(parser, "AS and a query");
    } else if (create->replace) {
        fail_expected(parser, "AS and a query (REPLACE TABLE is only possible with one)");
    } else if (!table->has_elements && !table->options.count && !table->comment) {
        fail_expected(parser, "'(', WITH, LIKE or AS behind the table's name");
    }
    return statement;
}

static struct weir_sql_statement *create_view(struct weir_sql_parser *parser, const struct create *create)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_CREATE_VIEW, create->from);
    struct weir_sql_create_view *view = WEIR_ARENA_NEW(parser->arena, struct weir_sql_create_view);
    struct weir_sql_list names = { 0 }, comments = { 0 };
    bool any_comment = false;
    statement->create_view = view;
    view->temporary = create->temporary;
    view->replace = create->replace;
    view->if_not_exists = if_not_exists(parser);
    view->name = weir_sql_path_parse(parser, "a view's name");
    if (accept(parser, T(LEFT_PARENTHESIS))) {
        do {
            *LIST_ADD(parser, &names, struct weir_sql_name) = weir_sql_name_parse(parser, "a column's name");
            const char *text = comment(parser);
            any_comment |= text != NULL;
            *LIST_ADD(parser, &comments, const char *) = text;
        } while (accept(parser, T(COMMA)));
        expect(parser, T(RIGHT_PARENTHESIS));
    }
    view->column_count = names.count;
    view->columns = names.items;
    if (any_comment) view->column_comments = comments.items;
    view->comment = comment(parser);
    expect_keyword(parser, K(AS));
    view->query = weir_sql_query_parse(parser);
    return statement;
}

/* DATABASE, CATALOG, CONNECTION */
static struct weir_sql_statement *create_object(
    struct weir_sql_parser *parser, const struct create *create, enum weir_sql_statement_kind kind)
{
    struct weir_sql_statement *statement = weir_sql_statement_new(parser, kind, create->from);
    struct weir_sql_create_object *object = WEIR_ARENA_NEW(parser->arena, struct weir_sql_create_object);
    statement->create_object = object;
    object->temporary = create->temporary;
    object->system = create->system;
    object->if_not_exists = if_not_exists(parser);
    object->name = weir_sql_path_parse(parser, "a name");
    if (kind == WEIR_SQL_STATEMENT_CREATE_CATALOG && object->name.count > 1)
        weir_sql_parser_fail_at(
            parser, object->name.span, WEIR_E_SQL_SYNTAX, "expected a catalog's name without dots");
    object->comment = comment(parser);
    object->options = with_options(parser);
    return statement;
}

static enum weir_sql_language language(struct weir_sql_parser *parser)
{
    if (!accept_keyword(parser, K(LANGUAGE))) return WEIR_SQL_LANGUAGE_UNSAID;
    if (accept_keyword(parser, K(JAVA))) return WEIR_SQL_LANGUAGE_JAVA;
    if (accept_keyword(parser, K(SCALA))) return WEIR_SQL_LANGUAGE_SCALA;
    if (accept_keyword(parser, K(PYTHON))) return WEIR_SQL_LANGUAGE_PYTHON;
    if (accept_keyword(parser, K(SQL))) return WEIR_SQL_LANGUAGE_SQL;
    const struct weir_sql_token *token = peek(parser, 0);
    if (token->kind == T(WORD) && token->span.end - token->span.begin == 1 &&
        (parser->text[token->span.begin] | 32) == 'c') {
        weir_sql_parser_next(parser);
        return WEIR_SQL_LANGUAGE_C;
    }
    fail_expected(parser, "JAVA, SCALA, PYTHON, SQL or C behind LANGUAGE");
    return WEIR_SQL_LANGUAGE_UNSAID;
}

static void resources(struct weir_sql_parser *parser, struct weir_sql_function *function)
{
    struct weir_sql_list list = { 0 };
    if (!accept_keyword(parser, K(USING))) return;
    do {
        struct weir_sql_resource *resource = LIST_ADD(parser, &list, struct weir_sql_resource);
        enum weir_sql_keyword keyword = peek(parser, 0)->keyword;
        if (!accept_keyword(parser, K(JAR)) && !accept_keyword(parser, K(ARTIFACT)) &&
            !accept_keyword(parser, K(FILE)) && !accept_keyword(parser, K(ARCHIVE)))
            fail_expected(parser, "JAR, FILE, ARCHIVE or ARTIFACT");
        resource->kind = weir_sql_keyword_text(keyword);
        resource->uri = weir_sql_string_parse(parser, "a path in single quotes");
    } while (accept(parser, T(COMMA)));
    function->resource_count = list.count;
    function->resources = list.items;
}

void weir_sql_function_definition_parse(struct weir_sql_parser *parser, struct weir_sql_function *function)
{
    function->name = weir_sql_path_parse(parser, "a function's name");
    if (function->system && function->name.count > 1)
        weir_sql_parser_fail_at(
            parser, function->name.span, WEIR_E_SQL_SYNTAX, "expected a system function's name without dots");
    expect_keyword(parser, K(AS));
    function->class_name = weir_sql_string_parse(parser, "a class or symbol in single quotes");
    function->language = language(parser);
    resources(parser, function);
    function->options = with_options(parser);
}

static struct weir_sql_statement *create_function(struct weir_sql_parser *parser, const struct create *create)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_CREATE_FUNCTION, create->from);
    struct weir_sql_function *function = WEIR_ARENA_NEW(parser->arena, struct weir_sql_function);
    statement->function = function;
    function->temporary = create->temporary;
    function->system = create->system;
    function->if_not_exists = if_not_exists(parser);
    weir_sql_function_definition_parse(parser, function);
    return statement;
}

static void model_columns(
    struct weir_sql_parser *parser, uint32_t *count, const struct weir_sql_column **columns)
{
    struct weir_sql_table_elements elements;
    struct weir_sql_span span = span_here(parser);
    weir_sql_table_elements_parse(parser, false, true, &elements);
    if (elements.constraint_count || elements.watermark_count)
        weir_sql_parser_fail_at(parser, span, WEIR_E_SQL_SYNTAX, "expected columns only in INPUT and OUTPUT");
    *count = elements.column_count;
    *columns = elements.columns;
}

static struct weir_sql_statement *create_model(struct weir_sql_parser *parser, const struct create *create)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_CREATE_MODEL, create->from);
    struct weir_sql_create_model *model = WEIR_ARENA_NEW(parser->arena, struct weir_sql_create_model);
    statement->create_model = model;
    model->temporary = create->temporary;
    model->if_not_exists = if_not_exists(parser);
    model->name = weir_sql_path_parse(parser, "a model's name");
    if (accept_keyword(parser, K(INPUT))) model_columns(parser, &model->input_count, &model->inputs);
    if (accept_keyword(parser, K(OUTPUT))) model_columns(parser, &model->output_count, &model->outputs);
    model->comment = comment(parser);
    model->options = with_options(parser);
    if (accept_keyword(parser, K(AS))) model->query = weir_sql_query_parse(parser);
    return statement;
}

static struct weir_sql_statement *create_what(struct weir_sql_parser *parser, const struct create *create)
{
    bool plain = !create->replace && !create->or_alter;
    if (accept_keyword(parser, K(TABLE))) {
        if (create->or_alter) fail_expected(parser, "MATERIALIZED TABLE behind CREATE OR ALTER");
        return create_table(parser, create, false);
    }
    if (accept_keywords(parser, K(MATERIALIZED), K(TABLE))) return create_table(parser, create, true);
    if (accept_keyword(parser, K(VIEW))) return create_view(parser, create);
    if (accept_keyword(parser, K(FUNCTION))) return create_function(parser, create);
    if (plain && accept_keyword(parser, K(MODEL))) return create_model(parser, create);
    if (plain && accept_keyword(parser, K(CONNECTION)))
        return create_object(parser, create, WEIR_SQL_STATEMENT_CREATE_CONNECTION);
    if (plain && !create->temporary && accept_keyword(parser, K(DATABASE)))
        return create_object(parser, create, WEIR_SQL_STATEMENT_CREATE_DATABASE);
    if (plain && !create->temporary && accept_keyword(parser, K(CATALOG)))
        return create_object(parser, create, WEIR_SQL_STATEMENT_CREATE_CATALOG);
    fail_expected(
        parser, create->temporary
                    ? "TABLE, VIEW, FUNCTION, MODEL or CONNECTION"
                    : "TABLE, VIEW, DATABASE, CATALOG, FUNCTION, MODEL, CONNECTION or MATERIALIZED TABLE");
    return weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_QUERY, create->from);
}

struct weir_sql_statement *weir_sql_create_parse(struct weir_sql_parser *parser)
{
    struct create create = { .from = span_here(parser) };
    create.create = accept_keyword(parser, K(CREATE));
    if (!create.create) {
        expect_keyword(parser, K(REPLACE));
        create.replace = true;
    } else if (accept_keyword(parser, K(OR))) {
        create.replace = accept_keyword(parser, K(REPLACE));
        if (!create.replace) {
            create.or_alter = accept_keyword(parser, K(ALTER));
            if (!create.or_alter) fail_expected(parser, "REPLACE or ALTER behind OR");
        }
    }
    create.temporary = accept_keyword(parser, K(TEMPORARY));
    create.system = accept_keyword(parser, K(SYSTEM));
    if (create.system && !create.temporary)
        weir_sql_parser_fail_at(parser, parser->previous.span, WEIR_E_SQL_SYNTAX,
            "CREATE SYSTEM FUNCTION is only possible as CREATE TEMPORARY SYSTEM FUNCTION");
    if (create.system && !at_keyword(parser, K(FUNCTION)) && !at_keyword(parser, K(CONNECTION)))
        fail_expected(parser, "FUNCTION or CONNECTION behind SYSTEM");
    return create_what(parser, &create);
}

/* ----------------------------------------------------------------------------------------------------------
 * DROP */

static bool drop_object(struct weir_sql_parser *parser, struct weir_sql_drop *drop)
{
    if (accept_keyword(parser, K(TABLE)))
        drop->object = WEIR_SQL_OBJECT_TABLE;
    else if (accept_keywords(parser, K(MATERIALIZED), K(TABLE)))
        drop->object = WEIR_SQL_OBJECT_MATERIALIZED_TABLE;
    else if (accept_keyword(parser, K(VIEW)))
        drop->object = WEIR_SQL_OBJECT_VIEW;
    else if (accept_keyword(parser, K(FUNCTION)))
        drop->object = WEIR_SQL_OBJECT_FUNCTION;
    else if (accept_keyword(parser, K(MODEL)))
        drop->object = WEIR_SQL_OBJECT_MODEL;
    else if (accept_keyword(parser, K(CONNECTION)))
        drop->object = WEIR_SQL_OBJECT_CONNECTION;
    else if (!drop->temporary && accept_keyword(parser, K(DATABASE)))
        drop->object = WEIR_SQL_OBJECT_DATABASE;
    else if (!drop->temporary && accept_keyword(parser, K(CATALOG)))
        drop->object = WEIR_SQL_OBJECT_CATALOG;
    else
        return false;
    return true;
}

struct weir_sql_statement *weir_sql_drop_parse(struct weir_sql_parser *parser)
{
    struct weir_sql_statement *statement =
        weir_sql_statement_new(parser, WEIR_SQL_STATEMENT_DROP, span_here(parser));
    struct weir_sql_drop *drop = WEIR_ARENA_NEW(parser->arena, struct weir_sql_drop);
    statement->drop = drop;
    weir_sql_parser_next(parser);
    drop->temporary = accept_keyword(parser, K(TEMPORARY));
    if (drop->temporary) drop->system = accept_keyword(parser, K(SYSTEM));
    if (!drop_object(parser, drop))
        fail_expected(parser,
            drop->temporary
                ? "TABLE, VIEW, FUNCTION, MODEL or CONNECTION"
                : "TABLE, VIEW, DATABASE, CATALOG, FUNCTION, MODEL, CONNECTION or MATERIALIZED TABLE");
    drop->if_exists = accept_keywords(parser, K(IF), K(EXISTS));
    drop->name = weir_sql_path_parse(parser, "a name");
    if (drop->object == WEIR_SQL_OBJECT_DATABASE) {
        if (accept_keyword(parser, K(RESTRICT)))
            drop->behavior = WEIR_SQL_DROP_RESTRICT;
        else if (accept_keyword(parser, K(CASCADE)))
            drop->behavior = WEIR_SQL_DROP_CASCADE;
    }
    return statement;
}
