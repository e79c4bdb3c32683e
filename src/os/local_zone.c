#include "os/local_zone.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char local_zone_name[256] = "UTC";

static void find_name(void)
{
    const char *variable = getenv("TZ");
    if (variable && *variable) {
        snprintf(local_zone_name, sizeof local_zone_name, "%s", variable + (*variable == ':'));
        return;
    }
    char target[1024];
    ssize_t length = readlink("/etc/localtime", target, sizeof target - 1);
    if (length <= 0) return;
    target[length] = 0;
    const char *name = strstr(target, "zoneinfo/");
    if (name) snprintf(local_zone_name, sizeof local_zone_name, "%s", name + strlen("zoneinfo/"));
}

const char *weir_os_local_zone_name(void)
{
    pthread_once(&once, find_name);
    return local_zone_name;
}
