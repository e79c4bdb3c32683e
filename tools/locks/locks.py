#!/usr/bin/env python3
"""The three locks that keep the house true.

    tools/locks/locks.py BUILD_DIRECTORY     checks a finished build
    tools/locks/locks.py --self-test         proves each lock on a small house that breaks it

include  a target's include path holds exactly what it declares, what it declares is within house.rules, and no source names
         a folder that is not declared, nor "../"
link     a library links whole (--whole-archive) with nothing but what it declares, and uses no symbol of another library; no
         symbol is defined twice
pure     the undefined symbols of a pure library (nm -u) are in pure.allow: no malloc, clock, thread or file
"""
import fnmatch
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


class Library:
    def __init__(self, name, directory, archive, allow, link, pure):
        self.name, self.directory, self.archive = name, directory, archive
        self.allow, self.link, self.pure = allow, link, pure


class House:
    """Libraries by name, the rules, the compile commands, and where sources and builds are."""

    def __init__(self, source, build, libraries, rules, pure_rules, patterns, commands):
        self.source, self.build, self.libraries = source, build, libraries
        self.rules, self.pure_rules, self.patterns, self.commands = rules, pure_rules, patterns, commands


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.split("#", 1)[0].strip()
            if line:
                yield line


def read_rules(path):
    rules, pure = {}, set()
    for line in read_lines(path):
        head, _, allowed = line.partition(":")
        name, *marks = head.split()
        rules[name] = set(allowed.split())
        if "pure" in marks:
            pure.add(name)
    return rules, pure


def read_patterns(path):
    patterns = {}
    for line in read_lines(path):
        name, _, words = line.partition(":")
        patterns.setdefault(name.strip(), []).extend(words.split())
    return patterns


def read_house(build):
    libraries = {}
    folder = os.path.join(build, "house")
    if not os.path.isdir(folder):
        sys.exit(f"locks: '{build}' is no configured build of the house")
    for file in sorted(os.listdir(folder)):
        facts = dict((line.split(" ", 1) + [""])[:2] for line in read_lines(os.path.join(folder, file)))
        name = facts["name"]
        libraries[name] = Library(name, facts["directory"], facts["archive"],
                                  [word for word in facts["allow"].split(";") if word],
                                  [word for word in facts["link"].split(";") if word], facts["pure"] == "TRUE")
    rules, pure = read_rules(os.path.join(HERE, "house.rules"))
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        commands = json.load(file)
    return House(ROOT, build, libraries, rules, pure, read_patterns(os.path.join(HERE, "pure.allow")), commands)


def rule_of(house, path):
    """The line of house.rules for a path below src/: its name and the folders it may name."""
    parts = os.path.relpath(path, os.path.join(house.source, "src")).split(os.sep)
    if parts[0] == "plugins":
        kind = "/".join(parts[:2])
        name = kind if kind in house.rules else "plugins"
    else:
        name = parts[0]
    return name, house.rules.get(name)


# --- include ----------------------------------------------------------------------------------------------------------

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def check_sources(house):
    """No source names a folder beyond its rule and its declaration."""
    by_directory = {library.directory: library for library in house.libraries.values()}
    faults = []
    for folder, _, files in os.walk(os.path.join(house.source, "src")):
        for file in sorted(files):
            if not file.endswith((".c", ".h", ".cc", ".def", ".inc")):
                continue
            path = os.path.join(folder, file)
            shown = os.path.relpath(path, house.source)
            name, allowed = rule_of(house, path)
            if allowed is None:
                faults.append(f"{shown}: folder '{name}' has no line in house.rules")
                continue
            owner = next((by_directory[parent] for parent in parents(folder) if parent in by_directory), None)
            if owner is not None:
                allowed = allowed & set(owner.allow) | ({"spi"} & set(owner.allow))
            with open(path, encoding="utf-8", errors="replace") as text:
                for included in INCLUDE.findall(text.read()):
                    first = included.split("/", 1)[0]
                    if ".." in included.split("/"):
                        faults.append(f"{shown}: includes '{included}'; paths start at a folder of src/")
                    elif first == "plugins" and name.startswith("plugins") and not may_name_plugin(house, path, included):
                        faults.append(f"{shown}: includes '{included}' of another plug-in")
                    elif "/" in included and first not in allowed and first != name.split("/")[0] \
                            and os.path.isdir(os.path.join(house.source, "src", first)):
                        faults.append(f"{shown}: includes '{included}', but '{name}' may not include '{first}'")
    return faults


