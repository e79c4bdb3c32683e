"""The REST endpoint and the client verbs against real JobManagers and a TaskManager."""
import concurrent.futures
import datetime
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest
import weir as weir_module

BINARY = weir_module.BINARY
STREAM = """
CREATE TABLE s (id BIGINT) WITH ('connector'='datagen','rows-per-second'='200');
CREATE TABLE o (k BIGINT) WITH ('connector'='filesystem','path'='%s','format'='csv');
INSERT INTO o SELECT id FROM s;
"""
SHUFFLED = """
CREATE TABLE s (id BIGINT) WITH ('connector'='datagen','rows-per-second'='200');
CREATE TABLE o (k BIGINT, n BIGINT) WITH ('connector'='blackhole');
INSERT INTO o SELECT id, COUNT(*) FROM s GROUP BY id; -- %s
"""
COUNTED = """
CREATE TABLE s (id BIGINT) WITH ('connector'='filesystem','path'='%s','format'='csv','source.monitor-interval'='100 ms');
CREATE TABLE o (k BIGINT) WITH ('connector'='blackhole');
INSERT INTO o SELECT COUNT(*) FROM s;
"""
BOUNDED = """
CREATE TABLE s (id BIGINT) WITH ('connector'='datagen','number-of-rows'='500','fields.id.kind'='sequence',
    'fields.id.start'='1','fields.id.end'='500');
CREATE TABLE o (k BIGINT) WITH ('connector'='filesystem','path'='%s','format'='csv');
INSERT INTO o SELECT id FROM s;
"""
NO_JOB = '0' * 31 + '1'


def wait_for(what, seconds=40):
    """What it returns once that is true."""
    end = time.monotonic() + seconds
    while True:
        late = time.monotonic() >= end
        value = what()
        if value:
            return value
        assert not late, 'waited in vain'
        time.sleep(0.05)


class Cluster:
    def __init__(self, folder):
        self.folder, self.processes, self.ports = str(folder), [], []
        self.environment = dict(os.environ, TZ='UTC', HOME=self.folder, WEIR_CONF_DIR=self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, verb, **settings):
        log = self.path('%s-%d.log' % (verb, len(self.processes)))
        command = [BINARY, verb, '-D', 'high-availability.storageDir=' + self.path('ha')]
        for key, value in settings.items():
            command += ['-D', '%s=%s' % (key.replace('__', '-').replace('_', '.'), value)]
        with open(log, 'w') as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                       env=self.environment, cwd=self.folder)
        self.processes.append(process)
        return process, log

    def jobmanager(self, **settings):
        process, log = self.start('jobmanager', **{'rest_port': 0, **settings})
        found = wait_for(lambda: re.search(r'REST endpoint at http://127.0.0.1:(\d+)', open(log).read()))
        self.ports.append(int(found.group(1)))
        return process

    def end(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    def call(self, method, path, body=None, port=None, headers={}):
        connection = http.client.HTTPConnection('127.0.0.1', port or self.ports[0], timeout=15)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text)

    def get(self, path, port=None):
        status, answer = self.call('GET', path, port=port)
        assert status == 200, answer
        return answer

    def client(self, *arguments, port=None, timeout=30):
        command = [BINARY, arguments[0], '-m', '127.0.0.1:%s' % (port or self.ports[0]), *arguments[1:]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=self.environment,
                              cwd=self.folder)
        return done.returncode, done.stdout, done.stderr

    def script(self, text, out):
        path = self.path('script-%s.sql' % out)
        with open(path, 'w') as f:
            f.write(text % self.path(out))
        return path

    def submit(self, *options, port=None):
        code, out, err = self.client('run', '-d', *options, self.script(STREAM, 'out'), port=port)
        assert code == 0, err
        job = re.fullmatch(r'Job has been submitted with JobID ([0-9a-f]{32})\n', out).group(1)
        wait_for(lambda: self.get('/jobs/' + job)['state'] == 'RUNNING')
        wait_for(lambda: self.get('/jobs/' + job)['status-counts']['RUNNING'] == 1)
        return job


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path)
    yield made
    made.end()


@pytest.fixture
def running(cluster):
    """A leader, a standby and a TaskManager with four slots."""
    cluster.jobmanager()
    wait_for(lambda: cluster.get('/ha')['leading'])
    cluster.jobmanager()
    cluster.start('taskmanager', taskmanager_numberOfTaskSlots=4)
    wait_for(lambda: cluster.get('/overview')['taskmanagers'] == 1)
    wait_for(lambda: cluster.get('/ha', cluster.ports[1])['leader'] == '127.0.0.1:%d' % cluster.ports[0])
    return cluster


