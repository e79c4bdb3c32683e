"""Runs the binary and looks at what it left behind."""
import glob
import json
import os
import signal
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.path.abspath(os.environ.get('WEIR') or os.path.join(ROOT, 'build/release/bin/weir'))
WAIT_SECONDS = int(os.environ.get('WEIR_WAIT_SECONDS', '40'))  # limits a hang, and judges nothing


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def rows(self):
        """Rows of a changelog result: kind and cells."""
        return [line for line in self.out.split('\n') if line[:1] in '+-' and line[2:3] == '[']

    @property
    def both(self):
        return self.out + self.err


class Weir:
    def __init__(self, folder):
        self.folder, self.processes, self.scripts = str(folder), [], 0
        self.environment = dict(os.environ, TZ='UTC', HOME=self.folder, WEIR_CONF_DIR=self.folder)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text, mode='w'):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, mode + ('b' if isinstance(text, bytes) else '')) as f:
            f.write(text)
        return path

    def command(self, sql, settings):
        self.scripts += 1
        script = self.write('script-%d.sql' % self.scripts, sql)
        command = [BINARY, 'sql', '--output', 'changelog', '-f', script]
        for key, value in settings.items():
            command += ['-D', '%s=%s' % (key, value)]
        return command

    def run(self, sql, timeout=WAIT_SECONDS * 2, **settings):
        """Runs statements to their end. Settings: a__b_c=... is -D a.b-c=..."""
        p = subprocess.run(self.command(sql, names(settings)), stdin=subprocess.DEVNULL, capture_output=True,
                           timeout=timeout, env=self.environment, cwd=self.folder)
        return Result(p.returncode, p.stdout.decode('utf-8', 'replace'), p.stderr.decode('utf-8', 'replace'))

    def rows(self, sql, **settings):
        result = self.run(sql, **settings)
        assert result.code == 0, result.both
        return result.rows

    def start(self, sql, stdout=None, **settings):
        out = open(self.path('stdout-%d' % len(self.processes)), 'wb') if stdout is None else stdout
        err = open(self.path('stderr-%d' % len(self.processes)), 'wb')
        p = subprocess.Popen(self.command(sql, names(settings)), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                             env=self.environment, cwd=self.folder)
        p.stdout_path, p.stderr_path = out.name if stdout is None else None, err.name
        self.processes.append(p)
        return p

    def stop(self, p, number=signal.SIGINT, seconds=WAIT_SECONDS):
        """Sends a signal; answers the exit code."""
        p.send_signal(number)
        return p.wait(seconds)

    def end(self):
        for p in self.processes:
            if p.poll() is None:
                p.kill()
                p.wait()


def names(settings):
    return {key.replace('__', '.').replace('_', '-'): value for key, value in settings.items()}


def table(name, columns, path, fmt='json', partitioned='', **options):
    text = "'connector' = 'filesystem', 'path' = '%s', 'format' = '%s'" % (path, fmt)
    for key, value in names(options).items():
        text += ", '%s' = '%s'" % (key, value)
    return 'CREATE TABLE %s (%s)%s WITH (%s);\n' % (
        name, columns, ' PARTITIONED BY (%s)' % partitioned if partitioned else '', text)


def visible_files(folder):
    """What a reader of the folder takes for data."""
    found = []
    for directory, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if f[0] not in '._']
        found += [os.path.join(directory, f) for f in files if f[0] not in '._']
    return sorted(found)


def visible_rows(folder):
    rows = []
    for path in visible_files(folder):
        with open(path, encoding='utf-8') as f:
            text = f.read()
        assert text == '' or text.endswith('\n'), '%s ends inside a record' % path
        rows += [json.loads(line) for line in text.split('\n') if line]
    return rows


def wait_for(what, seconds=WAIT_SECONDS, process=None):
    """Until what() is true. A process that ends in the meantime is an error."""
    until = time.monotonic() + seconds
    while True:
        late = time.monotonic() >= until
        value = what()
        if value:
            return value
        if process is not None and process.poll() is not None:
            raise AssertionError('it ended with %d: %s' % (process.returncode, open(process.stderr_path).read()))
        assert not late, 'nothing came within %d s' % seconds
        time.sleep(0.02)


def newest_checkpoint(folder):
    """What is subsumed meanwhile goes."""
    found = []
    for path in glob.glob(os.path.join(folder, '*', 'chk-*', '_metadata')):
        try:
            found.append((os.stat(path).st_mtime_ns, int(path.split('/')[-2][4:]), path))
        except FileNotFoundError:
            pass
    return os.path.dirname(max(found)[-1]) if found else None
