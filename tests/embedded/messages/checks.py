# SPDX-License-Identifier: BSD-3-Clause
"""What every message module checks in the same way.

A module describes its message once (Message below) and makes its tests with the functions
here; what the message is *for* it tests itself, as test_right...
"""
import os
import socket

import pytest

from vhost_user import NOFD, PF, Closed, bit, eventfd, u64


class Message:
    """
    payload   bytes of a right payload
    fds       how many descriptors a right message carries
    make_fd   makes one of them (an eventfd unless said)
    gate      protocol feature that must have been negotiated, or None
    served    False: a message this stack refuses; the frontend is disconnected
    reply     it has a reply of its own
    any_size  lengths of payload that are right too
    any_fds   descriptor counts that are right too
    first     what happens when it is the first message of a connection: "served" or "closed"
    prepare   called with the frontend before the message, for what must precede it
    """

    def __init__(self, name, payload=b"", fds=0, make_fd=eventfd, gate=None, served=True,
                 reply=False, any_size=(), any_fds=(), first="served", prepare=None):
        self.name, self.payload, self.fds, self.make_fd = name, payload, fds, make_fd
        self.gate, self.served, self.reply = gate, served, reply
        self.any_size, self.any_fds, self.first = any_size, any_fds, first
        self.prepare = prepare

    def send(self, frontend, payload=None, fds=None, size=None):
        made = [self.make_fd() for _ in range(self.fds if fds is None else fds)]
        try:
            frontend.send(self.name, self.payload if payload is None else payload, made, size=size)
        finally:
            for fd in made:
                os.close(fd)

    def negotiated(self, frontend):
        frontend.negotiate()
        if self.prepare:
            self.prepare(frontend)
        return frontend


def assert_refused(testd, frontend, *words):
    """The socket is closed, the reason names the message, and the next frontend is served."""
    assert frontend.closed()
    testd.wait(lambda s: not s["connected"])
    reason = testd.reasons()
    for word in words:
        assert word in reason, reason
    with testd.frontend() as other:
        other.negotiate()


def _expect_refused(testd, frontend, message, send, *words):
    try:
        send()
    except Closed:
        pass
    assert_refused(testd, frontend, message.name, *words)


def wrong_size(message):
    """Test function: every payload length that is not the message's own closes the socket."""
    right = len(message.payload)
    wrong = {0, right - 1, right + 1, right + 8, 4084} - {right, -1} - set(message.any_size)

    @pytest.mark.parametrize("size", sorted(wrong))
    def test(testd, frontend, size):
        message.negotiated(frontend)
        payload = (message.payload + bytes(4096))[:size]
        _expect_refused(testd, frontend, message, lambda: message.send(frontend, payload))
    return test


def huge_size(message):
    """Test function: a size beyond any message is refused from the header alone."""
    @pytest.mark.parametrize("size", [4085, 0x7fffffff, 0xffffffff])
    def test(testd, frontend, size):
        message.negotiated(frontend)
        _expect_refused(testd, frontend, message,
                        lambda: message.send(frontend, b"", size=size))
    return test


def wrong_fds(message):
    """Test function: any other number of descriptors closes the socket and leaks none."""
    wrong = {0, 1, message.fds + 1, 8, 9, 30} - {message.fds} - set(message.any_fds)

    @pytest.mark.parametrize("count", sorted(wrong))
    def test(testd, frontend, count):
        message.negotiated(frontend)
        frontend.barrier()
        before = testd.command("fds")["fds"]
        _expect_refused_fds(testd, frontend, message, count)
        testd.wait(lambda _: testd.command("fds")["fds"] <= before)
    return test


def _expect_refused_fds(testd, frontend, message, count):
    try:
        message.send(frontend, fds=count)
    except Closed:
        pass
    # Beyond what one message can carry the socket layer cannot tell which message it was.
    words = [message.name] if count <= 8 else []
    assert_refused(testd, frontend, *words)


def out_of_order(message):
    """Test function: the message comes before anything was negotiated."""
    def test(testd, frontend):
        if message.first == "closed":
            _expect_refused(testd, frontend, message, lambda: message.send(frontend))
        else:
            message.send(frontend)
            if message.reply:
                frontend.reply(message.name)
            frontend.barrier()
            assert testd.status()["connected"]
    return test


def not_negotiated(message):
    """Test function: everything was negotiated but the message's own feature."""
    def test(testd, frontend):
        frontend.ask("GET_FEATURES")
        protocol = frontend.ask("GET_PROTOCOL_FEATURES").u64 & ~bit(PF[message.gate])
        frontend.negotiate(protocol=protocol)
        _expect_refused(testd, frontend, message, lambda: message.send(frontend), message.gate)
    return test


def refused(message):
    """Test function: the message is none that this device serves, however right it is."""
    def test(testd, frontend):
        frontend.negotiate()
        _expect_refused(testd, frontend, message, lambda: message.send(frontend))
    return test


def feature_masked(message):
    """Test function: its feature is never offered, and asking for it closes the socket."""
    def test(testd, frontend):
        frontend.ask("GET_FEATURES")
        offered = frontend.ask("GET_PROTOCOL_FEATURES").u64
        assert not offered & bit(PF[message.gate])
        frontend.send("SET_PROTOCOL_FEATURES", u64(offered | bit(PF[message.gate])))
        assert_refused(testd, frontend, "SET_PROTOCOL_FEATURES", message.gate)
    return test


def no_descriptor_said_but_one_sent(message):
    """Test function, for kick, call and err: the flag and the descriptor contradict."""
    def test(testd, frontend):
        frontend.negotiate()
        fd = eventfd()
        frontend.send(message.name, u64(0 | NOFD), [fd])
        os.close(fd)
        assert_refused(testd, frontend, message.name)
    return test


def vring_u64_out_of_range(message):
    """Test function, for kick, call and err: the index is 8 bits wide; bits above the
    no-descriptor flag mean nothing legal."""
    @pytest.mark.parametrize("value", [4, 255, 0x200, 0x10000, 1 << 63])
    def test(testd, frontend, value):
        frontend.negotiate()
        fd = eventfd()
        frontend.send(message.name, u64(value), [fd])
        os.close(fd)
        assert_refused(testd, frontend, message.name)
    return test


def not_an_eventfd(message):
    """Test function, for kick, call and err: other descriptors are refused, and not written."""
    @pytest.mark.parametrize("kind", ["pipe", "socket", "file"])
    def test(testd, frontend, directory, kind):
        frontend.negotiate()
        if kind == "pipe":
            fds = list(os.pipe())
        elif kind == "socket":
            fds = [socket.socket(socket.AF_UNIX).detach()]
        else:
            fds = [os.open(directory / "file", os.O_CREAT | os.O_RDWR)]
        frontend.send(message.name, u64(0), fds[:1])
        assert_refused(testd, frontend, message.name, "eventfd")
        if kind == "file":
            assert os.fstat(fds[0]).st_size == 0
        for fd in fds:
            os.close(fd)
    return test
