# SPDX-License-Identifier: BSD-3-Clause
"""Offloads on the wire: virtio-net headers byte by byte, both ways, and what is offered.

testpmd sends each frame back out of the port it came in: as it is ("io"), or with flags that
leave checksums and segmentation to the port ("csum").
"""
import struct

import pytest

import dpdk
from dpdk import frame, negotiated
from guest import NET_HEADER
from offload_frames import (GSO_ECN, GSO_TCPV4, GSO_TCPV6, GSO_UDP, NEEDS_CSUM, NO_OFFLOAD,
                            Offloads, Packet, PackedOffloads, header, sum16)
from vhost_user import bit

CSUM, GUEST_CSUM = 0, 1
GUEST_TSO4, GUEST_TSO6, GUEST_ECN, GUEST_UFO = 7, 8, 9, 10
HOST_TSO4, HOST_TSO6, HOST_ECN, HOST_UFO = 11, 12, 13, 14
GUEST_USO4, GUEST_USO6, HOST_USO, SPEED_DUPLEX = 54, 55, 56, 63
HOST_TSO = {HOST_TSO4, HOST_TSO6, HOST_ECN}
GUEST_TSO = {GUEST_TSO4, GUEST_TSO6, GUEST_ECN}
OFFLOADS = {CSUM, GUEST_CSUM, GUEST_UFO, HOST_UFO, GUEST_USO4, GUEST_USO6, HOST_USO,
            SPEED_DUPLEX} | HOST_TSO | GUEST_TSO

# RTE_ETH_RX_OFFLOAD_..., RTE_ETH_TX_OFFLOAD_...
RX_VLAN_STRIP, RX_UDP, RX_TCP, RX_LRO = 0x1, 0x4, 0x8, 0x10
TX_VLAN, TX_IP, TX_UDP, TX_TCP, TX_TSO, TX_UDP_TSO = 0x1, 0x2, 0x4, 0x8, 0x20, 0x40
TX_SEGS = 0x8000
RX_ALL = RX_UDP | RX_TCP | RX_LRO
TX_ALL = TX_IP | TX_UDP | TX_TCP | TX_TSO | TX_SEGS


def offloads(receive, transmit):
    return [f"--rx-offloads={receive:#x}", f"--tx-offloads={transmit:#x}",
            "--max-lro-pkt-size=65557",
            # Else "start" throws away what came before, and may say so before it does.
            "--no-flush-rx"]


class Backend:
    """testpmd that came up with these offloads; restarts when a test wants others."""

    def __init__(self, pmd, name, receive, transmit, mode, options="", commands=(), app=()):
        self.pmd, self.number = pmd, name
        self.testpmd = pmd.backend(pmd.vdev(name, options), app=[
            *offloads(receive, transmit), *app])
        self.testpmd.do("set fwd " + mode)
        for command in commands:
            self.testpmd.do(command)
        self.testpmd.do("start", "packets/burst=")

    def driver(self, ring=Offloads, without=(), buffer=2048):
        return ring(size=64, buffer=buffer).connect(self.pmd.socket(self.number), without)


@pytest.fixture(params=[Offloads, PackedOffloads], ids=["split", "packed"])
def ring(request):
    return request.param


@pytest.fixture(scope="module")
def runner():
    with dpdk.pmd("offloads") as pmd:
        yield pmd


@pytest.fixture(scope="module")
def asked(runner):
    """An application that asked for all there is to receive, and sends as it received."""
    return Backend(runner, 0, RX_ALL, TX_SEGS, "io")


@pytest.fixture(scope="module")
def csum(runner):
    """An application that leaves all it can to the port."""
    return Backend(runner, 1, 0, TX_ALL, "csum",
                   commands=["port stop 0", "csum set ip hw 0", "csum set tcp hw 0",
                             "csum set udp hw 0", "tso set 1400 0", "port start 0"])


@pytest.fixture(scope="module")
def none(runner):
    """An application that asked for nothing."""
    return Backend(runner, 2, 0, TX_SEGS, "io")


def offered(path):
    frontend = negotiated(path)
    found = {number for number in OFFLOADS if frontend.offered & bit(number)}
    frontend.close()
    return found


def counter(backend, name):
    return dpdk.xstats(backend.testpmd)[name]


def test_nothing_is_offered_that_the_application_did_not_ask_for(runner, none):
    assert offered(runner.socket(2)) == set()


def test_what_the_application_asked_for_is_offered(runner, asked, csum):
    assert offered(runner.socket(0)) == {CSUM} | HOST_TSO
    assert offered(runner.socket(1)) == {GUEST_CSUM} | GUEST_TSO


