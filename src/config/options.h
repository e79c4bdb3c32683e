/*
 * The table of options, options.def, as constants: find one by its key or by an old name of it.
 * @thread any: nothing here changes.
 */
#ifndef WEIR_CONFIG_OPTIONS_H
#define WEIR_CONFIG_OPTIONS_H

#include "base/macros.h"

enum weir_option_type {
    WEIR_OPTION_BOOLEAN,
    WEIR_OPTION_INTEGER, /* 32 bits */
    WEIR_OPTION_LONG,    /* 64 bits */
    WEIR_OPTION_DOUBLE,
    WEIR_OPTION_DURATION,
    WEIR_OPTION_MEMORY,
    WEIR_OPTION_TEXT,
    WEIR_OPTION_ENUM,
    WEIR_OPTION_LIST, /* "a;b" */
    WEIR_OPTION_MAP   /* "k:v,k2:v2" */
};

enum weir_option_status { WEIR_OPTION_ACTIVE, WEIR_OPTION_CLUSTER, WEIR_OPTION_NO_MEANING };

struct weir_option {
    const char *key; /* may hold "<name>": one segment; at the end: all that is left */
    enum weir_option_type type;
    const char *default_value; /* NULL: none */
    const char *unit; /* of a number, after its range "1..9 " where that is smaller than its type's; of an
                         ENUM its values, "A|B", "" when any word will do */
    const char *old_names; /* separated by spaces */
    const char *meaning;
    enum weir_option_status status;
};

size_t weir_option_count(void);
const struct weir_option *weir_option_at(size_t index); /* in the byte order of the keys */
/* By key; concrete keys of a "<name>" pattern and of a MAP ("<map key>.<entry>") are found, too. NULL:
 * unknown. */
const struct weir_option *weir_option_find(const char *key, size_t length);
/* By an old name; one old name may stand for several options: call with *from = 0, then on until NULL. */
const struct weir_option *weir_option_find_by_old_name(const char *name, size_t length, size_t *from);
/* The key or old name that is most like this one, NULL when none is near. */
const char *weir_option_nearest(const char *key, size_t length);
/* Whether the option is a pattern that stands for many keys. */
bool weir_option_is_pattern(const struct weir_option *option);
/* "BOOLEAN" ... and, for messages, what a value looks like: "true or false". */
const char *weir_option_type_name(enum weir_option_type type);
/* The range of an INTEGER or LONG, both ends taken in; the unit alone is returned ("" if there is none). */
const char *weir_option_range(const struct weir_option *option, int64_t *ret_least, int64_t *ret_most);

const char *weir_option_type_form(enum weir_option_type type);

#endif
