#include "os/fault.h"
#include "base/macros.h"
#include "os/log.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum fault_action { FAULT_KILL, FAULT_STOP, FAULT_FAIL };
enum { FAULTS_MAX = 16 };

struct fault {
    const char *point;
    bool after, onwards;
    enum fault_action action;
    unsigned long at;
    _Atomic unsigned long met;
};

static const char *const points[] = {
#define FAULT(name) name,
#include "os/fault_points.def"
#undef FAULT
};
static const char *const actions[] = { [FAULT_KILL] = "kill", [FAULT_STOP] = "stop", [FAULT_FAIL] = "fail" };

static struct fault faults[FAULTS_MAX];
static unsigned fault_count;

/* The index of what text begins with, up to an end out of `ends`; -1: none. */
static int find(const char *const *names, size_t count, const char *text, size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(names[i]) == length && memcmp(names[i], text, length) == 0) return (int)i;
    return -1;
}

static bool parse_count(const char *text, const char *end, struct fault *ret)
{
    ret->at = 1;
    if (text == end) return true;
    char *stopped;
    ret->at = strtoul(text + 1, &stopped, 10);
    ret->onwards = stopped < end && *stopped == '+';
    return *text == '@' && ret->at > 0 && stopped + ret->onwards == end;
}

static bool parse(const char *text, const char *end, struct fault *ret)
{
    static const char *const sides[] = { "before", "after" };
    const char *colon = memchr(text, ':', (size_t)(end - text));
    if (!colon) return false;
    const char *dot = colon;
    while (dot > text && *dot != '.') dot--;
    int point = find(points, WEIR_ARRAY_COUNT(points), text, (size_t)(dot - text));
    int side = dot < colon ? find(sides, 2, dot + 1, (size_t)(colon - dot - 1)) : -1;
    const char *at = memchr(colon, '@', (size_t)(end - colon));
    if (!at) at = end;
    int action = find(actions, WEIR_ARRAY_COUNT(actions), colon + 1, (size_t)(at - colon - 1));
    if (point < 0 || side < 0 || action < 0) return false;
    ret->point = points[point];
    ret->after = side == 1;
    ret->action = (enum fault_action)action;
    return parse_count(at, end, ret);
}

enum weir_error_code weir_fault_init(const char *spec, struct weir_error *reterr)
{
    fault_count = 0;
    while (spec && *spec) {
        const char *end = strchr(spec, ',');
        if (!end) end = spec + strlen(spec);
        if (fault_count == FAULTS_MAX || !parse(spec, end, &faults[fault_count]))
            return weir_error_set(reterr, WEIR_E_ARGUMENT,
                "WEIR_FAULT: '%.*s' is not understood; expected up to %d of "
                "<point>.<before|after>:<kill|stop|fail>[@<n>[+]]",
                (int)(end - spec), spec, FAULTS_MAX);
        atomic_store(&faults[fault_count++].met, 0);
        spec = *end ? end + 1 : end;
    }
    return WEIR_OK;
}

bool weir_fault_armed(void)
{
    return fault_count > 0;
}

bool weir_fault_at(const char *point, bool after)
{
    bool fail = false;
    for (unsigned i = 0; i < fault_count; i++) {
        struct fault *fault = &faults[i];
        if (fault->after != after || strcmp(fault->point, point) != 0) continue;
        unsigned long met = atomic_fetch_add(&fault->met, 1) + 1;
        if (met != fault->at && !(fault->onwards && met > fault->at)) continue;
        weir_log(WEIR_LOG_WARN, "weir.fault", "%s.%s: %s", point, after ? "after" : "before",
            actions[fault->action]);
        if (fault->action == FAULT_KILL) (void)raise(SIGKILL);
        if (fault->action == FAULT_STOP) (void)raise(SIGSTOP);
        fail |= fault->action == FAULT_FAIL;
    }
    return fail;
}
