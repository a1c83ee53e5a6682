# SPDX-License-Identifier: BSD-3-Clause
"""The nbd store and nbdkit: data, errors, and a server that goes and comes back."""
import errno
import functools
import shutil
import signal
import socket
import time

import pytest

from .conftest import (Exerciser, Server, answering, free_port, kill_and_restart, listens,
                       until)

MEGABYTE = 1 << 20
SIZE = 16 * MEGABYTE

pytestmark = pytest.mark.skipif(not shutil.which("nbdkit"), reason="nbdkit is not installed")


class Nbd(Server):
    """nbdkit with the file plugin: what was written survives the process, not the machine."""

    def __init__(self, directory, *arguments):
        self.socket, self.disk = str(directory / "nbd"), directory / "disk"
        with open(self.disk, "wb") as disk:
            disk.truncate(SIZE)
        super().__init__(self.line(*arguments), lambda: listens(self.socket))

    def line(self, *arguments):
        filters = [word for word in arguments if word.startswith("-")]
        values = [word for word in arguments if not word.startswith("-")]
        return ["nbdkit", "-f", "-U", self.socket, *filters, "file", str(self.disk), *values]

    def start(self, command=None):
        # The one that was killed left its socket.
        if listens(self.socket) is False:
            (self.disk.parent / "nbd").unlink(missing_ok=True)
        super().start(command)

    def store(self, **keys):
        return {"type": "nbd", "socket": self.socket, **keys}


@pytest.fixture
def start(launch):
    return functools.partial(launch, Nbd)


def test_data_goes_through_several_queues(start, exercise):
    program = exercise(start().store())
    info = program.ask("info")
    assert info["size"] == SIZE and info["block"] == 512 and not info["read_only"]
    program.ask("load", 3, 8)
    time.sleep(2)
    counts = program.ask("stop")
    assert counts["mismatches"] == 0 and counts["errors"] == {} and counts["operations"] > 24


def test_data_goes_through_tcp(directory, servers, exercise):
    port = free_port()
    server = Server(["nbdkit", "-f", "-i", "127.0.0.1", "-p", str(port), "-e", "vol", "memory",
                     "4M"], lambda: listens(("127.0.0.1", port)))
    servers.append(server)
    server.start()
    program = exercise(f"nbd://127.0.0.1:{port}/vol")
    assert program.result("write", 4096, 65536, 5) == 0
    assert program.ask("read", 4096, 65536, 5)["wrong"] == 0
    assert program.result("read", 4 * MEGABYTE, 512, 0) == -errno.EINVAL


def test_discard_zeroes_and_unmap(start, exercise):
    server = start()
    program = exercise(server.store())
    assert program.result("write", 0, MEGABYTE, 9) == 0
    assert program.result("discard", 65536, 65536) == 0
    assert program.result("zeroes", 131072, 65536) == 0
    assert program.result("unmap", 196608, 65536) == 0
    assert program.ask("read", 131072, 131072, 0)["wrong"] == 0
    assert program.ask("read", 0, 65536, 9)["wrong"] == 0
    assert program.ask("read", 262144, 65536, 9)["wrong"] == 0


@pytest.mark.parametrize("filters", [
    ("--filter=nozero", "zeromode=none"), ("--filter=fua",),
    ("--filter=fua", "fuamode=emulate"), ("--filter=blocksize-policy", "blocksize-minimum=4096",
                                          "blocksize-preferred=4096", "blocksize-maximum=65536",
                                          "blocksize-error-policy=error")])
def test_a_server_that_can_less(start, exercise, filters):
    program = exercise(start(*filters).store())
    # Longer than the largest request that the last of them takes.
    assert program.result("write", 0, MEGABYTE, 3) == 0
    assert program.result("zeroes", 65536, 2 * 65536 + 4096) == 0
    assert program.ask("read", 0, 65536, 3)["wrong"] == 0
    assert program.ask("read", 65536, 2 * 65536 + 4096, 0)["wrong"] == 0
    assert program.ask("read", 3 * 65536 + 4096, 4096, 3)["wrong"] == 0
    assert program.result("flush") == 0


def test_blocks_are_as_large_as_the_server_wants(start, exercise):
    program = exercise(start("--filter=blocksize-policy", "blocksize-minimum=4096",
                             "blocksize-preferred=4096", "blocksize-maximum=1M",
                             "blocksize-error-policy=error").store())
    assert program.ask("info")["block"] == 4096
    assert program.result("read", 512, 4096, 0) == -errno.EINVAL


