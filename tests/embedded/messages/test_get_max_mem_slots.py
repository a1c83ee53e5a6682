# SPDX-License-Identifier: BSD-3-Clause
from messages.checks import (Message, huge_size, not_negotiated, out_of_order, wrong_fds,
                             wrong_size)

MESSAGE = Message("GET_MAX_MEM_SLOTS", reply=True, gate="CONFIGURE_MEM_SLOTS", first="closed")

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)
test_not_negotiated = not_negotiated(MESSAGE)


def test_right(frontend):
    frontend.negotiate()
    assert 8 < frontend.ask("GET_MAX_MEM_SLOTS").u64 <= 512


def test_twice(frontend):
    frontend.negotiate()
    slots = frontend.ask("GET_MAX_MEM_SLOTS").u64
    assert frontend.ask("GET_MAX_MEM_SLOTS").u64 == slots
