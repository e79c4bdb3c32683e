"""Every endpoint of Flink's REST API, row by row, against a running job with checkpoints: asked from the leader and from a
standby, with and without /v1. A row says the method, the path, the status and what the answer has; a field that is not
there, null where a client unboxes it, or of another type is a failure. Fields of our own may come on top."""
import http.client
import json
import os
import re

import pytest
import weir as weir_module
from test_rest import Cluster, wait_for

SQL = """
CREATE TABLE s (id BIGINT, k BIGINT) WITH ('connector'='datagen','rows-per-second'='200','fields.k.min'='1',
    'fields.k.max'='9');
CREATE TABLE o (k BIGINT, n BIGINT) WITH ('connector'='blackhole');
-- %s
INSERT INTO o SELECT k, COUNT(*) FROM s GROUP BY k;
"""
S, I, B = str, int, bool
D = (int, float)
JOB_STATES = ('INITIALIZING CREATED RUNNING FAILING FAILED CANCELLING CANCELED FINISHED RESTARTING SUSPENDED '
              'RECONCILING').split()
EXECUTION_STATES = ('CREATED SCHEDULED DEPLOYING RUNNING FINISHED CANCELING CANCELED FAILED RECONCILING '
                    'INITIALIZING').split()


class ListOf:  # some: it is not empty here
    def __init__(self, of, some=False):
        self.of, self.some = of, some


class MapOf(ListOf):
    pass


class Or:
    def __init__(self, *kinds):
        self.kinds = kinds


class Matching:
    def __init__(self, pattern):
        self.pattern = pattern


class Has:  # these, and maybe others
    def __init__(self, required, optional):
        self.required, self.optional = required, optional


HEX = Matching(r'[0-9a-f]{32}')
URL = Matching(r'http://127\.0\.0\.1:\d+\S*')


def one_of(*values):
    return Matching('|'.join(values))


def wrong(value, kind, at='answer'):
    """What is wrong with it; empty when nothing is."""
    if isinstance(kind, Or):
        found = [wrong(value, one, at) for one in kind.kinds]
        return min(found, key=len) if all(found) else []
    if isinstance(kind, Matching):
        return [] if isinstance(value, str) and re.fullmatch(kind.pattern, value) else ['%s: %r' % (at, value)]
    if isinstance(kind, Has):
        return wrong(value, kind.required, at) + [
            text for key in kind.optional if key in value for text in wrong(value[key], kind.optional[key], at + '.' + key)]
    if isinstance(kind, dict):
        if not isinstance(value, dict):
            return ['%s is no object: %r' % (at, value)]
        return [text for key, of in kind.items() for text in (
            wrong(value[key], of, at + '.' + key) if key in value else ['%s has no %s' % (at, key)])]
    if isinstance(kind, ListOf):
        if not isinstance(value, dict if isinstance(kind, MapOf) else list) or (kind.some and not value):
            return ['%s: %r' % (at, value)]
        items = value.items() if isinstance(kind, MapOf) else enumerate(value)
        return [text for key, item in items for text in wrong(item, kind.of, '%s[%s]' % (at, key))]
    if kind is None:
        return [] if value is None else ['%s is not null: %r' % (at, value)]
    good = isinstance(value, kind) and (kind is B or not isinstance(value, bool))
    return [] if good else ['%s: %r' % (at, value)]


def fields(names, kind=I):
    return {name: kind for name in names.split()}


RESOURCE = {'cpuCores': D, 'extendedResources': MapOf(D),
            **fields('taskHeapMemory taskOffHeapMemory managedMemory networkMemory')}
HARDWARE = fields('cpuCores physicalMemory freeMemory managedMemory')
MEMORY = fields('frameworkHeap taskHeap frameworkOffHeap taskOffHeap networkMemory managedMemory jvmMetaspace jvmOverhead '
                'totalFlinkMemory totalProcessMemory')
TASKMANAGER = {'id': S, 'path': S, 'blocked': B, 'freeResource': RESOURCE, 'totalResource': RESOURCE, 'hardware': HARDWARE,
               'memoryConfiguration': MEMORY,
               **fields('assignedTasks dataPort freeSlots jmxPort slotsNumber timeSinceLastHeartbeat')}
JVM = fields('directCount directMax directUsed heapCommitted heapMax heapUsed mappedCount mappedMax mappedUsed '
             'nettyShuffleMemoryAvailable nettyShuffleMemorySegmentsAvailable nettyShuffleMemorySegmentsTotal '
             'nettyShuffleMemorySegmentsUsed nettyShuffleMemoryTotal nettyShuffleMemoryUsed nonHeapCommitted nonHeapMax '
             'nonHeapUsed')
IO = {**fields('read-bytes write-bytes read-records write-records accumulated-backpressured-time accumulated-idle-time'),
      **fields('read-bytes-complete write-bytes-complete read-records-complete write-records-complete', B),
      'accumulated-busy-time': D}
