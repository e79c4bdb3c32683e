/* For the time functions: any date, time or timestamp as microseconds and nanoseconds on the wall clock;
 * units by name. */
#ifndef WEIR_EXPR_MOMENT_H
#define WEIR_EXPR_MOMENT_H

#include "data/time.h"
#include "expr/text.h"

enum weir_time_unit {
    WEIR_TIME_UNIT_MILLENNIUM,
    WEIR_TIME_UNIT_CENTURY,
    WEIR_TIME_UNIT_DECADE,
    WEIR_TIME_UNIT_YEAR,
    WEIR_TIME_UNIT_ISOYEAR,
    WEIR_TIME_UNIT_QUARTER,
    WEIR_TIME_UNIT_MONTH,
    WEIR_TIME_UNIT_WEEK,
    WEIR_TIME_UNIT_DAY,
    WEIR_TIME_UNIT_DOW,
    WEIR_TIME_UNIT_ISODOW,
    WEIR_TIME_UNIT_DOY,
    WEIR_TIME_UNIT_HOUR,
    WEIR_TIME_UNIT_MINUTE,
    WEIR_TIME_UNIT_SECOND,
    WEIR_TIME_UNIT_MILLISECOND,
    WEIR_TIME_UNIT_MICROSECOND,
    WEIR_TIME_UNIT_NANOSECOND,
    WEIR_TIME_UNIT_EPOCH,
    WEIR_TIME_UNIT_NONE,
    WEIR_TIME_UNIT_ANY, /* known at run time only */
};
/* Also the SQL_TSI_ forms. */
enum weir_time_unit weir_time_unit_of(struct weir_slice name);
static inline enum weir_time_unit weir_time_unit_argument(const struct weir_vector *v, uint32_t row)
{
    return weir_time_unit_of(weir_text_slice(v, row));
}
/* What a literal unit is; NONE with reterr set when it is none. A unit that is no literal counts as YEAR
 * here. */
enum weir_time_unit weir_time_unit_literal(const struct weir_vector *literal, struct weir_error *reterr);

struct weir_moment {
    int64_t us;          /* since 1970-01-01 00:00 */
    int32_t nanoseconds; /* 0..999 */
};

static inline struct weir_moment weir_moment_from_ns(weir_int128 ns)
{
    weir_int128 us = ns / 1000;
    int32_t rest = (int32_t)(ns % 1000);
    if (rest < 0) us--, rest += 1000;
    return (struct weir_moment){ (int64_t)us, rest };
}

/* DATE, TIME (on 1970-01-01), TIMESTAMP as they are; TIMESTAMP_LTZ as UTC. */
static inline struct weir_moment weir_moment_argument(const struct weir_vector *v, uint32_t row)
{
    switch (v->type->id) {
    case WEIR_TYPE_DATE: return (struct weir_moment){ WEIR_ARGUMENT(int32_t, v, row) * WEIR_DAY_US, 0 };
    case WEIR_TYPE_TIME: return (struct weir_moment){ WEIR_ARGUMENT(int32_t, v, row) * INT64_C(1000), 0 };
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_TIMESTAMP_LTZ:
        if (!weir_type_is_wide_timestamp(v->type))
            return (struct weir_moment){ WEIR_ARGUMENT(int64_t, v, row), 0 };
        return weir_moment_from_ns(WEIR_ARGUMENT(weir_int128, v, row));
    default: return (struct weir_moment){ 0, 0 };
    }
}

/* The same on the wall clock of the session: what people see. */
static inline struct weir_moment weir_moment_local(
    const struct weir_call *call, const struct weir_vector *v, uint32_t row)
{
    struct weir_moment m = weir_moment_argument(v, row);
    if (v->type->id == WEIR_TYPE_TIMESTAMP_LTZ && call->environment->local_zone) {
        m.us = weir_zone_utc_to_local_us(call->environment->local_zone, m.us);
    }
    return m;
}

/* Writes m to a result of type DATE, TIME, TIMESTAMP or TIMESTAMP_LTZ (then m is UTC). */
static inline void weir_moment_put(struct weir_vector *out, uint32_t row, struct weir_moment m)
{
    switch (out->type->id) {
    case WEIR_TYPE_DATE: WEIR_RESULT(int32_t, out, row) = (int32_t)weir_floor_div(m.us, WEIR_DAY_US); break;
    case WEIR_TYPE_TIME:
        WEIR_RESULT(int32_t, out, row) = (int32_t)weir_floor_div(weir_floor_mod(m.us, WEIR_DAY_US), 1000);
        break;
    default:
        if (weir_type_is_wide_timestamp(out->type)) {
            WEIR_RESULT(weir_int128, out, row) = (weir_int128)m.us * 1000 + m.nanoseconds;
        } else {
            WEIR_RESULT(int64_t, out, row) = m.us;
        }
    }
}

static inline bool weir_type_is_moment(const struct weir_type *type)
{
    return type->id >= WEIR_TYPE_DATE && type->id <= WEIR_TYPE_TIMESTAMP_LTZ;
}

/* FLOOR(t TO unit), CEIL(t TO unit) as FLOOR(t, 'UNIT'), CEIL(t, 'UNIT'): for the numeric functions to hand
 * on to. */
bool weir_infer_floor_time(WEIR_INFER_PARAMETERS);

#endif
