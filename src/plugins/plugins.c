#include "plugins/plugins.h"

#define CONNECTOR(symbol) extern const struct weir_connector symbol;
#define FORMAT(symbol)    extern const struct weir_format symbol;
#include "plugins/plugins.def"
#undef CONNECTOR
#undef FORMAT

static const struct weir_connector *const connectors[] = {
#define CONNECTOR(symbol) &symbol,
#define FORMAT(symbol)
#include "plugins/plugins.def"
#undef CONNECTOR
#undef FORMAT
    NULL
};

static const struct weir_format *const formats[] = {
#define CONNECTOR(symbol)
#define FORMAT(symbol) &symbol,
#include "plugins/plugins.def"
#undef CONNECTOR
#undef FORMAT
    NULL
};

const struct weir_connectors weir_plugins = {
    .connectors = connectors,
    .connector_count = WEIR_ARRAY_COUNT(connectors) - 1,
    .formats = formats,
    .format_count = WEIR_ARRAY_COUNT(formats) - 1,
};
