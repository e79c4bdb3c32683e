"""Files as splits: in a cluster the JobManager gives each file to one reader, whoever dies meanwhile."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'chaos'))

import weir as weir_module  # noqa: E402
from test_cluster import completed, kill_leader, start, wait_state  # noqa: E402, F401

ROWS = 50


def script(directory, monitored, parallelism=3):
    monitor = ", 'source.monitor-interval' = '200 ms'" if monitored else ''
    return f"""
SET 'parallelism.default' = '{parallelism}';
SET 'execution.checkpointing.interval' = '200 ms';
SET 'execution.checkpointing.dir' = '{directory}/checkpoints';
SET 'restart-strategy.type' = 'exponential-delay';
SET 'restart-strategy.exponential-delay.initial-backoff' = '50 ms';
CREATE TABLE source (id BIGINT) WITH ('connector' = 'filesystem', 'path' = '{directory}/in', 'format' = 'csv'{monitor});
CREATE TABLE sink (id BIGINT) WITH ('connector' = 'filesystem', 'path' = '{directory}/out', 'format' = 'csv',
      'sink.rolling-policy.rollover-interval' = '500 ms', 'sink.rolling-policy.check-interval' = '100 ms');
INSERT INTO sink SELECT id FROM source;
"""


def add_file(directory, number):
    """It appears whole, in a folder of its own now and then."""
    folder = directory / 'in' / (f'part-{number}' if number % 7 == 0 else '')
    folder.mkdir(parents=True, exist_ok=True)
    hidden = folder / f'.{number}'
    hidden.write_text(''.join(f'{number * ROWS + i}\n' for i in range(ROWS)))
    hidden.rename(folder / f'file-{number:04}')


def committed(directory):
    return [int(line) for path in sorted((directory / 'out').glob('*')) if path.name[0] not in '._'
            for line in path.read_text().splitlines()]


def test_each_file_of_a_bounded_job_is_read_once(start):  # noqa: F811
    cluster = start()
    for number in range(40):
        add_file(cluster.directory, number)
    job = cluster.submit(script(cluster.directory, monitored=False))
    wait_state(cluster, job, 'FINISHED')
    assert sorted(committed(cluster.directory)) == list(range(40 * ROWS))


def test_files_that_come_while_processes_die_are_read_once(start):  # noqa: F811
    cluster = start(jobmanagers=3, taskmanagers=3, slots=2)
    (cluster.directory / 'in').mkdir()
    job = cluster.submit(script(cluster.directory, monitored=True))
    wait_state(cluster, job, 'RUNNING')
    for number in range(30):
        add_file(cluster.directory, number)
        if number in (8, 20):
            kill_leader(cluster)
        if number == 14:
            cluster.wait('a checkpoint', lambda: completed(cluster, job) > 0, weir_module.WAIT_SECONDS)
            victim = cluster.taskmanagers[0]
            victim.kill()
            victim.start()
        cluster.wait('some rows', lambda: len(committed(cluster.directory)) >= (number - 10) * ROWS,
                     weir_module.WAIT_SECONDS)
    cluster.wait('all rows', lambda: len(committed(cluster.directory)) >= 30 * ROWS, weir_module.WAIT_SECONDS)
    assert sorted(committed(cluster.directory)) == list(range(30 * ROWS))
    assert cluster.job_state(job) == 'RUNNING'
