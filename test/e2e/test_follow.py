"""source.follow: nothing lost, nothing twice, whatever becomes of the file."""
import os
import time

from weir import table, visible_rows, wait_for


class Followed:
    """A job that copies what it follows to a folder, and the ids that were written so far."""

    def __init__(self, weir, path, **options):
        self.weir, self.count = weir, 0
        self.p = weir.start(
            table('t', 'id BIGINT', path, source__follow='true', **options) +
            table('o', 'id BIGINT', weir.path('out'), sink__rolling_policy__rollover_interval='50 ms',
                  sink__rolling_policy__check_interval='50 ms') + 'INSERT INTO o SELECT * FROM t;',
            execution__checkpointing__interval='50 ms', execution__checkpointing__dir=weir.path('chk'))

    def text(self, count):
        self.count += count
        return ''.join('{"id":%d}\n' % i for i in range(self.count - count, self.count))

    def seen(self):
        return [r['id'] for r in visible_rows(self.weir.path('out'))]

    def wait(self):
        wait_for(lambda: len(self.seen()) >= self.count, process=self.p)

    def end(self):
        self.wait()
        time.sleep(0.3)
        assert sorted(self.seen()) == list(range(self.count))
        self.weir.stop(self.p)


def is_open(process, file):
    """The process has that very file open, whatever it is called."""
    wanted = os.fstat(file.fileno())
    folder = '/proc/%d/fd' % process.pid
    for number in os.listdir(folder):
        try:
            found = os.stat(os.path.join(folder, number))
        except OSError:
            continue
        if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
            return True
    return False


def append(path, text):
    with open(path, 'a') as f:
        f.write(text)


def test_growth_and_an_incomplete_last_line(weir):
    path = weir.path('log')
    job = Followed(weir, path)
    append(path, job.text(3))
    job.wait()
    for _ in range(20):
        text = job.text(50)
        append(path, text[:len(text) - 6])
        time.sleep(0.02)
        append(path, text[len(text) - 6:])
    job.end()


def test_an_incomplete_line_is_kept_back(weir):
    path = weir.path('log')
    job = Followed(weir, path)
    append(path, job.text(1) + '{"id":1')
    job.wait()
    time.sleep(0.5)
    assert job.seen() == [0]
    job.count = 11
    append(path, '0}\n')
    wait_for(lambda: len(job.seen()) == 2, process=job.p)
    assert sorted(job.seen()) == [0, 10]
    weir.stop(job.p)


def test_rotation_by_rename(weir):
    path = weir.path('log')
    job = Followed(weir, path)
    f = open(path, 'a')
    for i in range(8):
        f.write(job.text(100))
        f.flush()
        if i % 2 == 0:
            job.wait()
        else:
            wait_for(lambda: is_open(job.p, f), process=job.p)  # it has to stand under its name until it is found
        os.rename(path, '%s.%d' % (path, i))
        f.write(job.text(10))  # the writer has it open still
        f.flush()
        if i % 3 == 0:
            time.sleep(0.1)
        f.close()
        f = open(path, 'a')
    f.write(job.text(5))
    f.close()
    job.end()


def test_copy_and_truncate(weir):
    path = weir.path('log')
    job = Followed(weir, path)
    for i in range(5):
        append(path, job.text(200 - 30 * i))
        job.wait()
        os.truncate(path, 0)
        if i % 2:
            time.sleep(0.2)
    append(path, job.text(3))
    job.end()


def test_truncated_and_grown_beyond_what_was_read(weir):
    """Longer than before when it is looked at next: only its first bytes tell."""
    path = weir.path('log')
    job = Followed(weir, path)
    append(path, job.text(20))
    job.wait()
    with open(path, 'r+') as f:
        f.truncate(0)
        f.write(job.text(500))
    job.end()


def test_removed_and_created_again(weir):
    path = weir.path('log')
    job = Followed(weir, path)
    for i in range(4):
        append(path, job.text(40))
        job.wait()
        os.remove(path)
        if i % 2:
            time.sleep(0.6)
    append(path, job.text(2))
    job.end()


def test_removed_for_long_and_created_again(weir):
    """What was let go of has an inode that the next file may get."""
    path = weir.path('log')
    job = Followed(weir, path)
    append(path, job.text(40))
    job.wait()
    with open(path) as f:
        os.remove(path)
        time.sleep(5)
        wait_for(lambda: not is_open(job.p, f), process=job.p)
    append(path, job.text(30))
    job.end()


def test_rotated_out_of_the_pattern(weir):
    """A file is read on under any name, however long its writer rests."""
    os.makedirs(weir.path('in'))
    job = Followed(weir, weir.path('in'), source__path__regex_pattern=r'.*\.log')
    with open(weir.path('in', 'a.log'), 'a') as f:
        f.write(job.text(20))
        f.flush()
        job.wait()
        os.rename(weir.path('in', 'a.log'), weir.path('in', 'a.log.1'))
        append(weir.path('in', 'b.log'), job.text(5))
        append(weir.path('in', 'c'), 'no row\n')
        time.sleep(6.5)
        f.write(job.text(10))
    job.end()


def test_another_file_with_an_inode_of_one_that_rested_is_not_read(weir):
    os.makedirs(weir.path('in'))
    job = Followed(weir, weir.path('in'), source__path__regex_pattern=r'.*\.log')
    for i in range(400):
        append(weir.path('in', '%d.log' % i), job.text(1))
    job.wait()

    def one_that_rests():
        for i in range(400):
            with open(weir.path('in', '%d.log' % i)) as f:
                if not is_open(job.p, f):
                    return f.name
        return None
    path = wait_for(one_that_rests, process=job.p)
    os.rename(path, weir.path('in', 'a'))  # of another length, which is seen
    with open(weir.path('in', 'a'), 'w') as f:
        f.write('this is no row, and no file that is looked for\n')
    append(weir.path('in', '0.log'), job.text(1))
    time.sleep(1.5)
    job.end()


def test_a_folder_with_rotation(weir):
    os.makedirs(weir.path('in'))
    job = Followed(weir, weir.path('in'))
    for i in range(6):
        for name in 'abc':
            append(weir.path('in', name), job.text(30))
        if i == 2:
            job.wait()
            os.rename(weir.path('in/a'), weir.path('in/a.1'))
            os.rename(weir.path('in/b'), weir.path('in/b.1'))
        if i == 4:
            os.rename(weir.path('in/a'), weir.path('in/a.2'))
    job.end()


def test_more_files_than_may_be_open(weir):
    """Files that rest are closed, and read on when they grow, whatever they are called then."""
    os.makedirs(weir.path('in'))
    job = Followed(weir, weir.path('in'))
    for i in range(700):
        append(weir.path('in', 'f%d' % i), job.text(2))
    job.wait()
    for i in range(0, 700, 7):
        append(weir.path('in', 'f%d' % i), job.text(3))
    job.wait()
    assert len(os.listdir('/proc/%d/fd' % job.p.pid)) < 400
    for i in range(0, 700, 5):
        os.rename(weir.path('in', 'f%d' % i), weir.path('in', 'g%d' % i))
        append(weir.path('in', 'g%d' % i), job.text(1))
    for i in range(1, 700, 5):
        with open(weir.path('in', 'f%d' % i), 'w') as f:  # truncated and written anew
            f.write(job.text(1))
    job.end()
