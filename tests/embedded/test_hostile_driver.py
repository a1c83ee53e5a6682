# SPDX-License-Identifier: BSD-3-Clause
"""A driver that breaks every rule, on a device that serves a well-behaved frontend meanwhile.

The process under test holds device and driver, so a finding of the sanitizers in either ends it.
"""
import os
import subprocess

import pytest

from visitor import Visitor

MODES = ["txq", "rings", "config", "common", "doorbell", "kick", "msix", "pci"]
ROUNDS = 1500
TIMEOUT = 120


def run_hostile(build, *options):
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:exitcode=99",
               UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1")
    return subprocess.run([os.path.join(build, "tests", "support", "vvu-hostile"), *options],
                          env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, timeout=TIMEOUT, check=False)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("mode", MODES)
def test_device_comes_back(build, directory, mode, seed):
    path = str(directory / "vvu.sock")
    visitor = Visitor(path)
    visitor.start()
    try:
        done = run_hostile(build, "--socket", path, "--mode", mode, "--seed", str(seed),
                           "--rounds", str(ROUNDS), "--frontend")
    finally:
        visitor.finish()
    assert done.returncode == 0, done.stderr
    assert f"{mode}: {ROUNDS} rounds" in done.stdout and "came back" in done.stdout
    assert visitor.visits > 0 and visitor.answers > 0


@pytest.mark.parametrize("options,complaint", [
    ([], "which device"),
    (["--socket", "a", "--device", "0000:00:01.0"], "one of them"),
    (["--device", "00:01.0"], "--device 00:01.0"),
    (["--socket", "a", "--mode", "nice"], "--mode nice"),
    (["--socket", "a", "--rounds", "-1"], "--rounds -1"),
])
def test_options(build, options, complaint):
    done = run_hostile(build, *options)
    assert done.returncode == 2 and complaint in done.stderr