def test_each_write_is_durable_by_itself(start, exercise, directory):
    log = directory / "log"
    program = exercise(start("--filter=log", f"logfile={log}").store())
    assert program.ask("info")["volatile_cache"] == 0
    assert program.result("write", 0, 4096, 1) == 0
    assert program.result("zeroes", 4096, 4096) == 0
    lines = log.read_text().splitlines()
    writes = [line for line in lines if " Write " in line or " Zero " in line]
    assert len(writes) == 2 and all("fua=1" in line for line in writes)


def test_writeback_leaves_that_to_flushes(start, exercise, directory):
    log = directory / "log"
    program = exercise(start("--filter=log", f"logfile={log}").store(writeback=True))
    assert program.ask("info")["volatile_cache"] == 1
    assert program.result("write", 0, 4096, 1) == 0
    assert program.result("flush") == 0
    lines = log.read_text().splitlines()
    assert [line for line in lines if " Write " in line and "fua=0" in line]
    assert [line for line in lines if " Flush " in line]


def test_an_error_is_of_one_operation(start, exercise):
    program = exercise(start("--filter=error", "error=ENOSPC", "error-pwrite-rate=1").store())
    for _ in range(3):
        assert program.result("write", 0, 4096, 1) == -errno.ENOSPC
        assert program.result("read", 0, 4096, 0) == 0
    assert program.ask("describe")["connections"] == 1


def test_errors_under_load_do_no_harm(start, exercise):
    program = exercise(start("--filter=error", "error=EIO", "error-rate=0.1").store())
    program.ask("load", 2, 8)
    time.sleep(2)
    counts = program.ask("stop")
    assert counts["mismatches"] == 0 and set(counts["errors"]) == {str(errno.EIO)}


@pytest.mark.parametrize("writeback", [False, True])
def test_nothing_is_lost_when_the_server_is_killed_and_restarted(start, exercise, writeback):
    server = start("--filter=delay", "wdelay=1ms")
    program = exercise(server.store(writeback=writeback))
    counts = kill_and_restart(program, server)
    assert counts["mismatches"] == 0
    # Only flushes may fail, and only where caches are the server's.
    assert set(counts["errors"]) <= ({str(errno.EIO)} if writeback else set())
    assert program.ask("describe")["connections"] == 4


def test_a_flush_after_a_lost_connection_fails_once_with_writeback(start, exercise):
    server = start()
    program = exercise(server.store(writeback=True))
    assert program.result("write", 0, 4096, 1) == 0
    server.kill()
    server.start()
    assert program.ask("read", 0, 4096, 1)["result"] == 0
    assert program.result("flush") == -errno.EIO
    assert program.result("flush") == 0
    # What was flushed is not in doubt.
    server.kill()
    server.start()
    assert program.ask("read", 0, 4096, 1)["wrong"] == 0
    assert program.result("flush") == 0


@pytest.mark.parametrize("filters", [(), ("--filter=fua",)])
def test_a_durable_write_is_not_in_doubt_after_a_lost_connection(start, exercise, filters):
    server = start(*filters)
    program = exercise(server.store(writeback=True))
    assert program.result("durable", 0, 4096, 1) == 0
    server.kill()
    server.start()
    assert program.ask("read", 0, 4096, 1)["wrong"] == 0
    assert program.result("flush") == 0
    # One that is not durable by itself is, as ever.
    assert program.result("durable", 0, 4096, 3) == 0
    assert program.result("write", 4096, 4096, 2) == 0
    server.kill()
    server.start()
    assert program.ask("read", 0, 4096, 3)["wrong"] == 0
    assert program.result("flush") == -errno.EIO


def test_what_waits_too_long_times_out_and_the_store_comes_back(start, exercise):
    server = start()
    program = exercise(server.store(timeout_ms=1000))
    server.kill()
    answer = program.ask("write", 0, 4096, 1)
    assert answer["result"] == -errno.ETIMEDOUT and answer["ms"] >= 1000
    assert program.state().startswith("not connected: ")
    assert program.result("read", 0, 512, 0) == -errno.ETIMEDOUT
    server.start()
    assert program.result("write", 0, 4096, 2) == 0
    assert program.ask("read", 0, 4096, 2)["wrong"] == 0
    described = program.ask("describe")
    assert described["state"] == "connected" and described["timeouts"] == 2