def test_both_say_who_leads(running):
    leader, standby = ('127.0.0.1:%d' % port for port in running.ports)
    wait_for(lambda: running.get('/ha')['standbys'] == [standby])
    for port, self in zip(running.ports, (leader, standby)):
        ha = running.get('/ha', port)
        assert (ha['leader'], ha['epoch'], ha['self']) == (leader, 1, self)


def test_a_standby_answers_like_the_leader(running):
    for path in '/overview', '/v1/overview', '/jobs', '/v1/jobs/overview':
        assert running.get(path) == running.get(path, running.ports[1])
    one, other = (running.call('GET', '/v1/jobs/' + NO_JOB, port=port) for port in running.ports)
    assert one == other == (404, {'errors': ['Job %s not found' % NO_JOB]})


def test_errors_have_the_shape_that_clients_read(running):
    for method, path, body, status in [
            ('GET', '/nowhere', None, 404), ('GET', '/jobs/xyz', None, 400), ('POST', '/overview', '{}', 404),
            ('PATCH', '/jobs/%s?mode=cancel' % NO_JOB, '{}', 404), ('POST', '/jobs', '{}', 400),
            ('POST', '/jobs/%s/stop' % NO_JOB, '{"drain":', 400), ('POST', '/weir/jobs', b'\xff\xff\xff', 400),
            ('POST', '/jobs/%s/stop' % NO_JOB, '[]', 400),
            ('PATCH', '/jobs/%s?mode=stop' % NO_JOB, '{}', 308), ('GET', '/taskmanagers/nobody', None, 404)]:
        got, answer = running.call(method, path, body)
        assert got == status, (path, answer)
        assert list(answer) == ['errors'] and answer['errors']
    # As Flink has it, whose router knows no other method's paths.
    for method, path in (('POST', '/v1/overview'), ('GET', '/jobs/%s/stop' % NO_JOB), ('DELETE', '/jobs/%s' % NO_JOB),
                         ('PUT', '/cluster'), ('OPTIONS', '/config'), ('PATCH', '/v1/ha/gc')):
        assert running.call(method, path, '{}') == (404, {'errors': ['Not found: ' + path]})


def test_too_much_is_refused_before_it_is_read(running):
    with socket.create_connection(('127.0.0.1', running.ports[0]), timeout=10) as connection:
        connection.sendall(b'POST /v1/jobs/%s/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n'
                           % NO_JOB.encode())
        assert b' 413 ' in connection.recv(65536)
    assert running.get('/overview')['taskmanagers'] == 1


def test_clients_that_say_nothing_hinder_nobody(running):
    silent = [socket.create_connection(('127.0.0.1', running.ports[0]), timeout=10) for _ in range(200)]
    for connection in silent[:100]:
        connection.sendall(b'POST /weir/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc')
    try:
        assert running.get('/overview')['slots-total'] == 4
        assert running.get('/ha')['leading']
    finally:
        for connection in silent:
            connection.close()


def raw(port, data, wait=True):
    """What comes back for these bytes; nothing when more of them are waited for."""
    with socket.create_connection(('127.0.0.1', port), timeout=10) as connection:
        try:
            connection.sendall(data)
            connection.settimeout(10 if wait else 1)
            return connection.recv(65536)
        except (ConnectionResetError, BrokenPipeError, socket.timeout):
            return b''


