# SPDX-License-Identifier: BSD-3-Clause
"""The state pipe has no queue to travel on."""
from messages.checks import Message, feature_masked, huge_size, refused, wrong_fds, wrong_size

MESSAGE = Message("CHECK_DEVICE_STATE", gate="DEVICE_STATE", served=False)

test_right_is_refused = refused(MESSAGE)
test_feature_is_never_offered = feature_masked(MESSAGE)
test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
