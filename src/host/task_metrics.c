#include "host/task_metrics.h"
#include "os/clock.h"
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { SAMPLES = 11, SAMPLE_MS = 1000, NAME_BYTES = 256, OPERATORS_MAX = 64 };

/* What rates are made of; behind them, of each operator: records in, records out. */
enum value { BYTES_IN, BYTES_OUT, BATCHES_IN, BATCHES_OUT, BUSY_NS, IDLE_NS, WAITING_NS, VALUES };

struct sample {
    int64_t at_ns; /* 0: none */
    uint64_t values[];
};

struct weir_task_meter {
    struct weir_task_meter *next;
    struct weir_memory *memory;
    struct weir_attempt_id attempt;
    char job[WEIR_JOB_ID_TEXT_BYTES];
    char *job_name;
    const struct weir_job_vertex *vertex;
    const struct weir_subtask *subtask;
    char **operators; /* names, as the vertex's own name lists them */
    uint32_t operator_count;
    /* Written by the slot thread alone; others read them torn-free. */
    _Atomic uint64_t times_ns[3]; /* busy, idle, waiting */
    _Atomic int64_t since_ns;     /* of the state that lasts */
    _Atomic int state;            /* 0 busy, 1 idle, 2 waiting */
    /* Under the lock. */
    struct sample *samples[SAMPLES];
    size_t sample_bytes;
    uint32_t sample_next;
};

struct weir_task_metrics {
    struct weir_memory *memory;
    char host[256], taskmanager[256];
    pthread_mutex_t mutex; /* guards what follows, and the samples */
    pthread_cond_t changed;
    pthread_t thread;
    bool started, closing;
    struct weir_task_meter *meters;
};

/* ---------------------------------------------------------------- measuring */

void weir_task_meter_told(struct weir_task_meter *meter, int64_t start_ns, enum weir_subtask_result result)
{
    int64_t now_ns = weir_clock_monotonic_ns();
    int state = atomic_load_explicit(&meter->state, memory_order_relaxed);
    int64_t since_ns = atomic_load_explicit(&meter->since_ns, memory_order_relaxed);
    int next = result == WEIR_SUBTASK_IDLE || result == WEIR_SUBTASK_ENDED ? 1
               : result == WEIR_SUBTASK_BLOCKED                            ? 2
                                                                           : 0;
    uint64_t before = (uint64_t)WEIR_MAX(start_ns - since_ns, (int64_t)0);
    uint64_t within = (uint64_t)WEIR_MAX(now_ns - start_ns, (int64_t)0);
    atomic_fetch_add_explicit(&meter->times_ns[state], before, memory_order_relaxed);
    atomic_fetch_add_explicit(&meter->times_ns[next], within, memory_order_relaxed);
    atomic_store_explicit(&meter->since_ns, now_ns, memory_order_relaxed);
    atomic_store_explicit(&meter->state, next, memory_order_relaxed);
}

