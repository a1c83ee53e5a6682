# SPDX-License-Identifier: BSD-3-Clause
import os

from messages.checks import (Message, huge_size, no_descriptor_said_but_one_sent, not_an_eventfd,
                             out_of_order, vring_u64_out_of_range, wrong_fds, wrong_size)
from vhost_user import NOFD, eventfd, u64, wait_eventfd

MESSAGE = Message("SET_VRING_ERR", u64(0), fds=1)

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)
test_no_descriptor_said_but_one_sent = no_descriptor_said_but_one_sent(MESSAGE)
test_index_out_of_range = vring_u64_out_of_range(MESSAGE)
test_descriptor_that_is_no_eventfd = not_an_eventfd(MESSAGE)


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