JOB = {'jid': HEX, 'name': S, 'state': one_of(*JOB_STATES), 'jobType': one_of('BATCH', 'STREAMING'),
       'schedulerType': one_of('Default', 'Adaptive', 'AdaptiveBatch'),
       'tasks': {'total': I, **{state.lower(): I for state in EXECUTION_STATES}},
       **fields('start-time end-time duration last-modification pending-operators')}
SUBTASK = {'subtask': I, 'status': one_of(*EXECUTION_STATES), 'attempt': I, 'endpoint': S, 'host': S, 'taskmanager-id': S,
           'metrics': IO, 'status-duration': MapOf(I, some=True), **fields('start-time end-time duration')}
STATISTICS = {**fields('min max avg'), **fields('p50 p90 p95 p99 p999', D)}
SHARE = {'status': one_of('IN_PROGRESS', 'COMPLETED', 'FAILED'),
         **fields('id latest_ack_timestamp checkpointed_size state_size end_to_end_duration alignment_buffered '
                  'processed_data persisted_data num_subtasks num_acknowledged_subtasks')}


def checkpoint(some_tasks=False):
    return Has({**SHARE, 'className': one_of('completed', 'failed', 'in_progress'), 'is_savepoint': B,
                'savepointFormat': Or(S, None), 'trigger_timestamp': I, 'tasks': MapOf(SHARE, some_tasks),
                'checkpoint_type': one_of('CHECKPOINT', 'UNALIGNED_CHECKPOINT', 'SAVEPOINT', 'SYNC_SAVEPOINT')},
               {'external_path': S, 'discarded': B, 'failure_timestamp': I, 'failure_message': S})


COMPLETED = {'external_path': S, 'discarded': B, **checkpoint().required}
PLAN = {'jid': HEX, 'name': S, 'type': one_of('BATCH', 'STREAMING'), 'nodes': ListOf(Has(
    {'id': HEX, 'parallelism': I, 'operator': S, 'operator_strategy': S, 'description': S, 'optimizer_properties': MapOf(S)},
    {'inputs': ListOf({'num': I, 'id': HEX, 'ship_strategy': S, 'exchange': S}, some=True)}), some=True)}
SPREAD = fields('min max avg sum median p25 p75 p95')
AGGREGATED = {'metrics': {name: SPREAD for name in (
    'read-bytes read-records write-bytes write-records accumulated-backpressured-time accumulated-idle-time '
    'accumulated-busy-time').split()},
    'status-duration': {state: SPREAD for state in 'CREATED SCHEDULED DEPLOYING INITIALIZING RUNNING'.split()}}
ACCUMULATORS = ListOf({'name': S, 'type': S, 'value': S})
APPLICATION = {'id': HEX, 'name': S, 'status': one_of('CREATED', 'RUNNING', 'CANCELING', 'FAILING', 'FAILED', 'CANCELED',
                                                      'FINISHED'), **fields('start-time end-time duration')}
CONFIGURATION = ListOf({'key': S, 'value': S}, some=True)
ENVIRONMENT = {'classpath': ListOf(S), 'jvm': {'arch': S, 'options': ListOf(S), 'version': S}}
LOGS = {'logs': ListOf({'name': S, 'size': I, 'mtime': I}, some=True)}
THREADS = {'threadInfos': ListOf({'threadName': S, 'stringifiedThreadInfo': S}, some=True)}
NAMES = ListOf({'id': S}, some=True)
VALUES = ListOf({'id': S, 'value': S}, some=True)
SUMS = ListOf({'id': S, 'min': D, 'max': D, 'avg': D, 'sum': D, 'skew': D}, some=True)
TRIGGERED = {'request-id': HEX}
STATUS = {'id': one_of('IN_PROGRESS', 'COMPLETED')}
COUNTS = fields('completed failed ignored inProgress')
RESCALE = {
    'rescaleUuid': HEX, 'resourceRequirementsUuid': HEX, 'rescaleAttemptId': I, 'startTimestampInMillis': I,
    'endTimestampInMillis': Or(I, None), 'terminalState': Or(one_of('COMPLETED', 'FAILED', 'IGNORED'), None),
    'terminatedReason': Or(S, None), 'slots': MapOf({}, some=True),
    'triggerCause': one_of('INITIAL_SCHEDULE', 'UPDATE_REQUIREMENT', 'NEW_RESOURCE_AVAILABLE', 'RECOVERABLE_FAILOVER'),
    'schedulerStates': ListOf({'state': S, 'enterTimestampInMillis': I, 'leaveTimestampInMillis': Or(I, None),
                               'durationInMillis': I, 'stringifiedException': Or(S, None)}, some=True),
    'vertices': MapOf({**fields('jobVertexId slotSharingGroupId', HEX), **fields('jobVertexName slotSharingGroupName', S),
                       **fields('desiredParallelism sufficientParallelism'), 'requiredParallelisms': {},
                       'preRescaleParallelism': Or(I, None), 'postRescaleParallelism': Or(I, None)}, some=True)}
LEVEL = one_of('ok', 'low', 'high')
FAILURE = {'exceptionName': S, 'stacktrace': S, 'timestamp': I, 'failureLabels': MapOf(S), 'taskName': Or(S, None),
           'endpoint': Or(S, None), 'taskManagerId': Or(S, None)}
