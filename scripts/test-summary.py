#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Count what the test runners left in a results directory.

usage: test-summary.py DIRECTORY TIER...

Files are named TIER.RUN.xml (pytest's JUnit XML) and TIER.RUN.json (meson's testlog.json).
A cmocka program counts with each of its tests; a program that is not cmocka's counts as one.
Prints a line per run, the reason of every skip, the name of every failure and the total.
Exit status 1 where something failed or nothing was run.
"""
import json
import pathlib
import re
import sys
import xml.etree.ElementTree

CMOCKA_LINE = re.compile(r"^\[ +(OK|FAILED|SKIPPED) +\] (\S+)$")
EXIT_SKIP = 77


class Run:
    def __init__(self, name):
        self.name = name
        self.passed = 0
        self.failed = []
        self.skipped = []

    def counts(self):
        return self.passed, len(self.failed), len(self.skipped)


def read_pytest(run, path):
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            run.failed.append(name)
        elif skipped is not None:
            run.skipped.append((name, skipped.get("message", "")))
        else:
            run.passed += 1


def cmocka_results(test):
    """name -> (outcome, what the test printed last before it)"""
    results = {}
    for stream in ("stdout", "stderr"):
        said = ""
        for line in test.get(stream, "").splitlines():
            match = CMOCKA_LINE.match(line)
            if match:
                results.setdefault(match[2], (match[1], said))
                said = ""
            elif line and not line.startswith("["):
                said = line
    return results


def read_meson(run, path):
    for line in path.read_text(errors="replace").splitlines():
        test = json.loads(line)
        results = cmocka_results(test)
        for name, (outcome, said) in results.items():
            full = f"{test['name']}::{name}"
            if outcome == "OK":
                run.passed += 1
            elif outcome == "SKIPPED":
                run.skipped.append((full, said))
            else:
                run.failed.append(full)
        if test["returncode"] == EXIT_SKIP and not results:
            said = test.get("stdout", "").strip().splitlines()
            run.skipped.append((test["name"], said[-1] if said else ""))
        elif test["result"] not in ("OK", "SKIP"):
            # A crash, a time-out or a sanitizer's report may come after good tests.
            if not any(outcome == "FAILED" for outcome, _ in results.values()):
                run.failed.append(f"{test['name']} ({test['result']})")
        elif not results:
            run.passed += 1


def read_runs(directory, tiers):
    for tier in tiers:
        for path in sorted(directory.glob(f"{tier}.*")):
            run = Run(path.stem)
            if path.suffix == ".xml":
                read_pytest(run, path)
            elif path.suffix == ".json":
                read_meson(run, path)
            else:
                continue
            yield tier, run


def main():
    directory, tiers = pathlib.Path(sys.argv[1]), sys.argv[2:]
    runs = list(read_runs(directory, tiers))
    print(f"\n{'run':<24}{'passed':>8}{'failed':>8}{'skipped':>9}")
    for _, run in runs:
        print("{:<24}{:>8}{:>8}{:>9}".format(run.name, *run.counts()))
    for _, run in runs:
        for name, reason in run.skipped:
            print(f"skipped: {name}: {reason or 'no reason given'}")
    for _, run in runs:
        for name in run.failed:
            print(f"failed: {name}")
    for tier in tiers:
        of_tier = [run.counts() for t, run in runs if t == tier]
        timing = directory / f"{tier}.seconds"
        if of_tier:
            took = int(timing.read_text()) if timing.exists() else None
            print("tier {}: {} passed, {} failed, {} skipped, {}".format(
                tier, *map(sum, zip(*of_tier)),
                "not finished" if took is None else f"{took} s with its builds"))
    passed, failed, skipped = map(sum, zip((0, 0, 0), *(run.counts() for _, run in runs)))
    print(f"time: {int((directory / 'seconds').read_text())} s")
    print(f"total: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed + skipped else 0


if __name__ == "__main__":
    sys.exit(main())
