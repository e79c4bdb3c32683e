/* The table of routes, and which of them a path means. */
#include "host/rest/internal.h"
#include <string.h>

static const struct rest_route routes[] = {
#define X(method, pattern, lane, handler) { REST_##method, pattern, REST_##lane, handler },
#include "host/rest/routes.def"
#undef X
};

static const char *segment_end(const char *at)
{
    const char *slash = strchr(at, '/');
    return slash ? slash : at + strlen(at);
}

/* Fills in the parameters as far as it goes. */
static bool matches(struct rest_request *request, const char *pattern)
{
    const char *path = request->path;
    request->parameter_count = 0;
    while (*pattern == '/' && *path == '/') {
        const char *pattern_end = segment_end(++pattern), *path_end = segment_end(++path);
        size_t pattern_length = (size_t)(pattern_end - pattern), path_length = (size_t)(path_end - path);
        if (*pattern == ':') {
            if (!path_length || request->parameter_count == REST_PATH_SEGMENTS_MAX) return false;
            request->parameters[request->parameter_count++] =
                (struct rest_pair){ weir_arena_copy(&request->arena, pattern + 1, pattern_length - 1),
                    weir_arena_copy(&request->arena, path, path_length) };
        } else if (pattern_length != path_length || memcmp(pattern, path, path_length) != 0) {
            return false;
        }
        pattern = pattern_end;
        path = path_end;
    }
    return !*pattern && (!*path || strcmp(path, "/") == 0);
}

const struct rest_route *rest__find_route(struct rest_request *request)
{
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(routes); i++)
        if (routes[i].method == request->method && matches(request, routes[i].pattern)) return &routes[i];
    return NULL;
}

static const char *find(const struct rest_pair *pairs, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(pairs[i].name, name) == 0) return pairs[i].value;
    return NULL;
}

const char *rest__parameter(const struct rest_request *request, const char *name)
{
    return find(request->parameters, request->parameter_count, name);
}

const char *rest__argument(const struct rest_request *request, const char *name)
{
    return find(request->arguments, request->argument_count, name);
}
