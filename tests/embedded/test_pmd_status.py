# SPDX-License-Identifier: BSD-3-Clause
"""What a port tells of its rings: counts, descriptors, the address to watch; and its link."""
import struct

import pytest

import dpdk
import dpdkrun
import exerciser
from dpdk import Driver, frame
from vhost_user import F_EVENT_IDX, config

# enum of rte_ethdev.h
RX_AVAIL, RX_DONE, RX_UNAVAIL = 0, 1, 2
TX_FULL, TX_DONE, TX_UNAVAIL = 0, 1, 2


@pytest.fixture(scope="module")
def port():
    with exerciser.exerciser("status") as process:
        yield process


@pytest.fixture
def driver(port):
    device = Driver().connect(port.pmd.socket(), without=[F_EVENT_IDX])
    dpdk.wait_for("link", lambda: port.number("link-state 0") == 1)
    yield device
    device.close()
    dpdk.wait_for("no link", lambda: port.number("link-state 0") == 0)


def test_without_a_frontend_there_is_nothing(port):
    assert port.number("count 0 0") == 0
    assert port.number("rx-status 0 0 0") == RX_UNAVAIL
    assert port.number("tx-status 0 0 0") == TX_UNAVAIL
    with pytest.raises(dpdkrun.Failed):
        port.ask("monitor 0 0")


def test_packets_that_wait_are_counted(port, driver):
    for number in range(5):
        driver.post_frame(frame(60, number))
    assert port.number("count 0 0") == 5
    assert [port.number(f"rx-status 0 0 {i}") for i in (0, 4, 5, 63)] == \
        [RX_DONE, RX_DONE, RX_AVAIL, RX_AVAIL]
    with pytest.raises(dpdkrun.Failed, match="-22"):
        port.ask("rx-status 0 0 64")
    assert port.number("recv 0 0") == 5
    assert port.number("count 0 0") == 0
    assert port.number("rx-status 0 0 0") == RX_AVAIL


def test_transmit_descriptors_are_done_while_the_frontend_gives_buffers(port, driver):
    assert [port.number(f"tx-status 0 0 {i}") for i in (0, 63)] == [TX_DONE, TX_DONE]
    for _ in range(10):
        assert port.ask("send 0 1 60 0").split()[0] == "1"
    assert [port.number(f"tx-status 0 0 {i}") for i in (53, 54)] == [TX_DONE, TX_FULL]
    with pytest.raises(dpdkrun.Failed, match="-22"):
        port.ask("tx-status 0 0 64")


def test_number_of_descriptors_is_the_frontend_s(port, driver):
    assert port.ask("descriptors 0 0") == "64 64"


def test_monitored_address_tells_that_a_packet_came(port, driver):
    assert port.ask("monitor 0 0") == "2 0"
    driver.post_frame(frame(60))
    assert port.ask("monitor 0 0") == "2 1"
    assert port.number("recv 0 0") == 1
    assert port.ask("monitor 0 0") == "2 0"


def test_mbufs_are_free_as_soon_as_they_are_sent(port, driver):
    before = port.number("buffers")
    for _ in range(10):
        port.ask("send 0 1 60 0")
    assert port.number("tx-cleanup 0 0") == 0
    assert port.number("buffers") == before


def test_packet_of_many_segments_arrives_whole(port, driver):
    for segments, size in ((2, 30), (40, 33), (7, 200)):
        assert port.ask(f"send 0 {segments} {size} 0").split()[0] == "1"
        assert driver.receive() == bytes(i * 7 & 0xff for i in range(segments * size))


def test_external_buffers_are_sent_and_given_back(port, driver):
    freed = int(port.ask("send 0 1 60 1").split()[1])
    assert driver.receive() == bytes(i * 7 & 0xff for i in range(60))
    for segments, external in ((1, 1), (2, 1), (5, 3)):
        answer = port.ask(f"send 0 {segments} 100 1").split()
        freed += external
        assert answer == ["1", str(freed)]
        assert driver.receive() == bytes(i * 7 & 0xff for i in range(100 * segments))


def carrier(driver):
    """virtio_net_config.status, bit 0 (virtio 1.3, 5.1.4)"""
    reply = driver.frontend.ask("GET_CONFIG", config(0, bytes(8)))
    return struct.unpack("<H", reply.payload[12 + 6:12 + 8])[0] & 1


def test_link_that_is_set_down_passes_nothing_and_shows_no_carrier(port, driver):
    assert carrier(driver) == 1
    port.ask("link 0 0")
    assert port.number("link-state 0") == 0
    assert carrier(driver) == 0
    driver.post_frame(frame(60))
    assert port.number("recv 0 0") == 0
    assert port.ask("send 0 1 60 0").split()[0] == "0"
    # Neither does a port that is started anew.
    port.ask("stop 0")
    port.ask("start 0")
    assert port.number("recv 0 0") == 0
    port.ask("link 0 1")
    assert port.number("link-state 0") == 1
    assert carrier(driver) == 1
    assert port.number("recv 0 0") == 1
    assert port.ask("send 0 1 60 0").split()[0] == "1"
