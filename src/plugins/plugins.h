/* The table of connectors and formats that plugins.def lists. */
#ifndef WEIR_PLUGINS_PLUGINS_H
#define WEIR_PLUGINS_PLUGINS_H

#include "spi/connector.h"

extern const struct weir_connectors weir_plugins;

#endif
