# SPDX-License-Identifier: BSD-3-Clause
"""A driver that breaks every rule, on a device that serves a well-behaved frontend meanwhile.

The process under test holds device and driver, so a finding of the sanitizers in either ends it.
"""
import os
import subprocess
import threading

import pytest

from guest import Guest
from vhost_user import (F_VERSION_1, FRONTEND, REPLY, Closed, Frontend, bit, eventfd, u64)

MODES = ["txq", "rings", "config", "common", "doorbell", "kick", "msix", "pci"]
ROUNDS = 1500
# Seconds that a visitor waits for an answer: mostly too few, so that many visit; now and then
# enough on any machine.
VISIT, LONG_VISIT = 0.05, 5
TIMEOUT = 120


class Visitor(threading.Thread):
    """Connects again and again, shares memory and a kick, and asks for the features; says
    SET_OWNER when it is told."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.stopping = threading.Event()
        self.visits = self.answers = 0
        self.failure = None

    def run(self):
        guest, kick = Guest(), eventfd(1)
        try:
            while not self.stopping.is_set():
                self.visit(guest, kick)
        except Exception as error:  # told to the test, which fails with it
            self.failure = error
        finally:
            os.close(kick)
            guest.close()

    def visit(self, guest, kick):
        try:
            frontend = Frontend(self.path, timeout=VISIT)
        except (FileNotFoundError, ConnectionRefusedError):
            return  # not there yet, or gone
        if self.visits % 8 == 7:
            frontend.timeout = LONG_VISIT
        try:
            frontend.send("GET_FEATURES")
            frontend.send("SET_MEM_TABLE", guest.table(), guest.fds())
            frontend.send("SET_VRING_KICK", u64(0), [kick])
            os.eventfd_write(kick, 1)
            self.visits += 1
            message = frontend.recv()
            if (message.request, message.flags & REPLY) == (FRONTEND["GET_FEATURES"], REPLY):
                self.answers += bool(message.u64 & bit(F_VERSION_1))
                frontend.send("SET_OWNER")
                frontend.closed()
        except (Closed, TimeoutError):
            pass  # what the driver did made the device let go, or nobody answered
        finally:
            frontend.close()

    def finish(self):
        self.stopping.set()
        self.join(TIMEOUT)
        assert not self.is_alive()
        assert self.failure is None, self.failure


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
