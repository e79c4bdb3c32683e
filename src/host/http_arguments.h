/*
 * Arguments of a URI, before the HTTP library sees them.
 *
 * libmicrohttpd keeps each in the connection's memory, and when that is full it neither answers nor closes
 * the connection. So the text of those past the limit is cut off while there is only text: the library finds
 * one more than are allowed, and the handler refuses them by their number.
 * @thread the HTTP library's
 */
#ifndef WEIR_HOST_HTTP_ARGUMENTS_H
#define WEIR_HOST_HTTP_ARGUMENTS_H

#include <microhttpd.h>
#include <string.h>

/* uri: the library's own, to be written. Empty ones count, but for the last. */
static inline void weir_http_arguments_cut(char *uri, unsigned arguments_max)
{
    char *at = strchr(uri, '?');
    for (unsigned separators = 0; at && separators < arguments_max + 2; separators++)
        at = strchr(at + 1, '&');
    if (at) *at = '\0';
}

#endif
