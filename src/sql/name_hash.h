/* Names are found by hash where there may be thousands: columns of a query, tables of a catalog. */
#ifndef WEIR_SQL_NAME_HASH_H
#define WEIR_SQL_NAME_HASH_H

#include <stdint.h>

/* FNV-1a; of no meaning outside this process. */
static inline uint32_t weir_sql_name_hash(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++) hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash ^ hash >> 15;
}

#endif
