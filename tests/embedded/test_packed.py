# SPDX-License-Identifier: BSD-3-Clause
"""Packed rings over a real socket."""
import struct

import pytest

from guest import DESC_INDIRECT, DESC_NEXT, DESC_WRITE
from echo_requests import HELD, Requests, wait_taken
from vhost_user import F_PACKED, bit, vring_state, wait_eventfd


@pytest.fixture
def testd_options():
    return "--type", "echo", "--packed", "--queues", "1"


@pytest.fixture
def requests():
    r = Requests(packed=True)
    yield r
    r.close()


@pytest.fixture
def started(testd, frontend, requests):
    requests.negotiate(frontend)
    requests.ring.start(frontend)
    testd.wait(lambda s: s["rings"][0]["ready"])
    return requests


def test_offered(frontend):
    assert frontend.ask("GET_FEATURES").u64 & bit(F_PACKED)


def test_request_and_answer(testd, started):
    started.post(7, 1, b"hello")
    assert started.used() == [(7, 9)]
    assert started.answer(7, 9) == struct.pack("<I", 1) + b"hello"
    assert wait_eventfd(started.ring.call) >= 1


def test_many_times_round_a_ring_of_ten(started):
    for i in range(100):
        started.post(i % 10, i, struct.pack("<I", i))
        assert started.used() == [(i % 10, 8)]
        assert started.answer(i % 10, 8) == struct.pack("<II", i, i)


def test_completion_out_of_order(testd, started):
    for ident in range(3):
        started.post(ident, HELD | ident)
    wait_taken(testd, [HELD, HELD | 1, HELD | 2])
    assert testd.command("release")["result"] == 3
    assert started.used(3) == [(2, 5), (1, 5), (0, 5)]


def test_stop_and_go_on(testd, frontend, started):
    for i in range(5):
        started.post(1, i)
        started.used()
    reply = frontend.ask("GET_VRING_BASE", vring_state(0, 0))
    # 15 descriptors: once round, wrap counters 0, at 5.
    assert struct.unpack("=II", reply.payload) == (0, 5 | 5 << 16)
    # Sixteen bits are enough where nothing is under way.
    frontend.send("SET_VRING_BASE", vring_state(0, 5))
    frontend.send("SET_VRING_KICK", struct.pack("=Q", 0), [started.ring.kick])
    started.post(1, 6)
    assert started.used() == [(1, 5)]


def test_event_index_suppresses_calls(testd, frontend, requests):
    requests.negotiate(frontend, event_idx=True)
    requests.ring.start(frontend)
    requests.post(0, 0)
    requests.used()
    assert wait_eventfd(requests.ring.call) >= 1
    # Not before the descriptor at 9, in the first lap, comes back.
    requests.ring.set_event(9 | 1 << 15, 2)
    requests.post(0, 1)
    requests.post(1, 2)
    requests.used(2)
    frontend.barrier()
    assert not wait_eventfd(requests.ring.call, 0)
    requests.post(0, 3)
    requests.used()
    assert wait_eventfd(requests.ring.call) >= 1


def test_flag_suppresses_calls(testd, frontend, started):
    started.ring.set_event(0, 1)
    started.post(0, 0)
    started.used()
    frontend.barrier()
    assert not wait_eventfd(started.ring.call, 0)


def buffer_id(r):
    r.ring.post(10, (0x100000, 16, 0))


def address(r):
    r.ring.post(0, (1 << 50, 16, 0))


def order(r):
    r.ring.post(0, (0x100000, 16, DESC_WRITE), (0x100000, 16, 0))


def endless(r):
    r.ring.post(0, *[(0x100000, 16, DESC_NEXT)] * 10)


def nested(r):
    r.guest.write(0x120000, struct.pack("<QIHH", 0x120000, 16, 0, DESC_INDIRECT))
    r.ring.post(0, (0x120000, 16, DESC_INDIRECT))


def indirect_in_a_list(r):
    r.ring.post(0, (0x100000, 16, 0), (0x120000, 16, DESC_INDIRECT))


def indirect_odd(r):
    r.ring.post(0, (0x120000, 17, DESC_INDIRECT))


@pytest.mark.parametrize("attack", [buffer_id, address, order, endless, nested,
                                    indirect_in_a_list, indirect_odd], ids=lambda f: f.__name__)
def test_hostile_driver_breaks_its_ring(testd, frontend, started, attack):
    attack(started)
    started.ring.notify()
    status = testd.wait(lambda s: s["rings"][0]["broken"])
    assert not status["rings"][0]["ready"] and status["connected"]
    assert wait_eventfd(started.ring.err) >= 1
    frontend.barrier()


@pytest.mark.parametrize("base", [10 | 1 << 15, 0x80008000 | 10 << 16, 5 << 16])
def test_base_that_no_ring_of_ten_has(testd, frontend, requests, base):
    requests.negotiate(frontend)
    requests.ring.start(frontend, base)
    status = testd.wait(lambda s: s["rings"][0]["broken"])
    assert "base" in status["rings"][0]["broken"]
    frontend.barrier()
