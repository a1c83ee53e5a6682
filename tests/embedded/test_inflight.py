# SPDX-License-Identifier: BSD-3-Clause
"""Requests under way when the backend dies are finished by the next one, over the whole stack."""
import os
import signal
import struct

import pytest

from echo_requests import HELD, Requests, wait_taken
from testd import Testd
from vhost_user import inflight, parse_inflight, vring_state, wait_eventfd

OPTIONS = ("--type", "echo", "--inflight", "--packed", "--queues", "1")


@pytest.fixture
def testd(build, directory):
    program = Testd(build, directory, *OPTIONS)
    yield program
    # It ended as it should, or was killed by the test.
    assert program.finish() in (0, -signal.SIGKILL), program.log_path.read_text()


@pytest.fixture(params=[False, True], ids=["split", "packed"])
def requests(request):
    r = Requests(request.param)
    yield r
    r.close()


class Area:
    """What the frontend keeps."""

    def __init__(self, frontend, size=16):
        reply = frontend.ask("GET_INFLIGHT_FD", inflight(1, size))
        self.size, self.offset, self.queues, self.queue_size = parse_inflight(reply.payload)
        self.fd, = reply.fds

    def give(self, frontend):
        assert frontend.ack("SET_INFLIGHT_FD", inflight(self.queues, self.queue_size, self.size,
                                                        self.offset), [self.fd]) == 0

    def under_way(self, packed):
        data = os.pread(self.fd, self.size, self.offset)
        head, entry = (32, 32) if packed else (16, 16)
        return sum(data[head + entry * i] for i in range(self.queue_size))

    def close(self):
        os.close(self.fd)


@pytest.fixture
def area(frontend, requests):
    requests.negotiate(frontend)
    made = Area(frontend)
    yield made
    made.close()


def kill(testd):
    """As the kernel does it when memory runs out."""
    os.kill(testd.process.pid, signal.SIGKILL)
    testd.process.wait()
    os.unlink(testd.socket)


@pytest.fixture
def next_life(build, directory):
    started = []

    def start():
        (directory / "2").mkdir()
        started.append(Testd(build, directory / "2", *OPTIONS))
        return started[-1]
    yield start
    for testd in started:
        assert testd.finish() == 0, testd.log_path.read_text()


def base_after_crash(requests):
    """What QEMU says: the used index; for a packed ring only where it all began."""
    return 0x80008000 if requests.packed else requests.ring.used_idx()


def restart(requests, frontend, area, base):
    requests.negotiate(frontend)
    area.give(frontend)
    keep = requests.ring.__dict__.copy()
    requests.ring.start(frontend, base)
    requests.ring.__dict__.update(keep)    # the driver noticed nothing


def test_requests_come_again_in_order_and_are_done_once(testd, frontend, requests, area,
                                                        next_life):
    area.give(frontend)
    requests.ring.start(frontend)
    requests.post(9, HELD | 1, b"one")
    requests.post(0, 2, b"two")
    requests.post(3, HELD | 3, b"three")
    wait_taken(testd, [HELD | 1, 2, HELD | 3])
    assert requests.used() == [(0, 7)]
    assert area.under_way(requests.packed) == 2
    # Available, and of a backend that cannot take them.
    kill(testd)
    requests.post(0, 4, b"four")
    second = next_life()
    again = second.frontend()
    restart(requests, again, area, base_after_crash(requests))
    wait_taken(second, [HELD | 1, HELD | 3, 4])
    assert requests.used() == [(0, 8)]
    # A call that the crash may have eaten is made up for.
    assert wait_eventfd(requests.ring.call) >= 1
    assert second.command("release")["result"] == 2
    assert requests.used(2) == [(3, 9), (9, 7)]
    assert requests.answer(9, 7) == struct.pack("<I", HELD | 1) + b"one"
    assert requests.answer(3, 9) == struct.pack("<I", HELD | 3) + b"three"
    assert area.under_way(requests.packed) == 0
    assert requests.ring.take_used() is None


