# SPDX-License-Identifier: BSD-3-Clause
"""The state pipe has no queue to travel on."""
import os

from messages.checks import Message, feature_masked, huge_size, refused, wrong_fds, wrong_size
from vhost_user import vring_state


def pipe_end():
    read, write = os.pipe()
    os.close(write)
    return read


MESSAGE = Message("SET_DEVICE_STATE_FD", vring_state(0, 0), fds=1, make_fd=pipe_end,
                  gate="DEVICE_STATE", served=False)

test_right_is_refused = refused(MESSAGE)
test_feature_is_never_offered = feature_masked(MESSAGE)
test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
