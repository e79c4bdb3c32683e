#include "session/state_backend.h"
#include "os/log.h"
#include <stdatomic.h>
#include <string.h>
#include <strings.h>

/* Flink's class names end in this, with or without "Factory". */
static bool is_named(const char *value, const char *name, const char *class_name)
{
    return strcasecmp(value, name) == 0 || strstr(value, class_name) != NULL;
}

enum weir_error_code weir_session_state_backend_check(
    const struct weir_config *config, struct weir_error *reterr)
{
    static atomic_bool noted;
    const char *value = weir_config_get_text(config, "state.backend.type", "hashmap");
    if (is_named(value, "hashmap", "HashMapStateBackend") ||
        is_named(value, "filesystem", "FsStateBackend") ||
        is_named(value, "jobmanager", "MemoryStateBackend"))
        return WEIR_OK;
    if (is_named(value, "forst", "ForStStateBackend"))
        return weir_error_set(reterr, WEIR_E_UNSUPPORTED,
            "state.backend.type: %s is not implemented; this build has hashmap", value);
    if (!is_named(value, "rocksdb", "RocksDBStateBackend"))
        return weir_error_set(reterr, WEIR_E_CONFIGURATION,
            "state.backend.type: '%s' is not known; expected hashmap or rocksdb", value);
    if (!atomic_exchange(&noted, true))
        weir_log(WEIR_LOG_WARN, "weir.session",
            "state.backend.type: rocksdb runs on hashmap in this version: state is held in memory, and a job "
            "whose state outgrows taskmanager.memory.managed.size fails");
    return WEIR_OK;
}
