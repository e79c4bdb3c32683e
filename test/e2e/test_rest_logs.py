"""Logs and threads of JobManagers and TaskManagers over REST, from any JobManager."""
import http.client
import json
import os
import re
import subprocess

from test_rest import BINARY, cluster, running, wait_for  # noqa: F401


def fetch(port, path, method='GET'):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=15)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.getheader('Content-Type'), answer.getheader('Content-Length'), body


def taskmanager(cluster):  # noqa: F811
    return cluster.get('/taskmanagers')['taskmanagers'][0]['id']


def test_logs_of_a_taskmanager(running):  # noqa: F811
    page, log = '/taskmanagers/' + taskmanager(running), running.path('taskmanager-2.log')
    with open(running.path('taskmanager-2.log.1'), 'w') as f:
        f.write('rotated')
    os.symlink('/etc/passwd', running.path('taskmanager-2.log.2'))
    for port in running.ports:
        listed = running.get('/v1%s/logs' % page, port)['logs']
        assert [file['name'] for file in listed] == ['taskmanager-2.log', 'taskmanager-2.log.1']
        assert listed[1]['size'] == 7 and listed[1]['mtime'] > 1e12
        for path in '/log', '/stdout', '/logs/taskmanager-2.log':  # both descriptors go to this file
            status, kind, _, body = fetch(port, page + path)
            assert (status, kind) == (200, 'text/plain; charset=UTF-8')
            assert body and open(log, 'rb').read().startswith(body)
        assert fetch(port, page + '/logs/taskmanager-2.log.1')[3] == b'rotated'
        # Logs of others, what is no log, what lies elsewhere.
        for name in ('jobmanager-0.log', 'ha', 'nothing', '..%2f..%2fetc%2fpasswd', '%2fetc%2fpasswd', '..', '.',
                     'taskmanager-2.log.2', 'x' * 5000, 'a%00'):
            status, _, _, body = fetch(port, page + '/logs/' + name)
            said = r'Not found: .*' if '%2f' in name else r'The file .* does not exist on the TaskExecutor\.'
            assert status == 404 and re.fullmatch(said, json.loads(body)['errors'][0]), (name, body)
        assert fetch(port, '/taskmanagers/nobody/log')[0] == 404


def test_a_long_log_comes_whole(running):  # noqa: F811
    page, text = '/taskmanagers/%s/logs/taskmanager-2.log.1' % taskmanager(running), b'0123456789abcde\n' * (1 << 20)
    with open(running.path('taskmanager-2.log.1'), 'wb') as f:
        f.write(text)
    with open(running.path('jobmanager-0.log.1'), 'wb') as f:
        f.write(text)
    for port in running.ports:
        status, _, length, body = fetch(port, page)
        assert status == 200 and int(length) == len(text) and body == text
        assert fetch(port, page, 'HEAD')[2:] == (str(len(text)), b'')
    assert fetch(running.ports[0], '/jobmanager/logs/jobmanager-0.log.1')[3] == text
    # Of one that is longer than what is sent its end comes.
    with open(running.path('jobmanager-0.log.1'), 'ab') as f:
        f.truncate(300 << 20)
        f.write(b'end')
    assert int(fetch(running.ports[0], '/jobmanager/logs/jobmanager-0.log.1', 'HEAD')[2]) == 256 << 20
    assert [log['name'] for log in running.get('/jobmanager/logs')['logs']] == ['jobmanager-0.log', 'jobmanager-0.log.1']


def test_without_a_log_file_it_is_said(cluster):  # noqa: F811
    cluster.jobmanager()
    storage = 'high-availability.storageDir=' + cluster.path('ha')
    cluster.processes.append(subprocess.Popen([BINARY, 'taskmanager', '-D', storage], stdin=subprocess.DEVNULL,
                                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                              env=cluster.environment, cwd=cluster.folder))
    wait_for(lambda: cluster.get('/overview')['taskmanagers'] == 1)
    page = '/taskmanagers/' + taskmanager(cluster)
    assert cluster.get(page + '/logs') == {'logs': []}
    for path, name in ('log', 'LOG'), ('stdout', 'STDOUT'), ('logs/a.log', 'a.log'):
        assert cluster.call('GET', page + '/' + path) == (
            404, {'errors': ['The file %s does not exist on the TaskExecutor.' % name]})


def test_a_folder_of_logs_is_shown_whole(cluster):  # noqa: F811
    folder = cluster.path('logs')
    os.mkdir(folder)
    for name in 'mine.log', 'another.log', '.hidden':
        with open(os.path.join(folder, name), 'w') as f:
            f.write(name)
    cluster.environment['FLINK_LOG_DIR'] = folder
    cluster.jobmanager(web_log_path=os.path.join(folder, 'mine.log'))
    cluster.start('taskmanager', taskmanager_log_path=os.path.join(folder, 'another.log'))
    wait_for(lambda: cluster.get('/overview')['taskmanagers'] == 1)
    page = '/taskmanagers/' + taskmanager(cluster)
    for path in '/jobmanager/logs', page + '/logs':
        assert [log['name'] for log in cluster.get(path)['logs']] == ['another.log', 'mine.log']
    assert fetch(cluster.ports[0], page + '/log')[3] == b'another.log'
    assert fetch(cluster.ports[0], '/jobmanager/log')[3] == b'mine.log'


def test_threads(running):  # noqa: F811
    page = '/taskmanagers/%s/thread-dump' % taskmanager(running)
    for path in '/jobmanager/thread-dump', page:
        threads = running.get(path, running.ports[1])['threadInfos']
        assert len(threads) > 2 and all(set(thread) == {'threadName', 'stringifiedThreadInfo'} for thread in threads)
        assert all(re.match(r'"%s" Id=\d+ [A-Z]+\n' % re.escape(thread['threadName']), thread['stringifiedThreadInfo'])
                   for thread in threads)
    running.processes[2].kill()
    running.processes[2].wait()
    assert running.call('GET', page)[0] in (404, 503)
