# SPDX-License-Identifier: BSD-3-Clause
import os
import socket

import pytest

from messages.checks import (Message, assert_refused, huge_size, out_of_order, wrong_fds,
                             wrong_size)
from vhost_user import NOFD, eventfd, u64, wait_eventfd

MESSAGE = Message("SET_VRING_CALL", u64(0), fds=1)

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)


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


def test_no_descriptor_said_but_one_sent(testd, frontend):
    frontend.negotiate()
    fd = eventfd()
    frontend.send("SET_VRING_CALL", u64(0 | NOFD), [fd])
    os.close(fd)
    assert_refused(testd, frontend, "SET_VRING_CALL")


@pytest.mark.parametrize("value", [4, 255, 0x200, 0x10000, 1 << 63])
def test_index_out_of_range(testd, frontend, value):
    """The index is 8 bits wide; bits above the no-descriptor flag mean nothing legal."""
    frontend.negotiate()
    fd = eventfd()
    frontend.send("SET_VRING_CALL", u64(value), [fd])
    os.close(fd)
    assert_refused(testd, frontend, "SET_VRING_CALL")


@pytest.mark.parametrize("kind", ["pipe", "socket", "file"])
def test_descriptor_that_is_no_eventfd(testd, frontend, directory, kind):
    frontend.negotiate()
    if kind == "pipe":
        fds = list(os.pipe())
    elif kind == "socket":
        fds = [socket.socket(socket.AF_UNIX).detach()]
    else:
        fds = [os.open(directory / "file", os.O_CREAT | os.O_RDWR)]
    frontend.send("SET_VRING_CALL", u64(0), fds[:1])
    assert_refused(testd, frontend, "SET_VRING_CALL", "eventfd")
    if kind == "file":
        assert os.fstat(fds[0]).st_size == 0
    for fd in fds:
        os.close(fd)
