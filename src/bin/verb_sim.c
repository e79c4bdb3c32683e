/*
 * weir sim: histories of simulated clusters. A seed that fails is printed with what it takes to see it again;
 * one history alone is replayed with --seed, and shrunk when it fails.
 */
#include "main.h"
#include "sim_jobs.h"
#include "control/planted.h"
#include "os/memory.h"
#include "sim/sim.h"
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_MAX = 64, FAILURES_SHOWN_MAX = 20, SHRINK_RUNS_MAX = 120 };

struct sim_arguments {
    uint64_t first, last;
    uint32_t workload, jobs;
    bool trace, heartbeats, coverage, shrink, twice, keep_going, has_features, many, crash_points;
    uint64_t crash_point;
    uint64_t features;
    const char *planted;
};

/* What a worker tells about one history, or, seed 0 and done, about all of its. */
struct report {
    struct weir_sim_history history;
    struct weir_sim_result result;
    bool done, differs;
};

struct totals {
    uint64_t histories, failed, rows, checkpoints, takeovers, faults, jobs;
};

static void print_line(void *owner, const char *line)
{
    printf("%s\n", line);
}

static void print_features(const struct weir_sim_history *history)
{
    for (uint32_t i = 0; i < WEIR_SIM_FEATURE_COUNT; i++)
        if (history->features >> i & 1) printf(" %s", weir_sim_feature_name(i));
}

static void print_failure(const struct report *report, const struct sim_arguments *given)
{
    const struct weir_sim_result *result = &report->result;
    printf("FAILED seed %llu (%s) at %lld.%03lld ms: %s: %s\n", (unsigned long long)report->history.seed,
        weir_sim_workload_name(report->history.workload), (long long)result->at_us / 1000,
        (long long)result->at_us % 1000, result->checker, result->text);
    if (report->history.crash_point)
        printf("  again: weir sim --seed %llu --crash-point %llu --trace\n",
            (unsigned long long)report->history.seed, (unsigned long long)report->history.crash_point);
    else
        printf("  again: weir sim --seed %llu%s%s%s%s --trace\n", (unsigned long long)report->history.seed,
            given->workload == UINT32_MAX ? "" : " --workload ",
            given->workload == UINT32_MAX ? "" : weir_sim_workload_name(given->workload),
            given->planted ? " --planted " : "", given->planted ? given->planted : "");
    fflush(stdout);
}

static void run_one(const struct sim_arguments *given, const struct weir_sim_options *options, uint64_t seed,
    struct report *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->history = weir_sim_history_draw(seed, given->workload);
    if (given->has_features) ret->history.features = given->features;
    ret->history.crash_point = given->crash_point;
    weir_sim_run(&ret->history, options, &ret->result);
    if (!given->twice) return;
    struct weir_sim_result again;
    struct weir_sim_options quietly = *options;
    quietly.trace = NULL;
    quietly.coverage = NULL;
    weir_sim_run(&ret->history, &quietly, &again);
    ret->differs = again.trace_hash != ret->result.trace_hash;
}

static void add_up(struct totals *totals, const struct report *report)
{
    totals->histories++;
    totals->failed += report->result.failed || report->differs;
    totals->rows += report->result.rows_judged;
    totals->checkpoints += report->result.checkpoints_completed;
    totals->takeovers += report->result.takeovers;
    totals->faults += report->result.faults;
    totals->jobs += report->result.jobs_submitted;
}

static void shrink_and_show(
    const struct sim_arguments *given, const struct weir_sim_options *options, const struct report *report)
{
    struct weir_sim_result result;
    struct weir_sim_history small =
        weir_sim_shrink(&report->history, options, &report->result, SHRINK_RUNS_MAX, &result);
    printf("  smallest: %s: %s\n  weir sim --seed %llu --workload %s --features ", result.checker,
        result.text, (unsigned long long)small.seed, weir_sim_workload_name(small.workload));
    bool first = true;
    for (uint32_t i = 0; i < WEIR_SIM_FEATURE_COUNT; i++) {
        if (!(small.features >> i & 1)) continue;
        printf("%s%s", first ? "" : ",", weir_sim_feature_name(i));
        first = false;
    }
    printf("%s --trace\n", first ? "none" : "");
}

