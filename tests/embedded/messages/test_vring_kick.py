# SPDX-License-Identifier: BSD-3-Clause
"""Kicks are vectors, not messages."""
from messages.checks import Message, feature_masked, huge_size, refused, wrong_fds, wrong_size
from vhost_user import vring_state

MESSAGE = Message("VRING_KICK", vring_state(0, 0), gate="INBAND_NOTIFICATIONS", served=False)

test_right_is_refused = refused(MESSAGE)
test_feature_is_never_offered = feature_masked(MESSAGE)
test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
