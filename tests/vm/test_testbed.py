# SPDX-License-Identifier: BSD-3-Clause
"""The testbed as its user runs it: two VMs, their Linux kernels talking through the device."""
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
CHECKS = 10


def run(*arguments, environment=None):
    return subprocess.run([sys.executable, HERE / "testbed.py", *arguments], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=250, check=False,
                          env={**os.environ, **(environment or {})})


def passed(result):
    assert result.returncode == 0, result.stdout + result.stderr
    assert "FAILED" not in result.stdout
    return len(re.findall(r"^\[ *[\d.]+ s\] ok ", result.stdout, re.M))


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_testbed(backend_qemu):
    result = run("--mib", "2")
    assert passed(result) == CHECKS
    assert "testbed: every check passed" in result.stdout


def test_keep_leaves_both_machines_and_tells_how_to_use_and_end_them(backend_qemu):
    result = run("--keep", "--mib", "1")
    ending = re.search(r"^to end them: (kill ([\d ]+); rm -rf (.*))$", result.stdout, re.M)
    try:
        # The switch goes on, so its end is not checked.
        assert passed(result) == CHECKS - 1
        pids = list(map(int, ending[2].split()))
        assert len(pids) == 2 and all(map(is_running, pids))
        consoles = dict(re.findall(r"^console of the (\w+) VM: (.*)$", result.stdout, re.M))
        ping = shlex.split(consoles["frontend"]) + ["ping -c 3 -W 10 192.0.2.1; exit 5"]
        done = subprocess.run(ping, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              timeout=60, check=False)
        assert done.returncode == 5 and "3 packets received" in done.stdout
        done = subprocess.run(shlex.split(consoles["backend"]) + ["pidof", "vhost-net"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              timeout=60, check=False)
        assert done.returncode == 0 and done.stdout.strip().isdigit()
    finally:
        if ending:
            subprocess.run(ending[1], shell=True, timeout=60, check=True)
    deadline = time.monotonic() + 30
    while any(map(is_running, pids)):
        assert time.monotonic() < deadline, f"{pids} do not end"
        time.sleep(0.1)
    for place in ending[3].split():
        # QEMU may remove a socket at its end, but makes nothing anew.
        assert not os.path.exists(place)


@pytest.mark.parametrize("arguments, environment, says", [
    ((), {"VVU_QEMU": "/no/such/qemu"}, "there is no /no/such/qemu"),
    (("--kernel", "linux-image-of-nobody"), {}, "linux-image-of-nobody"),
])
def test_what_is_missing_is_named(arguments, environment, says):
    result = run(*arguments, environment=environment)
    assert result.returncode == 1
    assert says in result.stderr and "Traceback" not in result.stderr
