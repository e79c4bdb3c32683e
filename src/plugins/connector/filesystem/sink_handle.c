/*
 * Open part files. Syncing takes long, so a snapshot's writer does it beside the slot thread; until it has,
 * the file stays open. A sync that failed once may succeed the next time although bytes are lost: so it is
 * never tried again, the sink fails.
 */
#include "plugins/connector/filesystem/sink.h"

void sink__handle_open(struct file_sink *s, struct sink_part *p, struct weir_file *file)
{
    p->handle = weir_memory_allocate_zeroed(sink__ctx(s)->memory, sizeof *p->handle);
    p->handle->sink = s;
    p->handle->file = file;
    p->handle->references = 1;
}

void sink__handle_release(struct sink_handle *handle)
{
    if (!handle || --handle->references > 0) return;
    handle->sink->fs->close(handle->file);
    weir_memory_release(sink__ctx(handle->sink)->memory, handle, sizeof *handle);
}

/* What one snapshot wants synced. */
struct sync_work {
    struct sink_handle *handle;
    int64_t bytes;
};

static enum weir_error_code sync_handle(struct sink_handle *handle, int64_t bytes, struct weir_error *reterr)
{
    struct file_sink *s = handle->sink;
    enum weir_error_code code = s->fs->sync(handle->file, reterr);
    if (code) {
        atomic_store(&s->sync_failed, true);
        if (reterr)
            weir_error_wrap(reterr, "table %s: a part file cannot be made durable", s->table.identifier);
        return code;
    }
    /* Snapshots may be written in any order: the most that is known to be durable counts. Release, so that
     * who sees the number may rely on the sync. */
    int64_t known = atomic_load_explicit(&handle->synced_bytes, memory_order_relaxed);
    while (known < bytes && !atomic_compare_exchange_weak_explicit(&handle->synced_bytes, &known, bytes,
                                memory_order_release, memory_order_relaxed)) {}
    return WEIR_OK;
}

static enum weir_error_code run_sync(void *argument, struct weir_error *reterr)
{
    struct sync_work *work = argument;
    return sync_handle(work->handle, work->bytes, reterr);
}

static void release_sync(void *argument)
{
    struct sync_work *work = argument;
    struct weir_memory *memory = sink__ctx(work->handle->sink)->memory;
    sink__handle_release(work->handle);
    weir_memory_release(memory, work, sizeof *work);
}

static bool is_synced(const struct sink_part *p)
{
    return !p->handle || atomic_load_explicit(&p->handle->synced_bytes, memory_order_acquire) >= p->bytes;
}

enum weir_error_code sink__make_durable(struct file_sink *s, struct sink_part *p)
{
    struct weir_operator_context *ctx = sink__ctx(s);
    if (is_synced(p)) return p->state == PART_OPEN ? WEIR_OK : sink__handle_finish(s, p, ctx->error);
    if (!ctx->defer)
        return p->state == PART_OPEN ? sync_handle(p->handle, p->bytes, ctx->error)
                                     : sink__handle_finish(s, p, ctx->error);
    struct sync_work *work = weir_memory_allocate(ctx->memory, sizeof *work);
    *work = (struct sync_work){ .handle = p->handle, .bytes = p->bytes };
    p->handle->references++;
    ctx->defer(ctx, (struct weir_durable_work){ .run = run_sync, .release = release_sync, .argument = work });
    return WEIR_OK;
}

enum weir_error_code sink__handle_finish(struct file_sink *s, struct sink_part *p, struct weir_error *reterr)
{
    enum weir_error_code code = is_synced(p) ? WEIR_OK : sync_handle(p->handle, p->bytes, reterr);
    if (code) return code;
    sink__handle_release(p->handle);
    p->handle = NULL;
    return WEIR_OK;
}

enum weir_error_code sink__check_synced(struct file_sink *s)
{
    if (!atomic_load_explicit(&s->sync_failed, memory_order_relaxed)) return WEIR_OK;
    return weir_error_set(sink__ctx(s)->error, WEIR_E_IO,
        "table %s: a part file could not be made durable for a checkpoint: what it holds may be lost",
        s->table.identifier);
}
