# SPDX-License-Identifier: BSD-3-Clause
"""The iscsi store and tgtd: data, errors, and a target that goes and comes back."""
import errno
import functools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import pytest

from .conftest import SECONDS, Server, answering, free_port, kill_and_restart, listens, until

MEGABYTE = 1 << 20
SIZE = 16 * MEGABYTE
TARGET = "iqn.2024-01.test:target"

pytestmark = pytest.mark.skipif(not shutil.which("tgtd"), reason="tgt is not installed")


def control_socket(number):
    return pathlib.Path(f"/var/run/tgtd/socket.{number}")


class Target(Server):
    """tgtd with one logical unit, 1, that is a file; a control port and a portal of its own."""

    def __init__(self, directory, **parameters):
        self.disk, self.parameters = directory / "disk", parameters
        self.portal = free_port()
        # The control port is a number in the name of a socket; each tgtd needs its own.
        self.control = str(10000 + os.getpid() % 20000)
        with open(self.disk, "wb") as disk:
            disk.truncate(SIZE)
        control_socket(self.control).parent.mkdir(parents=True, exist_ok=True)
        super().__init__(["tgtd", "-f", "-C", self.control, "--iscsi",
                          f"portal=127.0.0.1:{self.portal}"],
                         lambda: listens(("127.0.0.1", self.portal)))

    def admin(self, *words):
        subprocess.run(["tgtadm", "-C", self.control, "--lld", "iscsi", *words], check=True,
                       timeout=SECONDS)

    def start(self, command=None):
        for name in (f"socket.{self.control}", f"socket.{self.control}.lock"):
            (control_socket(self.control).parent / name).unlink(missing_ok=True)
        super().start(command)
        until(lambda: control_socket(self.control).exists(), what="the control socket")
        self.admin("--op", "new", "--mode", "target", "--tid", "1", "-T", TARGET)
        self.admin("--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", "1", "-b",
                   str(self.disk))
        self.set(**self.parameters)
        self.admin("--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL")

    def set(self, **parameters):
        for name, value in parameters.items():
            self.admin("--op", "update", "--mode", "logicalunit", "--tid", "1", "--lun", "1",
                       "--params", f"{name}={value}")

    def kill(self):
        super().kill()
        control_socket(self.control).unlink(missing_ok=True)
        pathlib.Path(f"{control_socket(self.control)}.lock").unlink(missing_ok=True)

    def uri(self, lun=1):
        return f"iscsi://127.0.0.1:{self.portal}/{TARGET}/{lun}"

    def store(self, **keys):
        return {"type": "iscsi", "uri": self.uri(), **keys}


@pytest.fixture
def start(launch):
    return functools.partial(launch, Target)


def test_data_goes_through_several_queues(start, exercise):
    program = exercise(start().uri())
    info = program.ask("info")
    assert info["size"] == SIZE and info["block"] == 512 and not info["read_only"]
    assert info["volatile_cache"] == 0
    program.ask("load", 3, 8)
    time.sleep(2)
    counts = program.ask("stop")
    assert counts["mismatches"] == 0 and counts["errors"] == {} and counts["operations"] > 24


def test_large_transfers_and_zeroes(start, exercise):
    program = exercise(start().store())
    assert program.result("write", 0, 12 * MEGABYTE, 9) == 0
    assert program.result("zeroes", MEGABYTE, 9 * MEGABYTE) == 0
    assert program.ask("read", 0, MEGABYTE, 9)["wrong"] == 0
    assert program.ask("read", MEGABYTE, 9 * MEGABYTE, 0)["wrong"] == 0
    assert program.ask("read", 10 * MEGABYTE, 2 * MEGABYTE, 9)["wrong"] == 0
    assert program.result("flush") == 0
    assert program.result("read", SIZE, 512, 0) == -errno.EINVAL


def test_a_thin_unit_discards(start, exercise):
    server = start(thin_provisioning=1)
    program = exercise(server.store())
    assert program.ask("info")["discard"] > 0
    assert program.result("write", 0, MEGABYTE, 9) == 0
    before = os.stat(server.disk).st_blocks
    assert program.result("discard", 65536, 131072) == 0
    assert program.ask("read", 0, 65536, 9)["wrong"] == 0
    assert program.ask("read", 196608, 65536, 9)["wrong"] == 0
    assert os.stat(server.disk).st_blocks < before


def test_a_unit_that_does_not_discard_says_so(start, exercise):
    program = exercise(start().store())
    assert program.ask("info")["discard"] == 0
    assert program.result("discard", 0, 65536) == -errno.EOPNOTSUPP


def test_a_read_only_unit(start, exercise):
    server = start(readonly=1)
    refused = exercise(server.store(), error=-errno.EROFS)
    assert "read-only" in refused.opened["reason"]
    program = exercise(server.store(read_only=True))
    assert program.result("read", 0, 4096, 0) == 0
    assert program.result("write", 0, 4096, 0) == -errno.EROFS


