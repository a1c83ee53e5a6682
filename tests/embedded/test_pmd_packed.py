# SPDX-License-Identifier: BSD-3-Clause
"""Frames through net_vvu and back over packed rings, byte by byte.

testpmd forwards each frame out of the port it came in ("io" with one port).
"""
import struct

import pytest

import dpdk
from dpdk import SIZES, frame
from guest import DESC_INDIRECT, DESC_NEXT, DESC_WRITE, NET_HEADER
from packed_net import MARKS, PackedDriver
from vhost_user import (F_EVENT_IDX, F_INDIRECT, NET_F_MRG_RXBUF, vring_state, wait_eventfd)

DISABLE, DESC = 1, 2   # flags of an event area, virtio 1.3, 2.8.10


@pytest.fixture(scope="module")
def echo():
    with dpdk.echo("packed") as backend:
        yield backend


@pytest.fixture(params=[True, False], ids=["in-order", "any-order"])
def driver(echo, request):
    device = PackedDriver().connect(echo.pmd.socket(), in_order=request.param)
    yield device
    device.close()


def test_frames_of_every_size_come_back_unchanged(driver):
    for number, size in enumerate(SIZES):
        data = frame(size, number)
        assert driver.exchange(data) == data, size


def test_order_is_kept_over_many_laps(driver):
    """Of a ring whose size is no power of two, with up to 10 frames under way."""
    sent = received = 0
    while received < 500:
        while driver.tx.free() and sent < 500 and sent - received < driver.rx.size:
            driver.post_frame(frame(60 + sent % 200, sent))
            sent += 1
        assert driver.receive() == frame(60 + received % 200, received)
        assert driver.taken() == received % driver.tx.size
        received += 1


@pytest.mark.parametrize("sizes", [(12, 100), (5, 7, 100), (1, 1, 10, 30, 70)], ids=str)
@pytest.mark.parametrize("indirect", [False, True], ids=["direct", "indirect"])
def test_lists_of_several_descriptors_are_one_frame(driver, sizes, indirect):
    # Lists begin at every place of the ring, and go over its end.
    for number in range(13):
        driver.post_pieces(bytes(NET_HEADER) + frame(100, number), sizes, indirect=indirect)
        driver.taken()
        assert driver.receive() == frame(100, number)


def test_table_with_a_header_that_is_called_writable(driver):
    """As DPDK's virtio driver makes it of a frame in several mbufs."""
    for number in range(10):
        driver.post_pieces(bytes(NET_HEADER) + frame(100, number), (NET_HEADER, 60, 40),
                           indirect=True, first_flags=DESC_WRITE)
        driver.taken()
        assert driver.receive() == frame(100, number)


def test_plain_and_chained_frames_mixed_keep_their_order(driver):
    for turn in range(20):
        for number in range(5):
            data = frame(90, 100 * turn + number)
            if number % 3 == 1:
                driver.post_pieces(bytes(NET_HEADER) + data, (12, 90))
            elif number % 3 == 2:
                driver.post_pieces(bytes(NET_HEADER) + data, (50, 52), indirect=True)
            else:
                driver.post_frame(data)
        for number in range(5):
            driver.taken()
            assert driver.receive() == frame(90, 100 * turn + number)


@pytest.mark.parametrize("in_order", [True, False], ids=["in-order", "any-order"])
def test_batch_is_used_with_one_descriptor_only_in_order(echo, in_order):
    """virtio 1.3, 2.8.9: the id is the last one's, at the place of the first."""
    driver = PackedDriver().connect(echo.pmd.socket(), in_order=in_order)
    idents = driver.post_at_once([frame(60, number) for number in range(5)])
    assert [driver.receive() for _ in idents] == [frame(60, number) for number in range(5)]
    used = [driver.tx.entry(at) for at in range(5)]
    if in_order:
        assert used[0][1:] == (0, idents[-1], MARKS)
        # The others are as the driver wrote them.
        assert [entry[3] for entry in used[1:]] == [0x80] * 4
    else:
        assert [entry[1:] for entry in used] == [(0, ident, MARKS) for ident in idents]
    assert [driver.taken() for _ in idents] == idents
    driver.close()