def test_requests_that_make_no_sense_are_answered_and_hurt_nobody(running):
    port = running.ports[0]
    for data, status in [
            (b'BREW /overview HTTP/1.1\r\nHost: x\r\n\r\n', 404), (b'BREW /nowhere HTTP/1.1\r\nHost: x\r\n\r\n', 404),
            (b'OPTIONS /overview HTTP/1.1\r\nHost: x\r\n\r\n', 404),
            (b'GET /' + b'x' * 20000 + b' HTTP/1.1\r\nHost: x\r\n\r\n', 404),
            (b'GET /' + b'x' * 70000 + b' HTTP/1.1\r\nHost: x\r\n\r\n', (414, 431)),
            (b'GET /overview HTTP/1.1\r\nHost: x\r\nX: ' + b'y' * 70000 + b'\r\n\r\n', 431),
            (b'GET /overview HTTP/1.1\r\n' + b'A: b\r\n' * 9000 + b'\r\n', 431),
            (b'GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n', 404),
            (b'GET /jobmanager/logs/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: x\r\n\r\n', 404),
            (b'GET /jobs/%00%ff HTTP/1.1\r\nHost: x\r\n\r\n', 400),
            (b'GET /' + b'a/' * 500 + b' HTTP/1.1\r\nHost: x\r\n\r\n', 404),
            (b'GET /jobs?' + b'&'.join(b'a%d=1' % i for i in range(300)) + b' HTTP/1.1\r\nHost: x\r\n\r\n', 400),
            # Some 500 fill the memory of a connection: libmicrohttpd itself would never answer.
            *((b'GET /jobs?' + b'&'.join(b'parameter%d=value%d' % (i, i) for i in range(n)) +
               b' HTTP/1.1\r\nHost: x\r\n\r\n', 400) for n in (33, 400, 500, 1000)),
            (b'GET /jobs?' + b'&'.join(b'parameter%d=1' % i for i in range(32)) + b' HTTP/1.1\r\nHost: x\r\n\r\n', 200),
            (b'GET /jobs?' + b'&' * 500 + b'a=1 HTTP/1.1\r\nHost: x\r\n\r\n', 400),
            (b'POST /jobs/%s/stop HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n' % NO_JOB.encode(), 400),
            (b'POST /jobs/%s/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n'
             % NO_JOB.encode(), (400, 413)),
            (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + b'\x00' * 200 + b'\r\n\r\n', (0, 400)),
            (b'\r\n' * 1000 + b'nonsense\r\n\r\n', (0, 400))]:
        answer = raw(port, data, status != (0, 400))
        got = int(answer.split()[1]) if answer.startswith(b'HTTP/1.') else 0
        assert got in (status if isinstance(status, tuple) else (status,)), (data[:60], answer[:200])
    # A body whose length nobody has announced is read to its limit and no further.
    chunk = b'10000\r\n' + b' ' * 0x10000 + b'\r\n'
    head = b'POST /jobs/%s/stop HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n' % NO_JOB.encode()
    assert b' 413 ' in raw(port, head + chunk * 24 + b'0\r\n\r\n').split(b'\r\n')[0]
    assert running.get('/overview')['taskmanagers'] == 1


def test_clients_that_drip_make_room_for_others(running):
    """More of them than there are places, each sending a byte now and then: everybody else is served."""
    port, slow = running.ports[0], []
    try:
        for i in range(700):
            connection = socket.create_connection(('127.0.0.1', port), timeout=10)
            connection.sendall(b'GET /overview HTTP/1.1\r\nHost: x\r\nX: ' if i % 2 else
                               b'POST /weir/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n')
            slow.append(connection)
        for _ in range(3):
            for connection in slow:
                try:
                    connection.send(b'a')
                except OSError:
                    pass  # it had to make room
            began = time.monotonic()
            assert running.get('/overview')['slots-total'] == 4 and running.get('/ha')['leading']
            assert time.monotonic() - began < 5
    finally:
        for connection in slow:
            connection.close()
    assert running.get('/overview')['slots-total'] == 4


def test_clients_that_do_not_read_hinder_nobody(running):
    deaf = []
    for _ in range(50):
        connection = socket.create_connection(('127.0.0.1', running.ports[0]), timeout=10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b'GET /config HTTP/1.1\r\nHost: x\r\n\r\n' * 200)
        deaf.append(connection)
    try:
        assert running.get('/overview')['slots-total'] == 4
        assert running.get('/ha')['leading']
    finally:
        for connection in deaf:
            connection.close()


def test_a_job_by_its_pages(running):
    job = running.submit('-D', 'execution.checkpointing.interval=200ms', port=running.ports[1])
    shown = running.get('/v1/jobs/' + job, running.ports[1])
    assert shown['jid'] == job and len(shown['vertices']) == 1 and shown['end-time'] == -1
    vertex = shown['vertices'][0]
    assert vertex['name'].startswith('Source: ') and vertex['tasks']['RUNNING'] == 1
    assert [node['id'] for node in shown['plan']['nodes']] == [vertex['id']]
    subtask = running.get('/jobs/%s/vertices/%s' % (job, vertex['id']))['subtasks'][0]
    taskmanager = running.get('/taskmanagers')['taskmanagers'][0]
    assert (subtask['status'], subtask['taskmanager-id']) == ('RUNNING', taskmanager['id'])
    assert taskmanager['freeSlots'] == 3
    assert running.get('/taskmanagers/' + taskmanager['id'])['allocatedSlots'][0]['jobId'] == job
    overview = running.get('/jobs/overview')['jobs'][0]
    assert overview['tasks']['running'] == overview['tasks']['total'] == 1
    done = wait_for(lambda: running.get('/jobs/%s/checkpoints' % job)['latest']['completed'])
    assert done['status'] == 'COMPLETED' and os.path.isdir(done['external_path'].removeprefix('file:'))
    details = running.get('/jobs/%s/checkpoints/details/%d' % (job, done['id']))
    assert details['external_path'] == done['external_path']
    assert running.get('/jobs/%s/checkpoints/config' % job)['interval'] == 200
    assert running.get('/jobs/%s/resource-requirements' % job) == {
        vertex['id']: {'parallelism': {'lowerBound': 1, 'upperBound': 1}}}