def test_nothing_is_lost_when_the_target_is_killed_and_restarted(start, exercise):
    server = start()
    program = exercise(server.store())
    counts = kill_and_restart(program, server)
    assert counts["mismatches"] == 0 and counts["errors"] == {}
    assert program.ask("describe")["connections"] >= 4


def test_a_flush_after_a_lost_connection_fails_once_with_writeback(start, exercise):
    server = start()
    program = exercise(server.store(writeback=True))
    assert program.ask("info")["volatile_cache"] == 1
    assert program.result("write", 0, 4096, 1) == 0
    server.kill()
    server.start()
    assert program.ask("read", 0, 4096, 1)["result"] == 0
    assert program.result("flush") == -errno.EIO
    assert program.result("flush") == 0


def test_what_waits_too_long_times_out_and_the_store_comes_back(start, exercise):
    server = start()
    program = exercise(server.store(timeout_ms=1500))
    server.kill()
    answer = program.ask("write", 0, 4096, 1)
    assert answer["result"] == -errno.ETIMEDOUT and answer["ms"] >= 1500
    assert program.state().startswith("not connected: ")
    server.start()
    until(lambda: program.result("write", 0, 4096, 2) == 0, what="back again")
    assert program.ask("read", 0, 4096, 2)["wrong"] == 0
    assert program.state() == "connected"


def test_a_target_that_hangs_is_as_one_that_is_gone(start, exercise):
    server = start()
    program = exercise(server.store(timeout_ms=1000))
    server.signal(signal.SIGSTOP)
    assert program.result("write", 0, 4096, 1) == -errno.ETIMEDOUT
    server.signal(signal.SIGCONT)
    until(lambda: program.result("read", 0, 512, 0) == 0, what="back again")


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n" * 4])
def test_a_portal_that_is_no_target_for_a_while(start, exercise, words):
    def answer(connection):
        connection.sendall(words)
        connection.close()

    server = start()
    program = exercise(server.store())
    server.kill()
    with answering(socket.AF_INET, ("127.0.0.1", server.portal), answer):
        program.send("write", 0, 4096, 3)
        time.sleep(1.5)
    server.start()
    assert program.answer()["result"] == 0
    assert program.ask("read", 0, 4096, 3)["wrong"] == 0


def test_a_unit_that_has_grown_is_looked_at_again(start, exercise):
    server = start()
    program = exercise(server.store())
    server.kill()
    with open(server.disk, "r+b") as disk:
        disk.truncate(2 * SIZE)
    server.start()
    assert program.result("read", 0, 512, 0) == 0
    assert program.ask("info")["size"] == SIZE
    assert program.result("resize", 0) == 0
    assert program.ask("info")["size"] == 2 * SIZE
    assert program.result("write", 2 * SIZE - 4096, 4096, 8) == 0
    assert program.ask("read", 2 * SIZE - 4096, 4096, 8)["wrong"] == 0


def test_a_unit_that_another_initiator_has_reserved(build, start, exercise):
    server = start()
    program = exercise(server.store())
    other = subprocess.Popen([f"{build}/tests/support/iscsi-reserve", server.uri()],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout.readline() == b"reserved\n"
        assert program.result("write", 0, 4096, 1) == -errno.EIO
        assert "reservation conflict" in program.state()
    finally:
        other.stdin.close()
        assert other.wait(SECONDS) == 0
    assert program.result("write", 0, 4096, 1) == 0


def test_what_is_not_there_is_said(start, exercise):
    server = start()
    none = exercise(f"iscsi://127.0.0.1:{server.portal}/{TARGET}/7", error=-errno.EIO)
    assert none.opened["reason"].startswith("iscsi: ")
    none = exercise(f"iscsi://127.0.0.1:{server.portal}/iqn.2024-01.test:none/1",
                    error=-errno.EIO)
    assert "login" in none.opened["reason"]
    exercise(f"iscsi://127.0.0.1:{free_port()}/{TARGET}/1", error=-errno.EIO)


@pytest.mark.parametrize("uri, words", [
    ("http://x/y/1", "http://x"), ("iscsi://x", "\"uri\""), ("iscsi://x/y/z", "\"uri\"")])
def test_a_wrong_uri(exercise, uri, words):
    program = exercise({"type": "iscsi", "uri": uri}, error=-errno.EINVAL)
    assert words in program.opened["reason"]


def test_iser_is_refused_where_the_library_cannot_do_it(exercise):
    if not subprocess.run(["pkg-config", "--atleast-version=1.20", "libiscsi"],
                          check=False).returncode:
        pytest.skip("this libiscsi can do it; the vm tier has the RDMA device that it takes")
    program = exercise(f"iser://127.0.0.1:{free_port()}/{TARGET}/1", error=-errno.EOPNOTSUPP)
    assert program.opened["reason"].startswith("iscsi: ") and "1.20" in program.opened["reason"]
