/* Partition values in directory names: ".../day=2020-01-01/hour=10/part". @thread any */
#ifndef WEIR_PLUGINS_CONNECTOR_FILESYSTEM_PARTITION_PATH_H
#define WEIR_PLUGINS_CONNECTOR_FILESYSTEM_PARTITION_PATH_H

#include "data/batch.h"
#include "data/time.h"

/* Makes column of out a CONSTANT: the value of key in path, unescaped, converted to the column's type; NULL
 * for default_name. */
enum weir_error_code partition_value(const char *path, const char *key, const char *default_name,
    struct weir_batch *out, uint32_t column, struct weir_error *reterr);

/* The value at from, up to the next '/' or the end, as it was before it was escaped; no zero behind it. The
 * result is its length; what is beyond bytes_max is cut off. */
size_t partition_unescape(const char *from, char *to, size_t bytes_max);
/* Of a timestamp as the sink writes it, "2024-01-02T03:04:05", or as CAST reads it. */
bool partition_timestamp_parse(const char *text, size_t length, uint32_t precision, struct weir_civil *ret);

#endif
