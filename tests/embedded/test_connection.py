# SPDX-License-Identifier: BSD-3-Clause
"""The connection itself: framing, floods, stalls, and frontends that come and go."""
import os
import pathlib
import random
import struct
import time

import pytest

from net import Net
from vhost_user import FRONTEND, NEED_REPLY, VERSION, Closed, eventfd, u64, vring_state


@pytest.fixture
def net():
    device = Net()
    yield device
    device.close()


ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def rss(testd):
    """Bytes of memory the process holds."""
    fields = pathlib.Path(f"/proc/{testd.process.pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def test_message_in_single_bytes(frontend):
    for byte in struct.pack("=III", FRONTEND["GET_FEATURES"], VERSION, 0):
        frontend.send_bytes(bytes([byte]))
        time.sleep(0.001)
    assert frontend.reply("GET_FEATURES").u64


def test_many_messages_in_one_write(frontend):
    frontend.send_bytes(struct.pack("=III", FRONTEND["GET_FEATURES"], VERSION, 0) * 50)
    for _ in range(50):
        frontend.reply("GET_FEATURES")


@pytest.mark.parametrize("flags", [0, 2, 3, VERSION | 4, VERSION | 16, 0x80000001])
def test_header_flags_that_mean_nothing(testd, frontend, flags):
    frontend.send_bytes(struct.pack("=III", FRONTEND["GET_FEATURES"], flags, 0))
    assert frontend.closed()
    testd.wait(lambda s: not s["connected"])


@pytest.mark.parametrize("request_id", [0, 45, 46, 255, 0x10000, 0xffffffff])
def test_unknown_message(testd, frontend, request_id):
    frontend.negotiate()
    frontend.send(request_id, b"", flags=NEED_REPLY)
    assert frontend.closed()
    testd.wait(lambda s: not s["connected"])
    assert str(request_id) in testd.reasons() or hex(request_id) in testd.reasons()


def test_closed_in_the_middle_of_a_header(testd, frontend):
    frontend.send_bytes(b"\x01\x00\x00")
    frontend.close()
    with testd.frontend() as other:
        other.negotiate()


def test_closed_in_the_middle_of_a_payload(testd, frontend):
    frontend.send_bytes(struct.pack("=III", FRONTEND["SET_FEATURES"], VERSION, 8) + b"\x00\x00")
    frontend.close()
    with testd.frontend() as other:
        other.negotiate()


def test_second_frontend_waits_for_the_first(testd, frontend):
    frontend.negotiate()
    with testd.frontend() as second:
        second.send("GET_FEATURES")
        second.timeout = 0.3
        with pytest.raises(TimeoutError):
            second.recv()
        frontend.close()
        second.timeout = 20
        assert second.reply("GET_FEATURES").u64


def test_frontend_that_reads_no_answer(testd, frontend):
    """It asks for ever and reads nothing: memory stays bounded, others are served."""
    frontend.sock.setblocking(False)
    request = struct.pack("=III", FRONTEND["GET_FEATURES"], VERSION, 0) * 100
    testd.command("fds")
    before = rss(testd)
    deadline = time.monotonic() + 3
    try:
        while time.monotonic() < deadline:
            try:
                frontend.sock.send(request)
            except BlockingIOError:
                time.sleep(0.01)
                if rss(testd) > before + (16 << 20):
                    pytest.fail("memory grows")
    except OSError:
        pass
    assert rss(testd) < before + (16 << 20)
    frontend.close()
    with testd.frontend() as other:
        other.negotiate()


def test_random_bytes(testd):
    """Deterministic noise, many connections: every one ends in a closed socket."""
    noise = random.Random(43)
    for _ in range(200):
        with testd.frontend() as frontend:
            try:
                frontend.send_bytes(noise.randbytes(noise.randrange(1, 300)))
            except Closed:
                pass
    with testd.frontend() as other:
        other.negotiate()


def test_random_messages_with_right_headers(testd, net):
    """Well-framed nonsense: any id, any flags, any payload, any descriptors."""
    noise = random.Random(44)
    for _ in range(150):
        with testd.frontend() as frontend:
            frontend.negotiate()
            try:
                for _ in range(noise.randrange(1, 20)):
                    fds = [eventfd() for _ in range(noise.choice((0, 0, 1, 2)))]
                    payload = noise.randbytes(noise.choice((0, 8, 8, 16, 24, 40, 72)))
                    if noise.random() < 0.7:
                        payload = payload.replace(payload[1:4], b"\0\0\0") if payload else payload
                    frontend.send(noise.randrange(1, 46), payload, fds,
                                  flags=noise.choice((0, NEED_REPLY)))
                    for fd in fds:
                        os.close(fd)
            except Closed:
                for fd in fds:
                    os.close(fd)
    with testd.frontend() as other:
        net.start(other)
        assert net.send_frame(b"still here" * 6) and net.receive_frame()


class TestLeaks:
    """On the plain build: under a sanitizer the heap's size says nothing."""

    @pytest.fixture
    def build(self):
        return str(ROOT / os.environ.get("VVU_BUILD_PLAIN", "build/plain"))

    def test_thousand_connections_leak_nothing(self, testd, net):
        thousand_connections(testd, net)


def thousand_connections(testd, net):
    """Descriptors, mappings and heap bytes are the same after 1,000 whole sessions."""
    def session():
        with testd.frontend() as frontend:
            net.start(frontend)
            net.tx_next = 0
            assert net.send_frame(b"x" * 60) and net.receive_frame()
        testd.wait(lambda s: not s["connected"] and not s["memory"])

    def settled():
        counts = testd.command("fds")
        return counts["fds"], counts["maps"], counts["heap_bytes"]

    for _ in range(5):
        session()
    before = settled()
    rounds = int(os.environ.get("VVU_CONNECT_ROUNDS", "1000"))
    for _ in range(rounds):
        session()
    after = settled()
    assert after[:2] == before[:2], (before, after)
    assert after[2] <= before[2] + 4096, (before, after)
    assert testd.status()["connections"] >= rounds


def test_many_frontends_killed_in_the_middle(testd, net):
    """Closed at every point of the start-up sequence."""
    for stop in range(12):
        with testd.frontend() as frontend:
            steps = [lambda: frontend.negotiate(),
                     lambda: frontend.send("SET_MEM_TABLE", net.guest.table(), net.guest.fds()),
                     lambda: frontend.send("SET_VRING_NUM", vring_state(1, 16)),
                     lambda: frontend.send("SET_VRING_BASE", vring_state(1, 0)),
                     lambda: frontend.send("SET_VRING_ADDR", net.tx.addr()),
                     lambda: frontend.send("SET_VRING_ERR", u64(1), [net.tx.err]),
                     lambda: frontend.send("SET_VRING_KICK", u64(1), [net.tx.kick]),
                     lambda: frontend.send("SET_VRING_CALL", u64(1), [net.tx.call]),
                     lambda: frontend.send("SET_VRING_ENABLE", vring_state(1, 1)),
                     lambda: net.tx.notify(),
                     lambda: frontend.send("GET_VRING_BASE", vring_state(1, 0))]
            for step in steps[:stop]:
                step()
    with testd.frontend() as other:
        net.start(other)
        net.tx_next = 0
        assert net.send_frame(b"after all" * 8) and net.receive_frame()