static int run_single(const struct sim_arguments *given, struct weir_sim_options *options)
{
    struct report report;
    if (given->trace) options->trace = print_line;
    options->trace_heartbeats = given->heartbeats;
    run_one(given, options, given->first, &report);
    const struct weir_sim_result *result = &report.result;
    printf(
        "seed %llu (%s):", (unsigned long long)given->first, weir_sim_workload_name(report.history.workload));
    print_features(&report.history);
    printf(
        "\n%lld ms, %llu items, %llu steps, %llu messages, %llu store requests; %llu jobs, %llu ended, %llu "
        "checkpoints, %llu leaders, %llu faults, %llu rows judged; hash %016llx\n",
        (long long)result->ended_us / 1000, (unsigned long long)result->items,
        (unsigned long long)result->steps, (unsigned long long)result->messages,
        (unsigned long long)result->store_requests, (unsigned long long)result->jobs_submitted,
        (unsigned long long)result->jobs_ended, (unsigned long long)result->checkpoints_completed,
        (unsigned long long)result->takeovers, (unsigned long long)result->faults,
        (unsigned long long)result->rows_judged, (unsigned long long)result->trace_hash);
    if (report.differs) printf("the same seed gave another history the second time\n");
    if (result->failed) {
        print_failure(&report, given);
        if (given->shrink) shrink_and_show(given, options, &report);
    }
    return result->failed || report.differs ? 1 : 0;
}

/* One seed with a crash at each of its durable effects, each jobs-th of them. False: it is time to stop. */
static bool work_crash_points(const struct sim_arguments *given, struct weir_sim_options *options,
    uint64_t seed, uint32_t index, int to)
{
    struct sim_arguments one = *given;
    struct report report;
    run_one(&one, options, seed, &report);
    uint64_t points = report.result.durable_effects * 2;
    for (one.crash_point = index; one.crash_point <= points; one.crash_point += given->jobs) {
        if (one.crash_point > 0) run_one(&one, options, seed, &report);
        if (!write_all(to, (const char *)&report, sizeof report)) _exit(3);
        if (report.result.failed && !given->keep_going) return false;
    }
    return true;
}

/* A worker: every jobs-th seed from the first; reports go to the pipe, coverage last. */
static void work(const struct sim_arguments *given, struct weir_sim_options *options, uint32_t index, int to)
{
    struct report report;
    options->coverage = weir_sim_coverage_new(weir_os_memory());
    for (uint64_t seed = given->first; given->crash_points && seed <= given->last; seed++)
        if (!work_crash_points(given, options, seed, index, to)) break;
    for (uint64_t seed = given->first + index; !given->crash_points && seed <= given->last;
         seed += given->jobs) {
        run_one(given, options, seed, &report);
        if (!write_all(to, (const char *)&report, sizeof report)) _exit(3);
        if (report.result.failed && !given->keep_going) break;
    }
    memset(&report, 0, sizeof report);
    report.done = true;
    bool good = write_all(to, (const char *)&report, sizeof report) &&
                write_all(to, (const char *)options->coverage, weir_sim_coverage_bytes());
    _exit(good ? 0 : 3);
}

static bool read_all(int from, void *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        ssize_t got = read(from, (char *)bytes + at, length - at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += (size_t)got;
    }
    return true;
}

struct worker {
    pid_t process;
    int from;
    uint64_t last_seed;
    bool ended;
};

