/*
 * Names of part files. A part is written as
 *
 *     .part-<job>-<sink>-<epoch>-<number>-<subtask>-<checkpoint>-<part>.inprogress
 *
 * where (epoch, number) is the attempt, checkpoint is the newest one that the attempt had taken (or restored)
 * when it began the part, and part counts up within the attempt. Readers skip it for the dot. It becomes
 *
 *     part-<UUID>-<subtask>-<part>
 *
 * where the UUID is a hash of job, sink and attempt. So no two attempts ever use a name twice, and who finds
 * a file knows whose it is. A job that keeps its JobID may begin anew in a cluster that knows nothing of its
 * earlier life: then attempts bear the same numbers again. So the moment and the seed of this one are in the
 * hash, too (a snapshot says the name), and a part whose hidden name is taken gets the next number.
 */
#include "plugins/connector/filesystem/sink.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static const char suffix[] = ".inprogress";

char *sink__text_copy(struct file_sink *s, const char *text)
{
    size_t bytes = strlen(text) + 1;
    return memcpy(weir_memory_allocate(sink__ctx(s)->memory, bytes), text, bytes);
}

void sink__text_release(struct file_sink *s, char *text)
{
    if (text) weir_memory_release(sink__ctx(s)->memory, text, strlen(text) + 1);
}

/* Letters, digits and underscores, so that dashes separate. */
static void put_plain(char *to, size_t bytes, const char *text)
{
    size_t used = strlen(to);
    for (; *text && used + 1 < bytes; text++) {
        char c = *text;
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        to[used++] = plain ? c : '_';
    }
    to[used] = 0;
}

static void print_prefix(const char *job_id, const char *uid, char text[SINK_NAME_BYTES_MAX])
{
    char job[72] = "", sink[72] = "";
    put_plain(job, sizeof job, job_id ? job_id : "");
    put_plain(sink, sizeof sink, uid ? uid : "");
    snprintf(text, SINK_NAME_BYTES_MAX, ".part-%s-%s-", job, sink);
}

void filesystem_describe_uncommitted(const struct weir_spec *spec, const char *job_id, const char *uid,
    struct weir_arena *arena, struct weir_uncommitted_description *ret)
{
    char prefix[SINK_NAME_BYTES_MAX];
    const struct weir_spec *options = weir_spec_get(spec, "options");
    print_prefix(job_id, uid, prefix);
    *ret = (struct weir_uncommitted_description){ .directory = weir_spec_get_text(options, "path", NULL),
        .prefix = weir_arena_string(arena, prefix) };
}

void sink__name_attempt(struct file_sink *s)
{
    const struct weir_operator_context *ctx = sink__ctx(s);
    print_prefix(ctx->job_id, ctx->uid, s->hidden_prefix);
    char attempt[SINK_NAME_BYTES_MAX + 128];
    int length = snprintf(attempt, sizeof attempt, "%s%llu-%u-%lld-%llu", s->hidden_prefix,
        (unsigned long long)ctx->attempt_epoch, ctx->attempt_number, (long long)ctx->statement_start_us,
        (unsigned long long)ctx->random_seed);
    XXH128_hash_t hash = XXH3_128bits(attempt, (size_t)length);
    uint64_t high = hash.high64, low = hash.low64;
    snprintf(s->visible_prefix, sizeof s->visible_prefix, "part-%08x-%04x-%04x-%04x-%012llx-%u-",
        (unsigned)(high >> 32), (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xffff),
        (unsigned)(low >> 48), (unsigned long long)(low & 0xffffffffffff), ctx->subtask_index);
}

void sink__name_part(struct file_sink *s, struct sink_part *p, uint32_t number)
{
    const struct weir_operator_context *ctx = sink__ctx(s);
    const char *directory = sink__directory_of(s, p->partition);
    p->hidden = sink__text_copy(
        s, weir_arena_format(&s->scratch, "%s/%s%llu-%u-%u-%llu-%u%s", directory, s->hidden_prefix,
               (unsigned long long)ctx->attempt_epoch, ctx->attempt_number, ctx->subtask_index,
               (unsigned long long)s->last_checkpoint_id, number, suffix));
    p->visible =
        sink__text_copy(s, weir_arena_format(&s->scratch, "%s/%s%u", directory, s->visible_prefix, number));
}

/* A number and what ends it; false: there is none. */
static bool take_number(const char **at, uint64_t *ret, char end)
{
    char *rest;
    if (**at < '0' || **at > '9') return false;
    *ret = strtoull(*at, &rest, 10);
    if (*rest != end) return false;
    *at = rest + 1;
    return true;
}

struct hidden_name {
    uint64_t epoch, number, subtask, checkpoint, part;
};

static bool take_hidden(const struct file_sink *s, const char *name, struct hidden_name *ret)
{
    size_t length = strlen(s->hidden_prefix);
    if (strncmp(name, s->hidden_prefix, length) != 0) return false;
    const char *at = name + length;
    return take_number(&at, &ret->epoch, '-') && take_number(&at, &ret->number, '-') &&
           take_number(&at, &ret->subtask, '-') && take_number(&at, &ret->checkpoint, '-') &&
           take_number(&at, &ret->part, suffix[0]) && strcmp(at, suffix + 1) == 0;
}

bool sink__is_predecessors(const struct file_sink *s, const char *name)
{
    const struct weir_operator_context *ctx = s->op.ctx;
    struct hidden_name of;
    if (!take_hidden(s, name, &of) || of.subtask % ctx->parallelism != ctx->subtask_index) return false;
    return of.epoch < ctx->attempt_epoch ||
           (of.epoch == ctx->attempt_epoch && of.number < ctx->attempt_number);
}

bool sink__may_be_in_savepoint(const struct file_sink *s, const char *path)
{
    const char *name = strrchr(path, '/');
    struct hidden_name of;
    return take_hidden(s, name ? name + 1 : path, &of) && of.checkpoint < s->op.ctx->newest_savepoint_id;
}

bool sink__is_own_jobs(const struct file_sink *s, const char *path)
{
    const char *name = strrchr(path, '/');
    return strncmp(name ? name + 1 : path, s->hidden_prefix, strlen(s->hidden_prefix)) == 0;
}
