/* The graph: regions, counts, transitions, and plans that are refused. */
#include "support/cmocka_all.h"
#include "support/memory.h"
#include "control/jobmaster/execution_graph.h"
#include <string.h>

#define EXECUTION(name) WEIR__EXECUTION_STATE__EXECUTION_##name
enum { FORWARD = 0, HASH = 1 };

static struct weir_test_memory memory;
static struct weir_arena arena;
static Weir__ExecutionPlan *plan;
static struct execution_graph graph;
static struct weir_error error;

static int setup(void **state)
{
    weir_test_memory_init(&memory);
    weir_arena_init(&arena, &memory.base);
    plan = WEIR_PROTO_NEW(&arena, Weir__ExecutionPlan, weir__execution_plan);
    plan->vertices = WEIR_ARENA_ARRAY(&arena, Weir__PlanVertex *, 64);
    return 0;
}

static int teardown(void **state)
{
    graph__done(&graph);
    weir_arena_done(&arena);
    weir_test_memory_check(&memory);
    return 0;
}

static Weir__PlanVertex *vertex(uint32_t id, uint32_t parallelism)
{
    Weir__PlanVertex *made = WEIR_PROTO_NEW(&arena, Weir__PlanVertex, weir__plan_vertex);
    made->id = id;
    made->name = weir_arena_format(&arena, "v%u", id);
    made->parallelism = parallelism;
    made->max_parallelism = 128;
    made->inputs = WEIR_ARENA_ARRAY(&arena, Weir__PlanEdge *, 8);
    plan->vertices[plan->n_vertices++] = made;
    return made;
}

static void edge(Weir__PlanVertex *to, uint32_t from, uint32_t exchange)
{
    Weir__PlanEdge *made = WEIR_PROTO_NEW(&arena, Weir__PlanEdge, weir__plan_edge);
    made->from_vertex = from;
    made->exchange = exchange;
    to->inputs[to->n_inputs++] = made;
}

static enum weir_error_code build(void)
{
    return graph__build(&graph, &arena, &memory.base, plan, NULL, 0, &error);
}

static void subtasks_joined_one_to_one_are_regions_each(void **state)
{
    vertex(5, 3);
    edge(vertex(2, 3), 5, FORWARD);
    assert_int_equal(build(), WEIR_OK);
    assert_int_equal(graph.region_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(graph.regions[i].count, 2);
        assert_int_equal(graph.subtasks[i].region, graph.subtasks[3 + i].region);
    }
}

static void any_other_exchange_joins_all(void **state)
{
    vertex(1, 3);
    edge(vertex(2, 3), 1, FORWARD);
    edge(vertex(3, 5), 2, HASH);
    vertex(4, 2); /* apart */
    assert_int_equal(build(), WEIR_OK);
    assert_int_equal(graph.region_count, 3);
    assert_int_equal(graph.regions[0].count, 11);
    assert_int_equal(graph.subtask_count, 13);
    assert_int_equal(graph.parallelism_max, 5);
}

/* Every subtask is in exactly one region, whatever the shape. */
static void members_are_a_partition(void **state)
{
    for (uint32_t seed = 1; seed < 200; seed++) {
        uint64_t random = seed * 0x9e3779b97f4a7c15u;
        plan->n_vertices = 0;
        uint32_t count = 1 + seed % 12;
        for (uint32_t v = 0; v < count; v++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            Weir__PlanVertex *made = vertex(100 - v, 1 + (uint32_t)(random >> 33) % 4);
            if (v && (random >> 20 & 3)) {
                uint32_t from = (uint32_t)(random >> 40) % v;
                bool same = plan->vertices[from]->parallelism == made->parallelism;
                edge(made, plan->vertices[from]->id, same ? FORWARD : HASH);
            }
        }
        assert_int_equal(build(), WEIR_OK);
        uint32_t total = 0;
        for (uint32_t r = 0; r < graph.region_count; r++) {
            for (uint32_t i = 0; i < graph.regions[r].count; i++)
                assert_int_equal(graph.subtasks[graph.members[graph.regions[r].first + i]].region, r);
            total += graph.regions[r].count;
        }
        assert_int_equal(total, graph.subtask_count);
        for (uint32_t v = 0; v < count; v++)
            for (size_t e = 0; e < plan->vertices[v]->n_inputs; e++) {
                uint32_t from = graph__find_subtask(&graph, plan->vertices[v]->inputs[e]->from_vertex, 0);
                uint32_t to = graph__find_subtask(&graph, plan->vertices[v]->id, 0);
                assert_int_equal(graph.subtasks[from].region, graph.subtasks[to].region);
            }
        graph__done(&graph);
    }
}

static void refused(const char *text)
{
    assert_int_equal(build(), WEIR_E_ARGUMENT);
    assert_non_null(strstr(error.message, text));
}

