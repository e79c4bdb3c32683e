/* The table of workloads: which jobs, and what is certain to happen to them. Faults come on top by chance. */
#include "sim/workload.h"

#define F(name) (UINT64_C(1) << WEIR_SIM_##name)

const struct weir_sim_workload weir_sim_workloads[] = {
    { "steady", "one or two jobs, and whatever goes wrong", 1, 2, { NULL }, 0, 0 },
    { "regions", "a job of two independent parts; leaders and TaskManagers die", 1, 1,
        { "two-regions", NULL }, F(crash_leader) | F(crash_taskmanager) | F(double_faults), 0 },
    { "takeover", "the leader dies again and again, or is taken for dead", 1, 2, { NULL },
        F(crash_leader) | F(pause_leader) | F(break_connections), 0 },
    { "keyed", "windows and joins under failures of TaskManagers", 1, 2, { "windows", "join", "mixed", NULL },
        F(crash_taskmanager), 0 },
    { "requests", "submit, cancel, stop, savepoint and rescale all the time", 2, 6, { NULL },
        F(cancel_jobs) | F(stop_jobs) | F(savepoint_jobs) | F(rescale_jobs) | F(late_submission) |
            F(duplicate_requests),
        0 },
    { "stop", "jobs are stopped while leaders die", 1, 3, { NULL }, F(stop_jobs) | F(crash_leader), 0 },
    { "finish", "short jobs end while leaders die", 2, 5, { NULL }, F(crash_leader) | F(crash_at_effect),
        60 },
    { "rescale", "parallelism changes while TaskManagers die", 1, 2,
        { "windows", "rows", "two-regions", NULL }, F(rescale_jobs) | F(crash_taskmanager) | F(double_faults),
        0 },
    { "store", "the coordination store lies, forgets watches and goes away", 1, 3, { NULL },
        F(store_down) | F(store_unknown) | F(store_late) | F(store_cut) | F(store_lost_watches) |
            F(store_stale),
        0 },
    { "disk", "blobs fail, come late, are missing", 1, 3, { NULL },
        F(blob_errors) | F(blob_late) | F(blob_down), 0 },
    { "network", "partitions of all kinds", 1, 2, { NULL },
        F(partition) | F(isolate_leader) | F(break_connections) | F(refuse_connections) | F(slow_network),
        0 },
    { "many", "many small jobs", 6, 20, { "rows", NULL }, F(many_jobs) | F(crash_leader), 40 },
    { "quiet", "nothing goes wrong", 1, 2, { NULL }, 0, 0 },
    { "deposed", "leaders are taken for dead and go on", 1, 4, { NULL },
        F(refuse_leader) | F(late_submission) | F(store_late) | F(store_lost_watches), 0 },
    { "wiped", "leader and candidates vanish from the store", 1, 2, { NULL },
        F(store_wiped) | F(crash_leader) | F(late_submission) | F(isolate_leader), 0 },
    { "splits", "sources whose splits the JobManager gives out", 1, 2, { "splits", NULL },
        F(crash_leader) | F(crash_taskmanager) | F(break_connections), 0 },
    { "unbounded", "jobs that never end by themselves", 1, 3, { "rows", "windows", "two-regions", NULL },
        F(unbounded_jobs) | F(crash_leader) | F(crash_taskmanager), 0 },
    { "power", "the shared storage loses its power", 1, 2, { NULL },
        F(storage_power_loss) | F(crash_taskmanager) | F(crash_leader), 0 },
    { "damage", "metadata and records are damaged", 1, 3, { NULL }, F(damage) | F(crash_leader), 0 },
    { "silence", "leaders stand still; the first failure that counts ends a job", 1, 2, { NULL },
        F(pause_leader) | F(slow_network), 0 },
    { "stopping", "jobs are stopped while TaskManagers die", 3, 6, { NULL },
        F(stop_jobs) | F(crash_taskmanager) | F(task_failures) | F(slow_tasks), 0 },
    { "creations", "very short jobs are submitted to leaders that are deposed, and answers are lost", 8, 20,
        { "rows", NULL },
        F(many_jobs) | F(late_submission) | F(store_unknown) | F(store_late) | F(refuse_leader) |
            F(duplicate_requests) | F(crash_leader) | F(crash_at_effect),
        6 },
    { "uneven", "sources that end long before others of their region, and TaskManagers die", 1, 2,
        { "uneven", NULL }, F(crash_taskmanager) | F(crash_leader) | F(task_failures), 0 },
    { "unsettled", "answers of the store are lost while TaskManagers die", 1, 2, { NULL },
        F(store_unknown) | F(store_late) | F(store_cut) | F(crash_taskmanager) | F(task_failures), 0 },
    /* From here on: see weir_sim_history_draw(). */
    { "workers", "JobManagers start TaskManagers, and both die", 1, 3, { NULL },
        F(workers) | F(crash_taskmanager) | F(crash_leader) | F(break_connections) | F(pause), 0 },
    { "generations", "leaders that see other TaskManagers than the one before, and other runs of a region", 3,
        4, { "windows", "rows", "two-regions", NULL }, F(hide_taskmanager) | F(slow_tasks), 280 },
    { "rot", "files of state are damaged, and TaskManagers and tasks die", 1, 3, { NULL },
        F(damage_state) | F(crash_taskmanager) | F(crash_leader) | F(task_failures), 0 },
    { "resume", "jobs go on from savepoints and checkpoints that others have left, at other parallelisms", 2,
        3, { "rolling", "rows", "windows", "two-regions", "splits", NULL },
        F(resume_jobs) | F(crash_leader) | F(crash_taskmanager), 0 },
    { "deaf", "leaders are taken for dead and do not hear of it", 1, 3, { NULL },
        F(deafen_leader) | F(store_lost_watches), 0 },
    { "stranded", "leaders find tasks that were given up, and those that came after them", 1, 2,
        { "splits", "splits", "two-regions", "rolling", NULL }, F(strand_taskmanager), 0 },
    { "pairs", "two processes do not reach each other, and all others reach both", 1, 2,
        { "windows", "join", "mixed", "splits", "two-regions", NULL }, F(cut_pair) | F(crash_leader), 0 },
    { "ended", "the cluster is ended while leaders die, and begins anew", 1, 4, { NULL },
        F(end_cluster) | F(crash_leader), 0 },
    { "scarce", "jobs wait for the slots of others, and TaskManagers die", 2, 5,
        { "splits", "rows", "windows", "join", "two-regions", NULL }, F(few_slots) | F(crash_taskmanager),
        0 },
    { "seldom", "jobs have no periodic checkpoints, or few, and go on from savepoints", 1, 3, { NULL },
        F(no_interval) | F(savepoint_jobs) | F(stop_jobs), 300 },
    /* The last ones are never drawn. */
    { "replaced", "the store is made anew while TaskManagers live, before the first job comes", 1, 1,
        { NULL }, F(store_replaced) | F(late_submission) | F(crash_leader), 0 },
};

uint32_t weir_sim_workload_count(void)
{
    return WEIR_ARRAY_COUNT(weir_sim_workloads);
}

const char *weir_sim_workload_name(uint32_t workload)
{
    return workload < weir_sim_workload_count() ? weir_sim_workloads[workload].name : "?";
}

const char *weir_sim_workload_text(uint32_t workload)
{
    return workload < weir_sim_workload_count() ? weir_sim_workloads[workload].text : "?";
}