def test_what_counts_all_rows_stays_one_subtask(running):
    os.mkdir(running.path('in'))
    code, out, err = running.client('run', '-d', running.script(COUNTED, 'in'))
    assert code == 0, err
    job = re.search('JobID ([0-9a-f]{32})', out).group(1)

    def widths():
        vertices = running.get('/jobs/' + job)['vertices']
        return [v['parallelism'] for v in vertices if v['status'] == 'RUNNING']

    wait_for(lambda: widths() == [1, 1])
    source, count = (v['id'] for v in running.get('/jobs/' + job)['vertices'])
    assert running.call('PATCH', '/jobs/%s/rescaling?parallelism=2' % job, '{}')[0] == 200
    wait_for(lambda: widths() == [2, 1])
    wanted = {count: {'parallelism': {'lowerBound': 1, 'upperBound': 2}}}
    status, answer = running.call('PUT', '/jobs/%s/resource-requirements' % job, json.dumps(wanted))
    assert status == 400 and 'keeps its parallelism of 1: all its rows go to one subtask' in str(answer)
    assert widths() == [2, 1]


def test_checkpoint_savepoint_stop_and_go_on(running):
    job, savepoints = running.submit(), running.path('savepoints')
    code, out, _ = running.client('checkpoint', job)
    assert code == 0 and 'Checkpoint(CONFIGURED) 1 for job %s completed.' % job in out
    code, out, _ = running.client('savepoint', job, savepoints)
    path = re.search(r'Savepoint completed\. Path: file:(\S+)', out).group(1)
    assert code == 0 and os.path.exists(path + '/_metadata')
    code, out, _ = running.client('savepoint', '-d', path)
    assert code == 0 and "Savepoint '%s' disposed." % path in out and not os.path.exists(path)
    code, out, err = running.client('savepoint', job)
    assert code == 1 and 'execution.checkpointing.savepoint-dir' in err
    code, out, err = running.client('stop', '-p', savepoints, job, port=running.ports[1])
    assert code == 0, err
    path = re.search(r'Savepoint completed\. Path: file:(\S+)', out).group(1)
    assert code == 0 and os.path.exists(path + '/_metadata')
    assert running.get('/jobs/%s/status' % job) == {'status': 'FINISHED'}
    code, _, err = running.client('cancel', job)
    assert code == 1 and 'already reached another terminal state (FINISHED)' in err
    again = running.submit('-s', path)
    assert running.get('/jobs/%s/checkpoints' % again)['latest']['restored']['external_path'] == 'file:' + path


def test_a_request_with_an_id_is_done_once(running):
    job, body = running.submit(), json.dumps({'targetDirectory': running.path('sp'), 'triggerId': 'ab' * 16})
    answers = [running.call('POST', '/jobs/%s/stop' % job, body) for _ in range(2)]
    assert answers == [(202, {'request-id': 'ab' * 16})] * 2
    status = '/jobs/%s/savepoints/%s' % (job, 'ab' * 16)
    done = wait_for(lambda: running.get(status)['operation'])
    assert len(os.listdir(running.path('sp'))) == 1 and done['location'].startswith('file:')


def test_a_savepoint_outlives_its_job(running):
    """Its client looks for it only when the job has ended, then under another leader."""
    job, trigger = running.submit(), 'cd' * 16
    body, page = json.dumps({'target-directory': running.path('sp'), 'triggerId': trigger}), '/jobs/%s/savepoints' % job
    assert running.call('POST', page, body)[0] == 202
    made = wait_for(lambda: running.get(page + '/' + trigger)['operation'])
    running.client('cancel', job)
    wait_for(lambda: running.get('/jobs/%s/status' % job) == {'status': 'CANCELED'})
    for _ in range(20):
        assert running.get(page + '/' + trigger)['operation'] == made
        assert running.call('POST', page, body) == (202, {'request-id': trigger})
        time.sleep(0.02)
    running.processes[0].kill()
    assert running.get(page + '/' + trigger, running.ports[1])['operation'] == made


