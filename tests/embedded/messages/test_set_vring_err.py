# SPDX-License-Identifier: BSD-3-Clause
import os
import socket

import pytest

from messages.checks import (Message, assert_refused, huge_size, out_of_order, wrong_fds,
                             wrong_size)
from vhost_user import NOFD, eventfd, u64, wait_eventfd

MESSAGE = Message("SET_VRING_ERR", u64(0), fds=1)

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)


def test_right(testd, frontend, net):
    """A ring that makes no sense is reported on its err descriptor; the other goes on."""
    net.start(frontend)
    testd.wait(lambda s: s["rings"][1]["ready"])
    net.tx.set_avail_idx(5000)
    net.tx.notify()
    assert wait_eventfd(net.tx.err) >= 1
    status = testd.wait(lambda s: not s["rings"][1]["ready"])
    assert "avail" in status["rings"][1]["broken"]
    assert status["rings"][0]["ready"] and status["connected"]


def test_twice(testd, frontend, net):
    net.start(frontend)
    old, net.tx.err = net.tx.err, eventfd()
    assert frontend.ack("SET_VRING_ERR", u64(1), [net.tx.err]) == 0
    net.tx.set_avail_idx(5000)
    net.tx.notify()
    assert wait_eventfd(net.tx.err) >= 1 and not wait_eventfd(old, 0)
    os.close(old)


def test_nobody_listens(testd, frontend, net):
    net.start(frontend)
    frontend.send("SET_VRING_ERR", u64(1 | NOFD))
    frontend.barrier()
    net.tx.set_avail_idx(5000)
    net.tx.notify()
    testd.wait(lambda s: s["rings"][1]["broken"])
    assert not wait_eventfd(net.tx.err, 0)


def test_no_descriptor_said_but_one_sent(testd, frontend):
    frontend.negotiate()
    fd = eventfd()
    frontend.send("SET_VRING_ERR", u64(0 | NOFD), [fd])
    os.close(fd)
    assert_refused(testd, frontend, "SET_VRING_ERR")


@pytest.mark.parametrize("value", [4, 255, 0x200, 0x10000, 1 << 63])
def test_index_out_of_range(testd, frontend, value):
    """The index is 8 bits wide; bits above the no-descriptor flag mean nothing legal."""
    frontend.negotiate()
    fd = eventfd()
    frontend.send("SET_VRING_ERR", u64(value), [fd])
    os.close(fd)
    assert_refused(testd, frontend, "SET_VRING_ERR")


@pytest.mark.parametrize("kind", ["pipe", "socket", "file"])
def test_descriptor_that_is_no_eventfd(testd, frontend, directory, kind):
    frontend.negotiate()
    if kind == "pipe":
        fds = list(os.pipe())
    elif kind == "socket":
        fds = [socket.socket(socket.AF_UNIX).detach()]
    else:
        fds = [os.open(directory / "file", os.O_CREAT | os.O_RDWR)]
    frontend.send("SET_VRING_ERR", u64(0), fds[:1])
    assert_refused(testd, frontend, "SET_VRING_ERR", "eventfd")
    if kind == "file":
        assert os.fstat(fds[0]).st_size == 0
    for fd in fds:
        os.close(fd)