static uint64_t load(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* With the state that lasts. */
static uint64_t time_ns(const struct weir_task_meter *meter, int state, int64_t now_ns)
{
    uint64_t time = atomic_load_explicit(&meter->times_ns[state], memory_order_relaxed);
    int64_t since_ns = atomic_load_explicit(&meter->since_ns, memory_order_relaxed);
    bool lasts = atomic_load_explicit(&meter->state, memory_order_relaxed) == state;
    return lasts && now_ns > since_ns ? time + (uint64_t)(now_ns - since_ns) : time;
}

static void read_values(const struct weir_task_meter *meter, struct sample *ret)
{
    const struct weir_subtask_counters *counters = &meter->subtask->counters;
    ret->at_ns = weir_clock_monotonic_ns();
    ret->values[BYTES_IN] = load(&counters->bytes_in);
    ret->values[BATCHES_IN] = load(&counters->batches_in);
    ret->values[BYTES_OUT] = ret->values[BATCHES_OUT] = 0;
    for (uint32_t i = 0; i < meter->subtask->output.edge_count; i++) {
        ret->values[BYTES_OUT] += load(&meter->subtask->output.edges[i].bytes);
        ret->values[BATCHES_OUT] += load(&meter->subtask->output.edges[i].batches);
    }
    for (int state = 0; state < 3; state++) ret->values[BUSY_NS + state] = time_ns(meter, state, ret->at_ns);
    for (uint32_t i = 0; i < meter->operator_count; i++) {
        ret->values[VALUES + 2 * i] = load(&meter->subtask->metrics[i].records_in);
        ret->values[VALUES + 2 * i + 1] = load(&meter->subtask->metrics[i].records_out);
    }
}

/* Locked. */
static void take_samples(struct weir_task_metrics *metrics)
{
    for (struct weir_task_meter *meter = metrics->meters; meter; meter = meter->next)
        read_values(meter, meter->samples[meter->sample_next++ % SAMPLES]);
}

static void *run(void *argument)
{
    struct weir_task_metrics *metrics = argument;
    pthread_mutex_lock(&metrics->mutex);
    while (!metrics->closing) {
        take_samples(metrics);
        if (!metrics->meters) {
            pthread_cond_wait(&metrics->changed, &metrics->mutex);
            continue;
        }
        int64_t until_ns = weir_clock_monotonic_ns() + SAMPLE_MS * INT64_C(1000000);
        struct timespec until = { until_ns / 1000000000, until_ns % 1000000000 };
        pthread_cond_timedwait(&metrics->changed, &metrics->mutex, &until);
    }
    pthread_mutex_unlock(&metrics->mutex);
    return NULL;
}

/* ---------------------------------------------------------------- life */

struct weir_task_metrics *weir_task_metrics_new(
    struct weir_memory *memory, const struct weir_task_metrics_labels *labels)
{
    struct weir_task_metrics *metrics = weir_memory_allocate_zeroed(memory, sizeof *metrics);
    metrics->memory = memory;
    snprintf(metrics->host, sizeof metrics->host, "%s", labels->host);
    snprintf(metrics->taskmanager, sizeof metrics->taskmanager, "%s", labels->taskmanager);
    pthread_mutex_init(&metrics->mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&metrics->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    /* Without its thread there are no rates, and all else. */
    metrics->started = pthread_create(&metrics->thread, NULL, run, metrics) == 0;
    return metrics;
}

void weir_task_metrics_free(struct weir_task_metrics *metrics)
{
    if (!metrics) return;
    pthread_mutex_lock(&metrics->mutex);
    metrics->closing = true;
    pthread_cond_signal(&metrics->changed);
    pthread_mutex_unlock(&metrics->mutex);
    if (metrics->started) pthread_join(metrics->thread, NULL);
    while (metrics->meters) weir_task_metrics_remove(metrics, metrics->meters);
    pthread_cond_destroy(&metrics->changed);
    pthread_mutex_destroy(&metrics->mutex);
    weir_memory_release(metrics->memory, metrics, sizeof *metrics);
}

static char *text_copy(struct weir_memory *memory, const char *text, size_t length)
{
    char *copy = weir_memory_allocate(memory, length + 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

/* "Source: g[1] -> Calc[2]" is what the operators are called. */
static void name_operators(struct weir_task_meter *meter)
{
    static const char arrow[] = " -> ";
    const char *at = meter->vertex->name;
    for (uint32_t i = 0; i < meter->operator_count; i++) {
        const char *end = i + 1 < meter->operator_count ? strstr(at, arrow) : NULL;
        size_t length = end ? (size_t)(end - at) : strlen(at);
        meter->operators[i] = text_copy(meter->memory, at, length);
        at += end ? length + sizeof arrow - 1 : length;
    }
}

struct weir_task_meter *weir_task_metrics_add(struct weir_task_metrics *metrics,
    const struct weir_attempt_id *attempt, const char *job_name, const struct weir_job_vertex *vertex,
    const struct weir_subtask *subtask)
{
    struct weir_memory *memory = metrics->memory;
    struct weir_task_meter *meter = weir_memory_allocate_zeroed(memory, sizeof *meter);
    meter->memory = memory;
    meter->attempt = *attempt;
    meter->vertex = vertex;
    meter->subtask = subtask;
    weir_job_id_print(&attempt->job, meter->job);
    meter->job_name = text_copy(memory, job_name, strlen(job_name));
    meter->operator_count = WEIR_MIN(vertex->operator_count, (uint32_t)OPERATORS_MAX);
    meter->operators = weir_memory_allocate(memory, sizeof *meter->operators * meter->operator_count);
    name_operators(meter);
    atomic_store(&meter->since_ns, weir_clock_monotonic_ns());
    atomic_store(&meter->state, 1);
    meter->sample_bytes = sizeof(struct sample) + sizeof(uint64_t) * (VALUES + 2 * meter->operator_count);
    for (uint32_t i = 0; i < SAMPLES; i++)
        meter->samples[i] = weir_memory_allocate_zeroed(memory, meter->sample_bytes);
    pthread_mutex_lock(&metrics->mutex);
    read_values(meter, meter->samples[meter->sample_next++]);
    meter->next = metrics->meters;
    metrics->meters = meter;
    pthread_cond_signal(&metrics->changed);
    pthread_mutex_unlock(&metrics->mutex);
    return meter;
}

void weir_task_metrics_remove(struct weir_task_metrics *metrics, struct weir_task_meter *meter)
{
    if (!meter) return;
    pthread_mutex_lock(&metrics->mutex);
    struct weir_task_meter **at = &metrics->meters;
    while (*at != meter) at = &(*at)->next;
    *at = meter->next;
    pthread_mutex_unlock(&metrics->mutex);
    for (uint32_t i = 0; i < SAMPLES; i++)
        weir_memory_release(meter->memory, meter->samples[i], meter->sample_bytes);
    for (uint32_t i = 0; i < meter->operator_count; i++)
        weir_memory_release(meter->memory, meter->operators[i], strlen(meter->operators[i]) + 1);
    weir_memory_release(meter->memory, meter->operators, sizeof *meter->operators * meter->operator_count);
    weir_memory_release(meter->memory, meter->job_name, strlen(meter->job_name) + 1);
    weir_memory_release(meter->memory, meter, sizeof *meter);
}

/* ---------------------------------------------------------------- figures */

/* Now, and up to ten seconds ago: what a page shows. */
struct window {
    const struct weir_task_meter *meter;
    struct sample *now;
    const struct sample *before; /* NULL: there is none */
};

static double count(const struct window *w, uint32_t value)
{
    return (double)w->now->values[value];
}

static double rate(const struct window *w, uint32_t value)
{
    if (!w->before || w->now->at_ns <= w->before->at_ns) return 0;
    uint64_t now = w->now->values[value], before = w->before->values[value];
    return now > before ? (double)(now - before) * 1e9 / (double)(w->now->at_ns - w->before->at_ns) : 0;
}

static const struct weir_operator_metrics *operator_at(const struct window *w, uint32_t i)
{
    return &w->meter->subtask->metrics[i];
}

static uint32_t first_in(const struct window *w) /* a source reads no channel */
{
    return VALUES;
}
static uint32_t last_out(const struct window *w)
{
    return VALUES + 2 * (w->meter->operator_count - 1) + 1;
}
static double records_in(const struct window *w, uint32_t i)
{
    return count(w, first_in(w));
}
static double records_in_rate(const struct window *w, uint32_t i)
{
    return rate(w, first_in(w));
}
static double records_out(const struct window *w, uint32_t i)
{
    return count(w, last_out(w));
}
static double records_out_rate(const struct window *w, uint32_t i)
{
    return rate(w, last_out(w));
}
/* What a source operator has read is what it has emitted; the task as a whole has read no channel. */
static uint32_t operator_input(const struct window *w, uint32_t i)
{
    return VALUES + 2 * i + (i == 0 && w->meter->subtask->source);
}
#define FIGURE(name, value)                                       \
    static double name(const struct window *w, uint32_t i)        \
    {                                                             \
        return count(w, value);                                   \
    }                                                             \
    static double name##_rate(const struct window *w, uint32_t i) \
    {                                                             \
        return rate(w, value);                                    \
    }
FIGURE(bytes_in, BYTES_IN)
FIGURE(bytes_out, BYTES_OUT)
FIGURE(batches_in, BATCHES_IN)
FIGURE(batches_out, BATCHES_OUT)
FIGURE(operator_in, operator_input(w, i))
FIGURE(operator_out, VALUES + 2 * i + 1)
#undef FIGURE
#define TIME(name, value)                                            \
    static double name##_ms(const struct window *w, uint32_t i)      \
    {                                                                \
        return (double)(w->now->values[value] / 1000000);            \
    }                                                                \
    static double name##_ms_rate(const struct window *w, uint32_t i) \
    {                                                                \
        double ms = rate(w, value) / 1e6;                            \
        return ms > 1000 ? 1000 : (double)(int64_t)ms;               \
    }
TIME(busy, BUSY_NS)
TIME(idle, IDLE_NS)
TIME(waiting, WAITING_NS)
#undef TIME

static double is_waiting(const struct window *w, uint32_t i)
{
    return atomic_load_explicit(&w->meter->state, memory_order_relaxed) == 2;
}
static double nothing(const struct window *w, uint32_t i)
{
    return 0;
}
static double watermark(const struct window *w, uint32_t i)
{
    return (double)__atomic_load_n(&operator_at(w, i)->current_watermark_ms, __ATOMIC_RELAXED);
}
static double late_records(const struct window *w, uint32_t i)
{
    return (double)load(&operator_at(w, i)->late_records_dropped);
}
static double late_records_of_all(const struct window *w, uint32_t i)
{
    double sum = 0;
    for (i = 0; i < w->meter->operator_count; i++) sum += late_records(w, i);
    return sum;
}
static double errors(const struct window *w, uint32_t i)
{
    return (double)load(&operator_at(w, i)->parse_errors);
}
static double outside_bytes_out(const struct window *w, uint32_t i)
{
    return (double)load(&operator_at(w, i)->bytes_out);
}

void weir_task_meter_read(const struct weir_task_meter *meter, Weir__TaskFigures *ret)
{
    uint64_t room[(sizeof(struct sample) / sizeof(uint64_t)) + VALUES + 2 * OPERATORS_MAX];
    struct sample *now = (struct sample *)room;
    read_values(meter, now);
    struct window w = { .meter = meter, .now = now };
    weir__task_figures__init(ret);
    ret->bytes_in = now->values[BYTES_IN];
    ret->bytes_out = now->values[BYTES_OUT];
    ret->records_in = now->values[first_in(&w)];
    ret->records_out = now->values[last_out(&w)];
    ret->busy_ms = now->values[BUSY_NS] / 1000000;
    ret->idle_ms = now->values[IDLE_NS] / 1000000;
    ret->waiting_ms = now->values[WAITING_NS] / 1000000;
}

struct figure {
    const char *name;
    double (*value)(const struct window *w, uint32_t i);
};

static const struct figure of_tasks[] = { { "numRecordsIn", records_in },
    { "numRecordsInPerSecond", records_in_rate }, { "numRecordsOut", records_out },
    { "numRecordsOutPerSecond", records_out_rate }, { "numBytesIn", bytes_in },
    { "numBytesInPerSecond", bytes_in_rate }, { "numBytesOut", bytes_out },
    { "numBytesOutPerSecond", bytes_out_rate }, { "numBuffersIn", batches_in },
    { "numBuffersInPerSecond", batches_in_rate }, { "numBuffersOut", batches_out },
    { "numBuffersOutPerSecond", batches_out_rate }, { "busyTimeMsPerSecond", busy_ms_rate },
    { "idleTimeMsPerSecond", idle_ms_rate }, { "backPressuredTimeMsPerSecond", waiting_ms_rate },
    { "softBackPressuredTimeMsPerSecond", waiting_ms_rate }, { "hardBackPressuredTimeMsPerSecond", nothing },
    { "accumulateBusyTimeMs", busy_ms }, { "accumulateIdleTimeMs", idle_ms },
    { "accumulateBackPressuredTimeMs", waiting_ms }, { "isBackPressured", is_waiting },
    { "currentInputWatermark", watermark }, { "numLateRecordsDropped", late_records_of_all } };

static const struct figure of_operators[] = { { "numRecordsIn", operator_in },
    { "numRecordsInPerSecond", operator_in_rate }, { "numRecordsOut", operator_out },
    { "numRecordsOutPerSecond", operator_out_rate }, { "currentInputWatermark", watermark },
    { "currentOutputWatermark", watermark }, { "numLateRecordsDropped", late_records },
    { "numRecordsInErrors", errors }, { "numBytesSend", outside_bytes_out } };

/* ---------------------------------------------------------------- printing: locked */

static struct window window_of(const struct weir_task_meter *meter, struct sample *scratch)
{
    struct window w = { .meter = meter, .now = scratch };
    read_values(meter, scratch);
    for (uint32_t i = 0; i < SAMPLES; i++) /* the oldest there is */
        if (meter->samples[i]->at_ns && (!w.before || meter->samples[i]->at_ns < w.before->at_ns))
            w.before = meter->samples[i];
    return w;
}

static void print_number(struct weir_buffer *out, double value)
{
    bool whole = value >= -9.3e18 && value <= 9.3e18 && value == (double)(int64_t)value;
    weir_buffer_format(out, whole ? "%.0f" : "%.6g", value);
}

/* As ids have them: dots part what is inside of one another. */
static const char *id_of(const char *name, char room[NAME_BYTES])
{
    size_t length = 0;
    for (; name[length] && length < NAME_BYTES - 1; length++)
        room[length] =
            strchr(" .:,\"\\", name[length]) || (unsigned char)name[length] < 0x20 ? '_' : name[length];
    room[length] = '\0';
    return room;
}

static void print_meter(struct weir_buffer *out, const struct weir_task_meter *meter)
{
    uint64_t room[(sizeof(struct sample) / sizeof(uint64_t)) + VALUES + 2 * OPERATORS_MAX];
    struct window w = window_of(meter, (struct sample *)room);
    weir_buffer_format(out,
        "{\"job\":\"%s\",\"vertex\":%u,\"subtask\":%u,\"attempt\":%u,\"epoch\":%llu,\"metrics\":{",
        meter->job, meter->attempt.vertex, meter->attempt.subtask, meter->attempt.number,
        (unsigned long long)meter->attempt.epoch);
    for (size_t f = 0; f < WEIR_ARRAY_COUNT(of_tasks); f++) {
        weir_buffer_format(out, "%s\"%s\":", f ? "," : "", of_tasks[f].name);
        print_number(out, of_tasks[f].value(&w, 0));
    }
    for (uint32_t i = 0; i < meter->operator_count; i++) {
        char name[NAME_BYTES];
        for (size_t f = 0; f < WEIR_ARRAY_COUNT(of_operators); f++) {
            weir_buffer_format(out, ",\"%s.%s\":", id_of(meter->operators[i], name), of_operators[f].name);
            print_number(out, of_operators[f].value(&w, i));
        }
    }
    weir_buffer_append_text(out, "}}");
}

void weir_task_metrics_print_json(struct weir_task_metrics *metrics, const char *job, struct weir_buffer *out)
{
    bool first = true;
    weir_buffer_append_byte(out, '[');
    pthread_mutex_lock(&metrics->mutex);
    for (struct weir_task_meter *meter = metrics->meters; meter; meter = meter->next) {
        if (job && strcmp(job, meter->job) != 0) continue;
        if (!first) weir_buffer_append_byte(out, ',');
        first = false;
        print_meter(out, meter);
    }
    pthread_mutex_unlock(&metrics->mutex);
    weir_buffer_append_byte(out, ']');
}

static const char *label(const char *value, char room[NAME_BYTES])
{
    size_t length = 0;
    for (; value[length] && length < NAME_BYTES - 1; length++) {
        unsigned char c = (unsigned char)value[length];
        room[length] = isalnum(c) || c == ':' || c == '_' ? (char)c : '_';
    }
    room[length] = '\0';
    return room;
}

static void print_labels(struct weir_buffer *out, const struct weir_task_metrics *metrics,
    const struct weir_task_meter *meter, uint32_t operator_index)
{
    char a[NAME_BYTES], b[NAME_BYTES];
    const struct weir_attempt_id *attempt = &meter->attempt;
    weir_buffer_format(
        out, "{host=\"%s\",tm_id=\"%s\",", label(metrics->host, a), label(metrics->taskmanager, b));
    weir_buffer_format(out, "job_id=\"%s\",job_name=\"%s\",task_id=\"%032x\",", meter->job,
        label(meter->job_name, a), attempt->vertex);
    weir_buffer_format(out,
        "task_name=\"%s\",task_attempt_id=\"v%u_s%u_e%llu_%u\",task_attempt_num=\"%u\",subtask_index=\"%u\",",
        label(meter->vertex->name, a), attempt->vertex, attempt->subtask, (unsigned long long)attempt->epoch,
        attempt->number, attempt->number - 1, attempt->subtask);
    if (operator_index < meter->operator_count)
        weir_buffer_format(out, "operator_id=\"%032x\",operator_name=\"%s\",",
            meter->vertex->operators[operator_index]->id, label(meter->operators[operator_index], a));
    weir_buffer_append_text(out, "} ");
}

static void print_scope(struct weir_task_metrics *metrics, bool operators, struct weir_buffer *out)
{
    const char *scope = operators ? "taskmanager_job_task_operator" : "taskmanager_job_task";
    size_t figures = operators ? WEIR_ARRAY_COUNT(of_operators) : WEIR_ARRAY_COUNT(of_tasks);
    uint64_t room[(sizeof(struct sample) / sizeof(uint64_t)) + VALUES + 2 * OPERATORS_MAX];
    for (size_t f = 0; f < figures; f++) {
        const struct figure *figure = operators ? &of_operators[f] : &of_tasks[f];
        weir_buffer_format(out, "# HELP flink_%s_%s %s (scope: %s)\n# TYPE flink_%s_%s gauge\n", scope,
            figure->name, figure->name, scope, scope, figure->name);
        for (struct weir_task_meter *meter = metrics->meters; meter; meter = meter->next) {
            struct window w = window_of(meter, (struct sample *)room);
            for (uint32_t i = 0; i < (operators ? meter->operator_count : 1); i++) {
                weir_buffer_format(out, "flink_%s_%s", scope, figure->name);
                print_labels(out, metrics, meter, operators ? i : UINT32_MAX);
                print_number(out, figure->value(&w, i));
                weir_buffer_append_byte(out, '\n');
            }
        }
    }
}

void weir_task_metrics_print_prometheus(struct weir_task_metrics *metrics, struct weir_buffer *out)
{
    pthread_mutex_lock(&metrics->mutex);
    if (metrics->meters) {
        print_scope(metrics, false, out);
        print_scope(metrics, true, out);
    }
    pthread_mutex_unlock(&metrics->mutex);
}
