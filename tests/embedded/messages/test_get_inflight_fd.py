# SPDX-License-Identifier: BSD-3-Clause
import os

import pytest

from messages.checks import (Message, assert_refused, huge_size, not_negotiated, out_of_order,
                             wrong_fds, wrong_size)
from vhost_user import bit, bits, inflight, parse_inflight

# Of a queue: 16 + 128 * 16 bytes, in 64s; and for a ring that is longer than the frontend says
# 16 + 1024 * 16 behind those of all queues.
STRIDE, SPARE = 2112, 16448

MESSAGE = Message("GET_INFLIGHT_FD", inflight(2, 128), reply=True, gate="INFLIGHT_SHMFD",
                  first="closed")

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)
test_not_negotiated = not_negotiated(MESSAGE)


@pytest.fixture
def testd_options():
    return "--queues", "2", "--type", "echo", "--inflight"


def ask(frontend, num_queues, queue_size):
    reply = frontend.ask("GET_INFLIGHT_FD", inflight(num_queues, queue_size))
    assert len(reply.payload) == 24
    return parse_inflight(reply.payload), reply.fds


def test_right(frontend):
    frontend.negotiate()
    (size, offset, num_queues, queue_size), fds = ask(frontend, 3, 128)
    assert (size, num_queues, queue_size) == (3 * (STRIDE + SPARE), 3, 128)
    assert len(fds) == 1 and os.fstat(fds[0]).st_size >= offset + size
    assert os.pread(fds[0], size, offset) == bytes(size)
    os.close(fds[0])


def test_twice_makes_two_areas_and_leaks_none(testd, frontend):
    frontend.negotiate()
    frontend.barrier()
    for _ in range(20):
        (size, *_), fds = ask(frontend, 4, 128)
        assert size == 4 * (STRIDE + SPARE)
        os.close(fds[0])
    before = testd.command("fds")
    for _ in range(20):
        _, fds = ask(frontend, 4, 128)
        os.close(fds[0])
    after = testd.command("fds")
    assert (after["fds"], after["maps"]) == (before["fds"], before["maps"])


@pytest.mark.parametrize("num_queues,queue_size,word", [
    (0, 128, "num_queues 0"), (5, 128, "num_queues 5"), (0xffff, 128, "num_queues 65535"),
    (2, 0, "queue_size 0"), (2, 100, "queue_size 100"), (2, 0x8001, "queue_size 32769")])
def test_numbers_that_the_device_does_not_have(testd, frontend, num_queues, queue_size, word):
    frontend.negotiate()
    frontend.send("GET_INFLIGHT_FD", inflight(num_queues, queue_size))
    assert_refused(testd, frontend, "GET_INFLIGHT_FD", word)


class TestLittleRoom:
    @pytest.fixture
    def testd_options(self):
        return "--queues", "2", "--type", "echo", "--inflight", "--bar-size", str(16 << 20)

    def test_more_than_fits_is_answered_without_an_area(self, testd, frontend):
        frontend.negotiate()
        (size, _, num_queues, queue_size), fds = ask(frontend, 4, 32768)
        assert (size, num_queues, queue_size, fds) == (0, 4, 32768, [])
        assert testd.status()["connected"]
        assert "shared memory 3" in testd.text()


class TestNotAskedFor:
    @pytest.fixture
    def testd_options(self):
        return "--queues", "2", "--type", "echo"

    def test_feature_is_not_offered(self, testd, frontend):
        frontend.ask("GET_FEATURES")
        assert not frontend.ask("GET_PROTOCOL_FEATURES").u64 & bits("INFLIGHT_SHMFD")

    def test_packed_is_not_offered(self, testd, frontend):
        assert not frontend.ask("GET_FEATURES").u64 & bit(34)
