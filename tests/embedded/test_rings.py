# SPDX-License-Identifier: BSD-3-Clause
"""Hostile rings over a real socket: the ring breaks, with a reason; nothing else does."""
import struct

import pytest

from guest import DESC_INDIRECT, DESC_NEXT, DESC_WRITE
from net import Net
from vhost_user import F_EVENT_IDX, bit, bits, wait_eventfd


@pytest.fixture
def net(testd, frontend):
    device = Net()
    device.start(frontend)
    testd.wait(lambda s: s["rings"][0]["ready"] and s["rings"][1]["ready"])
    yield device
    device.close()


def loop(net):
    net.tx.set_desc(0, net.tx_buffers, 16, DESC_NEXT, 1)
    net.tx.set_desc(1, net.tx_buffers, 16, DESC_NEXT, 0)
    net.tx.post(0)


def head_out_of_range(net):
    net.tx.post(net.tx.size)


def head_far_out_of_range(net):
    net.tx.post(0xffff)


def next_out_of_range(net):
    net.tx.set_desc(0, net.tx_buffers, 16, DESC_NEXT, net.tx.size)
    net.tx.post(0)


def address_unmapped(net):
    net.tx.set_desc(0, 1 << 50, 64)
    net.tx.post(0)


def address_wraps(net):
    net.tx.set_desc(0, 2**64 - 32, 64)
    net.tx.post(0)


def buffer_leaves_its_region(net):
    """CVE-2018-1059: only the first byte of the buffer is inside."""
    region = net.guest.regions[0]
    net.tx.set_desc(0, region.gpa + region.size - 16, 4096)
    net.tx.post(0)


def length_huge(net):
    net.tx.set_desc(0, net.tx_buffers, 0xffffffff)
    net.tx.post(0)


def readable_after_writable(net):
    net.tx.set_desc(0, net.tx_buffers, 16, DESC_NEXT | DESC_WRITE, 1)
    net.tx.set_desc(1, net.tx_buffers, 16)
    net.tx.post(0)


def available_jump(net):
    net.tx.set_avail_idx(net.tx.avail_idx + net.tx.size + 1)


def indirect(net, table, length=None, flags=DESC_INDIRECT):
    at = net.tx_buffers + 0x1000
    net.guest.write(at, table)
    net.tx.set_desc(0, at, len(table) if length is None else length, flags)
    net.tx.post(0)


def entry(addr, length, flags=0, next_desc=0):
    return struct.pack("<QIHH", addr, length, flags, next_desc)


def indirect_nested(net):
    indirect(net, entry(net.tx_buffers, 16, DESC_INDIRECT))


def indirect_odd_length(net):
    indirect(net, entry(net.tx_buffers, 64), length=17)


def indirect_empty(net):
    indirect(net, entry(net.tx_buffers, 64), length=0)


def indirect_too_long(net):
    indirect(net, entry(net.tx_buffers, 64), length=16 * 65537)


def indirect_loop(net):
    indirect(net, entry(net.tx_buffers, 16, DESC_NEXT, 1) + entry(net.tx_buffers, 16, DESC_NEXT, 0))


def indirect_next_out_of_range(net):
    indirect(net, entry(net.tx_buffers, 16, DESC_NEXT, 1))


def indirect_table_unmapped(net):
    net.tx.set_desc(0, 1 << 50, 64, DESC_INDIRECT)
    net.tx.post(0)


def indirect_with_next(net):
    indirect(net, entry(net.tx_buffers, 64), flags=DESC_INDIRECT | DESC_NEXT)


HOSTILE = [loop, head_out_of_range, head_far_out_of_range, next_out_of_range, address_unmapped,
           address_wraps, buffer_leaves_its_region, length_huge, readable_after_writable,
           available_jump, indirect_nested, indirect_odd_length, indirect_empty,
           indirect_too_long, indirect_loop, indirect_next_out_of_range,
           indirect_table_unmapped, indirect_with_next]


@pytest.mark.parametrize("attack", HOSTILE, ids=lambda f: f.__name__)
def test_ring_breaks_alone(testd, frontend, net, attack):
    attack(net)
    net.tx.notify()
    status = testd.wait(lambda s: s["rings"][1]["broken"])
    assert not status["rings"][1]["ready"]
    assert status["rings"][0]["ready"] and status["connected"]
    assert wait_eventfd(net.tx.err) >= 1
    frontend.barrier()


@pytest.mark.parametrize("attack", HOSTILE, ids=lambda f: f.__name__)
def test_broken_ring_works_when_set_up_anew(testd, frontend, net, attack):
    attack(net)
    net.tx.notify()
    testd.wait(lambda s: s["rings"][1]["broken"])
    frontend.ask("GET_VRING_BASE", struct.pack("=II", 1, 0))
    net.tx.clear()
    net.tx_next = 0
    net.tx.start(frontend)
    frontend.barrier()
    assert net.send_frame(b"again" * 12) and net.receive_frame() == b"again" * 12


