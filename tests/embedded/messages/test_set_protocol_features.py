# SPDX-License-Identifier: BSD-3-Clause
import pytest

from messages.checks import (Message, assert_refused, huge_size, out_of_order, wrong_fds,
                             wrong_size)
from vhost_user import PF, bit, bits, u64

MESSAGE = Message("SET_PROTOCOL_FEATURES", u64(bits("MQ")), first="closed")

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)


def test_right(testd, frontend):
    frontend.negotiate(protocol=bits("MQ", "REPLY_ACK"))
    assert int(testd.status()["protocol_features"]) == bits("MQ", "REPLY_ACK")


def test_twice_takes_the_last(testd, frontend):
    frontend.negotiate()
    frontend.send("SET_PROTOCOL_FEATURES", u64(bits("REPLY_ACK")))
    frontend.barrier()
    assert int(testd.status()["protocol_features"]) == bits("REPLY_ACK")


@pytest.mark.parametrize("number", sorted(
    set(range(64)) - {PF[n] for n in ("MQ", "RARP", "REPLY_ACK", "MTU", "BACKEND_REQ", "CONFIG",
                                      "RESET_DEVICE", "CONFIGURE_MEM_SLOTS", "STATUS",
                                      "GPA_ADDRESSES")}))
def test_bit_that_was_not_offered(testd, frontend, number):
    """Never silently edited: both sides would go on with different ideas."""
    frontend.ask("GET_FEATURES")
    offered = frontend.ask("GET_PROTOCOL_FEATURES").u64
    assert not offered & bit(number)
    frontend.send("SET_PROTOCOL_FEATURES", u64(offered | bit(number)))
    assert_refused(testd, frontend, "SET_PROTOCOL_FEATURES")