def test_many_savepoints_at_once_are_all_made(running):
    job = running.submit()

    def ask(trigger):
        body = json.dumps({'target-directory': running.path('many'), 'triggerId': trigger})
        return running.call('POST', '/jobs/%s/savepoints' % job, body)[0]

    for first in range(1, 49, 12):
        ids = ['%032x' % i for i in range(first, first + 12)]
        with concurrent.futures.ThreadPoolExecutor(len(ids)) as clients:
            assert list(clients.map(ask, ids)) == [202] * len(ids)
        for trigger in ids:
            wait_for(lambda: 'location' in (running.get('/jobs/%s/savepoints/%s' % (job, trigger))['operation'] or ''))
    assert len(os.listdir(running.path('many'))) == 48


def test_list_and_cancel(running):
    assert running.client('list')[1] == 'Waiting for response...\nNo running jobs.\nNo scheduled jobs.\n'
    job = running.submit()
    assert re.search(r'\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d : %s : insert-into_\S+ \(RUNNING\)\n' % job,
                     running.client('list')[1])
    assert running.client('cancel', job, port=running.ports[1]) == (
        0, 'Cancelling job %s.\nCancelled job %s.\n' % (job, job), '')
    wait_for(lambda: running.get('/jobs/%s/status' % job) == {'status': 'CANCELED'})
    assert '%s : ' % job in running.client('list', '-a')[1]
    code, _, err = running.client('cancel', NO_JOB)
    assert code == 1 and 'Job %s not found' % NO_JOB in err and ' The program finished with the following' in err


def test_attached_it_waits_for_the_end(running):
    code, out, err = running.client('run', running.script(BOUNDED, 'rows'))
    assert code == 0, err
    job = re.match(r'Job has been submitted with JobID ([0-9a-f]{32})\n', out).group(1)
    assert 'Program execution finished\nJob with JobID %s has finished.\nJob Runtime: ' % job in out
    rows = [int(row) for name in os.listdir(running.path('rows'))
            for row in open(os.path.join(running.path('rows'), name))]
    assert sorted(rows) == list(range(1, 501))
    ended = running.get('/jobs/' + job, running.ports[1])
    assert ended['state'] == 'FINISHED' and ended['status-counts']['FINISHED'] == len(ended['vertices']) == 1
    assert ended['vertices'][0]['status'] == 'FINISHED'
    result = running.get('/jobs/%s/execution-result' % job)
    assert result['job-execution-result']['application-status'] == 'SUCCEEDED'


def test_the_sql_client_submits(running):
    script = running.script(BOUNDED, 'sql')
    command = [BINARY, 'sql', '-D', 'execution.target=remote', '-D', 'table.dml-sync=true', '-D',
               'rest.address=127.0.0.1:1,127.0.0.1:%d' % running.ports[1], '-f', script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=running.environment)
    assert done.returncode == 0 and re.search(r'Job ID: [0-9a-f]{32}\n', done.stdout), done.stderr
    assert len(os.listdir(running.path('sql'))) > 0


def test_a_script_may_say_where_its_inserts_go(running):
    """SET execution.target, as -D does, from that statement on."""
    text = open(running.script(BOUNDED, 'set'), encoding='utf-8').read()
    script = running.path('set.sql')
    with open(script, 'w', encoding='utf-8') as f:
        f.write("SET 'rest.address'='127.0.0.1:%d';\nSET 'execution.target'='remote';\nSET 'table.dml-sync'='true';\n" %
                running.ports[1] + text + "SET 'execution.target'='yarn-session';\n" + text.split(';')[-2] + ';')
    done = subprocess.run([BINARY, 'sql', '-f', script], capture_output=True, text=True, timeout=30,
                          env=running.environment)
    assert done.returncode == 1 and len(re.findall(r'Job ID: [0-9a-f]{32}\n', done.stdout)) == 1, done.stderr
    assert 'yarn-session is not implemented' in done.stderr and len(os.listdir(running.path('set'))) > 0


