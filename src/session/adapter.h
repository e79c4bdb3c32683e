/* The planner's view of connectors (sql/catalog.h) over the plug-ins (spi/connector.h): options are checked
 * here. */
#ifndef WEIR_SESSION_ADAPTER_H
#define WEIR_SESSION_ADAPTER_H

#include "spi/connector.h"
#include "sql/catalog.h"

/* context is the const struct weir_connectors * itself. */
struct weir_sql_connectors weir_session_sql_connectors(const struct weir_connectors *connectors);
const struct weir_connector *weir_session_find_connector(const struct weir_connectors *all, const char *name);
const struct weir_format *weir_session_find_format(const struct weir_connectors *all, const char *name);
/* Distance of two names, for "did you mean". */
uint32_t weir_session_edit_distance(const char *a, const char *b);

#endif