@pytest.mark.parametrize("options, receive, transmit, expected", [
    ("tso=0", RX_UDP | RX_TCP, TX_TCP | TX_UDP, {CSUM, GUEST_CSUM}),
    ("tso=0,ufo=1", RX_ALL, TX_TCP | TX_UDP_TSO, {CSUM, GUEST_CSUM, HOST_UFO, GUEST_UFO}),
    ("tso=0,uso=1,speed=25000", RX_ALL, TX_UDP_TSO,
     {CSUM, GUEST_CSUM, HOST_USO, GUEST_USO4, GUEST_USO6, SPEED_DUPLEX}),
    ("csum=0", 0, TX_TCP | TX_UDP, set()),
], ids=["no TSO", "UFO", "USO", "no checksums"])
def test_options_limit_what_is_offered(options, receive, transmit, expected):
    with dpdk.pmd("options") as pmd:
        backend = Backend(pmd, 0, receive, transmit, "io", "," + options)
        assert offered(pmd.socket(0)) == expected
        if "speed" in options:
            text = backend.testpmd.do("show port info 0", "Device error handling mode")
            assert "Link speed: 25 Gbps" in text


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_open_checksum_is_the_applications_who_asked(asked, ring, version, proto):
    driver = asked.driver(ring)
    packet = Packet(100, version, proto)
    for pieces in (None, (12, 200), (12, packet.start, 200), (5, 7, 33, 200)):
        data = packet.header() + packet.open
        if pieces:
            pieces = (*pieces[:-1], len(data) - sum(pieces[:-1]))
        driver.send(packet.header(), packet.open, pieces)
        assert driver.receive_all() == (NO_OFFLOAD, packet.open)
    driver.close()


def test_checksum_that_is_not_the_frames_own_is_completed(asked, ring):
    """Only the driver knows what it is: here the last four bytes."""
    driver = asked.driver(ring)
    data = bytearray(frame(80))
    driver.send(header(NEEDS_CSUM, start=76, offset=0), bytes(data))
    data[76:78] = struct.pack(">H", 0xffff ^ sum16(bytes(data[76:80])))
    assert driver.receive_all() == (NO_OFFLOAD, bytes(data))
    driver.close()


@pytest.mark.parametrize("version, gso", [(4, GSO_TCPV4), (6, GSO_TCPV6), (4, GSO_TCPV4 | GSO_ECN)])
@pytest.mark.parametrize("size", [1500, 9000, 65400])
def test_frame_of_several_segments_comes_whole(asked, ring, version, gso, size):
    driver = asked.driver(ring)
    packet = Packet(size, version)
    driver.send(packet.header(gso, 1448), packet.open)
    received, data = driver.receive_all()
    assert data == packet.open
    assert received == bytes(10) + struct.pack("<H", driver_buffers(data))
    driver.close()


