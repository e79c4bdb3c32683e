/*
 * A SQL session: a catalog, settings, and statements run one after another: parse, bind, plan, run in this
 * process, print. The SQL client (bin) and later the gateway stand on it.
 *
 * Results go through config.write; nothing here knows of terminals but for `live`. A statement runs to its
 * end; an INSERT or a SELECT over unbounded input ends when interrupted() says so.
 *
 * @thread one owner. write() may be called from a job's slot threads while a statement runs, one call at a
 * time.
 */
#ifndef WEIR_SESSION_SESSION_H
#define WEIR_SESSION_SESSION_H

#include "config/config.h"
#include "plan/stream_graph.h"
#include "spi/connector.h"

/* A planned INSERT or statement set, for who runs it elsewhere. Valid during the call. */
struct weir_session_submission {
    const struct weir_stream_graph *graph;
    const char *name; /* pipeline.name, or "insert-into_<catalog>.<database>.<table>" */
    uint32_t parallelism, max_parallelism /* 0: from the parallelism */;
    bool chaining, batch;
    const struct weir_config *config; /* with the session's settings */
};

/* A job of the cluster that INSERTs go to. */
struct weir_session_job {
    const char *id, *name, *state; /* Flink's names of states */
    int64_t start_ms;              /* since 1970-01-01 UTC */
};
struct weir_session_jobs {
    struct weir_session_job *items;
    size_t count;
};
struct weir_session_stop {
    const char *job, *directory; /* NULL or "": where the cluster keeps savepoints */
    bool savepoint, drain;       /* without a savepoint it is canceled */
};

struct weir_session_config {
    struct weir_memory *memory;
    struct weir_config *config; /* borrowed; SET and RESET change its layer SESSION */
    const struct weir_connectors *connectors;
    struct weir_filesystem *filesystem;
    const struct weir_operator_ops *(*find_operator)(const char *name);
    const struct weir_source_ops *(*find_source)(const char *name);
    /* Whole lines. false: the reader is gone; the statement ends with an error. */
    bool (*write)(void *owner, const char *bytes, size_t length, bool to_stderr);
    bool (*interrupted)(void *owner); /* asked about ten times a second */
    /* NULL: INSERTs and statement sets run in this process, to their end. Else they are handed over. */
    enum weir_error_code (*submit)(
        void *owner, const struct weir_session_submission *submission, struct weir_error *reterr);
    /* NULL: submit is for all. Else asked before each INSERT: a script may SET where it goes. */
    enum weir_error_code (*is_submitted)(void *owner, bool *ret, struct weir_error *reterr);
    /* SHOW JOBS, DESCRIBE JOB, STOP JOB, where INSERTs are handed over. NULL: refused. What they return is in
     * arena. job: NULL for all, else exactly that one, or an error. *ret_savepoint: NULL when none was taken.
     */
    enum weir_error_code (*list_jobs)(void *owner, const char *job, struct weir_arena *arena,
        struct weir_session_jobs *ret, struct weir_error *reterr);
    enum weir_error_code (*stop_job)(void *owner, const struct weir_session_stop *stop,
        struct weir_arena *arena, const char **ret_savepoint, struct weir_error *reterr);
    void *owner;
    bool terminal; /* standard output is one: result mode table draws there */
    bool live;     /* a terminal watches: a running INSERT shows a line of progress on stderr */
};

struct weir_session;

struct weir_session *weir_session_new(const struct weir_session_config *config);
void weir_session_free(struct weir_session *session);

/*
 * Runs the statement of text that begins at *offset and moves *offset behind it. *ret_done: there was none
 * left. reterr's message is complete for the user (with the line and a caret where there is a position).
 * *ret_quit: the statement was QUIT or EXIT.
 */
enum weir_error_code weir_session_execute(struct weir_session *session, const char *text, size_t length,
    size_t *offset, bool *ret_done, bool *ret_quit, struct weir_error *reterr);
/* The same for the next statement of a script: all of a script in time that is linear in its length. */
struct weir_sql_script;
enum weir_error_code weir_session_execute_next(struct weir_session *session, struct weir_sql_script *script,
    bool *ret_done, bool *ret_quit, struct weir_error *reterr);

#endif
