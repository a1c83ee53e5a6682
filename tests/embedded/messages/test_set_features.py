# SPDX-License-Identifier: BSD-3-Clause
from messages.checks import (Message, assert_refused, huge_size, out_of_order, wrong_fds,
                             wrong_size)
from vhost_user import F_VERSION_1, bit, u64

MESSAGE = Message("SET_FEATURES", u64(bit(F_VERSION_1)), first="closed")

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)


def test_right(testd, frontend):
    frontend.negotiate()
    assert int(testd.status()["features"]) == frontend.features


def test_out_of_order(testd, frontend):
    """Nothing has been offered yet, so nothing can be accepted."""
    frontend.send("SET_FEATURES", u64(bit(F_VERSION_1)))
    assert_refused(testd, frontend, "SET_FEATURES")


def test_twice(testd, frontend):
    frontend.negotiate()
    frontend.send("SET_FEATURES", u64(bit(F_VERSION_1)))
    frontend.barrier()
    assert int(testd.status()["features"]) == bit(F_VERSION_1)


def test_feature_not_offered(testd, frontend):
    frontend.negotiate()
    frontend.send("SET_FEATURES", u64(frontend.offered | bit(63)))
    assert_refused(testd, frontend, "SET_FEATURES")


def test_legacy_frontend_is_refused_with_a_reason(testd, frontend):
    frontend.negotiate()
    frontend.send("SET_FEATURES", u64(frontend.offered & ~bit(F_VERSION_1)))
    assert_refused(testd, frontend, "SET_FEATURES", "VERSION_1")
