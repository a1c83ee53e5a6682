# SPDX-License-Identifier: BSD-3-Clause
"""Address translation is the frontend's own; virtio feature 33 is not offered."""
from messages.checks import Message, huge_size, refused, wrong_fds, wrong_size
from vhost_user import iotlb

MESSAGE = Message("IOTLB_MSG", iotlb(0, 4096, 0, 3, 2), served=False)

test_right_is_refused = refused(MESSAGE)
test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