ERRORS = {'errors': ListOf(S, some=True)}
TEXT = 'text'
VERTEX = '/jobs/:jobid/vertices/:vertexid'

# Method, path (?query), body, status, what the answer has. In this order: what follows may need what was triggered.
ROWS = [
    ('GET', '/applications/overview', None, 200, {'applications': ListOf({**APPLICATION, 'jobs': MapOf(I, some=True)}, True)}),
    ('GET', '/applications/:applicationid', None, 200,
     {**APPLICATION, 'jobs': ListOf(JOB, some=True), 'timestamps': MapOf(I, some=True)}),
    ('GET', '/applications/:applicationid/exceptions?maxExceptions=3', None, 200, {'exceptionHistory': {'entries': ListOf(
        {'exceptionName': S, 'jobId': HEX, 'stacktrace': S, 'timestamp': I})}}),
    ('GET', '/applications/:applicationid/jobmanager/config', None, 200, CONFIGURATION),
    ('GET', '/config', None, 200, {'features': fields('web-cancel web-history web-rescale web-submit', B), 'timezone-name': S,
                                   **fields('flink-revision flink-version', S), **fields('refresh-interval timezone-offset')}),
    ('GET', '/datasets', None, 200, {'dataSets': ListOf({'id': S, 'isComplete': B})}),
    ('GET', '/datasets/delete/:none', None, 501, ERRORS),
    ('DELETE', '/datasets/:none', None, 501, ERRORS),
    ('GET', '/jars', None, 200, {'address': URL, 'files': ListOf({})}),
    ('POST', '/jars/upload', 'x' * 100, 501, ERRORS),
    ('POST', '/jars/upload', 'x' * (2 << 20), 501, ERRORS),
    ('DELETE', '/jars/a.jar', '{}', 501, ERRORS),
    ('POST', '/jars/a.jar/plan', '{}', 501, ERRORS),
    ('GET', '/jars/a.jar/plan', None, 501, ERRORS),
    ('POST', '/jars/a.jar/run', '{}', 501, ERRORS),
    ('POST', '/jars/a.jar/run-application', '{}', 501, ERRORS),
    ('GET', '/jobmanager/config', None, 200, CONFIGURATION),
    ('GET', '/jobmanager/environment', None, 200, ENVIRONMENT),
    ('GET', '/jobmanager/logs', None, 200, LOGS),
    ('GET', '/jobmanager/logs/:jobmanagerlog', None, 200, TEXT),
    ('GET', '/jobmanager/log', None, 200, TEXT),
    ('GET', '/jobmanager/stdout', None, 200, TEXT),
    ('GET', '/jobmanager/metrics', None, 200, NAMES),
    ('GET', '/jobmanager/metrics?get=taskSlotsTotal', None, 200, VALUES),
    ('GET', '/jobmanager/thread-dump', None, 200, THREADS),
    ('GET', '/jobmanager/profiler', None, 501, ERRORS),
    ('POST', '/jobmanager/profiler', '{}', 501, ERRORS),
    ('GET', '/jobmanager/profiler/:none', None, 501, ERRORS),
    ('GET', '/jobs', None, 200, {'jobs': ListOf({'id': HEX, 'status': one_of(*JOB_STATES)}, some=True)}),
    ('POST', '/jobs', '{}', 400, ERRORS),
    ('GET', '/jobs/metrics', None, 200, NAMES),
    ('GET', '/jobs/metrics?get=numRestarts', None, 200, SUMS),
    ('GET', '/jobs/overview', None, 200, {'jobs': ListOf(JOB, some=True)}),
    ('GET', '/jobs/:jobid', None, 200, {
        'jid': HEX, 'name': S, 'isStoppable': B, 'state': one_of(*JOB_STATES), 'job-type': S, 'schedulerType': S,
        'application-id': HEX, 'plan': PLAN, 'status-counts': fields(' '.join(EXECUTION_STATES)),
        'timestamps': fields(' '.join(JOB_STATES)),
        'vertices': ListOf({'id': HEX, 'slotSharingGroupId': HEX, 'name': S, 'status': one_of(*EXECUTION_STATES), 'metrics': IO,
                            'tasks': fields(' '.join(EXECUTION_STATES)),
                            **fields('maxParallelism parallelism start-time end-time duration')}, some=True),
        **fields('start-time end-time duration maxParallelism now pending-operators')}),
    ('PATCH', '/jobs/:jobid?mode=stop', '{}', 308, ERRORS),
    ('GET', '/jobs/:jobid/yarn-stop', None, 308, ERRORS),
    ('GET', '/jobs/:jobid/accumulators', None, 200, {
        'job-accumulators': ListOf({}), 'user-task-accumulators': ACCUMULATORS, 'serialized-user-task-accumulators': MapOf({})}),
    ('GET', '/jobs/:jobid/checkpoints', None, 200, {
        'counts': fields('restored total in_progress completed failed'), 'history': ListOf(checkpoint(), some=True),
        'summary': {name: STATISTICS for name in ('checkpointed_size state_size end_to_end_duration alignment_buffered '
                                                  'processed_data persisted_data').split()},
        'latest': {'completed': COMPLETED, 'savepoint': Or(COMPLETED, None),
                   'failed': Or({'failure_timestamp': I, 'failure_message': S, **checkpoint().required}, None),
                   'restored': Or({'id': I, 'restore_timestamp': I, 'is_savepoint': B, 'external_path': S}, None)}}),
    ('GET', '/jobs/:jobid/checkpoints/config', None, 200, {
        'mode': one_of('exactly_once', 'at_least_once'), 'externalization': {'enabled': B, 'delete_on_cancellation': B},
        **fields('state_backend checkpoint_storage changelog_storage', S),
        **fields('checkpoints_after_tasks_finish state_changelog_enabled unaligned_checkpoints', B),
        **fields('interval timeout min_pause max_concurrent tolerable_failed_checkpoints aligned_checkpoint_timeout '
                 'changelog_periodic_materialization_interval')}),
    ('GET', '/jobs/:jobid/checkpoints/details/:checkpointid', None, 200, checkpoint(some_tasks=True)),
    ('GET', '/jobs/:jobid/checkpoints/details/999999999', None, 404, ERRORS),
    ('GET', '/jobs/:jobid/checkpoints/details/:checkpointid/subtasks/:vertexid', None, 200, {
        **SHARE, 'summary': {
            **{name: STATISTICS for name in 'checkpointed_size state_size end_to_end_duration start_delay'.split()},
            'checkpoint_duration': {'sync': STATISTICS, 'async': STATISTICS},
            'alignment': {name: STATISTICS for name in 'buffered processed persisted duration'.split()}},
        'subtasks': ListOf({
            'className': one_of('completed'), 'status': S, 'unaligned_checkpoint': B, 'aborted': B,
            'checkpoint': fields('sync async'), 'alignment': fields('buffered processed persisted duration'),
            **fields('index ack_timestamp end_to_end_duration checkpointed_size state_size start_delay')}, some=True)}),
    ('GET', '/jobs/:jobid/checkpoints/details/:checkpointid/subtasks/:none', None, 404, ERRORS),
    ('POST', '/jobs/:jobid/checkpoints', '{"checkpointType":"FULL"}', 202, TRIGGERED),
    ('POST', '/jobs/:jobid/checkpoints', '{"checkpointType":"SOME"}', 400, ERRORS),
    ('POST', '/jobs/:jobid/checkpoints', '{', 400, ERRORS),
    ('POST', '/jobs/:jobid/checkpoints', '{"triggerId":"7"}', 400, ERRORS),
    ('GET', '/jobs/:jobid/checkpoints/:request', None, 200, {
        'status': STATUS, 'operation': Or(None, {'checkpointId': I}, {'failureCause': {'class': S, 'stack-trace': S}})}),
    ('GET', '/jobs/:jobid/checkpoints/:none', None, 404, ERRORS),
    ('PATCH', '/jobs/:jobid/clientHeartbeat', '{"expiredTimestamp":1}', 202, {}),
    ('GET', '/jobs/:jobid/config', None, 200, {'jid': HEX, 'name': S, 'execution-config': {
        'restart-strategy': S, 'job-parallelism': I, 'object-reuse-mode': B, 'user-config': MapOf(S), 'execution-mode': S}}),
    ('GET', '/jobs/:jobid/exceptions?maxExceptions=3', None, 200, {'exceptionHistory': {'truncated': B, 'entries': ListOf(
        {**FAILURE, 'concurrentExceptions': ListOf(FAILURE)})}, 'all-exceptions': ListOf({}), 'truncated': B}),
    ('GET', '/jobs/:jobid/exceptions?maxExceptions=some', None, 400, ERRORS),
    ('GET', '/jobs/:jobid/execution-result', None, 200, {'status': STATUS}),
    ('GET', '/jobs/:jobid/jobmanager/config', None, 200, CONFIGURATION),
    ('GET', '/jobs/:jobid/jobmanager/environment', None, 200, ENVIRONMENT),
    ('GET', '/jobs/:jobid/jobmanager/log-url', None, 200, {'url': URL}),
    ('GET', '/jobs/:jobid/taskmanagers/:taskmanagerid/log-url', None, 200, {'url': URL}),
    ('POST', '/jobs/:jobid/coordinators/:none', '{}', 400, ERRORS),
    ('GET', '/jobs/:jobid/metrics', None, 200, NAMES),
    ('GET', '/jobs/:jobid/metrics?get=numRestarts', None, 200, VALUES),
    ('GET', '/jobs/:jobid/plan', None, 200, {'plan': PLAN}),
    ('GET', '/jobs/:jobid/resource-requirements', None, 200, MapOf({'parallelism': fields('lowerBound upperBound')}, some=True)),
    ('PUT', '/jobs/:jobid/resource-requirements', '{":vertexid":{"parallelism":{"lowerBound":1,"upperBound":2}}}', 200, {}),
    ('PUT', '/jobs/:jobid/resource-requirements', '{":vertexid":{"parallelism":{"lowerBound":3,"upperBound":2}}}', 400, ERRORS),
    ('PUT', '/jobs/:jobid/resource-requirements', '{":vertexid":{"parallelism":{"lowerBound":"3","upperBound":2}}}', 400, ERRORS),
    ('PUT', '/jobs/:jobid/resource-requirements', '{":none":{"parallelism":{"lowerBound":1,"upperBound":2}}}', 400, ERRORS),
    ('PATCH', '/jobs/:jobid/rescaling?parallelism=2', '{}', 200, TRIGGERED),
    ('PATCH', '/jobs/:jobid/rescaling?parallelism=2x', '{}', 400, ERRORS),
    ('GET', '/jobs/:jobid/rescaling/:request', None, 200, {'status': STATUS, 'operation': Or(None, {})}),
    ('GET', '/jobs/:jobid/rescaling/:none', None, 404, ERRORS),
    ('GET', '/jobs/:jobid/rescales/overview', None, 200, {'rescalesCounts': COUNTS, 'latest': {
        name: Or(RESCALE, None) for name in ('completed', 'failed', 'ignored')}}),
    ('GET', '/jobs/:jobid/rescales/history', None, 200, ListOf(RESCALE, some=True)),
    ('GET', '/jobs/:jobid/rescales/summary', None, 200, {'rescalesCounts': COUNTS, **{
        name: STATISTICS for name in ('rescalesDurationStatsInMillis completedRescalesDurationStatsInMillis '
                                      'failedRescalesDurationStatsInMillis ignoredRescalesDurationStatsInMillis').split()}}),
    ('GET', '/jobs/:jobid/rescales/config', None, 200, {'schedulerExecutionMode': Or(S, None), **fields(
        'executingCooldownTimeoutInMillis executingResourceStabilizationTimeoutInMillis '
        'maximumDelayForTriggeringRescaleInMillis rescaleHistoryMax rescaleOnFailedCheckpointCount '
        'slotIdleTimeoutInMillis submissionResourceStabilizationTimeoutInMillis submissionResourceWaitTimeoutInMillis')}),
    ('GET', '/jobs/:jobid/rescales/details/:rescaleuuid', None, 200, RESCALE),
    ('GET', '/jobs/:jobid/rescales/details/:none', None, 404, ERRORS),
    ('POST', '/jobs/:jobid/savepoints', '{"target-directory":5}', 400, ERRORS),
    ('POST', '/jobs/:jobid/savepoints', '{"target-directory":":folder","formatType":"SOME"}', 400, ERRORS),
    ('POST', '/jobs/:jobid/savepoints', '{"target-directory":":folder","triggerId":7}', 400, ERRORS),
    ('POST', '/jobs/:jobid/savepoints', '{"target-directory":"s3://bucket/folder"}', 400, ERRORS),
    ('POST', '/jobs/:jobid/savepoints', '{"target-directory":":folder","cancel-job":1}', 400, ERRORS),
    ('POST', '/jobs/:jobid/savepoints', '{"target-directory":":folder","cancel-job":"false"}', 202, TRIGGERED),
    ('POST', '/jobs/:jobid/savepoints', '{"target-directory":":folder","cancel-job":false}', 202, TRIGGERED),
    ('GET', '/jobs/:jobid/savepoints/:request', None, 200, {
        'status': STATUS, 'operation': Or(None, {'location': S}, {'failure-cause': {'class': S, 'stack-trace': S}})}),
    ('GET', '/jobs/:jobid/savepoints/:none', None, 404, ERRORS),
    ('GET', '/jobs/:jobid/status', None, 200, {'status': one_of(*JOB_STATES)}),
    ('GET', VERTEX, None, 200, {'id': HEX, 'name': S, 'subtasks': ListOf(SUBTASK, some=True), 'aggregated': AGGREGATED,
                                **fields('maxParallelism now parallelism')}),
    ('GET', '/jobs/:jobid/vertices/:none', None, 404, ERRORS),
    ('GET', VERTEX + '/accumulators', None, 200, {'id': HEX, 'user-accumulators': ACCUMULATORS}),
    ('GET', VERTEX + '/backpressure', None, 200, {
        'status': one_of('ok', 'deprecated'), 'backpressure-level': LEVEL, 'backpressureLevel': LEVEL, 'end-timestamp': I,
        'subtasks': ListOf({'subtask': I, 'backpressure-level': LEVEL, 'backpressureLevel': LEVEL, 'ratio': D, 'idleRatio': D,
                            'busyRatio': D}, some=True)}),
    ('GET', VERTEX + '/flamegraph?type=full', None, 200, {'endTimestamp': I, 'data': Or(None, {'name': S, 'value': I})}),
    ('GET', VERTEX + '/jm-operator-metrics', None, 200, ListOf({'id': S})),
    ('GET', VERTEX + '/metrics', None, 200, NAMES),
    ('GET', VERTEX + '/metrics?get=0.numRecordsOut', None, 200, VALUES),
    ('GET', VERTEX + '/subtasks/accumulators', None, 200, {'id': HEX, 'parallelism': I, 'subtasks': ListOf(
        {'attempt': I, 'endpoint': S, 'subtask': I, 'user-accumulators': ACCUMULATORS}, some=True)}),
    ('GET', VERTEX + '/subtasks/metrics', None, 200, NAMES),
    ('GET', VERTEX + '/subtasks/metrics?get=numRecordsOut', None, 200, SUMS),
    ('GET', VERTEX + '/subtasks/metrics?get=numRecordsOut&subtasks=0,1-9', None, 200, SUMS),
    ('GET', VERTEX + '/subtasks/metrics?get=numRecordsOut&subtasks=0,x', None, 400, ERRORS),
    ('GET', VERTEX + '/subtasks/metrics?get=numRecordsOut&agg=middle', None, 400, ERRORS),
    ('GET', VERTEX + '/subtasks/:subtaskindex', None, 200, SUBTASK),
    ('GET', VERTEX + '/subtasks/999', None, 404, ERRORS),
    ('GET', VERTEX + '/subtasks/one', None, 400, ERRORS),
    ('GET', VERTEX + '/subtasks/:subtaskindex/attempts/:attempt', None, 200, SUBTASK),
    ('GET', VERTEX + '/subtasks/:subtaskindex/attempts/999', None, 404, ERRORS),
    ('GET', VERTEX + '/subtasks/:subtaskindex/attempts/:attempt/accumulators', None, 200,
     {'attempt': I, 'id': S, 'subtask': I, 'user-accumulators': ACCUMULATORS}),
    ('GET', VERTEX + '/subtasks/:subtaskindex/metrics', None, 200, NAMES),
    ('GET', VERTEX + '/subtasks/:subtaskindex/metrics?get=numRecordsOut', None, 200, VALUES),
    ('GET', VERTEX + '/subtasktimes', None, 200, {'id': HEX, 'name': S, 'now': I, 'subtasks': ListOf(
        {'duration': I, 'endpoint': S, 'subtask': I, 'timestamps': MapOf(I, some=True)}, some=True)}),
    ('GET', VERTEX + '/taskmanagers', None, 200, {'id': HEX, 'name': S, 'now': I, 'taskmanagers': ListOf(
        {'aggregated': AGGREGATED, 'endpoint': S, 'metrics': IO, 'status': one_of(*EXECUTION_STATES), 'taskmanager-id': S,
         'status-counts': MapOf(I, some=True), **fields('duration start-time end-time')}, some=True)}),
    ('GET', VERTEX + '/watermarks', None, 200, ListOf({'id': Matching(r'\d+\.currentInputWatermark'), 'value': S})),
    ('GET', '/overview', None, 200, {**fields('flink-commit flink-version', S), **fields(
        'jobs-cancelled jobs-failed jobs-finished jobs-running slots-available slots-free-and-blocked slots-total '
        'taskmanagers taskmanagers-blocked')}),
    ('POST', '/savepoint-disposal', '{"savepoint-path":":none"}', 404, ERRORS),
    ('POST', '/savepoint-disposal', '{}', 400, ERRORS),
    ('GET', '/savepoint-disposal/:none', None, 200, {'status': STATUS, 'operation': {}}),
    ('GET', '/taskmanagers', None, 200, {'taskmanagers': ListOf(TASKMANAGER, some=True)}),
    ('GET', '/taskmanagers/metrics', None, 200, NAMES),
    ('GET', '/taskmanagers/metrics?get=Status.JVM.Memory.Heap.Used', None, 200, SUMS),
    ('GET', '/taskmanagers/:taskmanagerid', None, 200, {
        **TASKMANAGER, 'allocatedSlots': ListOf({'assignedTasks': I, 'jobId': HEX, 'resource': RESOURCE}, some=True),
        'metrics': {**JVM, 'garbageCollectors': ListOf({'count': I, 'name': S, 'time': I})}}),
    ('GET', '/taskmanagers/nobody', None, 404, ERRORS),
    ('GET', '/taskmanagers/:taskmanagerid/logs', None, 200, LOGS),
    ('GET', '/taskmanagers/:taskmanagerid/logs/:taskmanagerlog', None, 200, TEXT),
    ('GET', '/taskmanagers/:taskmanagerid/log', None, 200, TEXT),
    ('GET', '/taskmanagers/:taskmanagerid/stdout', None, 200, TEXT),
    ('GET', '/taskmanagers/:taskmanagerid/metrics', None, 200, NAMES),
    ('GET', '/taskmanagers/:taskmanagerid/metrics?get=Status.JVM.Memory.Heap.Used', None, 200, VALUES),
    ('GET', '/taskmanagers/:taskmanagerid/thread-dump', None, 200, THREADS),
    ('GET', '/taskmanagers/:taskmanagerid/profiler', None, 501, ERRORS),
    ('POST', '/taskmanagers/:taskmanagerid/profiler', '{}', 501, ERRORS),
    ('GET', '/taskmanagers/:taskmanagerid/profiler/:none', None, 501, ERRORS),
]
# What ends the job; from the second try on it has ended, or is about to.
ENDS = [
    ('POST', '/jobs/:jobid/stop', '{"targetDirectory":":folder","drain":"yes"}', 400, ERRORS),
    ('POST', '/jobs/:jobid/stop', '{"targetDirectory":":folder","formatType":7}', 400, ERRORS),
    ('POST', '/jobs/:jobid/stop', '{"targetDirectory":":folder","drain":false,"triggerId":":trigger"}', 202, TRIGGERED),
    ('GET', '/jobs/:jobid/savepoints/:trigger', None, 200, {'status': STATUS, 'operation': Or(None, {'location': S})}),
    ('PATCH', '/jobs/:jobid?mode=cancel', '{}', (202, 409), Or({}, ERRORS)),
    ('GET', '/jobs/:jobid/yarn-cancel', None, (202, 409), Or({}, ERRORS)),
    ('POST', '/applications/:applicationid/cancel', '{}', (202, 409), Or({}, ERRORS)),
]
REMEMBERED = {'web_adaptive__scheduler_rescale__history_size': 3}
# Served besides Flink's.
OWN = {'/ha', '/ha/gc', '/metrics', '/weir/jobs'}


