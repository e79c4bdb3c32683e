"""Answers that are lost: the request was carried out, its client does not know it and asks again."""
import os
import re
import shutil
import socket
import threading

import pytest
from test_rest import BOUNDED, Cluster, cluster, running, wait_for  # noqa: F401  (fixtures)


class Losing:
    """A way to a JobManager on which the answer of one request, that begins with `first`, is lost."""

    def __init__(self, port, first, then=lambda: None):
        self.port, self.first, self.then, self.lost = port, first.encode(), then, 0
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.own_port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client):
        with client, socket.create_connection(('127.0.0.1', self.port)) as server:
            begun = b''
            threading.Thread(target=self.answer, args=(server, client), daemon=True).start()
            while data := client.recv(1 << 16):
                begun = begun or data
                client_of_lost = begun.startswith(self.first) and not self.lost
                if client_of_lost:
                    self.lost = client.fileno()
                server.sendall(data)

    def answer(self, server, client):
        try:
            while data := server.recv(1 << 16):
                if self.lost and client.fileno() == self.lost:
                    self.lost = -2
                    self.then()
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(data)
        except OSError:
            pass


def test_a_submission_whose_answer_was_lost_has_been_one(running):  # noqa: F811
    """By the time it is sent again its job has ended."""
    def all_ended():
        wait_for(lambda: [job['state'] for job in running.get('/jobs/overview')['jobs']] == ['FINISHED'])

    way = Losing(running.ports[0], 'POST /v1/weir/jobs', all_ended)
    code, out, err = running.client('run', running.script(BOUNDED, 'out'), port=way.own_port)
    assert (code, way.lost) == (0, -2), err
    assert re.search(r'Job with JobID [0-9a-f]{32} has finished', out)
    assert len(running.get('/jobs')['jobs']) == 1


@pytest.fixture
def savepoint(running):  # noqa: F811
    code, out, err = running.client('stop', '-p', running.path('savepoints'), running.submit())
    assert code == 0, err
    return re.search(r'Savepoint completed\. Path: file:(\S+)', out).group(1)


@pytest.mark.parametrize('at', ['its first file', 'all of it'])
def test_a_disposal_outlives_the_leader(savepoint, tmp_path, at):
    removals = 1 if at == 'its first file' else len(os.listdir(savepoint))
    other = Cluster(tmp_path / 'other')
    os.mkdir(other.folder)
    try:
        other.environment['WEIR_FAULT'] = 'file.remove.after:kill@%d' % removals
        leader = other.jobmanager()
        wait_for(lambda: other.get('/ha')['leading'])
        del other.environment['WEIR_FAULT']
        other.jobmanager()
        wait_for(lambda: other.get('/ha', other.ports[1])['leader'])
        code, out, err = other.client('savepoint', '-d', savepoint, port='%d,127.0.0.1:%d' % tuple(other.ports))
        assert leader.wait(5) == -9
        assert code == 0 and 'disposed' in out, err
        assert not os.path.exists(savepoint)
        code, _, err = other.client('savepoint', '-d', savepoint, port=other.ports[1])
        assert code == 1 and 'is no savepoint' in err
    finally:
        other.end()
        shutil.rmtree(other.folder, ignore_errors=True)
