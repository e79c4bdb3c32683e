/* weir: one binary, one verb per job. Process set-up and the table of verbs. */
#include "main.h"
#include "os/file.h"
#include "os/log.h"
#include "os/memory.h"
#include "os/process.h"
#include "os/zone.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct verb {
    const char *name;
    int (*run)(int argument_count, char **arguments);
    const char *usage, *what;
};

static const struct verb verbs[] = {
#define X(name, function, usage, what) { name, function, usage, what },
#include "verbs.def"
#undef X
};

const char *verb_usage(const char *name)
{
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0) return verbs[i].usage;
    return "weir help";
}

/* Flink's client ends with 1 whatever was wrong, and scripts ask for that. */
int usage_exit_code(const char *verb)
{
    static const char *const of_flink[] = { "run", "info", "list", "cancel", "stop", "savepoint",
        "checkpoint" };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(of_flink); i++)
        if (strcmp(verb, of_flink[i]) == 0) return 1;
    return 2;
}

int usage_error(const char *verb, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "weir %s: %s\nusage: %s\n", verb, text, verb_usage(verb));
    return usage_exit_code(verb);
}

int option_error(const char *verb, int found, char **arguments)
{
    /* getopt has moved past the argument, but for a letter among several of one argument. */
    const char *at = arguments[optind - 1];
    if (at[0] != '-' && arguments[optind]) at = arguments[optind];
    return usage_error(verb, found == ':' ? "option '%s' needs a value" : "unknown option '%s'", at);
}

int print_error(const struct weir_error *error)
{
    fprintf(stderr, "[ERROR] %s\n", error->message);
    for (uint32_t i = 0; i < error->cause_count; i++) fprintf(stderr, "Caused by: %s\n", error->causes[i]);
    return 1;
}

bool write_all(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t wrote = write(descriptor, bytes, length);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return false;
        bytes += wrote;
        length -= (size_t)wrote;
    }
    return true;
}

/* --- configuration --- */

static enum weir_error_code read_config_file(struct weir_config *config, const char *directory,
    const char *name, bool flat, bool *found, struct weir_error *error)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    *found = weir_file_exists(path);
    if (!*found) return WEIR_OK;
    struct weir_buffer bytes;
    weir_buffer_init(&bytes, weir_os_memory(), WEIR_CONFIG_FILE_BYTES_MAX + 1);
    enum weir_error_code code = weir_file_read(path, WEIR_CONFIG_FILE_BYTES_MAX, &bytes, error);
    if (!code) {
        code = flat ? weir_config_read_flat(config, path, bytes.data ? bytes.data : "", bytes.length, error)
                    : weir_config_read_yaml(config, path, bytes.data ? bytes.data : "", bytes.length, error);
    }
    weir_buffer_done(&bytes);
    return code;
}

static enum weir_error_code read_config_files(struct weir_config *config, struct weir_error *error)
{
    char beside[4096];
    const char *directory = getenv("WEIR_CONF_DIR");
    if (!directory || !*directory) directory = getenv("FLINK_CONF_DIR");
    bool asked_for = directory && *directory;
    if (!asked_for) {
        char program[3000];
        if (!weir_os_program_directory(program, sizeof program)) return WEIR_OK;
        snprintf(beside, sizeof beside, "%s/../conf", program);
        directory = beside;
    }
    if (!weir_directory_exists(directory)) {
        if (!asked_for) return WEIR_OK;
        return weir_error_set(
            error, WEIR_E_CONFIGURATION, "the configuration folder %s does not exist", directory);
    }
    bool found;
    enum weir_error_code code = read_config_file(config, directory, "flink-conf.yaml", true, &found, error);
    if (!code && !found) code = read_config_file(config, directory, "config.yaml", false, &found, error);
    return code;
}

struct weir_config *load_config(char *const *definitions, uint32_t definition_count, bool with_notices)
{
    struct weir_config *config = weir_config_new(weir_os_memory());
    struct weir_error error = { 0 };
    enum weir_error_code code = read_config_files(config, &error);
    for (uint32_t i = 0; !code && i < definition_count; i++)
        code = weir_config_read_argument(config, definitions[i], &error);
    if (code) {
        print_error(&error);
        weir_config_free(config);
        return NULL;
    }
    /* The words of the option are the levels, in their order. */
    weir_log_level_set((enum weir_log_level)weir_config_get_enum(config, "weir.log.level", WEIR_LOG_WARN));
    weir_log_json_set(weir_config_get_enum(config, "weir.log.format", 0) == 1, "weir");
    for (size_t i = 0; with_notices && i < weir_config_notice_count(config); i++) {
        enum weir_config_notice_kind kind;
        const char *text = weir_config_notice(config, i, &kind);
        if (kind == WEIR_CONFIG_NOTICE_NO_MEANING || kind == WEIR_CONFIG_NOTICE_SKIPPED)
            fprintf(stderr, "[NOTICE] %s\n", text);
        else
            weir_log(WEIR_LOG_INFO, "weir.config", "%s", text);
    }
    return config;
}

/* --- verbs --- */

static int print_version(void)
{
    return printf("weir version %s\n", WEIR_VERSION) > 0 ? 0 : 1;
}

int verb_help(int argument_count, char **arguments)
{
    if (argument_count > 0) {
        for (size_t i = 0; i < WEIR_ARRAY_COUNT(verbs); i++) {
            if (strcmp(verbs[i].name, arguments[0]) != 0) continue;
            printf("%s\n    %s\n", verbs[i].usage, verbs[i].what);
            return 0;
        }
        return usage_error("help", "there is no verb \"%s\"", arguments[0]);
    }
    printf("weir - continuous SQL over live data, in one process or in a cluster that no killed process "
           "stops\n\n");
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(verbs); i++)
        printf("  weir %-11s %s\n", verbs[i].name, verbs[i].what);
    printf("  weir --version\n\nweir help VERB says how to use one.\n");
    return 0;
}

/* A standard descriptor that is closed would be the number of the next file or socket, and what is printed
 * would go there. One that can only be used the other way round stands in for it: using it is an error still.
 */
static void keep_standard_descriptors(void)
{
    static const int modes[] = { O_WRONLY, O_RDONLY, O_RDONLY };
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
        if (fcntl(i, F_GETFD) < 0 && open("/dev/null", modes[i]) != i) _exit(1);
}

int main(int argument_count, char **arguments)
{
    keep_standard_descriptors();
    weir_os_assert_hook_install();
    weir_os_zone_install();
    weir_os_signals_install();
    weir_os_descriptors_raise();
    if (argument_count < 2) return verb_help(0, NULL);
    const char *name = arguments[1];
    if (strcmp(name, "--version") == 0 || strcmp(name, "-v") == 0) return print_version();
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) return verb_help(0, NULL);
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0) return verbs[i].run(argument_count - 2, arguments + 2);
    }
    fprintf(stderr, "weir: there is no verb \"%s\"; weir help lists them\n", name);
    return 2;
}