def test_a_server_that_hangs_is_as_one_that_is_gone(start, exercise):
    server = start()
    program = exercise(server.store(timeout_ms=1000))
    server.signal(signal.SIGSTOP)
    answer = program.ask("write", 0, 4096, 1)
    assert answer["result"] == -errno.ETIMEDOUT and answer["ms"] >= 1000
    server.signal(signal.SIGCONT)
    until(lambda: program.result("read", 0, 512, 0) == 0, what="back again")
    assert program.state() == "connected"


def test_an_export_that_has_shrunk_is_not_used(start, exercise):
    server = start()
    program = exercise(server.store(timeout_ms=1000))
    server.kill()
    with open(server.disk, "r+b") as disk:
        disk.truncate(SIZE // 2)
    server.start()
    assert program.result("read", 0, 512, 0) == -errno.ETIMEDOUT
    until(lambda: "shrunk from 16777216 to 8388608" in program.state(), what="the reason")
    server.kill()
    with open(server.disk, "r+b") as disk:
        disk.truncate(SIZE)
    server.start()
    until(lambda: program.result("read", SIZE - 512, 512, 0) == 0, what="back again")


def test_an_export_that_has_grown_is_looked_at_again(start, exercise):
    server = start()
    program = exercise(server.store(writeback=True))
    assert program.result("write", 0, 4096, 1) == 0
    with open(server.disk, "r+b") as disk:
        disk.truncate(2 * SIZE)
    assert program.ask("info")["size"] == SIZE
    assert program.result("resize", 3 * SIZE) == -errno.EOPNOTSUPP
    assert program.result("resize", 0) == 0
    assert program.ask("info")["size"] == 2 * SIZE
    assert program.result("write", 2 * SIZE - 4096, 4096, 8) == 0
    assert program.ask("read", 2 * SIZE - 4096, 4096, 8)["wrong"] == 0
    # Nothing was lost by connecting anew.
    assert program.result("flush") == 0


def test_a_read_only_export(start, exercise):
    server = start("-r")
    refused = exercise(server.store(), error=-errno.EROFS)
    assert "read-only" in refused.opened["reason"]
    program = exercise(server.store(read_only=True))
    assert program.result("read", 0, 4096, 0) == 0
    assert program.result("write", 0, 4096, 0) == -errno.EROFS


def test_nobody_there_is_said_at_once(directory, exercise):
    gone = exercise({"type": "nbd", "socket": str(directory / "none")}, error=-errno.ENOENT)
    assert gone.opened["reason"].startswith("nbd: ")
    port = free_port()
    exercise(f"nbd://127.0.0.1:{port}", error=-errno.ECONNREFUSED)


@pytest.mark.parametrize("store, error, words", [
    ({"type": "nbd"}, errno.EINVAL, "just one of"),
    ({"type": "nbd", "uri": "nbd://x", "socket": "/x"}, errno.EINVAL, "just one of"),
    ({"type": "nbd", "uri": "http://x"}, errno.EINVAL, "http://x"),
    ({"type": "nbd", "uri": "nbds://x"}, errno.ENOTSUP, "TLS"),
    ({"type": "nbd", "uri": "nbd://x", "export": "e"}, errno.EINVAL, "\"export\""),
    ({"type": "nbd", "socket": "/x", "timeout_ms": 1}, errno.EINVAL, "timeout_ms"),
])
def test_a_wrong_description(exercise, store, error, words):
    assert words in exercise(store, error=-error).opened["reason"]


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n",
                                   b"NBDMAGICIHAVEOPX\xff\xff\xff\xff\xff\xff\xff"])
def test_a_peer_that_speaks_something_else(directory, build, words):
    def answer(connection):
        connection.sendall(words)
        connection.close()

    path = str(directory / "nbd")
    with answering(socket.AF_UNIX, path, answer):
        program = Exerciser(build, {"type": "nbd", "socket": path, "timeout_ms": 2000})
        assert program.opened["result"] < 0 and program.opened["reason"].startswith("nbd: ")
        assert program.close() == 1


def test_opening_does_not_wait_for_ever_for_a_peer_that_says_nothing(directory, exercise):
    connections = []
    path = str(directory / "nbd")
    with answering(socket.AF_UNIX, path, connections.append):
        program = exercise({"type": "nbd", "socket": path, "timeout_ms": 500},
                           error=-errno.ETIMEDOUT)
        assert "no connection in time" in program.opened["reason"]
