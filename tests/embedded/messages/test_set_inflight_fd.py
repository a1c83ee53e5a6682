# SPDX-License-Identifier: BSD-3-Clause
"""The device passes it; this session keeps no inflight records and does not offer the feature."""
import os

from messages.checks import Message, feature_masked, huge_size, refused, wrong_fds, wrong_size
from vhost_user import inflight


def memfd():
    fd = os.memfd_create("memory")
    os.ftruncate(fd, 1 << 20)
    return fd


MESSAGE = Message("SET_INFLIGHT_FD", inflight(2, 128, 8192), fds=1, make_fd=memfd,
                  gate="INFLIGHT_SHMFD", served=False)

test_right_is_refused = refused(MESSAGE)
test_feature_is_never_offered = feature_masked(MESSAGE)
test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
