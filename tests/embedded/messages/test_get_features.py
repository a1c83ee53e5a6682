# SPDX-License-Identifier: BSD-3-Clause
from messages.checks import Message, huge_size, out_of_order, wrong_fds, wrong_size
from vhost_user import F_PROTOCOL_FEATURES, F_VERSION_1, bit

MESSAGE = Message("GET_FEATURES", reply=True)

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)


def test_right(testd, frontend):
    features = frontend.ask("GET_FEATURES").u64
    assert features & bit(F_VERSION_1) and features & bit(F_PROTOCOL_FEATURES)
    assert testd.status()["connected"]


def test_twice(frontend):
    assert frontend.ask("GET_FEATURES").u64 == frontend.ask("GET_FEATURES").u64
