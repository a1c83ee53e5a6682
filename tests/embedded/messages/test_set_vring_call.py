# SPDX-License-Identifier: BSD-3-Clause
import os

from messages.checks import (Message, huge_size, no_descriptor_said_but_one_sent, not_an_eventfd,
                             out_of_order, vring_u64_out_of_range, wrong_fds, wrong_size)
from vhost_user import NOFD, eventfd, u64, wait_eventfd

MESSAGE = Message("SET_VRING_CALL", u64(0), fds=1)

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)
test_no_descriptor_said_but_one_sent = no_descriptor_said_but_one_sent(MESSAGE)
test_index_out_of_range = vring_u64_out_of_range(MESSAGE)
test_descriptor_that_is_no_eventfd = not_an_eventfd(MESSAGE)


def test_right(testd, frontend, net):
    net.start(frontend)
    net.post_frame(b"c" * 60)
    net.tx.notify()
    assert wait_eventfd(net.rx.call) >= 1
    assert net.receive_frame() == b"c" * 60


def test_twice_signals_the_new_descriptor(testd, frontend, net):
    net.start(frontend)
    assert net.send_frame(b"1" * 60) and net.receive_frame()
    old, net.rx.call = net.rx.call, eventfd()
    assert frontend.ack("SET_VRING_CALL", u64(0), [net.rx.call]) == 0
    wait_eventfd(old, 0.1)
    net.post_frame(b"2" * 60)
    net.tx.notify()
    assert wait_eventfd(net.rx.call) >= 1
    assert not wait_eventfd(old, 0)
    os.close(old)


def test_nobody_listens(testd, frontend, net):
    net.start(frontend)
    frontend.send("SET_VRING_CALL", u64(0 | NOFD))
    frontend.barrier()
    wait_eventfd(net.rx.call, 0.1)
    assert net.send_frame(b"3" * 60) and net.receive_frame()
    assert not wait_eventfd(net.rx.call, 0)
