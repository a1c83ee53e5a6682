# SPDX-License-Identifier: BSD-3-Clause
"""The device passes it; this session keeps no dirty log and refuses it."""
import os

from messages.checks import (Message, assert_refused, huge_size, refused, wrong_fds, wrong_size)

MESSAGE = Message("SET_LOG_FD", fds=1, served=False)

test_right_is_refused = refused(MESSAGE)
test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)


def test_descriptor_that_is_no_eventfd(testd, frontend):
    frontend.negotiate()
    fds = os.pipe()
    frontend.send("SET_LOG_FD", fds=fds[:1])
    for fd in fds:
        os.close(fd)
    assert_refused(testd, frontend, "SET_LOG_FD", "eventfd")
