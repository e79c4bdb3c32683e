#!/usr/bin/env python3
"""Runs SQL scripts and compares what they print.

    test/sql/run.py WEIR [--bless] [--jobs N] [name...]

A test is a script test/sql/**/<name>.q; beside it lies <name>.out, the expected standard output. --bless writes the .out files of
what is printed now: read them before you commit them. Lines that start with "--!" steer the run:

    --! args: --output json      more arguments of `weir sql` (default: --output changelog)
    --! set: key=value           a -D argument; may be repeated
    --! parallelism: 1 2         runs once with each; the output must be the same (default: 1)
    --! sorted                   lines are compared as a bag (several subtasks print in any order)
    --! exit: 1                  the expected exit code (default: 0)
    --! stderr: text             the standard error contains this; may be repeated

Scripts run in test/sql, so that 'data/x.json' is test/sql/data/x.json; ${TMP} in a script is an empty directory of its own.
"""
import argparse
import concurrent.futures
import difflib
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS_MAX = 60


def directives(text):
    found = {"args": ["--output", "changelog"], "set": [], "parallelism": ["1"], "sorted": False, "exit": 0, "stderr": []}
    for line in text.split("\n"):
        if not line.startswith("--!"):
            continue
        name, _, value = line[3:].partition(":")
        name, value = name.strip(), value.strip()
        if name == "args" or name == "parallelism":
            found[name] = value.split()
        elif name == "set" or name == "stderr":
            found[name].append(value)
        elif name == "sorted":
            found[name] = True
        elif name == "exit":
            found[name] = int(value)
        else:
            raise ValueError(f"unknown directive '{name}'")
    return found


def run_once(weir, script, text, wanted, parallelism):
    """Output, and what was wrong with the run itself."""
    with tempfile.TemporaryDirectory() as scratch:
        file = os.path.join(scratch, os.path.basename(script))
        own = os.path.join(scratch, "tmp")
        os.mkdir(own)
        with open(file, "w", encoding="utf-8") as out:
            out.write(text.replace("${TMP}", own))
        command = [weir, "sql", *wanted["args"], "-D", f"parallelism.default={parallelism}"]
        for setting in wanted["set"]:
            command += ["-D", setting]
        environment = {**os.environ, "TZ": "UTC", "WEIR_CONF_DIR": scratch}
        try:
            result = subprocess.run([*command, "-f", file], cwd=HERE, env=environment, capture_output=True, timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            return "", [f"took more than {SECONDS_MAX} s"]
        output = result.stdout.decode("utf-8", "replace").replace(own, "${TMP}")
        errors = result.stderr.decode("utf-8", "replace").replace(own, "${TMP}")
    faults = []
    if result.returncode != wanted["exit"]:
        faults.append(f"exit code {result.returncode}, expected {wanted['exit']}: {errors.strip()[-600:]}")
    for part in wanted["stderr"]:
        if part not in errors:
            faults.append(f"stderr lacks '{part}': {errors.strip()[-600:]}")
    return output, faults


def in_order(output, wanted):
    return "\n".join(sorted(output.split("\n"))) if wanted["sorted"] else output


def run_test(weir, script, bless):
    with open(script, encoding="utf-8") as file:
        text = file.read()
    wanted = directives(text)
    expected_file = script[:-2] + ".out"
    faults = []
    for parallelism in wanted["parallelism"]:
        output, wrong = run_once(weir, script, text, wanted, parallelism)
        faults += [f"parallelism {parallelism}: {fault}" for fault in wrong]
        if bless and not faults and parallelism == wanted["parallelism"][0]:
            with open(expected_file, "w", encoding="utf-8") as out:
                out.write(in_order(output, wanted))
        expected = None
        if os.path.exists(expected_file):
            with open(expected_file, encoding="utf-8") as file:
                expected = file.read()
        if expected is None:
            faults.append("has no .out file (--bless writes it)")
        elif in_order(output, wanted) != in_order(expected, wanted):
            lines = difflib.unified_diff(in_order(expected, wanted).split("\n"), in_order(output, wanted).split("\n"),
                                         "expected", f"parallelism {parallelism}", lineterm="")
            faults.append("\n".join(list(lines)[:40]))
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weir")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--bless", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    weir = os.path.abspath(arguments.weir)
    scripts = sorted(os.path.join(folder, file) for folder, _, files in os.walk(HERE) for file in files if file.endswith(".q"))
    if arguments.names:
        scripts = [one for one in scripts if any(name in os.path.relpath(one, HERE) for name in arguments.names)]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        results = pool.map(lambda script: run_test(weir, script, arguments.bless), scripts)
        for script, faults in zip(scripts, results):
            name = os.path.relpath(script, HERE)
            for fault in faults:
                print(f"{name}: {fault}")
            if faults:
                failed += 1
                print(f"FAILED  {name}")
    if not scripts:
        print("no script was found")
        failed = 1
    print(f"{len(scripts) - min(failed, len(scripts))} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
