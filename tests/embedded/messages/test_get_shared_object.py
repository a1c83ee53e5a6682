# SPDX-License-Identifier: BSD-3-Clause
"""A dma-buf cannot reach a VM."""
from messages.checks import Message, feature_masked, huge_size, refused, wrong_fds, wrong_size

MESSAGE = Message("GET_SHARED_OBJECT", bytes(16), gate="SHARED_OBJECT", served=False)

test_right_is_refused = refused(MESSAGE)
test_feature_is_never_offered = feature_masked(MESSAGE)
test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
