"""Exit codes, signals, closed pipes."""
import os
import resource
import signal
import subprocess

import pytest

from weir import BINARY, WAIT_SECONDS, table, visible_files, wait_for

ENDLESS = ("CREATE TABLE n (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '50000', 'fields.id.kind' = 'sequence', "
           "'fields.id.start' = '0', 'fields.id.end' = '1000000000');\n")


def test_a_failing_statement_ends_the_script(weir):
    result = weir.run('SELECT 1;\nSELECT nope;\nSELECT 2;')
    assert result.code == 1 and result.rows == ['+I[1]'] and 'nope' in result.err


def test_exit_codes(weir):
    run = lambda *a: subprocess.run([BINARY] + list(a), capture_output=True, stdin=subprocess.DEVNULL, env=weir.environment)
    assert run('sql', '-e', 'SELECT 1').returncode == 0
    assert run('sql', '-e', 'SELEC 1').returncode == 1
    assert run('sql', '-f', weir.path('none.sql')).returncode == 1
    assert run('sql', '--nope').returncode == 2
    assert run('nope').returncode == 2
    assert run('--version').returncode == 0


@pytest.mark.parametrize('output', ['changelog', 'tableau', 'csv', 'json'])
def test_closed_standard_output(weir, output):
    script = weir.write('endless.sql', ENDLESS + 'SELECT id FROM n;')
    p = subprocess.Popen([BINARY, 'sql', '--output', output, '-f', script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, env=weir.environment)
    weir.processes.append(p)
    p.stdout.readline()
    p.stdout.close()
    assert p.wait(WAIT_SECONDS) == 1  # of five hours
    assert b'standard output' in p.stderr.read()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_an_endless_select_ends_at_a_signal(weir, number):
    p = weir.start(ENDLESS + 'SELECT id FROM n;\nSELECT 42424242;')
    wait_for(lambda: os.path.getsize(p.stdout_path) > 1000, process=p)
    assert weir.stop(p, number) == 128 + number  # it would run for five hours
    text = open(p.stdout_path).read()
    assert text.endswith('\n') and '42424242' not in text
    assert 'ERROR' not in open(p.stderr_path).read()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_an_endless_insert_ends_at_a_signal(weir, number):
    p = weir.start(ENDLESS + table('o', 'id BIGINT', weir.path('out')) + 'INSERT INTO o SELECT id FROM n;', parallelism__default=2)
    wait_for(lambda: os.path.isdir(weir.path('out')) and os.listdir(weir.path('out')), process=p)
    assert weir.stop(p, number) == 128 + number
    assert visible_files(weir.path('out')) == []
    assert 'ERROR' not in open(p.stderr_path).read()


def test_a_long_script(weir):
    """Time grows with the length of the script, not with its square: its own, whoever else needs the machine."""
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    seconds = []
    for count in (2000, 8000):
        began = used()
        result = weir.run("SET 'pipeline.name' = 'a name that makes the statement longer';\n" * count)
        assert result.code == 0
        seconds.append(used() - began)
    assert seconds[1] < 8 * seconds[0] + 0.5
