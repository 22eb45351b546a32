#!/usr/bin/env python3
"""What the tests of a build that counts have reached: report.py BUILD_DIRECTORY PERCENT [LIST]

Reads gcov's counters of all objects below the directory, and prints lines and branches of watchdog/ and ext/ by directory
and file. What is not covered is written to BUILD_DIRECTORY/not_covered.txt. Fails where less than PERCENT of the branches
is covered, where a function with a line that never ran is not in LIST (README.md beside this file), and where
LIST names one that has no such line any more.

A branch is one way out of a condition in the source:
- Not the ways of a call that returns or throws (gcov calls them branches), nor what a `throw` statement does to build its
  text, nor what stands on lines without code: the ends of scopes, where objects end.
- A template, and an inline function in several objects, is counted once. Its instances are put together way by way;
  where they differ, the one covered best counts. (Where gcov strings several together, lambdas within templates, they
  stay so: then each must be covered.)
gcovr 5.2, which Debian has, does neither: it takes both ways of a call for branches wherever a copy of an inline
function never ran, and adds instances up as if each were source of its own.
"""
import collections
import json
import os
import re
import subprocess
import sys
from multiprocessing.pool import ThreadPool

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
AREAS = ("watchdog/", "ext/job_stats/", "ext/")
NO_CODE = re.compile(r"^[\s{}()\[\];,]*(//.*)?$")
THROWS = re.compile(r"^\s*throw\b")


def counters_of(objects):
    """gcov's answer about some objects: one JSON document for each."""
    command = ["gcov", "--json-format", "--stdout", "--branch-probabilities", "--relative-only",
               "--source-prefix", ROOT] + objects
    answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return [json.loads(line) for line in answer.stdout.splitlines() if line.strip()]


def decisions(branches):
    """The counts of the ways out of conditions, without those of calls that return or throw."""
    kept = []
    paired = False
    for i, branch in enumerate(branches):
        if paired:
            paired = False
        elif branch["throw"]:
            if kept and branches[i - 1]["fallthrough"] and not branches[i - 1]["throw"]:
                kept.pop()  # the return of the same call
            else:
                paired = True
        else:
            kept.append(max(0, branch["count"]))
    return tuple(kept)


def plain_name(demangled):
    """warden::ext::(anonymous namespace)::f<int>(char const*)::{lambda()#1}::operator()() const -> f"""
    name = demangled.replace("(anonymous namespace)::", "").replace("[abi:cxx11]", "")
    name = re.sub(r"\boperator(\(\)|<=>|<<|>>|->|<|>)", "operator_", name)
    while (shorter := re.sub(r"<[^<>]*>", "", name)) != name:
        name = shorter
    name = name.split("(")[0].split("{")[0].rstrip(":").split(" ")[-1]
    return "::".join(part for part in name.split("::") if part not in ("warden", "ext", "vtab", "detail"))


class Line:
    def __init__(self):
        self.count = 0
        self.instances = {}  # number of ways -> how often each was gone

    def add(self, count, ways):
        self.count += count
        before = self.instances.get(len(ways), (0,) * len(ways))
        self.instances[len(ways)] = tuple(a + b for a, b in zip(before, ways))

    def ways(self):
        """Those of the instance that is covered best; of two alike, the longer."""
        def covered(ways):
            return sum(map(bool, ways)) / len(ways) if ways else 0
        return max(self.instances.values(), key=lambda ways: (covered(ways), len(ways)), default=())


class File:
    def __init__(self, path):
        with open(os.path.join(ROOT, path), encoding="utf-8") as source:
            self.text = source.read().split("\n")
        self.lines = collections.defaultdict(Line)
        self.functions = {}  # (first line, last line): name

    def add(self, document):
        for line in document["lines"]:
            self.lines[line["line_number"]].add(max(0, line["count"]), decisions(line["branches"]))
        for function in document["functions"]:
            place = function["start_line"], function["end_line"]
            name = plain_name(function["demangled_name"])
            if not name.startswith("_Z"):
                self.functions[place] = name
            elif named := re.search(r"([~\w]+)\(", self.text[place[0] - 1]):  # too long for gcov to tell
                self.functions.setdefault(place, named[1])

    def function_at(self, number):
        around = [(last - first, name) for (first, last), name in self.functions.items() if first <= number <= last]
        return max(around, default=(0, "?"))[1]


