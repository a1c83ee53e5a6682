# SPDX-License-Identifier: BSD-3-Clause
import os
import socket
import struct

import pytest

from messages.checks import (Message, assert_refused, huge_size, not_negotiated, out_of_order,
                             wrong_fds, wrong_size)
from vhost_user import NEED_REPLY, REPLY, VERSION


def stream_socket():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ours.close()
    return theirs.detach()


MESSAGE = Message("SET_BACKEND_REQ_FD", fds=1, make_fd=stream_socket, gate="BACKEND_REQ",
                  first="closed")

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)
test_not_negotiated = not_negotiated(MESSAGE)


def open_channel(frontend):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ours.settimeout(20)
    assert frontend.ack("SET_BACKEND_REQ_FD", fds=[theirs.fileno()]) == 0
    theirs.close()
    return ours


def test_right(testd, frontend, net):
    """A configuration change reaches the frontend on the channel."""
    net.start(frontend)
    channel = open_channel(frontend)
    assert testd.command("config-change").get("result") == 0
    request, flags, size = struct.unpack("=III", channel.recv(12))
    assert (request, flags & ~NEED_REPLY, size) == (2, VERSION, 0)
    if flags & NEED_REPLY:
        channel.send(struct.pack("=IIIQ", 2, VERSION | REPLY, 8, 0))
    frontend.barrier()
    channel.close()


def test_twice_replaces_the_channel(testd, frontend, net):
    """QEMU sends it again when it starts over on one connection."""
    net.start(frontend)
    first = open_channel(frontend)
    second = open_channel(frontend)
    assert first.recv(1) == b"", "the first one is closed"
    assert testd.command("config-change").get("result") == 0
    assert struct.unpack("=III", second.recv(12))[0] == 2
    first.close()
    second.close()


def test_no_request_while_no_ring_is_started(testd, frontend):
    """A suspended device sends nothing (vhost-user, "Suspended device state")."""
    frontend.negotiate()
    channel = open_channel(frontend)
    assert testd.command("config-change").get("result") != 0
    frontend.barrier()
    channel.close()


def test_no_request_without_a_channel(testd, frontend, net):
    net.start(frontend)
    assert testd.command("config-change").get("result") != 0
    frontend.barrier()


@pytest.mark.parametrize("noise", [b"x" * 12, struct.pack("=III", 2, VERSION, 0),
                                   struct.pack("=III", 77, VERSION | REPLY, 8) + bytes(8),
                                   struct.pack("=III", 2, VERSION | REPLY, 0xffffffff)])
def test_noise_on_the_channel(testd, frontend, noise):
    """The channel may go; neither the process nor another frontend does."""
    frontend.negotiate()
    channel = open_channel(frontend)
    channel.send(noise)
    channel.close()
    with testd.frontend() as _:
        frontend.close()
        testd.wait(lambda s: s["connected"])


def test_channel_closed_by_the_frontend(testd, frontend):
    frontend.negotiate()
    open_channel(frontend).close()
    frontend.barrier()
    assert testd.status()["connected"]


@pytest.mark.parametrize("kind", ["eventfd", "datagram", "pipe"])
def test_descriptor_that_is_no_stream_socket(testd, frontend, kind):
    frontend.negotiate()
    if kind == "eventfd":
        fds = [os.eventfd(0)]
    elif kind == "datagram":
        fds = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).detach()]
    else:
        fds = list(os.pipe())
    frontend.send("SET_BACKEND_REQ_FD", fds=fds[:1])
    for fd in fds:
        os.close(fd)
    assert_refused(testd, frontend, "SET_BACKEND_REQ_FD")
