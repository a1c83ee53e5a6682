# SPDX-License-Identifier: BSD-3-Clause
import os

import pytest

from messages.checks import (Message, assert_refused, huge_size, not_negotiated, out_of_order,
                             wrong_fds, wrong_size)
from vhost_user import eventfd, inflight, parse_inflight


def memfd():
    fd = os.memfd_create("memory")
    os.ftruncate(fd, 1 << 20)
    return fd


MESSAGE = Message("SET_INFLIGHT_FD", inflight(2, 128, 8192), fds=1, make_fd=memfd,
                  gate="INFLIGHT_SHMFD", first="closed")

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)
test_not_negotiated = not_negotiated(MESSAGE)


@pytest.fixture
def testd_options():
    return "--queues", "2", "--type", "echo", "--inflight"


@pytest.fixture
def area():
    fd = memfd()
    yield fd
    os.close(fd)


def test_right(testd, frontend, area):
    frontend.negotiate()
    assert frontend.ack("SET_INFLIGHT_FD", inflight(4, 128, 4 * 2112), [area]) == 0
    assert testd.status()["connected"]


def test_right_with_what_get_gave(frontend):
    frontend.negotiate()
    reply = frontend.ask("GET_INFLIGHT_FD", inflight(2, 128))
    size, offset, num_queues, queue_size = parse_inflight(reply.payload)
    answer = frontend.ack("SET_INFLIGHT_FD", inflight(num_queues, queue_size, size, offset),
                          reply.fds)
    os.close(reply.fds[0])
    assert answer == 0


def test_right_at_an_offset_that_is_no_page(frontend, area):
    frontend.negotiate()
    assert frontend.ack("SET_INFLIGHT_FD", inflight(2, 128, 2 * 2112, 4096 + 64), [area]) == 0


def test_twice_replaces_the_area_and_leaks_none(testd, frontend):
    frontend.negotiate()
    for _ in range(3):
        fd = memfd()
        assert frontend.ack("SET_INFLIGHT_FD", inflight(2, 128, 8192), [fd]) == 0
        os.close(fd)
    before = testd.command("fds")
    for _ in range(20):
        fd = memfd()
        assert frontend.ack("SET_INFLIGHT_FD", inflight(2, 128, 8192), [fd]) == 0
        os.close(fd)
    after = testd.command("fds")
    assert (after["fds"], after["maps"]) == (before["fds"], before["maps"])


@pytest.mark.parametrize("payload,word", [
    (inflight(0, 128, 8192), "num_queues 0"),
    (inflight(5, 128, 1 << 16), "num_queues 5"),
    (inflight(2, 0, 8192), "queue_size 0"),
    (inflight(2, 129, 8192), "queue_size 129"),
    (inflight(2, 128, 2 * 2112 - 1), "mmap_size 4223"),
    (inflight(2, 128, 0), "size is 0"),
    (inflight(2, 128, 8192, 1 << 20), "beyond the file"),
    (inflight(2, 128, (1 << 64) - 1, 1), "beyond the file"),
    (inflight(2, 128, 8192, (1 << 64) - 1), "beyond the file"),
    (inflight(2, 128, 8192, 4), "not aligned"),
])
def test_area_that_cannot_be(testd, frontend, area, payload, word):
    frontend.negotiate()
    frontend.send("SET_INFLIGHT_FD", payload, [area])
    assert_refused(testd, frontend, "SET_INFLIGHT_FD", word)


def test_descriptor_that_is_no_file(testd, frontend):
    frontend.negotiate()
    fd = eventfd()
    frontend.send("SET_INFLIGHT_FD", inflight(2, 128, 8192), [fd])
    os.close(fd)
    assert_refused(testd, frontend, "SET_INFLIGHT_FD")
