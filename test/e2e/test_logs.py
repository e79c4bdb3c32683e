"""What the logs of a cluster say around the death of its leader and of a TaskManager."""
import json
import time

import test_cluster as base
from test_cluster import kill_leader, run_job, start, subtasks  # noqa: F401


def events(process):
    """Every line is one object of the Elastic Common Schema."""
    found = []
    for line in process.text().split('\n')[:-1]:  # the last may be on its way
        event = json.loads(line)
        assert set(event) == {'@timestamp', 'ecs.version', 'service.name', 'log.level', 'message',
                              'process.thread.name', 'log.logger'}, line
        found.append((event['log.logger'], event['log.level'], event['message']))
    return found


def said(process, logger, level, *parts):
    return [m for g, v, m in events(process) if (g, v) == (logger, level) and all(p in m for p in parts)]


def test_who_leads_why_and_what_tasks_were_told(start):  # noqa: F811
    cluster = start(arguments=['-Dweir.log.format=JSON'])
    bounded = cluster.submit(base.ledger.script(cluster.directory / 'bounded', 100, 1000, 4))
    base.wait_state(cluster, bounded, 'FINISHED')
    job = run_job(cluster)
    kill_leader(cluster)
    leader, epoch = cluster.leader()
    assert said(leader, 'weir.leader', 'INFO', f'wants to lead with epoch {epoch}: ')
    assert said(leader, 'weir.leader', 'INFO', f'leads with epoch {epoch}')
    cluster.wait('the re-attachment', lambda: said(leader, 'weir.jobmaster', 'INFO', 'regions go on, 0 are deployed',
                                                   f'(job {job})'))
    for taskmanager in cluster.taskmanagers:
        assert said(taskmanager, 'weir.taskexecutor', 'INFO', 'Follows leader', f'of epoch {epoch}')
    deployed = {t: said(t, 'weir.task', 'INFO', ' is deployed (attempt 1 of epoch', f'job {job}')
                for t in cluster.taskmanagers}
    assert sum(map(len, deployed.values())) == 6
    victim = max(deployed, key=lambda t: len(deployed[t]))
    victim.kill()
    cluster.wait('the job again', lambda: subtasks(cluster, job))
    cluster.wait('the reason', lambda: said(leader, 'weir.resourcemanager', 'WARN', 'is lost: ') and
                 said(leader, 'weir.jobmaster', 'WARN', 'fails over: TaskManager', f'(job {job})') and
                 said(leader, 'weir.dispatcher', 'WARN', f'({job}) switched from state RUNNING to RESTARTING. Reason: '))
    cluster.wait('its end', lambda: said(leader, 'weir.dispatcher', 'INFO',
                                         f'({job}) switched from state RESTARTING to RUNNING'))
    survivor = next(t for t in cluster.taskmanagers if t is not victim)
    cluster.wait('its tasks', lambda: said(survivor, 'weir.task', 'INFO', ' runs (attempt', f'of epoch {epoch}'))
    base.cancel(cluster, job)
    cluster.wait('their end', lambda: said(survivor, 'weir.task', 'INFO', ' is told to cancel', f'job {job}') and
                 said(survivor, 'weir.task', 'INFO', ' is canceled ', f'job {job}'))
    ends = [m for t in cluster.taskmanagers for m in said(t, 'weir.task', 'INFO', f'job {bounded}') if ' (attempt 1 ' in m]
    assert sum(' has finished ' in m for m in ends) == 12 and not any(' is canceled ' in m for m in ends), ends
    for process in (survivor, leader):
        process.popen.terminate()
        assert process.popen.wait(base.weir_module.WAIT_SECONDS) == 0
        assert said(process, 'weir.control', 'INFO', 'it was told to by signal 15')


def test_a_name_that_does_not_resolve_is_told_once(start):  # noqa: F811
    """Else a TaskManager only says that nobody leads, or nothing, while the JobManager says that it leads."""
    cluster = start(jobmanagers=1, taskmanagers=1, arguments=['-Dweir.log.format=JSON'])
    jobmanager, taskmanager = cluster.jobmanagers[0], cluster.taskmanagers[0]
    jobmanager.kill()
    jobmanager.arguments.append('-Djobmanager.rpc.address=nobody.invalid')
    jobmanager.start()

    def told():
        return [m for _, _, m in events(taskmanager) if "'nobody.invalid:" in m]

    cluster.wait('the reason', told, base.weir_module.WAIT_SECONDS)
    time.sleep(1)  # it is looked up several times
    assert len(told()) == 1 and 'no address is known' in told()[0] and 'tried again' in told()[0], told()
