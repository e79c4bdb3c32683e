/*
 * The clock: CURRENT_TIMESTAMP and the like. In streaming they tell the time at which a batch of rows is
 * computed; in batch mode that of the statement's start, but for CURRENT_ROW_TIMESTAMP() and PROCTIME().
 */
#include "expr/moment.h"

static int64_t wall_us(const struct weir_call *call)
{
    const struct weir_eval_environment *environment = call->environment;
    return environment->now_us ? environment->now_us(environment->clock) : environment->statement_start_us;
}

static int64_t statement_us(const struct weir_call *call)
{
    return call->environment->statement_start_us ? call->environment->statement_start_us : wall_us(call);
}

static int64_t local_us(const struct weir_call *call)
{
    return weir_zone_utc_to_local_us(call->environment->local_zone, statement_us(call));
}

static void fill_moment(struct weir_vector *out, const uint16_t *rows, uint32_t count, int64_t us)
{
    struct weir_moment m = { weir_floor_div(us, 1000) * 1000, 0 };
    WEIR_FOR_ROWS(i, rows, count) weir_moment_put(out, i, m);
}

static enum weir_error_code now(WEIR_KERNEL_PARAMETERS)
{
    (void)arguments;
    fill_moment(out, rows, count, statement_us(call));
    return WEIR_OK;
}

static enum weir_error_code now_of_row(WEIR_KERNEL_PARAMETERS)
{
    (void)arguments;
    fill_moment(out, rows, count, wall_us(call));
    return WEIR_OK;
}

static enum weir_error_code now_local(WEIR_KERNEL_PARAMETERS)
{
    (void)arguments;
    fill_moment(out, rows, count, local_us(call));
    return WEIR_OK;
}

static enum weir_error_code now_time(WEIR_KERNEL_PARAMETERS)
{
    (void)arguments;
    fill_moment(out, rows, count, weir_floor_div(local_us(call), WEIR_SECOND_US) * WEIR_SECOND_US);
    return WEIR_OK;
}

bool weir_infer_now(WEIR_INFER_PARAMETERS)
{
    (void)given, (void)literals, (void)count, (void)reterr;
    const struct weir_type *zoned = weir_type_with_precision(arena, WEIR_TYPE_TIMESTAMP_LTZ, 3, false);
    static const struct {
        const char *name;
        enum weir_type_id type;
        weir_kernel kernel;
    } clocks[] = { { "CURRENT_TIMESTAMP", WEIR_TYPE_TIMESTAMP_LTZ, now },
        { "NOW", WEIR_TYPE_TIMESTAMP_LTZ, now },
        { "CURRENT_ROW_TIMESTAMP", WEIR_TYPE_TIMESTAMP_LTZ, now_of_row },
        { "PROCTIME", WEIR_TYPE_TIMESTAMP_LTZ, now_of_row },
        { "LOCALTIMESTAMP", WEIR_TYPE_TIMESTAMP, now_local }, { "CURRENT_DATE", WEIR_TYPE_DATE, now_local },
        { "CURRENT_TIME", WEIR_TYPE_TIME, now_time }, { "LOCALTIME", WEIR_TYPE_TIME, now_time } };
    for (size_t k = 0; k < WEIR_ARRAY_COUNT(clocks); k++) {
        if (strcmp(function->name, clocks[k].name) != 0) continue;
        ret->kernel = clocks[k].kernel;
        switch (clocks[k].type) {
        case WEIR_TYPE_TIMESTAMP:
            ret->type = weir_type_with_precision(arena, WEIR_TYPE_TIMESTAMP, 3, false);
            break;
        case WEIR_TYPE_TIME: ret->type = weir_type_with_precision(arena, WEIR_TYPE_TIME, 0, false); break;
        case WEIR_TYPE_DATE:
            ret->type = weir_type_nullable(arena, weir_type_of(WEIR_TYPE_DATE), false);
            break;
        default: ret->type = zoned; break;
        }
        if (clocks[k].name[0] == 'P')
            ret->type = weir_type_with_time_attribute(arena, zoned, WEIR_TIME_ATTRIBUTE_PROCTIME);
        return true;
    }
    return false;
}

/* CURRENT_WATERMARK(rowtime): NULL before the first one. The argument only tells the type. */
static enum weir_error_code current_watermark(WEIR_KERNEL_PARAMETERS)
{
    (void)arguments;
    const int64_t *watermark_ms = call->environment->current_watermark_ms;
    bool none = !watermark_ms || *watermark_ms == INT64_MIN || *watermark_ms > INT64_MAX / 1000 ||
                *watermark_ms < INT64_MIN / 1000;
    WEIR_FOR_ROWS(i, rows, count)
    {
        if (none)
            weir_call_set_null(call, out, i);
        else
            weir_moment_put(out, i, (struct weir_moment){ *watermark_ms * 1000, 0 });
    }
    return WEIR_OK;
}

bool weir_infer_current_watermark(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)count;
    if (!weir_type_is_timestamp(given[0]) || given[0]->time_attribute != WEIR_TIME_ATTRIBUTE_ROWTIME) {
        weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "CURRENT_WATERMARK() must be called with a single rowtime attribute argument, but '%s' is given",
            weir_type_text(arena, given[0]));
        return false;
    }
    ret->type = weir_type_with_precision(arena, given[0]->id, 3, true);
    ret->kernel = current_watermark;
    return true;
}
