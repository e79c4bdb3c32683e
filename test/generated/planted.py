#!/usr/bin/env python3
"""Plants one defect at a time into an operator and shows that generated queries find it.

    planted.py [--build build/release] [--count 400] [NUMBER...]

The tree is not touched: a changed copy of one source file is compiled with the command of the build, put into a copy of the
library of operators, and linked into a binary of its own. A defect whose line is no longer in the source is an error, so the list
cannot go stale unseen. Last line: N passed, N failed; passed is a defect that was found.
"""
import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OPS = os.path.join(ROOT, 'src/ops')
LIBRARY = 'src/ops/libweir_ops.a'

# (what is wrong, file, a text that is there once, what stands there instead)
DEFECTS = (
    ('a join matches keys that are NULL', 'join_side.c', '|= weir_vector_is_null(v, weir_batch_row(batch, i))', '|= 0 * weir_vector_is_null(v, weir_batch_row(batch, i))'),
    ('an outer join does not take back the row filled with NULLs', 'join.c', 'if (streaming && add && degree == 0) join_put', 'if (streaming && add && degree == 99) join_put'),
    ('a semi or anti join misses that the last match went', 'join.c', 'if (!add && degree == 1) join_put(&op->pairs, anti', 'if (!add && degree == 2) join_put(&op->pairs, anti'),
    ('MIN and MAX do not forget what is taken back', 'aggregate_list.c', 'valid.retract && valid.retract[i] ? -by : by', 'valid.retract && valid.retract[i] ? 0 * by : by'),
    ('COUNT(DISTINCT) forgets a value when one of its rows goes', 'aggregates.c', 'if (retract ? *count == 1 : *count == 0)', 'if (retract ? *count >= 1 : *count == 0)'),
    ('FILTER takes what is unknown for TRUE', 'aggregates.c', 'if (((const uint8_t *)flat->data)[at])', 'if (((const uint8_t *)flat->data)[at] || 1)'),
    ('HOP puts rows into windows that ended a slice before', 'window.c', 'window->kind == OPS_WINDOW_HOP ? window->slide_ms : window->size_ms;\n    return slice_start', 'window->kind == OPS_WINDOW_HOP ? window->size_ms : window->size_ms;\n    return slice_start'),
    ('the last window of CUMULATE starts too late', 'window.c', 'return window_end - 1 - weir_floor_mod(window_end - 1 -', 'return window_end - weir_floor_mod(window_end -'),
    ('Top-N keeps one row too few', 'rank.c', 'return rank >= op->start && rank <= end;', 'return rank >= op->start && rank < end;'),
    ('the bounds of an interval join leave the lowest time out', 'interval_join.c', 'weir_spec_get_integer(ctx->spec, "lower_ms", 0)', 'weir_spec_get_integer(ctx->spec, "lower_ms", 0) + 1'),
)


def fail(text):
    print(text, file=sys.stderr)
    sys.exit(2)


def run(command, cwd):
    p = subprocess.run(command, cwd=cwd, shell=isinstance(command, str), capture_output=True)
    if p.returncode != 0:
        fail('%s\nfailed: %s' % (command, p.stderr.decode('utf-8', 'replace')))
    return p.stdout.decode()


def compile_command(build, source):
    for entry in json.load(open(os.path.join(build, 'compile_commands.json'), encoding='utf-8')):
        if os.path.realpath(entry['file']) == os.path.realpath(source):
            return shlex.split(entry['command']), entry['directory']
    fail('%s is not built in %s' % (source, build))


def plant(build, folder, file, old, new):
    """-> the path of a binary with this defect"""
    source = os.path.join(OPS, file)
    text = open(source, encoding='utf-8').read()
    if text.count(old) != 1:
        fail('src/ops/%s has %d times, instead of once: %s' % (file, text.count(old), old))
    changed = os.path.join(folder, file)
    with open(changed, 'w', encoding='utf-8') as f:
        f.write(text.replace(old, new))
    command, cwd = compile_command(build, source)
    member = os.path.join(folder, file + '.o')
    skip = False
    shorter = []
    for word in command:  # the dependency file of the build must stay as it is
        if skip:
            skip = False
        elif word in ('-MF', '-MT', '-o'):
            skip = True
        elif word != '-MD':
            shorter.append(changed if os.path.realpath(os.path.join(cwd, word)) == os.path.realpath(source) else word)
    run(shorter + ['-o', member], cwd)
    library = os.path.join(folder, 'libweir_ops.a')
    shutil.copy(os.path.join(build, LIBRARY), library)
    run(['ar', 'r', library, member], build)
    link = run(['ninja', '-t', 'commands', 'bin/weir'], build).strip().split('\n')[-1]
    binary = os.path.join(folder, 'weir')
    run(link.replace('-o bin/weir', '-o ' + shlex.quote(binary)).replace(LIBRARY, shlex.quote(library)), build)
    return binary


def first_failure(binary, args):
    """-> which query failed first, or None"""
    p = subprocess.run([os.path.join(HERE, 'run.py'), '--weir', binary, '--seed', str(args.seed), '--count', str(args.count), '--first', '--no-shrink', '--no-coverage'],
                       capture_output=True)
    seen = [line for line in p.stdout.decode('utf-8', 'replace').split('\n') if line.startswith('FAILED')]
    if p.returncode not in (0, 1) or (p.returncode == 1 and not seen):
        fail(p.stderr.decode('utf-8', 'replace'))
    return seen[0][8:] if seen else None


def main():
    parser = argparse.ArgumentParser(description='Defects planted into operators, for generated queries to find.')
    parser.add_argument('--build', default=os.path.join(ROOT, 'build/release'))
    parser.add_argument('--count', type=int, default=400)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('numbers', nargs='*', type=int)
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    if not os.path.exists(os.path.join(build, LIBRARY)):
        fail('%s has no %s; build it first: cmake --preset release && cmake --build --preset release' % (build, LIBRARY))
    failure = first_failure(os.path.join(build, 'bin/weir'), args)
    if failure:
        fail('the build fails as it is, with nothing planted: %s' % failure)
    found = missed = 0
    for number, (what, file, old, new) in enumerate(DEFECTS, 1):
        if args.numbers and number not in args.numbers:
            continue
        with tempfile.TemporaryDirectory(prefix='weir-planted-') as folder:
            binary = plant(build, folder, file, old, new)
            failure = first_failure(binary, args)
        found += failure is not None
        missed += failure is None
        print('%s  %2d %s%s' % ('found ' if failure else 'MISSED', number, what, ': ' + failure if failure else ''), flush=True)
    print('%d passed, %d failed' % (found, missed))
    return 1 if missed else 0


if __name__ == '__main__':
    sys.exit(main())
