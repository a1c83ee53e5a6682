# SPDX-License-Identifier: BSD-3-Clause
"""Frames through net_vvu and back, byte by byte, in every shape a driver may use.

testpmd forwards each frame out of the port it came in ("io" with one port).
"""
import struct

import pytest

import dpdk
from dpdk import SIZES, Driver, frame
from guest import DESC_WRITE, NET_HEADER
from net import BUFFER
from vhost_user import (F_EVENT_IDX, F_INDIRECT, F_PACKED, NET_F_MQ, NET_F_MRG_RXBUF, NET_F_MTU, PF,
                        Frontend, bit, u64, wait_eventfd)

F_IN_ORDER = 35


@pytest.fixture(scope="module")
def echo():
    with dpdk.echo("frames") as backend:
        yield backend


@pytest.fixture(scope="module")
def scatter():
    with dpdk.echo("scatter", ",mtu=9000",
                   app=["--enable-scatter", "--max-pkt-len=9022", "--mbuf-size=2176",
                        "--tx-offloads=0x8000"]) as backend:
        yield backend


@pytest.fixture
def driver(echo):
    device = Driver().connect(echo.pmd.socket())
    yield device
    device.close()


def test_frames_of_every_size_come_back_unchanged(driver):
    for number, size in enumerate(SIZES):
        data = frame(size, number)
        assert driver.exchange(data) == data, size


def test_order_is_kept_over_many_turns_of_the_ring(driver):
    sent = received = 0
    while received < 1000:
        while sent < received + 40 and sent < 1000:
            driver.post_frame(frame(60 + sent % 200, sent))
            sent += 1
        data = driver.receive()
        assert data == frame(60 + received % 200, received)
        received += 1
    for _ in range(sent):
        driver.taken()


@pytest.mark.parametrize("sizes", [(12, 100), (5, 7, 100), (1, 1, 10, 30, 70), (20, 92),
                                   (12, 1, 99)],
                         ids=str)
@pytest.mark.parametrize("indirect", [False, True], ids=["direct", "indirect"])
def test_chains_of_several_descriptors_are_one_frame(driver, sizes, indirect):
    data = frame(100, 5)
    driver.post_pieces(bytes(NET_HEADER) + data, sizes, indirect=indirect)
    driver.taken()
    assert driver.receive() == data


def test_plain_and_chained_frames_mixed_keep_their_order(driver):
    for turn in range(20):
        for number in range(8):
            data = frame(90, 100 * turn + number)
            if number % 3 == 1:
                driver.post_pieces(bytes(NET_HEADER) + data, (12, 90), indirect=True)
            else:
                driver.post_frame(data)
        for number in range(8):
            driver.taken()
            assert driver.receive() == frame(90, 100 * turn + number)