class Asker:
    def __init__(self, cluster):
        self.cluster, self.request, self.found = cluster, '', []
        script = cluster.script(SQL, 'out')
        code, out, err = cluster.client('run', '-d', '-p', '2', '-D', 'execution.checkpointing.interval=200ms', script)
        assert code == 0, err
        self.job = out.split()[-1]
        self.settle()
        first = cluster.get('/jobs/' + self.job)['vertices'][0]['id']
        worker = cluster.get('/taskmanagers')['taskmanagers'][0]['id']
        self.values = {'jobid': self.job, 'applicationid': self.job, 'vertexid': first, 'subtaskindex': '1',
                       'taskmanagerid': worker, 'none': 'f' * 32, 'trigger': 'ab' * 16, 'folder': cluster.path('savepoints'),
                       'jobmanagerlog': '', 'taskmanagerlog': 'taskmanager-2.log'}

    def settle(self):
        """Until all run and a checkpoint of these is complete."""
        shown = wait_for(lambda: (lambda job: job if job['status-counts']['RUNNING'] == 4 else None)(
            self.cluster.get('/jobs/' + self.job)))
        return wait_for(lambda: (lambda newest: newest and newest['trigger_timestamp'] > shown['now'] and newest)(
            self.cluster.get('/jobs/%s/checkpoints' % self.job)['latest']['completed']))

    def fill(self, text):
        return re.sub(r':([a-z]+)\b', lambda found: self.values.get(found.group(1), found.group(0)), text)

    def ask(self, row, port, prefix):
        method, path, body, status, kind = row
        self.values['request'] = self.request
        self.values['jobmanagerlog'] = 'jobmanager-%d.log' % self.cluster.ports.index(port)
        if ':checkpointid' in path:
            self.values['checkpointid'] = str(self.settle()['id'])
        if ':rescaleuuid' in path:
            self.values['rescaleuuid'] = self.cluster.get('/jobs/%s/rescales/history' % self.job)[0]['rescaleUuid']
        if ':attempt' in path:
            subtask = self.cluster.get(self.fill(VERTEX) + '/subtasks/1')
            self.values['attempt'] = str(subtask['attempt'])
        at = '%s %s%s of %d' % (method, prefix, path, port)
        body = self.fill(body) if body and body[0] == '{' else body
        got, kind_of, answer = call(port, method, prefix + self.fill(path), body)
        if got not in (status if isinstance(status, tuple) else (status,)):
            self.found.append('%s: %d %r' % (at, got, answer[:300]))
        elif kind == TEXT:
            if not kind_of.startswith('text/plain') or not answer:
                self.found.append('%s: %s' % (at, kind_of))
        else:
            shown = json.loads(answer)
            self.found += ['%s: %s' % (at, text) for text in wrong(shown, kind)]
            if kind == TRIGGERED:
                self.request = shown.get('request-id', '')


