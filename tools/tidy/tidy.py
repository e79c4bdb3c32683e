#!/usr/bin/env python3
"""What a reader should never have to say in a review.

    tools/tidy/tidy.py [BUILD_DIRECTORY]     checks the tree; with a build also that every source is reached by it
    tools/tidy/tidy.py --self-test           proves each check on a file that breaks it
    tools/tidy/tidy.py --fix                 formats what is not formatted

format    clang-format (version 14) has nothing to change
reached   every source is compiled by the build, every header and table is included by somebody
banned    in src/ no call that is unsafe, hides state or depends on the locale; nowhere a note to oneself or code switched off
size      a .c file has at most 1500 lines (1000 are enough)
readme    every folder of src/ with code in it has a README.md
options   every option that says it is used is read by somebody, and every key that is read is in the table
paths     nothing names a folder of somebody's machine; every path that a document names exists
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
C_FILES = (".c", ".h", ".cc")
LINES_MAX = 1500


def tracked(root):
    """Files that are in the repository, or will be: not those that .gitignore names."""
    result = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            capture_output=True)
    if result.returncode == 0:
        files = result.stdout.decode().split("\0")
    else:
        files = [os.path.relpath(os.path.join(folder, file), root) for folder, _, names in os.walk(root) for file in names]
    return sorted({file for file in files if file and os.path.isfile(os.path.join(root, file))})


def read(root, file):
    with open(os.path.join(root, file), encoding="utf-8", errors="replace") as text:
        return text.read()


def ours(files, endings, folders=("src/", "test/", "bench/", "include/", "tools/", "examples/")):
    return [file for file in files if file.endswith(endings) and file.startswith(folders)]


def clang_format():
    return next((name for name in ("clang-format-14", "clang-format") if shutil.which(name)), None)


def check_format(root, files, fix=False):
    program = clang_format()
    if program is None:
        return ["clang-format is not installed: tools/deps.sh"]
    sources = ours(files, C_FILES)
    faults = set()
    for start in range(0, len(sources), 100):
        part = [os.path.join(root, file) for file in sources[start:start + 100]]
        if fix:
            subprocess.run([program, "-i", *part], check=True)
            continue
        result = subprocess.run([program, "--dry-run", "--ferror-limit=1", *part], capture_output=True, text=True)
        for path in re.findall(r"^(.+?):\d+:\d+: warning: code should be clang-formatted", result.stderr, re.M):
            faults.add(f"{os.path.relpath(path, root)}: is not formatted (tools/tidy/tidy.py --fix)")
        if result.returncode and not faults:
            faults.add(result.stderr.strip()[:300])
    return sorted(faults)


def check_reached(root, files, build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as text:
        compiled = {os.path.realpath(os.path.join(one["directory"], one["file"])) for one in json.load(text)}
    faults = []
    for file in ours(files, (".c", ".cc"), ("src/", "test/unit/", "test/support/", "bench/")):
        if os.path.realpath(os.path.join(root, file)) not in compiled:
            faults.append(f"{file}: no target compiles it")
    return faults + check_included(root, files)


def check_included(root, files):
    """Headers and tables that nobody includes are dead; a name is enough, folders are the locks' affair."""
    included = set()
    for file in ours(files, (*C_FILES, ".def", ".inc")):
        for path in re.findall(r'#\s*include\s*[<"]([^">]+)[">]', read(root, file)):
            included.add(os.path.basename(path))
    return [f"{file}: nobody includes it" for file in ours(files, (".h", ".def", ".inc"), ("src/", "test/"))
            if os.path.basename(file) not in included]


BANNED = {
    "sprintf": "snprintf or weir_buffer_format", "vsprintf": "vsnprintf", "strcpy": "memcpy with a length",
    "strcat": "weir_buffer_append_text", "strncpy": "memcpy with a length", "strncat": "weir_buffer_append_text", "gets": "read",
    "strtok": "strcspn", "atoi": "weir_value_parse_long", "atol": "weir_value_parse_long", "atof": "weir_value_parse_double",
    "setlocale": "nothing: the house knows one locale", "alloca": "an arena", "system": "posix_spawn", "popen": "posix_spawn",
    "tmpnam": "weir_directory_create_temporary", "mktemp": "weir_directory_create_temporary", "strerror": "weir_os_error_set",
    "localtime": "localtime_r", "gmtime": "gmtime_r", "asctime": "snprintf", "ctime": "snprintf", "rand": "a seeded generator",
}
BANNED_CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
NOT_DONE = re.compile(r"\b(TODO|FIXME)\b")


