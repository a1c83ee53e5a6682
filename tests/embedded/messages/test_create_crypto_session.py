# SPDX-License-Identifier: BSD-3-Clause
"""Its payload holds host pointers."""
from messages.checks import Message, feature_masked, huge_size, refused, wrong_fds, wrong_size

MESSAGE = Message("CREATE_CRYPTO_SESSION", bytes(1072), gate="CRYPTO_SESSION", served=False)

test_right_is_refused = refused(MESSAGE)
test_feature_is_never_offered = feature_masked(MESSAGE)
test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