def driver_buffers(data, buffer=2048):
    return -(-(len(data) + NET_HEADER) // buffer)


BAD = {
    "start behind the frame": (0, lambda p: header(NEEDS_CSUM, start=len(p.open), offset=0)),
    "field behind the frame": (0, lambda p: header(NEEDS_CSUM, start=p.start,
                                                   offset=len(p.open) - p.start - 1)),
    "offset 65535": (0, lambda p: header(NEEDS_CSUM, start=p.start, offset=0xffff)),
    "start 0": (0, lambda p: header(NEEDS_CSUM, start=0, offset=16)),
    "hdr_len behind the frame": (0, lambda p: header(NEEDS_CSUM, 0, len(p.open) + 1, 0, p.start,
                                                     16)),
    "gso_size 0": (0, lambda p: p.header(GSO_TCPV4, 0)),
    "no checksum": (0, lambda p: header(0, GSO_TCPV4, p.hdr_len, 100)),
    "TCPV6 of IPv4": (0, lambda p: p.header(GSO_TCPV6, 100)),
    "UDP of TCP": (0, lambda p: p.header(GSO_UDP, 100)),
    "gso_type 2": (0, lambda p: p.header(2, 100)),
    "RSC_INFO": (0, lambda p: header(4)),
    "TSO that was not acknowledged": ([HOST_TSO4], lambda p: p.header(GSO_TCPV4, 100)),
    "ECN that was not acknowledged": ([HOST_ECN], lambda p: p.header(GSO_TCPV4 | GSO_ECN, 100)),
    "checksum that was not acknowledged": ([CSUM, *HOST_TSO], lambda p: p.header()),
}


@pytest.mark.defect
@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("pieces", [False, True], ids=["one buffer", "several"])
def test_header_that_does_not_fit_its_frame_is_dropped(asked, ring, case, pieces):
    """CVE-2024-11614: a back-end that computed where the header said."""
    without, make = BAD[case]
    driver = asked.driver(ring, without or ())
    packet = Packet(300)
    before = counter(asked, "rx_q0_bad_header")
    driver.send(make(packet), packet.open, (12, 20, len(packet.open) - 20) if pieces else None)
    dpdk.wait_xstats(asked.testpmd, lambda x: x["rx_q0_bad_header"] == before + 1)
    # The ring goes on.
    driver.send(bytes(NET_HEADER), packet.whole)
    assert driver.receive_all() == (NO_OFFLOAD, packet.whole)
    driver.close()


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_checksum_is_left_to_a_frontend_that_takes_it(csum, ring, version, proto):
    driver = csum.driver(ring)
    packet = Packet(100, version, proto)
    driver.send(bytes(NET_HEADER), packet.whole)
    received, data = driver.receive_all()
    # testpmd writes its own addresses.
    assert data[12:] == packet.open[12:]
    assert received == packet.sent_header()
    driver.close()


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_checksum_is_computed_for_a_frontend_that_does_not(csum, ring, version, proto):
    driver = csum.driver(ring, [GUEST_CSUM, *GUEST_TSO])
    packet = Packet(101, version, proto)
    driver.send(bytes(NET_HEADER), packet.whole)
    received, data = driver.receive_all()
    assert data[12:] == packet.whole[12:]
    assert received == NO_OFFLOAD
    driver.close()


@pytest.mark.parametrize("version, gso", [(4, GSO_TCPV4), (6, GSO_TCPV6)])
@pytest.mark.parametrize("buffer", [2048, 100])
def test_segmentation_is_left_to_the_frontend(csum, ring, version, gso, buffer):
    driver = csum.driver(ring, buffer=buffer)
    packet = Packet(1900, version)
    driver.send(bytes(NET_HEADER), packet.whole)
    received, data = driver.receive_all()
    assert data[12:] == packet.open[12:]
    assert received == packet.sent_header(gso, 1400, driver_buffers(data, buffer))
    driver.close()


def test_segmentation_that_a_frontend_does_not_take_is_refused(csum, ring):
    """rte_eth_tx_prepare() says so; testpmd drops what it refuses, and goes on."""
    driver = csum.driver(ring, GUEST_TSO)
    driver.send(bytes(NET_HEADER), Packet(1900).whole)
    csum.testpmd.expect("Preparing packet burst to transmit failed", dpdk.TIMEOUT)
    packet = Packet(600)
    driver.send(bytes(NET_HEADER), packet.whole)
    received, data = driver.receive_all()
    assert data[12:] == packet.open[12:]
    assert received == packet.sent_header()
    driver.close()


def test_large_frame_is_dropped_when_the_application_has_changed_its_mind(runner):
    with dpdk.pmd("mind") as pmd:
        backend = Backend(pmd, 0, RX_ALL, TX_SEGS, "io")
        driver = backend.driver()
        for command in ("stop", "port stop 0", "port config 0 rx_offload tcp_lro off",
                        "port start 0", "start"):
            backend.testpmd.do(command)
        packet = Packet(1900)
        driver.send(packet.header(GSO_TCPV4, 1448), packet.open)
        dpdk.wait_xstats(backend.testpmd, lambda x: x["rx_q0_no_lro"] == 1)
        packet = Packet(100)
        driver.send(packet.header(), packet.open)
        assert driver.receive_all() == (NO_OFFLOAD, packet.open)
        driver.close()
        # The next one is not offered it.
        assert offered(pmd.socket(0)) == {CSUM}


def test_vlan_tag_is_stripped_and_inserted():
    with dpdk.pmd("vlan") as pmd:
        backend = Backend(pmd, 0, RX_VLAN_STRIP, TX_VLAN, "io")
        driver = backend.driver()
        tagged = Packet(100, vlan=0x6123).whole
        driver.send(bytes(NET_HEADER), tagged)
        # testpmd sends it on without what it got beside the frame.
        assert driver.receive_all() == (NO_OFFLOAD, tagged[:12] + tagged[16:])
        for command in ("stop", "port stop 0", "tx_vlan set 0 5", "port start 0",
                        "vlan set strip off 0", "set fwd mac", "start"):
            backend.testpmd.do(command)
        packet = Packet(100)
        driver.send(bytes(NET_HEADER), packet.whole)
        received, data = driver.receive_all()
        assert received == NO_OFFLOAD
        assert data[12:] == b"\x81\0\0\5" + packet.whole[12:]
        driver.send(bytes(NET_HEADER), tagged)
        assert driver.receive_all()[1][12:] == b"\x81\0\0\5" + tagged[12:]
        driver.close()


@pytest.mark.parametrize("version, packed", [(4, 0), (6, 1)], ids=["IPv4-split", "IPv6-packed"])
def test_headers_of_virtio_user_are_taken(version, packed):
    """A frontend nobody here wrote leaves checksum and segmentation to its device."""
    with dpdk.pmd("user") as pmd:
        backend = pmd.backend(pmd.vdev(0), pmd.vdev(1), app=offloads(RX_ALL, TX_SEGS))
        backend.do("set fwd io")
        backend.do("start", "packets/burst=")
        frontend = pmd.virtio_user(pmd.socket(1), options=f",packed_vq={packed}", app=[
            "--tx-offloads=0x802c", "--no-flush-rx"])
        for command in ("set fwd csum", "port stop 0", "csum set tcp hw 0", "csum set udp hw 0",
                        "tso set 1400 0", "port start 0"):
            frontend.do(command)
        frontend.do("start", "packets/burst=")
        driver = Offloads(size=64).connect(pmd.socket(0))
        for port in (0, 1):
            dpdk.wait_link(backend, True, port)
        for packet in (Packet(100, version), Packet(1900, version), Packet(300, version, "udp")):
            driver.send(bytes(NET_HEADER), packet.whole)
            received, data = driver.receive_all()
            assert data[12:] == packet.open[12:]
            assert received == NO_OFFLOAD
        dpdk.assert_no_errors(dpdk.xstats(backend, 1))
        driver.close()