def may_name_plugin(house, path, included):
    """A plug-in names headers of its own folder, and plugins/*.h; the table beside the folders names all."""
    folder = os.path.relpath(os.path.dirname(path), os.path.join(house.source, "src"))
    named = os.path.dirname(included)
    return named in ("plugins", folder) or folder == "plugins"


def parents(folder):
    while folder != os.path.dirname(folder):
        yield folder
        folder = os.path.dirname(folder)


def check_declarations(house):
    faults = []
    for library in house.libraries.values():
        name, allowed = rule_of(house, library.directory)
        if allowed is None:
            faults.append(f"{library.name}: no line in house.rules for '{name}'")
            continue
        beyond = set(library.allow) - allowed
        if beyond:
            faults.append(f"{library.name}: allows itself {', '.join(sorted(beyond))}; house.rules does not")
        if name in house.pure_rules and not library.pure:
            faults.append(f"{library.name}: must be declared PURE")
    return faults


def check_include_paths(house):
    """What the compiler is told: the folders of the house on each source's include path are those it declares."""
    published = os.path.join(house.build, "include")
    faults = set()
    for command in house.commands:
        path = os.path.normpath(os.path.join(command["directory"], command["file"]))
        library = next((one for one in house.libraries.values() if path.startswith(one.directory + os.sep)), None)
        if library is None:
            continue
        name, allowed = rule_of(house, path)
        for directory in re.findall(r"-(?:I|isystem|iquote)\s*(\S+)", command["command"]):
            directory = os.path.normpath(os.path.join(command["directory"], directory))
            if directory.startswith(published + os.sep):
                folder = os.path.relpath(directory, published)
                # A plug-in may publish its own folder under its own name.
                if folder not in (library.name, name.split("/")[0]) and folder not in (allowed or ()):
                    faults.add(f"{library.name}: '{folder}' is on its include path")
            elif directory == house.source or directory.startswith(os.path.join(house.source, "src")):
                faults.add(f"{library.name}: '{os.path.relpath(directory, house.source)}' itself is on its include path")
    return sorted(faults)


def lock_include(house):
    return check_declarations(house) + check_sources(house) + check_include_paths(house)


# --- link -------------------------------------------------------------------------------------------------------------

def symbols(archive, *options):
    if not os.path.exists(archive):
        return set()
    text = subprocess.run(["nm", *options, archive], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in text.splitlines() if len(line.split()) >= 2 and not line.endswith(":")}


def undefined(archive):
    return {name for name in symbols(archive, "-u")} - defined(archive)


def defined(archive):
    return symbols(archive, "--defined-only", "-g")


def closure(house, library):
    seen, wanted = [], list(library.allow)
    while wanted:
        name = wanted.pop(0)
        if name in house.libraries and name not in seen:
            seen.append(name)
            wanted.extend(house.libraries[name].allow)
    return seen


def library_option(name):
    """A word of LINK as an argument of the linker."""
    return name if name.startswith("-") or "/" in name else "-l" + name


