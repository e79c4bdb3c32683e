/* The local file system behind the filesystem SPI: "file:///path", "file:/path" or a plain path. @thread any
 */
#ifndef WEIR_PLUGINS_FILESYSTEM_FILE_H
#define WEIR_PLUGINS_FILESYSTEM_FILE_H

#include "spi/filesystem.h"

extern struct weir_filesystem weir_file_filesystem; /* stateless */

#endif
