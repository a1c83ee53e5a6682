# SPDX-License-Identifier: BSD-3-Clause
import struct

import pytest

from messages.checks import (Message, assert_refused, huge_size, out_of_order, wrong_fds,
                             wrong_size)
from vhost_user import vring_state

MESSAGE = Message("GET_VRING_BASE", vring_state(0, 0), reply=True)

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)


def base(message):
    return struct.unpack("=II", message.payload)


def test_right(testd, frontend, net):
    net.start(frontend)
    assert net.send_frame(b"x" * 60) and net.receive_frame()
    assert base(frontend.ask("GET_VRING_BASE", vring_state(1, 0))) == (1, 1)
    ring = testd.status()["rings"]
    assert not ring[1]["started"] and ring[0]["started"]


def test_twice(testd, frontend, net):
    net.start(frontend)
    first = base(frontend.ask("GET_VRING_BASE", vring_state(0, 0)))
    assert base(frontend.ask("GET_VRING_BASE", vring_state(0, 0))) == first


def test_nothing_is_touched_after_the_answer(testd, frontend, net):
    net.start(frontend)
    for ring in (0, 1):
        frontend.ask("GET_VRING_BASE", vring_state(ring, 0))
    before = net.ring_bytes()
    net.post_frame(b"y" * 60)
    after_post = net.ring_bytes()
    assert before != after_post
    frontend.barrier()
    assert net.ring_bytes() == after_post


def test_restart_goes_on_where_it_stopped(testd, frontend, net):
    net.start(frontend)
    for i in range(20):
        assert net.send_frame(bytes([i]) * 60) and net.receive_frame() == bytes([i]) * 60
    bases = [base(frontend.ask("GET_VRING_BASE", vring_state(i, 0)))[1] for i in (0, 1)]
    net.restart(frontend, bases)
    assert net.send_frame(b"after" * 20) and net.receive_frame() == b"after" * 20


@pytest.mark.parametrize("index", [4, 255, 256, 0x10000, 0xffffffff])
def test_ring_out_of_range(testd, frontend, index):
    frontend.negotiate()
    frontend.send(MESSAGE.name, vring_state(index, 0))
    assert_refused(testd, frontend, MESSAGE.name, str(index))
