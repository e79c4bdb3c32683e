/* The table of a zone. Private to this folder. */
#ifndef WEIR_DATA_ZONE_INTERNAL_H
#define WEIR_DATA_ZONE_INTERNAL_H

#include "data/zone.h"
#include <stdatomic.h>
#include <string.h>

#define WEIR_ZONE_CYCLE_SECONDS (INT64_C(146097) * 86400) /* 400 years: whole weeks */

enum { WEIR_ZONE_OFFSET_SECONDS_MAX = 18 * 3600 };

/*
 * offsets[i] holds from utc_switches[i] on; first_offset before all. A local time belongs to the offset
 * before a switch as long as it is earlier than the switch seen with the larger of the two offsets: that is
 * Java's rule for gaps (the time moves forward by the gap's length) and for overlaps (the earlier offset).
 */
struct weir_zone {
    const char *name;
    int32_t first_offset;
    uint32_t count;
    const int64_t *utc_switches;
    const int64_t *local_switches;
    const int32_t *offsets;
    /* Where a search begins: entry b is the number of switches before second index_start + b * 2^index_shift.
     */
    int64_t index_start;
    uint32_t index_shift, index_count;
    const uint16_t *utc_index, *local_index;
    bool repeats;         /* the table ends with 400 years of a rule: later instants are folded into them */
    int64_t last_seconds; /* with repeats: the last instant that needs no folding */
};

#endif
