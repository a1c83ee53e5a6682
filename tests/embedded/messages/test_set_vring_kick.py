# SPDX-License-Identifier: BSD-3-Clause
import os

from messages.checks import (Message, huge_size, no_descriptor_said_but_one_sent, not_an_eventfd,
                             out_of_order, vring_u64_out_of_range, wrong_fds, wrong_size)
from vhost_user import NOFD, eventfd, u64

MESSAGE = Message("SET_VRING_KICK", u64(0), fds=1)

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)
test_no_descriptor_said_but_one_sent = no_descriptor_said_but_one_sent(MESSAGE)
test_index_out_of_range = vring_u64_out_of_range(MESSAGE)
test_descriptor_that_is_no_eventfd = not_an_eventfd(MESSAGE)


def test_right(testd, frontend, net):
    net.start(frontend)
    assert testd.wait(lambda s: s["rings"][1]["ready"])
    assert net.send_frame(b"k" * 60) and net.receive_frame()


def test_twice_uses_the_new_descriptor(testd, frontend, net):
    net.start(frontend)
    testd.wait(lambda s: s["rings"][1]["ready"])
    old, net.tx.kick = net.tx.kick, eventfd()
    assert frontend.ack("SET_VRING_KICK", u64(1), [net.tx.kick]) == 0
    assert net.send_frame(b"new" * 20) and net.receive_frame()
    os.close(old)


def test_kick_before_the_message_is_not_lost(testd, frontend, net):
    """Buffers made available before the ring starts are found without another kick."""
    frontend.negotiate()
    frontend.ack("SET_MEM_TABLE", net.guest.table(), net.guest.fds())
    net.rx.start(frontend)
    net.fill_rx()
    net.tx.clear()
    net.post_frame(b"early" * 12)
    net.tx.notify()
    base = net.tx.avail_idx
    net.tx.start(frontend)
    net.tx.avail_idx = base
    assert net.receive_frame() == b"early" * 12


def test_polling_ring(testd, frontend, net):
    """No descriptor: the backend polls."""
    net.start(frontend)
    frontend.send("SET_VRING_KICK", u64(1 | NOFD))
    frontend.barrier()
    net.post_frame(b"poll" * 15)
    assert net.receive_frame() == b"poll" * 15
