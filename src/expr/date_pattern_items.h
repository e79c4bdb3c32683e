/* Between date_pattern.c (compiling, writing) and date_pattern_parse.c (reading). */
#ifndef WEIR_EXPR_DATE_PATTERN_ITEMS_H
#define WEIR_EXPR_DATE_PATTERN_ITEMS_H

#include "expr/date_pattern.h"

struct weir_date_item {
    char letter;      /* 0: literal text; '[' and ']': an optional part */
    uint32_t count;   /* letters in a row, or bytes of the literal */
    const char *text; /* literal */
};

struct weir_date_pattern {
    enum weir_date_dialect dialect;
    uint32_t item_count;
    struct weir_date_item *items;
    size_t bytes_max;
    int64_t resolution_us;
    /* The day written last: times tend to come in order. */
    int64_t known_day;
    struct weir_civil known_date;
};

extern const char *const weir_month_names[12];
extern const char *const weir_weekday_names[7]; /* Monday first */

/* Written and read as a number. */
bool weir_date_item_is_number(const struct weir_date_pattern *pattern, const struct weir_date_item *item);

#endif