def without_comments(text):
    """Code with comments and literals blanked, lines kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def check_banned(root, files):
    faults = []
    for file in ours(files, C_FILES):
        text = read(root, file)
        for number, line in enumerate(without_comments(text).split("\n"), 1):
            for call in BANNED_CALL.findall(line) if file.startswith("src/") else ():
                faults.append(f"{file}:{number}: calls {call}(); use {BANNED[call]}")
            if re.match(r"\s*#\s*if\s+0\b", line):
                faults.append(f"{file}:{number}: code that is switched off")
        for number, line in enumerate(text.split("\n"), 1):
            if NOT_DONE.search(line):
                faults.append(f"{file}:{number}: says that it is not done")
    return faults


def check_size(root, files):
    faults = []
    for file in ours(files, C_FILES, ("src/", "bench/", "test/")):
        lines = read(root, file).count("\n")
        if lines > LINES_MAX:
            faults.append(f"{file}: {lines} lines; at most {LINES_MAX} are allowed, 1000 are enough")
    return faults


def check_readme(root, files):
    folders = set()
    for file in ours(files, C_FILES, ("src/",)):
        parts = file.split("/")
        depth = 4 if parts[1] == "plugins" else 2
        if len(parts) > depth:
            folders.add("/".join(parts[:depth]))
    return [f"{folder}: has no README.md" for folder in sorted(folders) if f"{folder}/README.md" not in files]


MACHINE = re.compile(r"(?<![\w.])/(?:work|home|root|Users)/\w+")
NAMED = re.compile(r"`((?:src|test|tools|docs|examples|bench|cmake|web)/[\w./-]*[\w/])`")


def check_paths(root, files):
    faults = []
    for file in files:
        if file.endswith((".png", ".gz", ".bin", ".svg", ".ico")) or "/corpus/" in file or file == "tools/tidy/tidy.py":
            continue
        text = read(root, file)
        for number, line in enumerate(text.split("\n"), 1):
            for path in MACHINE.findall(line):
                faults.append(f"{file}:{number}: names '{path}', a folder of one machine")
        if file.endswith(".md"):
            for path in NAMED.findall(text):
                if not os.path.exists(os.path.join(root, path)):
                    faults.append(f"{file}: names '{path}', which does not exist")
    return faults


OPTION = re.compile(r'^X\("([^"]+)", .*, (ACTIVE|CLUSTER|NO_MEANING)\)$', re.M)
KEY_READ = re.compile(r'weir_\w*config_(?:get_)?(?:boolean|integer|double|duration_ms|memory_bytes|text|enum|is_set)\(\s*'
                      r'[\w>.\-]+,\s*"([^"]+)"')


def check_options(root, files):
    table = "src/config/options.def"
    if table not in files:
        return []
    options = dict(OPTION.findall(read(root, table)))
    code = "".join(read(root, file) for file in ours(files, (".c", ".h", ".cc"), ("src/",)))
    scripts = "".join(read(root, file) for file in ours(files, (".sh",), ("bin/",)))
    faults = [f"{table}: '{key}' says it is used, but nobody reads it" for key, status in options.items()
              if status == "ACTIVE" and '"' + key.split("<")[0].rstrip(".") not in code
              and f"config_value {key} " not in scripts]
    for key in sorted(set(KEY_READ.findall(code))):
        if key not in options:
            faults.append(f"'{key}' is read, but is not in {table}")
        elif options[key] != "ACTIVE":
            faults.append(f"{table}: '{key}' is read, but says that it is not used")
    return faults


CHECKS = [("format", check_format), ("banned", check_banned), ("size", check_size), ("readme", check_readme),
          ("options", check_options), ("paths", check_paths)]


# --- the test of the checks ---------------------------------------------------------------------------------------------

VIOLATIONS = [
    # (check, what is wrong, file, text, words that the fault must contain)
    ("format", "two spaces", "src/low/low.c", "int  low;\n", "is not formatted"),
    ("banned", "a banned call", "src/low/low.c", "void low(char *a)\n{\n    strcpy(a, \"x\");\n}\n", "low.c:3: calls strcpy()"),
    ("banned", "a note to oneself", "src/low/low.c", "/* TO" + "DO: more */\n", "not done"),
    ("banned", "code switched off", "src/low/low.c", "#if 0\n#endif\n", "switched off"),
    ("size", "a file that is too long", "src/low/low.c", "int a;\n" * 1501, "1501 lines"),
    ("readme", "a folder without README", "src/new/new.c", "int a;\n", "src/new: has no README.md"),
    ("readme", "a plug-in without README", "src/plugins/format/x/x.c", "int a;\n", "src/plugins/format/x: has no README.md"),
    ("paths", "a folder of one machine", "docs/a.md", "see /ho" + "me/someone/weir\n", "a folder of one machine"),
    ("paths", "a path that is not there", "docs/a.md", "see `src/nothing.c`\n", "does not exist"),
    ("options", "an option that nobody reads", "src/config/options.def", 'X("a.b", TEXT, NULL, "", "", "is used", ACTIVE)\n',
     "nobody reads it"),
    ("options", "a key that is in no table", "src/low/low.c", 'int a = weir_config_get_integer(c, "a.c", 0);\n', "is not in"),
    ("reached", "a source that no target compiles", "src/low/dead.c", "int a;\n", "no target compiles it"),
    ("reached", "a header that nobody includes", "src/low/dead.h", "int a;\n", "nobody includes it"),
]
GOOD = {
    "src/low/low.h": "int low(void);\n",
    "src/low/low.c": '#include "low/low.h"\n/* system( in a comment, "strcpy(" in a text: no calls */\nint low(void)\n{\n'
                     '    return 1;\n}\n',
    "src/low/README.md": "# low\n\nSee `src/low/low.c`.\n",
}


def run_on(sources):
    with tempfile.TemporaryDirectory() as root:
        shutil.copy(os.path.join(ROOT, ".clang-format"), root)
        for file, text in sources.items():
            os.makedirs(os.path.dirname(os.path.join(root, file)), exist_ok=True)
            with open(os.path.join(root, file), "w", encoding="utf-8") as out:
                out.write(text)
        build = os.path.join(root, "build")
        os.makedirs(build)
        with open(os.path.join(build, "compile_commands.json"), "w", encoding="utf-8") as out:
            json.dump([{"directory": root, "file": "src/low/low.c"}], out)
        files = tracked(root)
        faults = {name: check(root, files) for name, check in CHECKS}
        faults["reached"] = check_reached(root, files, build)
        return faults


def self_test():
    results = [(not faults, f"{name} has nothing to say about a tree in order") for name, faults in run_on(GOOD).items()]
    for name, what, file, text, words in VIOLATIONS:
        table = {"src/config/options.def": 'X("a.a", TEXT, NULL, "", "", "", CLUSTER)\n'} if name == "options" else {}
        faults = run_on({**GOOD, **table, file: text})[name]
        results.append((any(words in fault for fault in faults), f"{name} catches: {what}"))
    return results


def main():
    arguments = sys.argv[1:]
    if arguments == ["--self-test"]:
        results = self_test()
    elif arguments == ["--fix"]:
        check_format(ROOT, tracked(ROOT), fix=True)
        return
    else:
        files = tracked(ROOT)
        found = [(name, check(ROOT, files)) for name, check in CHECKS]
        if arguments:
            found.append(("reached", check_reached(ROOT, files, arguments[0])))
        for name, faults in found:
            for fault in faults:
                print(f"{name}: {fault}")
        results = [(not faults, f"{name} over {len(files)} files") for name, faults in found]
    for good, what in results:
        print(("ok      " if good else "FAILED  ") + what)
    failed = sum(1 for good, _ in results if not good)
    print(f"{len(results) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