def read(build):
    """{path: File}"""
    objects = [os.path.join(where, name) for where, _, names in os.walk(build) for name in names
               if name.endswith(".gcda")]
    if not objects:
        sys.exit(f"{build} has no counters: nothing has run")
    files = {}
    batches = [objects[i:i + 4] for i in range(0, len(objects), 4)]
    with ThreadPool(os.cpu_count()) as pool:
        for document in (d for batch in pool.imap_unordered(counters_of, batches) for d in batch):
            for file in document["files"]:
                path = os.path.relpath(os.path.join(ROOT, file["file"]), ROOT)
                if not path.startswith(AREAS):
                    continue
                if path not in files:
                    files[path] = File(path)
                files[path].add(file)
    return files


class Sum:
    def __init__(self):
        self.lines = self.lines_run = self.ways = self.ways_gone = 0

    def add(self, lines, lines_run, ways, ways_gone):
        self.lines += lines
        self.lines_run += lines_run
        self.ways += ways
        self.ways_gone += ways_gone

    def row(self, name):
        def part(got, of):
            return f"{got:6}/{of:<6}{100 * got / of if of else 100:6.1f} %"
        return f"  {name:44}{part(self.lines_run, self.lines)}  {part(self.ways_gone, self.ways)}"


def sum_of(path, file, report, never_run):
    """Adds up one file; writes what is missing to `report`, and functions with lines that never ran to `never_run`."""
    total = Sum()
    for number, line in sorted(file.lines.items()):
        text = file.text[number - 1]
        if NO_CODE.match(text):
            continue
        ways = () if THROWS.match(text) else line.ways()
        gone = sum(map(bool, ways))
        total.add(1, line.count > 0, len(ways), gone)
        if gone < len(ways) or line.count == 0:
            report.write(f"{path}:{number}: {file.function_at(number)}: {gone}/{len(ways)}"
                         f"{'' if line.count else ' never ran'}: {text.strip()}\n")
        if line.count == 0:
            never_run.add((path, file.function_at(number)))
    return total


def listed(path):
    """The functions in the table of the list: {(file, function)}"""
    found = set()
    with open(path, encoding="utf-8") as text:
        for line in text:
            row = re.match(r"\| `([^`]+)` \| (.+?) \|", line)
            if row and row[1].startswith(AREAS):
                found.update((row[1], name) for name in re.findall(r"`([^`]+)`", row[2]))
    return found


def main():
    build, percent = sys.argv[1], float(sys.argv[2])
    files = read(build)
    areas = {area: Sum() for area in AREAS}
    total = Sum()
    never_run = set()
    rows = []
    with open(os.path.join(build, "not_covered.txt"), "w", encoding="utf-8") as report:
        for path in sorted(files):
            one = sum_of(path, files[path], report, never_run)
            if one.lines:
                rows.append(one.row(path))
            areas[next(area for area in AREAS if path.startswith(area))].add(**vars(one))
            total.add(**vars(one))
    print(f"  {'':44}{'lines':>18}{'branches':>24}")
    print("\n".join(rows + [""] + [one.row(area) for area, one in areas.items()] + [total.row("all")]))
    failed = False
    if 100 * total.ways_gone < percent * total.ways:
        print(f"fewer than {percent:g} % of the branches are covered: see {build}/not_covered.txt")
        failed = True
    if len(sys.argv) > 3:
        names = listed(sys.argv[3])
        for path, function in sorted(never_run - names):
            print(f"{path}: {function} has lines that never ran, and is not in {sys.argv[3]}")
        for path, function in sorted(names - never_run):
            print(f"{path}: {function} is in {sys.argv[3]}, and all its lines ran")
        failed = failed or never_run != names
    sys.exit(failed)


main()