static void plans_that_cannot_be_are_refused_by_name(void **state)
{
    refused("0 vertices");
    Weir__PlanVertex *first = vertex(1, 0);
    refused("vertex 1 (v1) has parallelism 0");
    first->parallelism = 200;
    refused("maximum parallelism is 128");
    first->parallelism = 2;
    Weir__PlanVertex *second = vertex(1, 3);
    refused("two vertices of the plan have the id 1");
    second->id = 2;
    edge(second, 7, HASH);
    refused("reads from vertex 7");
    second->inputs[0]->from_vertex = 1;
    second->inputs[0]->exchange = FORWARD;
    refused("one to one");
    second->inputs[0]->exchange = HASH;
    assert_int_equal(build(), WEIR_OK);
}

static void overrides_decide_the_width(void **state)
{
    vertex(1, 2);
    Weir__ParallelismOverride *override =
        WEIR_PROTO_NEW(&arena, Weir__ParallelismOverride, weir__parallelism_override);
    override->vertex = 1;
    override->parallelism = 4;
    override->plan_version = 9;
    assert_int_equal(graph__build(&graph, &arena, &memory.base, plan, &override, 1, &error), WEIR_OK);
    assert_int_equal(graph.subtask_count, 4);
    assert_int_equal(graph.regions[0].plan_version, 9);
}

static void counts_follow_states(void **state)
{
    vertex(1, 2);
    edge(vertex(2, 2), 1, FORWARD);
    assert_int_equal(build(), WEIR_OK);
    graph__set_state(&graph, 0, EXECUTION(SCHEDULED));
    graph__set_state(&graph, 0, EXECUTION(DEPLOYING));
    graph__set_state(&graph, 2, EXECUTION(SCHEDULED));
    assert_int_equal(graph.counts[EXECUTION(CREATED)], 2);
    assert_int_equal(graph.regions[0].counts[EXECUTION(DEPLOYING)], 1);
    assert_int_equal(graph.regions[0].counts[EXECUTION(SCHEDULED)], 1);
    assert_int_equal(graph__region_alive(&graph.regions[0]), 1);
    assert_int_equal(graph__region_alive(&graph.regions[1]), 0);
}

/* Flink's rules, told apart from the table. */
static void transitions_of_executions(void **state)
{
    for (uint32_t from = 1; from < WEIR_EXECUTION_STATES; from++) {
        for (uint32_t to = 1; to < WEIR_EXECUTION_STATES; to++) {
            bool legal = weir_execution_state_is_legal((Weir__ExecutionState)from, (Weir__ExecutionState)to);
            if (from == to) assert_false(legal);
            if (weir_execution_state_is_terminal((Weir__ExecutionState)from))
                assert_int_equal(legal,
                    to == EXECUTION(CREATED) || (from == EXECUTION(FINISHED) && to == EXECUTION(FAILED)));
            if (to == EXECUTION(DEPLOYING)) assert_int_equal(legal, from == EXECUTION(SCHEDULED));
            if (to == EXECUTION(RECONCILING)) assert_int_equal(legal, from == EXECUTION(CREATED));
            if (to == EXECUTION(FAILED) && !weir_execution_state_is_terminal((Weir__ExecutionState)from))
                assert_true(legal);
            if (from == EXECUTION(CANCELING) && legal)
                assert_true(weir_execution_state_is_terminal((Weir__ExecutionState)to));
        }
    }
}

static void transitions_of_jobs(void **state)
{
    for (uint32_t from = 1; from < WEIR_JOB_STATES; from++) {
        for (uint32_t to = 1; to < WEIR_JOB_STATES; to++) {
            bool legal = weir_job_state_is_legal((Weir__JobState)from, (Weir__JobState)to);
            if (from == to || weir_job_state_is_terminal((Weir__JobState)from)) assert_false(legal);
            if (from == WEIR__JOB_STATE__JOB_CANCELLING && legal)
                assert_true(to != WEIR__JOB_STATE__JOB_RUNNING && to != WEIR__JOB_STATE__JOB_FINISHED);
            if (from == WEIR__JOB_STATE__JOB_FAILING && legal)
                assert_true(to != WEIR__JOB_STATE__JOB_RUNNING);
            if (to == WEIR__JOB_STATE__JOB_INITIALIZING) assert_false(legal);
        }
    }
    assert_true(weir_job_state_is_legal(WEIR__JOB_STATE__JOB_RECONCILING, WEIR__JOB_STATE__JOB_RUNNING));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(subtasks_joined_one_to_one_are_regions_each, setup, teardown),
        cmocka_unit_test_setup_teardown(any_other_exchange_joins_all, setup, teardown),
        cmocka_unit_test_setup_teardown(members_are_a_partition, setup, teardown),
        cmocka_unit_test_setup_teardown(plans_that_cannot_be_are_refused_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(overrides_decide_the_width, setup, teardown),
        cmocka_unit_test_setup_teardown(counts_follow_states, setup, teardown),
        cmocka_unit_test(transitions_of_executions),
        cmocka_unit_test(transitions_of_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