def call(port, method, path, body):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=15)
    try:
        connection.request(method, path, body, {'Content-Type': 'application/json'} if body else {})
    except (BrokenPipeError, ConnectionResetError):
        pass  # refused before it was read
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, answer.getheader('Content-Type') or '', text


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path)
    made.jobmanager(**REMEMBERED)
    wait_for(lambda: made.get('/ha')['leading'])
    made.jobmanager(**REMEMBERED)
    made.start('taskmanager', taskmanager_numberOfTaskSlots=4)
    wait_for(lambda: made.get('/overview')['taskmanagers'] == 1)
    wait_for(lambda: made.get('/ha', made.ports[1])['leader'] == '127.0.0.1:%d' % made.ports[0])
    yield made
    made.end()


def normal(path):
    return re.sub(r':\w+', ':', path.split('?')[0])


def test_the_table_names_every_route():
    text = open(os.path.join(weir_module.ROOT, 'src/host/rest/routes.def')).read()
    routes = {(method, normal(path)) for method, path in re.findall(r'^X\((\w+), "([^"]+)"', text, re.M)
              if path not in OWN}
    named = {(row[0], normal(row[1].replace('a.jar', ':jarid'))) for row in ROWS + ENDS} | {('DELETE', '/cluster')}
    assert routes - named == set()


