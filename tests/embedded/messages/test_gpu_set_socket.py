# SPDX-License-Identifier: BSD-3-Clause
"""A second protocol on a second socket: not carried."""
import socket

from messages.checks import Message, huge_size, refused, wrong_fds, wrong_size


def stream_socket():
    return socket.socket(socket.AF_UNIX).detach()


MESSAGE = Message("GPU_SET_SOCKET", fds=1, make_fd=stream_socket, served=False)

test_right_is_refused = refused(MESSAGE)
test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