/* Takes in what a worker says next. */
static void listen_to(struct worker *worker, const struct sim_arguments *given, struct totals *totals,
    struct weir_sim_coverage *coverage, struct report *first_failure)
{
    struct report report;
    if (!read_all(worker->from, &report, sizeof report)) {
        uint64_t seed = worker->last_seed + given->jobs;
        printf("FAILED seed %llu: the process ended in it (an assertion?)\n", (unsigned long long)seed);
        totals->failed++;
        worker->ended = true;
        return;
    }
    if (report.done) {
        char *bytes = malloc(weir_sim_coverage_bytes());
        if (bytes && read_all(worker->from, bytes, weir_sim_coverage_bytes())) {
            struct weir_sim_coverage *part = weir_sim_coverage_new(weir_os_memory());
            weir_sim_coverage_take(part, bytes);
            weir_sim_coverage_add(coverage, part);
            weir_sim_coverage_free(part);
        }
        free(bytes);
        worker->ended = true;
        return;
    }
    worker->last_seed = report.history.seed;
    add_up(totals, &report);
    if (report.differs)
        printf("FAILED seed %llu: it gave another history the second time\n",
            (unsigned long long)report.history.seed);
    if (!report.result.failed) return;
    if (!first_failure->result.failed || report.history.seed < first_failure->history.seed)
        *first_failure = report;
    if (totals->failed <= FAILURES_SHOWN_MAX) print_failure(&report, given);
}

static bool start_worker(
    const struct sim_arguments *given, struct weir_sim_options *options, uint32_t index, struct worker *ret)
{
    int ends[2];
    if (pipe(ends) != 0) return false;
    *ret = (struct worker){
        .process = fork(), .from = ends[0], .last_seed = given->first + index - given->jobs
    };
    if (ret->process == 0) {
        close(ends[0]);
        work(given, options, index, ends[1]);
    }
    close(ends[1]);
    return ret->process > 0;
}

static void listen_to_all(struct worker *workers, const struct sim_arguments *given, struct totals *totals,
    struct weir_sim_coverage *coverage, struct report *first_failure)
{
    for (;;) {
        struct pollfd polls[JOBS_MAX];
        uint32_t indexes[JOBS_MAX], count = 0;
        for (uint32_t i = 0; i < given->jobs; i++) {
            if (workers[i].ended) continue;
            indexes[count] = i;
            polls[count++] = (struct pollfd){ .fd = workers[i].from, .events = POLLIN };
        }
        if (count == 0) return;
        if (poll(polls, count, -1) < 0) continue;
        for (uint32_t i = 0; i < count; i++)
            if (polls[i].revents) listen_to(&workers[indexes[i]], given, totals, coverage, first_failure);
    }
}

static void print_totals(const struct totals *totals, double seconds, uint32_t jobs)
{
    printf("%llu histories, %llu failed; %llu jobs, %llu checkpoints, %llu leaders, %llu faults, %llu rows "
           "judged; "
           "%.1f s, %.0f histories a minute and worker\n",
        (unsigned long long)totals->histories, (unsigned long long)totals->failed,
        (unsigned long long)totals->jobs, (unsigned long long)totals->checkpoints,
        (unsigned long long)totals->takeovers, (unsigned long long)totals->faults,
        (unsigned long long)totals->rows, seconds,
        seconds > 0 ? (double)totals->histories * 60 / seconds / jobs : 0);
}

static int run_many(const struct sim_arguments *given, struct weir_sim_options *options)
{
    struct worker workers[JOBS_MAX] = { 0 };
    struct timespec started, ended;
    struct totals totals = { 0 };
    struct report first = { 0 };
    struct weir_sim_coverage *coverage = weir_sim_coverage_new(weir_os_memory());
    clock_gettime(CLOCK_MONOTONIC, &started);
    fflush(stdout);
    for (uint32_t i = 0; i < given->jobs; i++)
        if (!start_worker(given, options, i, &workers[i])) return 3;
    listen_to_all(workers, given, &totals, coverage, &first);
    for (uint32_t i = 0; i < given->jobs; i++) waitpid(workers[i].process, NULL, 0);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    double seconds =
        (double)(ended.tv_sec - started.tv_sec) + (double)(ended.tv_nsec - started.tv_nsec) / 1e9;
    if (first.result.failed && given->shrink) {
        printf("seed %llu, shrunk:\n", (unsigned long long)first.history.seed);
        shrink_and_show(given, options, &first);
    }
    if (given->coverage) {
        struct weir_buffer text;
        weir_buffer_init(&text, weir_os_memory(), 1 << 20);
        weir_sim_coverage_report(coverage, &text);
        printf("%s", weir_buffer_text(&text));
        weir_buffer_done(&text);
    }
    print_totals(&totals, seconds, given->jobs);
    weir_sim_coverage_free(coverage);
    return totals.failed ? 1 : 0;
}

