# SPDX-License-Identifier: BSD-3-Clause
"""What the crash tests rely on: vvu-iocheck sees what is lost, torn, misplaced or done twice."""
import re
import subprocess

import pytest

from harness import images
from harness.iocheck import PROGRAM

SECTOR, RANGE, WORKERS, RUN = 512, 128, 2, 99
OPTIONS = ["--buffered", "--run", str(RUN), "--workers", str(WORKERS), "--range", str(RANGE)]
GENERATION = 24     # byte offset in a sector


def iocheck(verb, path, *options, **more):
    return subprocess.run([images.built(PROGRAM), verb, *OPTIONS, *options, path],
                          stdout=subprocess.PIPE, text=True, timeout=60, check=False, **more)


@pytest.fixture
def path(directory):
    found = directory / "disk"
    with open(found, "wb") as file:
        file.truncate(RANGE * WORKERS * SECTOR)
    return found


class Run:
    """A run that was stopped after some hundred operations."""

    def __init__(self, path):
        self.path = path
        process = subprocess.Popen([images.built(PROGRAM), "run", *OPTIONS, path],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.done, self.early = [0] * WORKERS, None
        try:
            for line in process.stdout:
                words = line.split()
                if words[0] in "af":
                    self.done[int(words[1])] = int(words[2])
                if self.early is None and min(self.done) > 50:
                    self.early = path.read_bytes()
                if min(self.done) > 500 and not process.stdin.closed:
                    process.stdin.write("check\n")
                    process.stdin.close()
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()

    def verify(self, *options, done=None):
        done = ",".join(map(str, self.done if done is None else done))
        return iocheck("verify", self.path, "--done", done, *options)

    def sector(self, number):
        return self.path.read_bytes()[number * SECTOR:(number + 1) * SECTOR]

    def generation(self, number):
        return int.from_bytes(self.sector(number)[GENERATION:GENERATION + 8], "little")

    def put(self, number, data, offset=0):
        with open(self.path, "r+b") as file:
            file.seek(number * SECTOR + offset)
            file.write(data)

    def fails(self, pattern, **more):
        result = self.verify(**more)
        assert result.returncode == 1 and re.search(pattern, result.stdout), result.stdout


@pytest.fixture
def run(path):
    return Run(path)


def test_all_is_well(run):
    result = run.verify()
    assert result.returncode == 0 and result.stdout.endswith("verified\n")


def test_less_is_known_than_was_done(run):
    """What was said to be done may be behind what was."""
    assert run.verify(done=[0, 0]).returncode == 0


def test_torn_sector(run):
    run.put(5, b"????", 300)
    run.fails("worker 0, sector 5: torn")


def test_data_of_another_sector(run):
    run.put(RANGE + 7, run.sector(RANGE + 9))
    run.fails(f"worker 1, sector {RANGE + 7}: data of sector {RANGE + 9}")


def test_data_of_another_run(run):
    run.put(3, bytes.fromhex("01"), 8)
    run.fails(f"sector 3: data of run 1, not of {RUN}")


def test_zeroes(run):
    run.put(0, bytes(SECTOR))
    run.fails("sector 0: no data of this program")


def test_an_older_write_over_a_newer_one(run):
    """As when a request is done again that had been done before."""
    number = next(i for i in range(RANGE) if run.early[i * SECTOR:(i + 1) * SECTOR]
                  != run.sector(i) and run.generation(i) < max(map(run.generation, range(RANGE))))
    now = run.generation(number)
    run.put(number, run.early[number * SECTOR:(number + 1) * SECTOR])
    run.fails(rf"worker 0, sector {number}: generation \d+, expected {now}")


def test_the_last_write_is_lost(run):
    """All of it: it is seen where it is known that it was done."""
    last = max(map(run.generation, range(RANGE)))
    sectors = [i for i in range(RANGE) if run.generation(i) == last]
    for number in sectors:
        run.put(number, run.early[number * SECTOR:(number + 1) * SECTOR])
    run.fails(f"worker 0, sector {sectors[0]}: generation \\d+, expected {last}")


def test_killed_in_the_middle(path):
    """Whatever it had begun may be there in part; all else is."""
    for limit in (1, 30, 200):
        process = subprocess.Popen([images.built(PROGRAM), "run", *OPTIONS, path],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        done = [0] * WORKERS
        for line in process.stdout:
            words = line.split()
            if words[0] in "af":
                done[int(words[1])] = int(words[2])
            if max(done) >= limit:
                process.kill()
        process.communicate(timeout=60)
        result = iocheck("verify", path, "--done", ",".join(map(str, done)))
        assert result.returncode == 0, result.stdout


def test_flushed_only(run):
    """What was not flushed may be lost, in any mixture."""
    run.path.write_bytes(run.early)
    assert run.verify("--flushed-only", done=[0, 0]).returncode == 0
    run.fails("expected")


def test_running_it_sees_a_write_that_comes_back(path):
    process = subprocess.Popen([images.built(PROGRAM), "run", *OPTIONS, path],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "prepared\n"
        early = path.read_bytes()
        for line in process.stdout:
            if line.split()[2] == "300":
                with open(path, "r+b") as file:
                    file.write(early)
            if line.startswith("error"):
                break
        assert re.match(r"error: worker \d, operation \d+: sector \d+: expected generation \d+: "
                        r"generation 0", line), line
        process.communicate(timeout=60)
        assert process.returncode == 1
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("options", [[], ["--done", "1"], ["--done", "1,2,3"], ["--done", "x,1"],
                                     ["--workers", "0"], ["--range", "8"], ["--run", "-"]])
def test_wrong_options(path, options):
    if options:
        result = iocheck("verify", path, *options, stderr=subprocess.PIPE)
    else:
        result = subprocess.run([images.built(PROGRAM), "run", path], stderr=subprocess.PIPE,
                                text=True, timeout=60, check=False)
    assert result.returncode == 2 and result.stderr.startswith("usage:")
