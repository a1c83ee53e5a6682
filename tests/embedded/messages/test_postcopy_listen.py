# SPDX-License-Identifier: BSD-3-Clause
"""A userfaultfd cannot reach a VM."""
from messages.checks import Message, feature_masked, huge_size, refused, wrong_fds, wrong_size

MESSAGE = Message("POSTCOPY_LISTEN", gate="PAGEFAULT", served=False)

test_right_is_refused = refused(MESSAGE)
test_feature_is_never_offered = feature_masked(MESSAGE)
test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