def check_link(house, library):
    if not os.path.exists(library.archive):
        return [f"{library.name}: was not built"]
    deep = closure(house, library)
    owners = {}
    for other in house.libraries.values():
        if other.name != library.name and os.path.exists(other.archive):
            for symbol in defined(other.archive):
                owners.setdefault(symbol, other.name)
    foreign = sorted(f"{library.name}: uses '{symbol}' of '{owners[symbol]}', which it does not allow itself"
                     for symbol in undefined(library.archive)
                     if symbol in owners and owners[symbol] not in library.allow)
    if foreign:
        return foreign
    with tempfile.TemporaryDirectory() as folder:
        main = os.path.join(folder, "main.c")
        with open(main, "w", encoding="utf-8") as file:
            file.write("int main(void) { return 0; }\n")
        archives = [house.libraries[name].archive for name in deep]
        links = [library_option(word) for name in [library.name] + deep for word in house.libraries[name].link]
        command = ["cc", "-o", os.path.join(folder, "main"), main, "-Wl,--whole-archive", library.archive,
                   "-Wl,--no-whole-archive", "-Wl,--start-group", *archives, "-Wl,--end-group", *dict.fromkeys(links),
                   "-lstdc++"]
        result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode == 0:
        return []
    missing = sorted(set(re.findall(r"undefined reference to `([^']+)'", result.stderr)))
    if missing:
        return [f"{library.name}: nothing that it declares defines '{symbol}'" for symbol in missing[:20]]
    return [f"{library.name}: does not link: {result.stderr.strip()[-500:]}"]


def check_defined_once(house):
    owners = {}
    for library in house.libraries.values():
        for symbol in defined(library.archive):
            owners.setdefault(symbol, []).append(library.name)
    return [f"'{symbol}' is defined by {' and by '.join(names)}" for symbol, names in sorted(owners.items())
            if len(names) > 1 and symbol.startswith("weir_")]


def lock_link(house):
    return check_defined_once(house) + [fault for library in house.libraries.values() for fault in check_link(house, library)]


# --- pure -------------------------------------------------------------------------------------------------------------

def check_pure(house, library):
    inside = set()
    for name in closure(house, library):
        inside |= defined(house.libraries[name].archive)
    patterns = house.patterns.get("all", []) + house.patterns.get(library.name, [])
    return [f"{library.name}: calls '{symbol}', which is not in pure.allow"
            for symbol in sorted(undefined(library.archive) - inside)
            if not symbol.startswith("weir_")  # one of the house: the lock "link" knows whether it may be used
            and not any(fnmatch.fnmatchcase(symbol, pattern) for pattern in patterns)]


def lock_pure(house):
    return [fault for library in house.libraries.values() if library.pure for fault in check_pure(house, library)]


LOCKS = [("include", lock_include), ("link", lock_link), ("pure", lock_pure)]


# --- the test of the locks ----------------------------------------------------------------------------------------------

def small_house(folder, sources, allow=None, pure=("low",), includes=None):
    """Two libraries, low and high; high may include low. sources: {"low/a.c": text}."""
    allow = allow or {"low": [], "high": ["low"]}
    libraries, commands = {}, []
    build = os.path.join(folder, "build")
    os.makedirs(build)
    for name in ("low", "high"):
        directory = os.path.join(folder, "src", name)
        os.makedirs(directory)
        published = os.path.join(build, "include", name)
        os.makedirs(published)
        os.symlink(directory, os.path.join(published, name))
        libraries[name] = Library(name, directory, os.path.join(build, f"lib{name}.a"), allow[name], [], name in pure)
    for file, text in sources.items():
        with open(os.path.join(folder, "src", file), "w", encoding="utf-8") as out:
            out.write(text)
    for name in ("low", "high"):
        objects = []
        for file in sorted(sources):
            if not file.startswith(name + "/") or not file.endswith(".c"):
                continue
            path = os.path.join(folder, "src", file)
            paths = [os.path.join(build, "include", one) for one in [name] + allow[name]] + (includes or {}).get(name, [])
            object_file = os.path.join(build, file.replace("/", "_") + ".o")
            command = ["cc", "-c", "-w", *[word for one in paths for word in ("-I", one)], path, "-o", object_file]
            commands.append({"directory": folder, "file": path, "command": " ".join(command)})
            if subprocess.run(command, capture_output=True).returncode == 0:
                objects.append(object_file)
        subprocess.run(["ar", "rcs", libraries[name].archive, *objects], check=True)
    rules = {"low": set(), "high": {"low"}}
    return House(folder, build, libraries, rules, {"low"}, {"all": ["memcpy"]}, commands)


