# SPDX-License-Identifier: BSD-3-Clause
"""How a program ends."""
import json
import os
import signal
import subprocess
import time

import pytest

from .service import BLK, wait_for


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(start, directory, number):
    service = start("--socket-path", directory / "s", "--rpc-socket", directory / "rpc",
                    "--store", "ram:1M", program=BLK)
    assert (directory / "s").is_socket() and (directory / "rpc").is_socket()
    service.client().ask("version")
    assert service.stop(number) == 0
    assert not (directory / "s").exists() and not (directory / "rpc").exists()


def test_it_ends_within_a_second_when_nothing_is_under_way(start, directory, plain):
    service = start("--socket-path", directory / "s", "--rpc-socket", directory / "rpc", top=plain)
    service.client()
    started = time.monotonic()
    service.process.terminate()
    service.process.wait(60)
    took = time.monotonic() - started
    assert service.wait() == 0
    # It is "within a second"; a machine that is busy may be late itself.
    assert took < 10


def test_what_is_under_way_is_waited_for(start, directory):
    service = start("--socket-path", directory / "s", "--slow-ms", "1500")
    started = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - started >= 1.5
    assert "fake0: removed" in service.text()


def test_what_is_throttled_is_not_waited_for(start, build, directory):
    """32 requests are under way, of which one starts in eight seconds."""
    store = {"type": "throttle", "bytes_per_s": 512, "burst_ms": 0,
             "inner": {"type": "ram", "size": "1M"}}
    service = start("--socket-path", directory / "s", "--rpc-socket", directory / "rpc",
                    "--store", json.dumps(store), "--name", "d", program=BLK)
    client = service.client()

    def under_way():
        device, = client.ask("device.list")
        return sum(queue["under-way"] for queue in device["target"]["queues"])

    load = subprocess.Popen(
        [f"{build}/tools/vvu-blkload/vvu-blkload", "--socket", directory / "s", "--iodepth", "32",
         "--runtime", "600", "--timeout", "600"], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: under_way() == 32, "32 requests")
        client.ask("device.pause", name="d")
        assert under_way() == 0
        client.ask("device.resume", name="d")
        wait_for(lambda: under_way() == 32, "32 requests")
        # The frontend is still there: it is dropped with what it has under way.
        assert service.stop() == 0
    finally:
        load.kill()
        load.wait()


def test_a_second_signal_does_not_wait(start, directory):
    service = start("--socket-path", directory / "s", "--slow-ms", "600000")
    service.process.terminate()
    service.wait_log("ending")
    service.process.terminate()
    service.process.wait(60)
    assert service.process.returncode == 1
    assert "requests under way are lost" in service.text()


def test_a_signal_does_not_wait_for_the_start(start, directory):
    service = start("--socket-path", directory / "s", "--start-ms", "600000", wait=None)
    # Its workers are there before its devices are.
    wait_for(lambda: len(service.threads()) > 1, "a worker")
    assert service.stop() == 1
    assert "ready" not in service.text()


def test_it_stays_in_the_foreground(start, directory):
    service = start("--socket-path", directory / "s")
    assert service.process.poll() is None
    assert os.getpgid(service.process.pid) == os.getpgid(0)
    wait_for(lambda: service.threads(), "threads")
    assert service.stop() == 0
