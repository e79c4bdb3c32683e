/* A regular expression over paths (PCRE2, the whole path must match, as Java's matches()). @thread one owner
 */
#ifndef WEIR_PLUGINS_CONNECTOR_FILESYSTEM_PATTERN_H
#define WEIR_PLUGINS_CONNECTOR_FILESYSTEM_PATTERN_H

#include "base/arena.h"
#include "base/error.h"

struct pattern;
enum weir_error_code pattern_new(
    struct weir_arena *arena, const char *text, struct pattern **ret, struct weir_error *reterr);
bool pattern_matches(struct pattern *pattern, const char *path);
void pattern_free(struct pattern *pattern);

#endif
