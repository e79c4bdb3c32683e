/* Inside of the sink half: what its files share. See sink.c. */
#ifndef WEIR_PLUGINS_CONNECTOR_FILESYSTEM_SINK_H
#define WEIR_PLUGINS_CONNECTOR_FILESYSTEM_SINK_H

#include "plugins/connector/filesystem/filesystem.h"
#include <stdatomic.h>

enum { SINK_NAME_BYTES_MAX = 256 };

enum sink_part_state { PART_OPEN, PART_PENDING, PART_DONE };

/* An open part file, which a snapshot's writer may be syncing while rows are appended. */
struct sink_handle {
    struct file_sink *sink;
    struct weir_file *file;
    uint32_t references; /* the part's, and of snapshots that are to sync it. @thread slot */
    _Atomic int64_t synced_bytes;
};

struct sink_part {
    enum sink_part_state state;
    /* Its own, let go with it. */
    char *partition; /* "day=1/hour=2" or "" */
    uint64_t partition_hash;
    char *hidden, *visible;     /* full paths */
    struct sink_handle *handle; /* OPEN; PENDING: until it is known to be synced. NULL: closed and synced */
    struct weir_buffer buffer;
    int64_t bytes, opened_ms, written_ms;
    uint64_t checkpoint; /* PENDING: first one that names it; commit with this one or a later; UINT64_MAX:
                            none yet */
    bool in_snapshot;    /* some checkpoint names its file */
    bool restored;       /* another attempt closed it, and may have renamed it */
    bool tried;          /* this attempt has tried to rename it */
};

struct sink_partition {
    char *path; /* its own */
    int64_t created_ms, time_ms;
    bool committed;
};

/* A file of an earlier attempt whose bytes were taken over. */
struct sink_garbage {
    char *path;          /* its own */
    uint64_t checkpoint; /* goes when this one is complete, which does not name it; UINT64_MAX: none yet */
};

struct file_sink {
    struct weir_operator op;
    struct filesystem_table table;
    struct weir_filesystem *fs;
    struct weir_encoder *encoder;
    struct sink_part *parts;
    uint32_t part_count, part_capacity, part_number;
    struct sink_partition *partitions;
    uint32_t partition_count, partition_capacity;
    struct sink_garbage *garbage;
    uint32_t garbage_count, garbage_capacity;
    struct weir_arena scratch;               /* of one call: paths that are used at once */
    char hidden_prefix[SINK_NAME_BYTES_MAX]; /* ".part-<job>-<sink>-": of all attempts */
    char visible_prefix[64];                 /* "part-<this attempt, as a UUID>-<subtask>-" */
    uint64_t last_checkpoint_id;             /* newest snapshot taken, or restored */
    int64_t roll_bytes, roll_ms, inactive_ms, check_ms;
    bool overwrite, overwritten;
    _Atomic bool sync_failed; /* bytes may be lost: nothing is to be built on them */
    bool commits_partitions, by_partition_time;
    int64_t commit_delay_ms;
    const char *success_name, *time_pattern;
    /* per batch */
    struct weir_vector *view_columns;
    uint32_t *row_part;
    uint16_t *selection;
    struct weir_buffer path;
};

static inline struct weir_operator_context *sink__ctx(struct file_sink *s)
{
    return s->op.ctx;
}
static inline int64_t sink__now_ms(struct file_sink *s)
{
    return sink__ctx(s)->now_us(sink__ctx(s)->clock) / 1000;
}

/* sink_name.c: text that belongs to a part, partition or piece of garbage; release accepts NULL */
char *sink__text_copy(struct file_sink *s, const char *text);
void sink__text_release(struct file_sink *s, char *text);

/* sink_handle.c: open files */
void sink__handle_open(struct file_sink *s, struct sink_part *p, struct weir_file *file);
void sink__handle_release(struct sink_handle *handle); /* NULL: nothing; the last one closes the file */
/* The part's bytes so far will be durable when the snapshot under way is written, or are now. */
enum weir_error_code sink__make_durable(struct file_sink *s, struct sink_part *p);
/* A part that gets no more rows: closed and synced, now if it is not yet. */
enum weir_error_code sink__handle_finish(struct file_sink *s, struct sink_part *p, struct weir_error *reterr);
enum weir_error_code sink__check_synced(struct file_sink *s);

/* sink.c: parts */
struct sink_part *sink__part_add(struct file_sink *s);
enum weir_error_code sink__part_open(
    struct file_sink *s, const char *partition, uint64_t hash, uint32_t *ret);
enum weir_error_code sink__part_write_out(struct file_sink *s, struct sink_part *p);
/* PENDING from now on; its bytes are written out. */
enum weir_error_code sink__part_close(struct file_sink *s, struct sink_part *p);
bool sink__part_should_roll(struct file_sink *s, const struct sink_part *p, int64_t at_ms);
void sink__part_release(struct file_sink *s, struct sink_part *p); /* its texts and its buffer */
/* Remembers a partition, where that is of use later. */
void sink__partition_note(struct file_sink *s, const char *path);
const char *sink__directory_of(struct file_sink *s, const char *partition); /* in scratch */

/* sink_name.c: names of files; see there */
void sink__name_attempt(struct file_sink *s);
void sink__name_part(struct file_sink *s, struct sink_part *p, uint32_t number);
/* A file of an older attempt at this subtask's work, which nothing but that attempt's rows lies in. */
bool sink__is_predecessors(const struct file_sink *s, const char *name);
/* Begun before the job's newest savepoint, which a job that is started from it may have to commit. */
bool sink__may_be_in_savepoint(const struct file_sink *s, const char *path);
/* Some attempt's of this job. */
bool sink__is_own_jobs(const struct file_sink *s, const char *path);

/* sink_commit.c */
enum weir_error_code sink__commit_partitions(struct file_sink *s, bool at_end, struct weir_error *reterr);
enum weir_error_code sink__commit_restored(struct file_sink *s, struct weir_error *reterr);
void sink__notify_complete(struct weir_operator *op, uint64_t checkpoint_id);

/* sink_snapshot.c */
enum weir_error_code sink__snapshot(
    struct weir_operator *op, uint64_t checkpoint_id, struct weir_buffer *to, struct weir_error *reterr);
enum weir_error_code sink__restore(struct weir_operator *op, const struct weir_operator_blob *blobs,
    uint32_t count, struct weir_error *reterr);
/* Removes what predecessors left behind; named: files that the checkpoint restored names. */
void sink__remove_predecessors(struct file_sink *s, const char *const *named, uint32_t named_count);

#endif
