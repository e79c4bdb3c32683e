/* "host:port" of another process. */
#ifndef WEIR_HOST_ADDRESS_H
#define WEIR_HOST_ADDRESS_H

#include "config/value.h"
#include <string.h>

/* The number of a port, 0 when the text is none. */
static inline int weir_port_parse(const char *text)
{
    int64_t port;
    bool good =
        weir_value_parse_long((struct weir_slice){ text, strlen(text) }, &port) && port > 0 && port <= 65535;
    return good ? (int)port : 0;
}

#endif