def test_every_row_from_every_jobmanager(cluster):
    asker = Asker(cluster)
    ways = [(port, prefix) for port in cluster.ports for prefix in ('', '/v1')]
    for row in ROWS + ENDS:
        for port, prefix in ways:
            asker.ask(row, port, prefix)
    assert not asker.found, '\n'.join(asker.found)
    got, _, answer = call(cluster.ports[1], 'DELETE', '/v1/cluster', None)
    assert (got, json.loads(answer)) == (200, {})


def test_what_is_remembered_of_rescalings(cluster):
    asker = Asker(cluster)
    page = '/jobs/%s/rescales' % asker.job

    def history(cause):
        found = [rescale for rescale in cluster.get(page + '/history', cluster.ports[1]) if rescale['triggerCause'] == cause]
        return found[0] if found and found[0]['terminalState'] else None

    def widths(rescale, name):
        return [vertex[name + 'Parallelism'] for _, vertex in sorted(rescale['vertices'].items())]
    first = wait_for(lambda: history('INITIAL_SCHEDULE'))
    assert first['terminalState'] == 'COMPLETED'
    assert (widths(first, 'preRescale'), widths(first, 'postRescale')) == ([None, None], [2, 2])
    counting = cluster.get('/jobs/' + asker.job)['vertices'][1]['id']
    wanted = {counting: {'parallelism': {'lowerBound': 1, 'upperBound': 3}}}
    path = '/jobs/%s/resource-requirements' % asker.job
    assert cluster.call('PUT', path, json.dumps(wanted), cluster.ports[1]) == (200, {})
    done = wait_for(lambda: history('UPDATE_REQUIREMENT'))
    assert done['terminalState'] == 'COMPLETED'
    assert [widths(done, name) for name in ('preRescale', 'desired', 'postRescale')] == [[2, 2], [2, 3], [2, 3]]
    assert 'RESTARTING' in [state['state'] for state in done['schedulerStates']]
    status = '/jobs/%s/rescaling/%s' % (asker.job, done['resourceRequirementsUuid'])
    assert cluster.get(status) == {'status': {'id': 'COMPLETED'}, 'operation': {}}
    cluster.processes[2].kill()
    cluster.processes[2].wait()
    cluster.start('taskmanager', taskmanager_numberOfTaskSlots=4)
    again = wait_for(lambda: history('RECOVERABLE_FAILOVER'))
    assert again['terminalState'] == 'COMPLETED' and widths(again, 'preRescale') == widths(again, 'postRescale') == [2, 3]
    shown = cluster.get(page + '/overview')
    assert shown['rescalesCounts'] == {'completed': 3, 'failed': 0, 'ignored': 0, 'inProgress': 0}
    assert shown['latest']['completed'] == again and shown['latest']['failed'] is None
    assert cluster.get(page + '/details/' + done['rescaleUuid']) == done
    # Of four the last three are shown, and all are counted.
    cluster.processes[3].kill()
    cluster.processes[3].wait()
    cluster.start('taskmanager', taskmanager_numberOfTaskSlots=4)
    wait_for(lambda: cluster.get(page + '/overview')['rescalesCounts']['completed'] == 4)
    assert [one['triggerCause'] for one in cluster.get(page + '/history')] == 2 * ['RECOVERABLE_FAILOVER'] + [
        'UPDATE_REQUIREMENT']
    assert cluster.get(page + '/config')['rescaleHistoryMax'] == 3
    # Datagen cannot go on with another width: that is known before anything is stopped.
    got, _, answer = call(cluster.ports[1], 'PATCH', '/jobs/%s/rescaling?parallelism=4' % asker.job, '{}')
    assert got == 400 and 'keeps its parallelism of 2' in answer.decode()
    assert cluster.get('/jobs/' + asker.job)['state'] == 'RUNNING'
    assert cluster.get(page + '/overview')['rescalesCounts']['failed'] == 0


def test_rescalings_are_not_remembered_unless_asked_for(tmp_path):
    cluster = Cluster(tmp_path)
    try:
        cluster.jobmanager()
        wait_for(lambda: cluster.get('/ha')['leading'])
        cluster.start('taskmanager', taskmanager_numberOfTaskSlots=4)
        page = '/jobs/%s/rescales' % Asker(cluster).job
        for path in ('/overview', '/history', '/summary', '/details/' + 'f' * 32):
            got, answer = cluster.call('GET', page + path)
            assert got == 404 and 'web.adaptive-scheduler.rescale-history.size' in answer['errors'][0]
        assert cluster.get(page + '/config')['rescaleHistoryMax'] == 0
    finally:
        cluster.end()
