# SPDX-License-Identifier: BSD-3-Clause
import pytest

from messages.checks import (Message, assert_refused, huge_size, not_negotiated, out_of_order,
                             wrong_fds, wrong_size)
from vhost_user import config

MESSAGE = Message("SET_CONFIG", config(0, bytes(16)), gate="CONFIG", first="closed")

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)
test_not_negotiated = not_negotiated(MESSAGE)


def test_right(frontend):
    frontend.negotiate()
    assert frontend.ack("SET_CONFIG", config(8, b"abcdefgh")) == 0
    assert frontend.ask("GET_CONFIG", config(8, bytes(8))).payload[12:] == b"abcdefgh"


def test_twice_takes_the_last(frontend):
    frontend.negotiate()
    frontend.ack("SET_CONFIG", config(0, b"first   "))
    frontend.ack("SET_CONFIG", config(0, b"second  "))
    assert frontend.ask("GET_CONFIG", config(0, bytes(8))).payload[12:] == b"second  "


@pytest.mark.parametrize("offset", [60, 64, 0x7fffffff])
def test_beyond_the_end_is_refused_in_the_acknowledgement(testd, frontend, offset):
    frontend.negotiate()
    assert frontend.ack("SET_CONFIG", config(offset, bytes(8))) != 0
    assert testd.status()["connected"]


@pytest.mark.parametrize("offset", [0xffffffff, 0xfffffffc])
def test_end_beyond_32_bits(testd, frontend, offset):
    frontend.negotiate()
    frontend.send("SET_CONFIG", config(offset, bytes(8)))
    assert_refused(testd, frontend, "SET_CONFIG")


@pytest.mark.parametrize("flags", [2, 3, 0x80000000])
def test_flags_that_mean_nothing(testd, frontend, flags):
    frontend.negotiate()
    frontend.send("SET_CONFIG", config(0, bytes(8), flags=flags))
    assert_refused(testd, frontend, "SET_CONFIG")


@pytest.mark.parametrize("size", [0, 7, 9, 0xffffffff])
def test_size_that_does_not_match(testd, frontend, size):
    frontend.negotiate()
    frontend.send("SET_CONFIG", config(0, bytes(8), size=size))
    assert_refused(testd, frontend, "SET_CONFIG")