def sql(running, text, *options, remote=True):
    """The rows of each answer that has some, in JSON, and stderr."""
    command = [BINARY, 'sql', '-D', 'rest.address=127.0.0.1:%d' % running.ports[1], '-o', 'json', *options, '-e', text]
    if remote:
        command[2:2] = ['-D', 'execution.target=remote']
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=running.environment)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{')], done.stderr


def test_sql_shows_and_stops_jobs(running):
    name = "SET 'pipeline.name' = 'the <best> job';"
    script = running.script(STREAM.replace('INSERT INTO', name + ' INSERT INTO'), 'shown')
    code, out, err = running.client('run', '-d', script)
    job = re.search('[0-9a-f]{32}', out).group()
    assert code == 0, err
    wait_for(lambda: running.get('/jobs/' + job)['state'] == 'RUNNING')
    zone = ['-D', 'table.local-time-zone=Asia/Tokyo']
    shown = next(row for row in sql(running, 'SHOW JOBS;', *zone)[0] if row['job id'] == job)
    start = running.get('/jobs/' + job)['start-time']
    tokyo = datetime.datetime.fromtimestamp(start // 1000, datetime.timezone(datetime.timedelta(hours=9)))
    assert shown == {'job id': job, 'job name': 'the <best> job', 'status': 'RUNNING',
                     'start time': tokyo.strftime('%Y-%m-%d %H:%M:%S.') + '%03d' % (start % 1000)}
    assert sql(running, "DESCRIBE JOB '%s';" % job.upper(), *zone)[0] == [shown]
    folder = running.path('of sql')
    rows, said = sql(running, "SET 'state.savepoints.dir' = '%s'; STOP JOB '%s' WITH SAVEPOINT;" % (folder, job))
    assert len(rows) == 1 and rows[0]['savepoint path'].startswith('file:' + folder), said
    assert os.path.exists(os.path.join(rows[0]['savepoint path'][5:], '_metadata'))
    wait_for(lambda: sql(running, "DESCRIBE JOB '%s';" % job)[0][0]['status'] == 'FINISHED')
    job = running.submit()
    assert sql(running, "STOP JOB '%s';" % job) == ([], '')
    wait_for(lambda: running.get('/jobs/' + job)['state'] == 'CANCELED')


def test_what_sql_says_of_jobs_that_are_not_there(running):
    nobody = 'ab' * 16
    for text, expected in [("DESCRIBE JOB '%s';" % nobody, nobody), ("STOP JOB '%s';" % nobody, nobody),
                           ("STOP JOB '%s' WITH SAVEPOINT;" % nobody, nobody), ("STOP JOB '../x';", '32 hexadecimal digits'),
                           ("STOP JOB '%s' WITH DRAIN;" % nobody, 'only be used after WITH SAVEPOINT')]:
        rows, said = sql(running, text)
        assert not rows and expected in said, text + said
    for text in ['SHOW JOBS;', "DESCRIBE JOB '%s';" % nobody, "STOP JOB '%s';" % nobody]:
        rows, said = sql(running, text, remote=False)
        assert not rows and "SET 'execution.target' = 'remote'" in said and ' '.join(text.split()[:2]).rstrip(';') in said, said


def test_an_interrupted_client_takes_all_jobs_of_its_script_along(running):
    script = running.script(STREAM + 'INSERT INTO o SELECT id + 1 FROM s;\n', 'along')
    with subprocess.Popen([BINARY, 'run', '-sae', '-m', '127.0.0.1:%d' % running.ports[1], script],
                          stdout=subprocess.PIPE, text=True, env=running.environment) as client:
        jobs = [client.stdout.readline().split()[-1] for _ in range(2)]
        for job in jobs:
            wait_for(lambda job=job: running.get('/jobs/' + job)['state'] == 'RUNNING')
        client.send_signal(signal.SIGINT)
        assert client.wait(30) == 130
    for job in jobs:
        wait_for(lambda job=job: running.get('/jobs/' + job)['state'] == 'CANCELED')


def test_a_client_that_is_interrupted_while_nobody_leads_cancels_its_job_once_somebody_does(running):
    script = running.script(STREAM, 'unled')
    with subprocess.Popen([BINARY, 'run', '-sae', '-m', ','.join('127.0.0.1:%d' % port for port in running.ports), script],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=running.environment) as client:
        job = client.stdout.readline().split()[-1]
        wait_for(lambda: running.get('/jobs/' + job)['state'] == 'RUNNING')
        running.processes[0].send_signal(signal.SIGKILL)
        client.send_signal(signal.SIGINT)
        _, said = client.communicate(timeout=60)
        assert client.returncode == 130, said
    wait_for(lambda: running.get('/jobs/' + job, running.ports[1])['state'] == 'CANCELED')


@pytest.mark.parametrize('number,state', [(signal.SIGINT, 'CANCELED'), (signal.SIGTERM, 'RUNNING')])
def test_who_interrupts_a_statement_that_waits_for_its_job_ends_the_job(running, number, state):
    command = [BINARY, 'sql', '-D', 'execution.target=remote', '-D', 'table.dml-sync=true', '-D',
               'rest.address=127.0.0.1:%d' % running.ports[1], '-f', running.script(STREAM, 'waits')]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=running.environment) as client:
        job = next(line for line in client.stdout if line.startswith('Job ID: ')).split()[-1]
        wait_for(lambda: running.get('/jobs/' + job)['state'] == 'RUNNING')
        client.send_signal(number)
        _, said = client.communicate(timeout=60)
        assert client.returncode == 128 + number and job in said, said
    wait_for(lambda: running.get('/jobs/' + job)['state'] == state)


def test_no_request_is_lost_when_the_leader_dies(running):
    job, standby = running.submit('-D', 'execution.checkpointing.interval=200ms'), running.ports[1]
    before = running.get('/jobs/%s' % job)['vertices'][0]['id']
    attempts = '/jobs/%s/vertices/%s' % (job, before)
    was = running.get(attempts)['subtasks'][0]
    running.processes[0].send_signal(signal.SIGKILL)
    for _ in range(50):
        assert running.get('/jobs/%s/status' % job, standby)['status'] in ('INITIALIZING', 'RECONCILING', 'RUNNING')
    wait_for(lambda: running.get('/jobs/%s/status' % job, standby) == {'status': 'RUNNING'})
    now = running.get(attempts, standby)['subtasks'][0]
    assert (now['attempt-id'], now['start-time']) == (was['attempt-id'], was['start-time'])
    ha = running.get('/ha', standby)
    assert ha['leading'] and ha['epoch'] == 2 and ha['failovers'][-1]['tasks-restarted'] == 0
    assert isinstance(ha['failovers'][-1]['takeover-ms'], int)
    assert running.client('cancel', job, port=standby)[0] == 0


def test_a_standby_does_not_wait_for_a_leader_that_hangs(running):
    job, standby = running.submit(), running.ports[1]
    running.processes[0].send_signal(signal.SIGSTOP)
    try:
        assert running.get('/ha', standby)['self'] == '127.0.0.1:%d' % standby
        assert [shown['id'] for shown in running.get('/jobs', standby)['jobs']] == [job]
        wait_for(lambda: running.get('/jobs/%s/status' % job, standby) == {'status': 'RUNNING'})
        assert running.get('/ha', standby)['epoch'] == 2
    finally:
        running.processes[0].send_signal(signal.SIGCONT)
    wait_for(lambda: not running.get('/ha')['leading'])
    assert running.get('/jobs') == running.get('/jobs', standby)


def test_metrics_are_what_prometheus_reads(cluster):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    cluster.jobmanager(metrics_reporter_prom_port=port)
    wait_for(lambda: cluster.get('/ha')['leading'])
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=15)
    connection.request('GET', '/metrics')
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.getheader('Content-Type').startswith('text/plain; version=0.0.4')
    assert 'jobmanager_ha_state{host="127_0_0_1",} 1\n' in text
    assert '# TYPE flink_jobmanager_taskSlotsTotal gauge\n' in text
    connection.request('GET', '/overview')
    assert connection.getresponse().status == 404