@pytest.mark.parametrize("buffer", [64, 100, 512])
def test_mergeable_buffers_hold_a_frame_in_several(echo, buffer):
    driver = PackedDriver(size=30, buffer=buffer).connect(echo.pmd.socket())
    for number, size in enumerate((60, 512, 700, 1518, 60, 1518, 1000)):
        data = frame(size, number)
        assert driver.exchange(data) == data
        assert driver.buffers == -(-(size + NET_HEADER) // buffer)
    driver.close()


def test_frame_that_waits_for_more_buffers_takes_none_before(echo):
    """What was looked at and found too small stays available, unchanged."""
    driver = PackedDriver(size=30, buffer=512).connect(echo.pmd.socket())
    for number in range(28):
        driver.post_frame(frame(60, number))
        driver.taken()
    before = [driver.rx.entry(at) for at in (28, 29)]
    # Three buffers are needed, two are there.
    driver.post_frame(frame(1400, 99))
    dpdk.settle()
    assert [driver.rx.entry(at) for at in (28, 29)] == before
    for number in range(28):
        assert driver.receive() == frame(60, number)
    driver.close()


def test_without_mergeable_buffers_a_frame_too_large_is_dropped_and_counted(echo):
    before = dpdk.xstats(echo)["tx_q0_oversize"]
    driver = PackedDriver(buffer=512).connect(echo.pmd.socket(), without=[NET_F_MRG_RXBUF])
    assert driver.exchange(frame(500)) == frame(500)
    assert driver.exchange(frame(501), timeout=0.3) is None
    # The buffer it did not fit is there for the next.
    assert driver.exchange(frame(400)) == frame(400)
    driver.close()
    assert dpdk.xstats(echo)["tx_q0_oversize"] == before + 1


def test_bad_frame_among_good_ones_does_not_touch_them(driver, echo):
    before = dpdk.xstats(echo)["rx_q0_bad_header"]
    for number in range(8):
        header = b"\x01" + bytes(11) if number in (0, 4, 7) else bytes(NET_HEADER)
        driver.post_pieces(header + frame(70, number), (82,))
    for number in range(8):
        driver.taken()
        if number not in (0, 4, 7):
            assert driver.receive() == frame(70, number)
    assert dpdk.xstats(echo)["rx_q0_bad_header"] == before + 3


@pytest.mark.parametrize("name, size, pieces, flags", [
    ("truncated", 25, (25,), 0), ("truncated", 12, (12,), 0),
    ("bad_chain", 112, (112,), DESC_WRITE), ("oversize", 2100, (1000, 1100), 0)])
def test_frame_that_is_none_is_dropped_and_given_back(driver, echo, name, size, pieces, flags):
    before = dpdk.xstats(echo)[f"rx_q0_{name}"]
    driver.post_pieces(bytes(size), pieces, flags=flags)
    driver.taken()
    assert driver.exchange(frame(80, 1)) == frame(80, 1)
    assert dpdk.xstats(echo)[f"rx_q0_{name}"] == before + 1


def id_outside(driver):
    driver.guest.write(driver.tx.desc, struct.pack(
        "<QIHH", driver.tx_buffers, 100, driver.tx.size, 0x80))


def address_outside(driver):
    driver.guest.write(driver.tx.desc, struct.pack("<QIHH", 1 << 50, 100, 0, 0x80))


def length_outside(driver):
    region = driver.guest.regions[0]
    driver.guest.write(driver.tx.desc, struct.pack(
        "<QIHH", region.gpa + region.size - 40, 100, 0, 0x80))


def list_without_an_end(driver):
    for at in reversed(range(driver.tx.size)):
        driver.guest.write(driver.tx.desc + 16 * at, struct.pack(
            "<QIHH", driver.tx_buffers, 100, 0, 0x80 | DESC_NEXT))


def indirect_not_negotiated(driver):
    driver.guest.write(driver.tx.desc, struct.pack(
        "<QIHH", driver.tables, 16, 0, 0x80 | DESC_INDIRECT))


@pytest.mark.parametrize("wrong", [id_outside, address_outside, length_outside,
                                   list_without_an_end, indirect_not_negotiated])
def test_broken_ring_takes_the_link_down_and_the_next_frontend_is_served(echo, wrong):
    driver = PackedDriver().connect(echo.pmd.socket(), without=[F_INDIRECT])
    before = dpdk.xstats(echo)["rx_q0_ring_broken"]
    wrong(driver)
    dpdk.wait_xstats(echo, lambda x: x["rx_q0_ring_broken"] == before + 1)
    dpdk.wait_link(echo, False)
    driver.close()
    driver = PackedDriver().connect(echo.pmd.socket())
    assert driver.exchange(frame(64, 2)) == frame(64, 2)
    driver.close()


@pytest.mark.parametrize("without, flags, off_wrap, called", [
    ([F_EVENT_IDX], DISABLE, 0, False), ([F_EVENT_IDX], 0, 0, True),
    ([], DISABLE, 0, False), ([], 0, 0, True),
    # The 2nd descriptor of this lap is one that is used in the second exchange.
    ([], DESC, 0x8001, True), ([], DESC, 0x8005, False)])
def test_call_is_raised_only_when_the_driver_wants_it(echo, without, flags, off_wrap, called):
    driver = PackedDriver().connect(echo.pmd.socket(), without=without)
    # The first one after a start is always called for.
    driver.rx.set_event(0, 0)
    assert driver.exchange(frame(64)) == frame(64)
    assert wait_eventfd(driver.rx.call, dpdk.TIMEOUT) >= 1
    driver.rx.set_event(off_wrap, flags)
    assert driver.exchange(frame(64)) == frame(64)
    if called:
        assert wait_eventfd(driver.rx.call, dpdk.TIMEOUT) >= 1
    else:
        dpdk.settle()
        assert wait_eventfd(driver.rx.call, 0) == 0
    # Queues are polled.
    assert driver.guest.read(driver.tx.device_event + 2, 2) == struct.pack("<H", DISABLE)
    driver.close()


def test_ring_goes_on_where_it_stopped(driver):
    for number in range(17):
        assert driver.exchange(frame(64, number)) == frame(64, number)
    bases = [driver.frontend.ask("GET_VRING_BASE", vring_state(ring.index, 0)).u64 >> 32
             for ring in (driver.rx, driver.tx)]
    # 17 frames: position 7 of the second lap, taken and given back.
    assert bases == [0x00070007, 0x00070007]
    for ring, base in zip((driver.rx, driver.tx), bases):
        ring.start(driver.frontend, base)
    driver.frontend.barrier()
    for number in range(17, 40):
        assert driver.exchange(frame(64, number)) == frame(64, number)


def test_burst_mode_tells_the_format(echo, driver):
    assert "packed ring" in dpdk.burst_mode(echo, "rx")
    assert "packed ring" in dpdk.burst_mode(echo, "tx")