def test_many_crashes_in_a_row(testd, frontend, requests, area, build, directory):
    area.give(frontend)
    requests.ring.start(frontend)
    requests.post(0, HELD | 1)
    requests.post(3, HELD | 2)
    wait_taken(testd, [HELD | 1, HELD | 2])
    kill(testd)
    for life in range(3):
        (directory / str(life)).mkdir()
        program = Testd(build, directory / str(life), *OPTIONS)
        restart(requests, program.frontend(), area, base_after_crash(requests))
        wait_taken(program, [HELD | 1, HELD | 2])
        kill(program)
        program.finish()
    assert requests.ring.take_used() is None


def test_stop_finishes_what_an_earlier_life_left(testd, frontend, requests, area, next_life):
    area.give(frontend)
    requests.ring.start(frontend)
    requests.post(0, HELD | 1)
    wait_taken(testd, [HELD | 1])
    kill(testd)
    second = next_life()
    again = second.frontend()
    restart(requests, again, area, base_after_crash(requests))
    reply = again.ask("GET_VRING_BASE", vring_state(0, 0))
    _, base = struct.unpack("=II", reply.payload)
    assert base == (0x80038003 if requests.packed else 1)
    assert requests.used() == [(0, 5)]
    assert area.under_way(requests.packed) == 0


def test_frontend_that_reconnects_to_the_same_backend(testd, frontend, requests, area):
    area.give(frontend)
    requests.ring.start(frontend)
    requests.post(0, HELD | 1)
    wait_taken(testd, [HELD | 1])
    frontend.close()
    # The device finishes what it has when its ring stops; the frontend sees it later.
    testd.wait(lambda s: not s["connected"])
    assert requests.used() == [(0, 5)]
    again = testd.frontend()
    base = 0x80038003 if requests.packed else 1
    restart(requests, again, area, base)
    requests.post(0, 2)
    wait_taken(testd, [HELD | 1, 2])
    assert requests.used() == [(0, 5)]


def test_memory_table_waits_for_what_is_under_way(testd, frontend, requests, area):
    area.give(frontend)
    requests.ring.start(frontend)
    requests.post(0, HELD | 1)
    wait_taken(testd, [HELD | 1])
    assert frontend.ack("SET_MEM_TABLE", requests.guest.table(), requests.guest.fds()) == 0
    assert requests.used() == [(0, 5)]
    requests.post(0, 2)
    assert requests.used() == [(0, 5)]


@pytest.mark.parametrize("at,data", [(8, b"\2\0"), (10, b"\xff\xff"), (12, b"\xff\xff"),
                                     (0, b"\1"), (14, b"\x70\x17")])
def test_area_that_makes_no_sense_breaks_the_ring(testd, frontend, requests, area, at, data):
    area.give(frontend)
    requests.ring.start(frontend)
    requests.post(0, HELD | 1)
    wait_taken(testd, [HELD | 1])
    frontend.ask("GET_VRING_BASE", vring_state(0, 0))
    os.pwrite(area.fd, data, area.offset + at)
    frontend.send("SET_VRING_KICK", struct.pack("=Q", 0), [requests.ring.kick])
    status = testd.wait(lambda s: s["rings"][0]["broken"])
    assert "inflight area" in status["rings"][0]["broken"]
    assert status["connected"]
    assert wait_eventfd(requests.ring.err) >= 1
    frontend.barrier()


def test_another_area_for_a_running_ring_ends_the_connection(testd, frontend, requests, area):
    area.give(frontend)
    requests.ring.start(frontend)
    requests.post(0, HELD | 1)
    wait_taken(testd, [HELD | 1])
    other = Area(frontend)
    frontend.send("SET_INFLIGHT_FD", inflight(1, 16, other.size, other.offset), [other.fd])
    other.close()
    assert frontend.closed()
    testd.wait(lambda s: not s["connected"])
    assert "ring 0 runs with another area" in testd.reasons()
    # What was under way was finished before the area went.
    assert requests.used() == [(0, 5)]
    assert area.under_way(requests.packed) == 0


def test_same_area_again_for_a_running_ring(testd, frontend, requests, area):
    area.give(frontend)
    requests.ring.start(frontend)
    requests.post(0, HELD | 1)
    wait_taken(testd, [HELD | 1])
    area.give(frontend)
    assert area.under_way(requests.packed) == 1
    assert testd.command("release")["result"] == 1
    assert requests.used() == [(0, 5)]
    assert area.under_way(requests.packed) == 0
