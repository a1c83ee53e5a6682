# SPDX-License-Identifier: BSD-3-Clause
"""fio in a guest: what it wrote is read back and compared by checksum."""
import json
import time

from .agent import GuestError, text

TIMEOUT = 240
GLOBAL = {"ioengine": "libaio", "direct": 1, "verify": "crc32c", "do_verify": 1,
          "verify_fatal": 1, "verify_state_save": 0, "randrepeat": 1, "group_reporting": 1}
# Written while what serves the disk is killed.
KILLED = {"rw": "randwrite", "bsrange": "512-64k", "iodepth": 32, "size": "16m", "loops": 10,
          "fsync": 16}


def job_file(path, jobs, common=()):
    """jobs: dictionaries of fio's parameters, one after the other."""
    lines = ["[global]", f"filename={path}"]
    lines += [f"{key}={value}" for key, value in {**GLOBAL, **dict(common)}.items()]
    for index, job in enumerate(jobs):
        lines += [f"[{job.get('name', index)}]"]
        if index and "stonewall" not in job:
            lines.append("stonewall")
        lines += [f"{key}={value}" for key, value in job.items()
                  if key not in ("name", "stonewall")]
    return "\n".join(lines) + "\n"


def start(vm, path, jobs, **common):
    """A running fio."""
    vm.push(job_file(path, jobs, common).encode(), "/tmp/job.fio")
    return vm.spawn("exec fio --output-format=json /tmp/job.fio")


def finish(command, timeout=TIMEOUT):
    """What it says of each job; GuestError where it did not end well."""
    result = command.wait(timeout)
    out = text(result.out)
    if result.code != 0:
        raise GuestError(f"fio ended with {result.code}: {text(result.err)[-2000:]}\n"
                         f"{out[:1000]}\n...\n{out[-1000:]}")
    # It may say something before its report.
    jobs = json.loads(out[out.index("{\n"):])["jobs"]
    for job in jobs:
        if job["error"] != 0:
            raise GuestError(f"fio, job {job['jobname']}: error {job['error']}")
    return jobs


def run(vm, path, jobs, timeout=TIMEOUT, **common):
    return finish(start(vm, path, jobs, **common), timeout)


def through_kills(vm, path, rounds, pause, kill):
    """What serves the disk is killed so many times, each time under a running fio: one that is
    done is followed by the next, and each has to find what it wrote."""
    kills = runs = 0
    while kills < rounds:
        command = start(vm, path, [KILLED])
        runs += 1
        while kills < rounds:
            time.sleep(pause())
            if command.code is not None:
                break
            kill()
            kills += 1
        finish(command, TIMEOUT + 2 * rounds)
    print(f"{kills} kills under {runs} runs of fio")