def test_frame_in_many_pieces(net):
    frame = bytes(range(256)) * 4
    at = net.tx_buffers
    pieces = [bytes(12)] + [frame[i:i + 100] for i in range(0, len(frame), 100)]
    for i, piece in enumerate(pieces):
        net.guest.write(at + i * 512, piece)
        last = i == len(pieces) - 1
        net.tx.set_desc(i, at + i * 512, len(piece), 0 if last else DESC_NEXT, i + 1)
    net.tx.post(0)
    net.tx.notify()
    assert net.receive_frame() == frame


def test_header_split_over_descriptors(net):
    """CVE-2022-2132: the header itself may be in pieces."""
    frame = b"f" * 80
    at = net.tx_buffers
    data = bytes(12) + frame
    for i, (start, end) in enumerate([(0, 5), (5, 13), (13, len(data))]):
        net.guest.write(at + i * 512, data[start:end])
        net.tx.set_desc(i, at + i * 512, end - start, 0 if i == 2 else DESC_NEXT, i + 1)
    net.tx.post(0)
    net.tx.notify()
    assert net.receive_frame() == frame


@pytest.mark.parametrize("length", [0, 1, 11])
def test_shorter_than_the_header(testd, frontend, net, length):
    """Nothing is read beyond the buffer; the buffer comes back or the ring is broken."""
    net.tx.set_desc(0, net.tx_buffers, length)
    net.tx.post(0)
    net.tx.notify()
    testd.wait(lambda s: s["rings"][1]["broken"] or net.tx.used_idx() == 1)
    frontend.barrier()


def test_indirect_frame(net):
    frame = b"i" * 300
    net.guest.write(net.tx_buffers, bytes(12) + frame)
    indirect(net, entry(net.tx_buffers, 12, DESC_NEXT, 1) + entry(net.tx_buffers + 12, 300))
    net.tx.notify()
    assert net.receive_frame() == frame


def test_buffer_across_two_adjacent_regions(testd, frontend):
    """Guest-physically contiguous, two files: legal, and copied whole."""
    from guest import Guest, Region
    device = Net()
    device.guest.close()
    device.guest = Guest(Region(0, 4 << 20), Region(4 << 20, 1 << 20))
    device.rx.guest = device.tx.guest = device.guest
    device.start(frontend)
    frame = bytes(range(200)) * 5
    at = (4 << 20) - 300
    data = bytes(12) + frame
    device.guest.write(at, data[:300])
    device.guest.write(4 << 20, data[300:])
    device.tx.set_desc(0, at, len(data))
    device.tx.post(0)
    device.tx.notify()
    assert device.receive_frame() == frame
    device.close()


def test_ring_addresses_are_guest_physical_where_negotiated(testd, frontend):
    device = Net()
    frontend.negotiate(protocol=bits("REPLY_ACK", "GPA_ADDRESSES"))
    frontend.send("SET_MEM_TABLE", device.guest.table(), device.guest.fds())
    device.guest.uva = lambda gpa: gpa
    device.start(frontend, negotiate=False)
    assert device.send_frame(b"gpa" * 20) and device.receive_frame() == b"gpa" * 20
    device.close()


def test_event_index_suppresses_calls(testd, frontend):
    device = Net()
    features = frontend.ask("GET_FEATURES").u64
    assert features & bit(F_EVENT_IDX)
    device.start(frontend, features=features)
    # The first call of a ring is never suppressed: the backend knows no earlier index.
    assert device.send_frame(b"first" * 12) and device.receive_frame()
    assert wait_eventfd(device.rx.call) >= 1
    device.rx.set_used_event(3)
    for _ in range(2):
        assert device.send_frame(b"quiet" * 12) and device.receive_frame()
    frontend.barrier()
    assert not wait_eventfd(device.rx.call, 0)
    assert device.send_frame(b"loud" * 15) and device.receive_frame()
    assert wait_eventfd(device.rx.call) >= 1
    device.close()


def test_flag_suppresses_calls(testd, frontend, net):
    wait_eventfd(net.rx.call, 0.05)
    net.guest.write(net.rx.avail, struct.pack("<H", 1))
    assert net.send_frame(b"quiet" * 12) and net.receive_frame()
    frontend.barrier()
    assert not wait_eventfd(net.rx.call, 0)


def test_many_times_round(net):
    """Many times round a ring of 16."""
    for i in range(200):
        assert net.send_frame(struct.pack("<I", i) * 20)
        assert net.receive_frame() == struct.pack("<I", i) * 20


@pytest.mark.parametrize("base", [0xfff0, 0xffff, 0x8000])
def test_indices_wrap_from_a_late_base(testd, frontend, base):
    device = Net()
    frontend.negotiate()
    frontend.send("SET_MEM_TABLE", device.guest.table(), device.guest.fds())
    for ring in (device.rx, device.tx):
        ring.clear()
        ring.guest.write(ring.avail + 2, struct.pack("<H", base))
        ring.guest.write(ring.used + 2, struct.pack("<H", base))
        ring.start(frontend, base=base)
    device.fill_rx()
    frontend.barrier()
    for i in range(40):
        assert device.send_frame(struct.pack("<I", i) * 20)
        assert device.receive_frame() == struct.pack("<I", i) * 20
    device.close()
