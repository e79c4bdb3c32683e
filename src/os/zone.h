/*
 * Time zones from the system's tz database, for data/zone.h. Install once at process start, before threads.
 * Names are regions only ("Europe/Berlin"): letters, digits, '_', '+', '-' between single slashes, so that no
 * name can leave the database's folder. A zone is read once and never freed.
 */
#ifndef WEIR_OS_ZONE_H
#define WEIR_OS_ZONE_H

#include "data/zone.h"

void weir_os_zone_install(void);
/* The loader itself. @thread any; without a lock once a zone is known. */
const struct weir_zone *weir_os_zone_load(const char *name, size_t length);
/* The machine's zone by name ("UTC" when it does not say): TZ, else /etc/localtime, else /etc/timezone. */
void weir_os_zone_local_name(char *name, size_t bytes_max);

#endif