GOOD = {
    "low/low.h": "int low(void);\n",
    "low/low.c": '#include "low/low.h"\nint low(void) { return 1; }\n',
    "high/high.h": "int high(void);\n",
    "high/high.c": '#include "low/low.h"\nint high(void) { return low(); }\n',
}

VIOLATIONS = [
    # (lock, what is done, sources over GOOD, other arguments, words that the fault must contain)
    ("include", "a source includes upwards", {"low/low.c": '#include "high/high.h"\nint low(void) { return 1; }\n'}, {},
     "may not include 'high'"),
    ("include", "a source includes by ../", {"high/high.c": '#include "../low/low.h"\nint high(void) { return low(); }\n'}, {},
     "paths start at"),
    ("include", "a target allows itself more than the rule", {}, {"allow": {"low": ["high"], "high": ["low"]}},
     "house.rules does not"),
    ("include", "a target's include path is widened", {}, {"includes": {"low": ["build/include/high"]}},
     "is on its include path"),
    ("include", "the whole of src/ is on an include path", {}, {"includes": {"high": ["src"]}}, "itself is on its include path"),
    ("include", "a library of the pure ones is not declared so", {}, {"pure": ()}, "must be declared PURE"),
    ("link", "a function is declared by hand and taken from above",
     {"low/low.c": "int high(void);\nint low(void) { return high(); }\n"}, {}, "uses 'high' of 'high'"),
    ("link", "a function that nobody defines is called", {"high/high.c": "int no(void);\nint high(void) { return no(); }\n"}, {},
     "defines 'no'"),
    ("link", "two libraries define the same",
     {"high/more.c": "int weir_one(void) { return 1; }\n", "low/more.c": "int weir_one(void) { return 1; }\n"}, {},
     "is defined by"),
    ("pure", "memory is taken from malloc",
     {"low/low.c": "#include <stdlib.h>\nvoid *low(void) { return malloc(8); }\n"}, {}, "calls 'malloc'"),
    ("pure", "the clock is read", {"low/low.c": "#include <time.h>\nlong low(void) { return time(0); }\n"}, {}, "calls 'time'"),
    ("pure", "a thread is started", {"low/low.c": "int pthread_create(void);\nint low(void) { return pthread_create(); }\n"}, {},
     "calls 'pthread_create'"),
    ("pure", "a file is opened", {"low/low.c": "#include <stdio.h>\nvoid *low(void) { return fopen(\"x\", \"r\"); }\n"}, {},
     "calls 'fopen'"),
]


def self_test():
    results = []
    with tempfile.TemporaryDirectory() as folder:
        house = small_house(os.path.join(folder, "good"), GOOD)
        for name, lock in LOCKS:
            results.append((not lock(house), f"{name} holds for a house in order"))
    for name, what, sources, arguments, words in VIOLATIONS:
        with tempfile.TemporaryDirectory() as folder:
            if "includes" in arguments:
                arguments = {"includes": {one: [os.path.join(folder, "bad", path) for path in paths]
                                          for one, paths in arguments["includes"].items()}}
            house = small_house(os.path.join(folder, "bad"), {**GOOD, **sources}, **arguments)
            faults = dict(LOCKS)[name](house)
            results.append((any(words in fault for fault in faults), f"{name} catches: {what}"))
    return results


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--self-test":
        results = self_test()
    else:
        house = read_house(os.path.abspath(sys.argv[1]))
        results = []
        for name, lock in LOCKS:
            faults = lock(house)
            for fault in faults:
                print(f"{name}: {fault}")
            results.append((not faults, f"lock '{name}' over {len(house.libraries)} libraries"))
    for good, what in results:
        print(("ok      " if good else "FAILED  ") + what)
    failed = sum(1 for good, _ in results if not good)
    print(f"{len(results) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