def test_a_port_that_is_taken_is_named(cluster):
    cluster.jobmanager()
    process, log = cluster.start('jobmanager', rest_port=cluster.ports[0])
    assert process.wait(40) == 1
    assert '%d' % cluster.ports[0] in open(log).read() and 'Address already in use' in open(log).read()


def test_the_cluster_ends_when_asked(running):
    assert running.call('DELETE', '/cluster', port=running.ports[1]) == (200, {})
    assert [process.wait(40) for process in running.processes[:2]] == [0, 0]


def test_an_end_that_was_promised_outlives_the_leader(running):
    job = running.submit()
    wait_for(lambda: running.get('/jobs/' + job)['state'] == 'RUNNING')
    assert running.call('DELETE', '/cluster', port=running.ports[1]) == (200, {})
    running.processes[0].kill()
    assert running.processes[1].wait(40) == 0  # the standby: it cancels the job, and nothing is left to lead


@pytest.mark.parametrize('script', ['shuffled', 'parts'])
def test_jobs_that_wait_for_slots_do_not_hold_them_from_each_other(cluster, script):
    """Of four slots two are free: two jobs that want all wait longer than they may, and then all are free. No job
    runs in parts, in which it would come to no checkpoint."""
    cluster.jobmanager(slot_request_timeout='1 s')
    wait_for(lambda: cluster.get('/ha')['leading'])
    cluster.start('taskmanager', taskmanager_numberOfTaskSlots=4)
    wait_for(lambda: cluster.get('/overview')['slots-total'] == 4)

    def submit(name, parallelism):
        code, out, err = cluster.client('run', '-d', '-p', str(parallelism), '-D', 'restart-strategy.type=fixed-delay',
                                        '-D', 'restart-strategy.fixed-delay.attempts=1000',
                                        '-D', 'restart-strategy.fixed-delay.delay=100ms',
                                        cluster.script(SHUFFLED if script == 'shuffled' else STREAM, name))
        assert code == 0, err
        return re.search('[0-9a-f]{32}', out).group()

    def runs(job):
        counts = cluster.get('/jobs/' + job)['status-counts']
        assert counts['RUNNING'] == 0 or counts['CREATED'] == 0
        return counts['RUNNING'] > 0

    first = submit('first', 2)
    wait_for(lambda: runs(first))
    others = [submit('other-%d' % i, 4) for i in range(2)]
    time.sleep(3)
    assert not any(runs(job) for job in others)
    cluster.call('PATCH', '/jobs/%s?mode=cancel' % first)
    wait_for(lambda: any(runs(job) for job in others))
    one = next(job for job in others if runs(job))
    cluster.call('PATCH', '/jobs/%s?mode=cancel' % one)
    wait_for(lambda: all(runs(job) for job in others if job != one))