static bool parse_number(const char *text, char end, uint64_t *ret, const char **rest)
{
    char *stop;
    if (*text < '0' || *text > '9') return false;
    errno = 0;
    *ret = strtoull(text, &stop, 10);
    *rest = stop + (*stop && *stop == end);
    return !errno && (!*stop || *stop == end);
}

static bool parse_seeds(const char *text, struct sim_arguments *ret)
{
    const char *rest;
    ret->many = true;
    if (!parse_number(text, '.', &ret->first, &rest)) return false;
    if (*rest != '.') return false;
    return parse_number(rest + 1, 0, &ret->last, &rest) && ret->last >= ret->first;
}

static bool parse_features(const char *text, struct sim_arguments *ret)
{
    ret->has_features = true;
    ret->features = 0;
    if (strcmp(text, "none") == 0) return true;
    while (*text) {
        size_t length = strcspn(text, ",");
        uint32_t found = WEIR_SIM_FEATURE_COUNT;
        for (uint32_t i = 0; i < WEIR_SIM_FEATURE_COUNT; i++)
            if (strlen(weir_sim_feature_name(i)) == length &&
                memcmp(weir_sim_feature_name(i), text, length) == 0)
                found = i;
        if (found == WEIR_SIM_FEATURE_COUNT) return false;
        ret->features |= UINT64_C(1) << found;
        text += length + (text[length] == ',');
    }
    return true;
}

static bool parse_workload(const char *text, struct sim_arguments *ret)
{
    for (uint32_t i = 0; i < weir_sim_workload_count(); i++) {
        if (strcmp(weir_sim_workload_name(i), text) != 0) continue;
        ret->workload = i;
        return true;
    }
    return false;
}

static int list_all(void)
{
    printf("workloads\n");
    for (uint32_t i = 0; i < weir_sim_workload_count(); i++)
        printf("  %-12s %s\n", weir_sim_workload_name(i), weir_sim_workload_text(i));
    printf("features\n");
    for (uint32_t i = 0; i < WEIR_SIM_FEATURE_COUNT; i++)
        printf("  %-22s %s\n", weir_sim_feature_name(i), weir_sim_feature_text(i));
    printf("planted bugs%s\n", weir_planted_built ? "" : " (this build has none of them)");
    for (uint32_t i = 1; i < WEIR_PLANTED_COUNT; i++)
        printf(
            "  %-26s %s\n", weir_planted_name((enum weir_planted)i), weir_planted_text((enum weir_planted)i));
    return 0;
}

enum {
    OPTION_SEED = 1000,
    OPTION_SEEDS,
    OPTION_WORKLOAD,
    OPTION_FEATURES,
    OPTION_PLANTED,
    OPTION_JOBS,
    OPTION_TRACE,
    OPTION_HEARTBEATS,
    OPTION_COVERAGE,
    OPTION_NO_SHRINK,
    OPTION_TWICE,
    OPTION_CRASH_POINTS,
    OPTION_CRASH_POINT,
    OPTION_KEEP_GOING,
    OPTION_LIST
};
static const struct option options_table[] = { { "seed", required_argument, NULL, OPTION_SEED },
    { "seeds", required_argument, NULL, OPTION_SEEDS },
    { "workload", required_argument, NULL, OPTION_WORKLOAD },
    { "features", required_argument, NULL, OPTION_FEATURES },
    { "planted", required_argument, NULL, OPTION_PLANTED }, { "jobs", required_argument, NULL, OPTION_JOBS },
    { "trace", no_argument, NULL, OPTION_TRACE }, { "heartbeats", no_argument, NULL, OPTION_HEARTBEATS },
    { "coverage", no_argument, NULL, OPTION_COVERAGE }, { "no-shrink", no_argument, NULL, OPTION_NO_SHRINK },
    { "twice", no_argument, NULL, OPTION_TWICE }, { "crash-points", no_argument, NULL, OPTION_CRASH_POINTS },
    { "crash-point", required_argument, NULL, OPTION_CRASH_POINT },
    { "keep-going", no_argument, NULL, OPTION_KEEP_GOING }, { "list", no_argument, NULL, OPTION_LIST },
    { 0 } };

