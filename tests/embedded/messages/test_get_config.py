# SPDX-License-Identifier: BSD-3-Clause
import struct

import pytest

from messages.checks import (Message, assert_refused, huge_size, not_negotiated, out_of_order,
                             wrong_fds, wrong_size)
from vhost_user import config

MESSAGE = Message("GET_CONFIG", config(0, bytes(16)), reply=True, gate="CONFIG", first="closed")

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)
test_not_negotiated = not_negotiated(MESSAGE)


def test_right(frontend):
    frontend.negotiate()
    reply = frontend.ask("GET_CONFIG", config(4, bytes(8)))
    offset, size, _ = struct.unpack("=III", reply.payload[:12])
    assert (offset, size, len(reply.payload)) == (4, 8, 20)


def test_twice(frontend):
    frontend.negotiate()
    first = frontend.ask("GET_CONFIG", config(0, bytes(64))).payload
    assert frontend.ask("GET_CONFIG", config(0, bytes(64))).payload == first


@pytest.mark.parametrize("offset,size", [(60, 8), (64, 1), (0x7fffffff, 8)])
def test_beyond_the_end_is_answered_without_payload(testd, frontend, offset, size):
    frontend.negotiate()
    assert frontend.ask("GET_CONFIG", config(offset, bytes(size))).payload == b""
    assert testd.status()["connected"]


@pytest.mark.parametrize("offset,size", [(0xffffffff, 8), (0xfffffff8, 16)])
def test_end_beyond_32_bits(testd, frontend, offset, size):
    frontend.negotiate()
    frontend.send("GET_CONFIG", config(offset, bytes(size)))
    assert_refused(testd, frontend, "GET_CONFIG")


@pytest.mark.parametrize("size", [0, 7, 9, 0x7fffffff, 0xffffffff])
def test_size_that_does_not_match(testd, frontend, size):
    frontend.negotiate()
    frontend.send("GET_CONFIG", config(0, bytes(8), size=size))
    assert_refused(testd, frontend, "GET_CONFIG")


def test_longer_than_a_message_may_carry(testd, frontend):
    frontend.negotiate()
    frontend.send("GET_CONFIG", config(0, bytes(257)))
    assert_refused(testd, frontend, "GET_CONFIG")
