/* The machine's time zone by name. @thread any */
#ifndef WEIR_OS_LOCAL_ZONE_H
#define WEIR_OS_LOCAL_ZONE_H

/* TZ when it is set, else where /etc/localtime points into the tz database, else "UTC". Lives as long as the
 * process. */
const char *weir_os_local_zone_name(void);

#endif