/* 0: go on; else the exit code + 1. */
static int take_option(int option, struct sim_arguments *ret)
{
    uint64_t number;
    const char *rest;
    switch (option) {
    case OPTION_SEED:
        if (!parse_number(optarg, 0, &ret->first, &rest))
            return 1 + usage_error("sim", "--seed %s: expected a number", optarg);
        ret->last = ret->first;
        return 0;
    case OPTION_SEEDS:
        return parse_seeds(optarg, ret) ? 0 : 1 + usage_error("sim", "--seeds %s: expected A..B", optarg);
    case OPTION_WORKLOAD:
        return parse_workload(optarg, ret)
                   ? 0
                   : 1 + usage_error("sim", "there is no workload %s; --list names them", optarg);
    case OPTION_FEATURES:
        return parse_features(optarg, ret)
                   ? 0
                   : 1 + usage_error("sim", "--features %s: --list names them", optarg);
    case OPTION_PLANTED: {
        enum weir_planted bug;
        if (!weir_planted_find(optarg, &bug))
            return 1 + usage_error("sim", "there is no planted bug %s; --list names them", optarg);
        if (!weir_planted_built)
            return 1 + usage_error("sim", "this build has no planted bugs: cmake -DWEIR_PLANTED_BUGS=ON");
        weir_planted_bug = bug;
        ret->planted = optarg;
        return 0;
    }
    case OPTION_JOBS:
        if (!parse_number(optarg, 0, &number, &rest) || number < 1 || number > JOBS_MAX)
            return 1 + usage_error("sim", "--jobs %s: expected 1 to %d", optarg, JOBS_MAX);
        ret->jobs = (uint32_t)number;
        return 0;
    case OPTION_TRACE: ret->trace = true; return 0;
    case OPTION_HEARTBEATS: ret->heartbeats = true; return 0;
    case OPTION_COVERAGE: ret->coverage = true; return 0;
    case OPTION_NO_SHRINK: ret->shrink = false; return 0;
    case OPTION_TWICE: ret->twice = true; return 0;
    case OPTION_CRASH_POINTS: /* nothing else goes wrong */
        ret->crash_points = ret->has_features = true;
        return parse_workload("finish", ret) ? 0 : 3;
    case OPTION_CRASH_POINT:
        ret->has_features = true;
        if (!parse_workload("finish", ret) || !parse_number(optarg, 0, &ret->crash_point, &rest))
            return 1 + usage_error("sim", "--crash-point %s: expected a number", optarg);
        return 0;
    case OPTION_KEEP_GOING: ret->keep_going = true; return 0;
    case OPTION_LIST: return 1 + list_all();
    default: return 1 + usage_error("sim", "unknown option");
    }
}

int verb_sim(int argument_count, char **arguments)
{
    struct sim_arguments given = { .workload = UINT32_MAX, .jobs = 1, .shrink = true, .first = 1, .last = 1 };
    optind = 1;
    opterr = 0;
    for (int option;
         (option = getopt_long(argument_count + 1, arguments - 1, ":", options_table, NULL)) != -1;) {
        if (option == '?' || option == ':') return option_error("sim", option, arguments - 1);
        int code = take_option(option, &given);
        if (code) return code - 1;
    }
    if (optind < argument_count + 1)
        return usage_error("sim", "unexpected argument '%s'", arguments[optind - 1]);
    struct weir_arena arena;
    struct weir_error error = { 0 };
    struct weir_sim_options options = { .memory = weir_os_memory() };
    weir_arena_init(&arena, weir_os_memory());
    int code;
    if (weir_sim_jobs_plan(&arena, weir_os_memory(), &options.templates, &options.template_count, &error))
        code = print_error(&error);
    else
        code = given.many ? run_many(&given, &options) : run_single(&given, &options);
    weir_arena_done(&arena);
    return code;
}