def test_what_was_asked_for_is_over_when_the_job_is(running):
    """A checkpoint that no task was there for, and a rescaling that another leader has carried out."""
    running.submit()
    os.mkdir(running.path('in'))
    code, out, _ = running.client('run', '-d', '-p', '9', running.script(COUNTED, 'in'))
    waiting = re.search(r'JobID ([0-9a-f]{32})', out).group(1)
    assert code == 0
    wait_for(lambda: running.get('/jobs/' + waiting)['state'] == 'CREATED')
    trigger = running.call('POST', '/jobs/%s/checkpoints' % waiting, '{}')[1]['request-id']
    page = '/jobs/%s/checkpoints/%s' % (waiting, trigger)
    assert running.get(page)['status'] == {'id': 'IN_PROGRESS'}
    status, answer = running.call('PATCH', '/jobs/%s/rescaling?parallelism=10' % waiting, '{}')
    assert status == 200, answer
    rescaling = '/jobs/%s/rescaling/%s' % (waiting, answer['request-id'])
    assert running.client('cancel', waiting)[0] == 0
    wait_for(lambda: running.get('/jobs/%s/status' % waiting) == {'status': 'CANCELED'})
    assert running.get(page)['status'] == {'id': 'COMPLETED'}
    assert 'the job has ended' in running.get(page)['operation']['failureCause']['stack-trace']
    assert running.get(rescaling)['status'] == {'id': 'COMPLETED'}
    running.processes[0].kill()
    assert running.get(rescaling, running.ports[1])['status'] == {'id': 'COMPLETED'}


def test_a_checkpoint_is_asked_for_again_when_the_leader_dies(running):
    code, out, _ = running.client('run', '-d', '-p', '5', running.script(STREAM, 'waiting'))
    waiting = re.search(r'JobID ([0-9a-f]{32})', out).group(1)
    assert code == 0
    wait_for(lambda: running.get('/jobs/' + waiting)['state'] == 'CREATED')
    command = [BINARY, 'checkpoint', '-m', '127.0.0.1:%d' % running.ports[1], waiting]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=running.folder,
                          env=running.environment) as asking:
        assert 'Triggering' in asking.stdout.readline()
        time.sleep(0.5)  # it is asked for by then, or else there is nothing to see
        running.processes[0].kill()
        running.start('taskmanager', taskmanager_numberOfTaskSlots=4)
        out, err = asking.communicate(timeout=60)
    assert asking.returncode == 0, err
    assert 'Checkpoint(CONFIGURED) 1 for job %s completed.' % waiting in out
