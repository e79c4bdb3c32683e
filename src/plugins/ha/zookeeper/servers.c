#define _GNU_SOURCE
#include "internal.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

struct zookeeper_servers {
    struct weir_memory *memory;
    pthread_mutex_t mutex; /* guards what follows */
    uint32_t references;   /* the owner, the thread that looks up */
    char names[ZOOKEEPER_SERVERS_BYTES_MAX], addresses[ZOOKEEPER_SERVERS_BYTES_MAX];
    char failed[256];
    bool under_way;
};

struct zookeeper_servers *zookeeper_servers_new(struct weir_memory *memory, const char *names)
{
    struct zookeeper_servers *servers = weir_memory_allocate_zeroed(memory, sizeof *servers);
    servers->memory = memory;
    servers->references = 1;
    pthread_mutex_init(&servers->mutex, NULL);
    snprintf(servers->names, sizeof servers->names, "%s", names);
    return servers;
}

static void release(struct zookeeper_servers *servers)
{
    pthread_mutex_lock(&servers->mutex);
    bool last = --servers->references == 0;
    pthread_mutex_unlock(&servers->mutex);
    if (!last) return;
    pthread_mutex_destroy(&servers->mutex);
    weir_memory_release(servers->memory, servers, sizeof *servers);
}

void zookeeper_servers_free(struct zookeeper_servers *servers)
{
    if (servers) release(servers);
}

/* One host:port; appends its addresses. */
static bool look_up(const char *server, int flags, char addresses[ZOOKEEPER_SERVERS_BYTES_MAX])
{
    char host[256], text[INET6_ADDRSTRLEN];
    const char *port = strrchr(server, ':') + 1;
    const char *name = server;
    size_t length = (size_t)(port - 1 - server);
    if (length >= 2 && name[0] == '[') {
        name++;
        length -= 2;
    }
    snprintf(host, sizeof host, "%.*s", (int)length, name);
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags }, *found;
    if (getaddrinfo(host, NULL, &hints, &found) != 0) return false;
    for (const struct addrinfo *at = found; at; at = at->ai_next) {
        bool six = at->ai_family == AF_INET6;
        if (!six && at->ai_family != AF_INET) continue;
        const void *address =
            six ? (const void *)&((const struct sockaddr_in6 *)(const void *)at->ai_addr)->sin6_addr
                : (const void *)&((const struct sockaddr_in *)(const void *)at->ai_addr)->sin_addr;
        if (!inet_ntop(at->ai_family, address, text, sizeof text)) continue;
        size_t used = strlen(addresses);
        int wrote = snprintf(addresses + used, ZOOKEEPER_SERVERS_BYTES_MAX - used,
            six ? "%s[%s]:%s" : "%s%s:%s", used ? "," : "", text, port);
        if ((size_t)wrote >= ZOOKEEPER_SERVERS_BYTES_MAX - used) addresses[used] = '\0';
    }
    freeaddrinfo(found);
    return true;
}

/* Numbers need no resolver and never wait: they are known first. A name that cannot be resolved keeps nobody
 * from the others. */
static void *resolve_main(void *argument)
{
    struct zookeeper_servers *servers = argument;
    char names[ZOOKEEPER_SERVERS_BYTES_MAX], addresses[ZOOKEEPER_SERVERS_BYTES_MAX] = "";
    bool done[ZOOKEEPER_SERVERS_MAX] = { false };
    char failed[256] = "";
    for (int round = 0; round < 2; round++) {
        snprintf(names, sizeof names, "%s", servers->names);
        char *rest = names;
        for (uint32_t i = 0; rest && i < ZOOKEEPER_SERVERS_MAX; i++) {
            const char *server = strsep(&rest, ",");
            if (done[i]) continue;
            done[i] = look_up(server, round == 0 ? AI_NUMERICHOST : 0, addresses);
            if (round == 1 && !done[i] && !failed[0]) snprintf(failed, sizeof failed, "%s", server);
            if (!done[i]) continue;
            pthread_mutex_lock(&servers->mutex);
            /* What an earlier look-up found stays until this one is through. */
            if (strlen(addresses) > strlen(servers->addresses))
                snprintf(servers->addresses, sizeof servers->addresses, "%s", addresses);
            pthread_mutex_unlock(&servers->mutex);
        }
    }
    pthread_mutex_lock(&servers->mutex);
    if (addresses[0]) snprintf(servers->addresses, sizeof servers->addresses, "%s", addresses);
    snprintf(servers->failed, sizeof servers->failed, "%s", failed);
    servers->under_way = false;
    pthread_mutex_unlock(&servers->mutex);
    release(servers);
    return NULL;
}

void zookeeper_servers_resolve(struct zookeeper_servers *servers)
{
    pthread_mutex_lock(&servers->mutex);
    bool begin = !servers->under_way;
    if (begin) {
        servers->under_way = true;
        servers->references++;
    }
    pthread_mutex_unlock(&servers->mutex);
    if (!begin) return;
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, resolve_main, servers) != 0) {
        pthread_mutex_lock(&servers->mutex);
        servers->under_way = false;
        servers->references--;
        pthread_mutex_unlock(&servers->mutex);
    }
    pthread_attr_destroy(&attributes);
}

bool zookeeper_servers_addresses(struct zookeeper_servers *servers,
    char addresses[ZOOKEEPER_SERVERS_BYTES_MAX], bool *ret_complete, char failed[256])
{
    pthread_mutex_lock(&servers->mutex);
    snprintf(addresses, ZOOKEEPER_SERVERS_BYTES_MAX, "%s", servers->addresses);
    snprintf(failed, 256, "%s", servers->failed);
    *ret_complete = !servers->under_way;
    pthread_mutex_unlock(&servers->mutex);
    return addresses[0] != '\0';
}