@pytest.mark.parametrize("buffer", [64, 100, 512])
def test_mergeable_buffers_hold_a_frame_in_several(echo, buffer):
    driver = Driver(buffer=buffer).connect(echo.pmd.socket())
    for number, size in enumerate((60, 512, 700, 1518)):
        data = frame(size, number)
        assert driver.exchange(data) == data
        assert driver.buffers == -(-(size + NET_HEADER) // buffer)
    driver.close()


def test_without_mergeable_buffers_a_frame_too_large_is_dropped_and_counted(echo):
    before = dpdk.xstats(echo)["tx_q0_oversize"]
    driver = Driver(buffer=512).connect(echo.pmd.socket(), without=[NET_F_MRG_RXBUF])
    assert driver.exchange(frame(500)) == frame(500)
    assert driver.buffers == 1
    assert driver.exchange(frame(501), timeout=0.3) is None
    # The buffer it did not fit is there for the next.
    assert driver.exchange(frame(400)) == frame(400)
    driver.close()
    assert dpdk.xstats(echo)["tx_q0_oversize"] == before + 1


def test_header_is_right_whatever_the_buffer_held(driver):
    """What is right already need not be written, and nothing else may be left."""
    right = bytes(10) + struct.pack("<H", 1)
    held = [right, bytes(NET_HEADER), b"\xff" * NET_HEADER]
    held += [right[:at] + b"\x80" + right[at + 1:] for at in range(NET_HEADER)]
    for number, header in enumerate(held):
        driver.guest.write(driver.rx_buffers + number * BUFFER, header)
    for number in range(len(held)):
        driver.post_frame(frame(60, number))
        driver.taken()
        head, length = driver._until(driver.rx.take_used, dpdk.TIMEOUT)
        assert driver._buffer(head, length) == right + frame(60, number), held[head]


def test_used_element_is_right_whatever_the_slot_held(driver):
    length = NET_HEADER + 60
    held = [(0, length), (1, length - 1), (9, length), (3, length | 1 << 16), (4 | 1 << 16, length),
            (0xffffffff, 0xffffffff)]
    for slot, element in enumerate(held):
        driver.guest.write(driver.rx.used + 4 + 8 * slot, struct.pack("<II", *element))
    for slot in range(len(held)):
        driver.post_frame(frame(60, slot))
        driver.taken()
        assert driver._until(driver.rx.take_used, dpdk.TIMEOUT) == (slot, length)


def test_frames_without_a_receive_buffer_are_not_sent(driver, echo):
    """The frontend does not refill. What testpmd cannot send it drops, after some tries; what was
    sent before is there, and what comes later passes."""
    size = driver.rx.size
    before = dpdk.xstats(echo)["tx_q0_no_descriptor"]
    # Two too many: when the second is taken testpmd has given the first up.
    for number in range(size + 2):
        driver.post_frame(frame(60, number))
        driver.taken()
    dpdk.wait_xstats(echo, lambda x: x["tx_q0_no_descriptor"] > before)
    for number in range(size):
        assert driver.receive() == frame(60, number)
    driver.post_frame(frame(60, 99))
    data = driver.receive()
    if data == frame(60, size + 1):
        data = driver.receive()
    assert data == frame(60, 99)


def wrong_counter(echo, driver, name, post, count=1):
    before = dpdk.xstats(echo)[f"rx_q0_{name}"]
    post()
    head, length = driver.taken()
    assert length == 0
    dpdk.wait_xstats(echo, lambda x: x[f"rx_q0_{name}"] == before + count)
    # The ring goes on.
    assert driver.exchange(frame(80, 1)) == frame(80, 1)


@pytest.mark.parametrize("size", [0, 1, 11, 12, 13, 25])
def test_frame_without_an_ethernet_header_is_dropped_and_given_back(driver, echo, size):
    wrong_counter(echo, driver, "truncated", lambda: driver.post_pieces(bytes(size), (size,)))


@pytest.mark.parametrize("header", [b"\x01" + bytes(11), b"\0\x01" + bytes(10)],
                         ids=["NEEDS_CSUM", "GSO_TCPV4"])
@pytest.mark.parametrize("pieces", [(112,), (12, 100)], ids=str)
def test_offload_that_was_not_negotiated_is_dropped(driver, echo, header, pieces):
    wrong_counter(echo, driver, "bad_header",
                  lambda: driver.post_pieces(header + frame(100), pieces))


def test_bad_frame_among_good_ones_does_not_touch_them(driver, echo):
    for number in range(16):
        header = b"\x01" + bytes(11) if number in (0, 7, 15) else bytes(NET_HEADER)
        driver.post_pieces(header + frame(70, number), (82,))
    for number in range(16):
        driver.taken()
        if number not in (0, 7, 15):
            assert driver.receive() == frame(70, number)


def test_writable_descriptor_in_the_transmit_ring_is_dropped(driver, echo):
    wrong_counter(echo, driver, "bad_chain",
                  lambda: driver.post_pieces(bytes(112), (112,), flags=DESC_WRITE))


def test_frame_larger_than_a_buffer_is_dropped_without_scatter(driver, echo):
    data = bytes(NET_HEADER) + frame(2049)
    wrong_counter(echo, driver, "oversize",
                  lambda: driver.post_pieces(data, (1000, len(data) - 1000)))


@pytest.mark.parametrize("size", [2048, 2049, 4096, 4097, 9000, 9014])
def test_frame_of_several_mbufs_with_scatter(scatter, size):
    driver = Driver().connect(scatter.pmd.socket())
    data = bytes(NET_HEADER) + frame(size)
    pieces = [BUFFER - 100] * (len(data) // (BUFFER - 100))
    pieces += [len(data) - sum(pieces)]
    driver.post_pieces(data, pieces)
    driver.taken()
    assert driver.receive() == frame(size)
    driver.close()


def broken(echo, driver, post):
    before = dpdk.xstats(echo)
    post()
    dpdk.wait_xstats(echo, lambda x: x["rx_q0_ring_broken"] == before["rx_q0_ring_broken"] + 1)
    dpdk.wait_link(echo, False)


def head_out_of_range(driver):
    driver.tx.post(0x4000)


def address_outside(driver):
    driver.tx.set_desc(0, 1 << 50, 100)
    driver.tx.post(0)


def length_outside(driver):
    region = driver.guest.regions[0]
    driver.tx.set_desc(0, region.gpa + region.size - 40, 100)
    driver.tx.post(0)


def index_far_ahead(driver):
    driver.tx.set_avail_idx(driver.tx.avail_idx + 1000)


@pytest.mark.parametrize("wrong", [head_out_of_range, address_outside, length_outside,
                                   index_far_ahead])
def test_broken_ring_takes_the_link_down_and_the_next_frontend_is_served(echo, wrong):
    driver = Driver().connect(echo.pmd.socket())
    assert driver.exchange(frame(64)) == frame(64)
    broken(echo, driver, lambda: wrong(driver))
    driver.close()
    driver = Driver().connect(echo.pmd.socket())
    assert driver.exchange(frame(64, 2)) == frame(64, 2)
    driver.close()


def test_receive_buffer_that_cannot_hold_the_header_breaks_the_ring(echo):
    before = dpdk.xstats(echo)["tx_q0_ring_broken"]
    driver = Driver(buffer=11).connect(echo.pmd.socket())
    driver.post_frame(frame(64))
    dpdk.wait_xstats(echo, lambda x: x["tx_q0_ring_broken"] == before + 1)
    driver.close()


def test_good_frames_ahead_of_a_bad_one_are_delivered(echo):
    driver = Driver().connect(echo.pmd.socket())
    for number in range(5):
        at = driver.tx_buffers + number * BUFFER
        driver.guest.write(at, bytes(NET_HEADER) + frame(64, number))
        driver.tx.set_desc(number, at, NET_HEADER + 64)
        driver.tx.set_avail(number, number)
    driver.tx.set_avail(5, 0x7777)
    driver.tx.set_avail_idx(6)
    assert [driver.receive() for _ in range(5)] == [frame(64, number) for number in range(5)]
    driver.close()


def test_call_is_raised_only_when_the_driver_wants_it(echo):
    driver = Driver().connect(echo.pmd.socket(), without=[F_EVENT_IDX])
    # avail flags 1: VRING_AVAIL_F_NO_INTERRUPT
    driver.guest.write(driver.rx.avail, struct.pack("<H", 1))
    assert driver.exchange(frame(64)) == frame(64)
    dpdk.settle()
    assert wait_eventfd(driver.rx.call, 0) == 0
    driver.guest.write(driver.rx.avail, struct.pack("<H", 0))
    assert driver.exchange(frame(64)) == frame(64)
    assert wait_eventfd(driver.rx.call, dpdk.TIMEOUT) >= 1
    # Queues are polled: VRING_USED_F_NO_NOTIFY
    assert struct.unpack("<H", driver.guest.read(driver.tx.used, 2))[0] == 1
    driver.close()


def test_options_decide_what_is_offered():
    with dpdk.pmd("offer") as pmd:
        without = ",queues=2,mrg_rxbuf=0,indirect=0,event_idx=0,in_order=0,packed=0"
        backend = pmd.backend(pmd.vdev(0),
                              pmd.vdev(1, without + ",mtu=1400,max-ring-size=64"))
        backend.do("start", "packets/burst=")
        optional = {NET_F_MRG_RXBUF, F_INDIRECT, F_EVENT_IDX, F_IN_ORDER, F_PACKED, NET_F_MQ,
                    NET_F_MTU}
        offered = []
        for number in range(2):
            frontend = Frontend(pmd.socket(number))
            frontend.negotiate()
            offered.append({name for name in optional if frontend.offered & bit(name)})
            if number == 1:
                assert frontend.ask("GET_QUEUE_NUM").u64 == 2
                # An MTU the port cannot have is refused, one it can have is taken.
                assert frontend.offered_protocol & bit(PF["MTU"])
                assert frontend.ack("NET_SET_MTU", u64(1401)) != 0
                assert frontend.ack("NET_SET_MTU", u64(1300)) == 0
                backend.do("port config mtu 1 1400", "mtu 1400: the frontend's is 1300")
                # A ring larger than allowed.
                frontend.send("SET_VRING_NUM", struct.pack("=II", 0, 128))
                assert frontend.closed()
            frontend.close()
        assert offered == [{NET_F_MRG_RXBUF, F_INDIRECT, F_EVENT_IDX, F_IN_ORDER,
                            F_PACKED},
                           {NET_F_MQ, NET_F_MTU}]


def test_send_rarp_announces_the_frontend(echo):
    driver = Driver().connect(echo.pmd.socket())
    mac = bytes((2, 0, 0, 0x12, 0x34, 0x56))
    driver.frontend.send("SEND_RARP", mac + bytes(2))
    driver.frontend.barrier()
    data = driver.receive()
    assert data[:14] == b"\xff" * 6 + mac + b"\x80\x35"
    assert data[14:42] == struct.pack(">HHBBH", 1, 0x800, 6, 4, 3) + mac + bytes(4) + mac + bytes(4)
    assert len(data) == 60
    driver.close()
