# SPDX-License-Identifier: BSD-3-Clause
"""Frames that a frontend leaves unfinished, through the switch to one that takes them so and
to one that does not."""
import struct

import pytest

import dpdk
from offload_frames import (GSO_TCPV4, GSO_TCPV6, NO_OFFLOAD, Offloads, Packet, sum16)
from test_switch import Switch, missing, runner  # noqa: F401

GUEST_CSUM, GUEST_TSO4, GUEST_TSO6, GUEST_ECN = 1, 7, 8, 9
NOTHING = [GUEST_CSUM, GUEST_TSO4, GUEST_TSO6, GUEST_ECN]
MSS = 1400
FIN, PSH, ACK, CWR = 0x01, 0x08, 0x10, 0x80

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


class Ends:
    """A frontend that sends, and one that receives without some of the features."""

    def __init__(self, runner, without=()):
        self.switch = Switch(runner, 2)
        self.sender = Offloads().connect(runner.socket(0))
        self.receiver = Offloads().connect(runner.socket(1), without)
        dpdk.wait_for("both links", lambda: all(
            self.switch.link_changes(port, "up") for port in (0, 1)), 20)

    def close(self):
        self.sender.close()
        self.receiver.close()
        return self.switch.stop()



def set_flags(packet, value):
    packet.l4[13] = value


@pytest.mark.parametrize("version, gso", [(4, GSO_TCPV4), (6, GSO_TCPV6)])
def test_frame_that_both_take_passes_as_it_is(runner, version, gso):
    ends = Ends(runner)
    packet = Packet(9000, version)
    ends.sender.send(packet.header(gso, MSS), packet.open)
    assert ends.receiver.receive_all() == (
        packet.sent_header(gso, MSS, -(-(len(packet.open) + 12) // 2048)), packet.open)
    packet = Packet(100, version, "udp")
    ends.sender.send(packet.header(), packet.open)
    assert ends.receiver.receive_all() == (packet.sent_header(), packet.open)
    pair = ends.close()["pairs"][0]
    assert (pair["packets"], pair["finished"]) == (2, 0)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_checksum_is_computed_for_who_takes_no_open_one(runner, version, proto):
    ends = Ends(runner, NOTHING)
    packet = Packet(333, version, proto)
    ends.sender.send(packet.header(), packet.open)
    assert ends.receiver.receive_all() == (NO_OFFLOAD, packet.whole)
    # The port does that.
    assert ends.close()["pairs"][0]["finished"] == 0


@pytest.mark.parametrize("without", [NOTHING, [GUEST_TSO4, GUEST_TSO6, GUEST_ECN]],
                         ids=["nothing", "checksums alone"])
@pytest.mark.parametrize("version, gso", [(4, GSO_TCPV4), (6, GSO_TCPV6)])
@pytest.mark.parametrize("vlan", [None, 7])
def test_segments_are_made_for_who_takes_no_large_frame(runner, without, version, gso, vlan):
    ends = Ends(runner, without)
    packet = Packet(10000, version, vlan=vlan)
    set_flags(packet, FIN | PSH | ACK | CWR)
    ends.sender.send(packet.header(gso, MSS), packet.open)
    payload = b""
    for number in range(8):
        head, data = ends.receiver.receive_all()
        assert head == NO_OFFLOAD
        ip, tcp = data[len(packet.ether):packet.start], data[packet.start:]
        assert data[:len(packet.ether)] == packet.ether
        # Lengths, numbers, checksums
        if version == 4:
            assert struct.unpack(">HH", ip[2:6]) == (len(ip) + len(tcp), 1 + number)
            assert sum16(ip) == 0xffff
            pseudo = ip[12:20] + struct.pack(">HH", 6, len(tcp))
        else:
            assert struct.unpack(">H", ip[4:6])[0] == len(tcp)
            pseudo = ip[8:40] + struct.pack(">HH", 6, len(tcp))
        assert sum16(pseudo + tcp) == 0xffff
        assert struct.unpack(">I", tcp[4:8])[0] == 1 + number * MSS
        assert tcp[13] == ACK | (CWR if number == 0 else 0) | (FIN | PSH if number == 7 else 0)
        payload += tcp[20:]
    assert payload == bytes(packet.l4[20:])
    pair = ends.close()["pairs"][0]
    assert (pair["packets"], pair["finished"], pair["unsent"]) == (1, 1, 0)


def test_more_segments_than_there_may_be_are_dropped(runner):
    """A segment size of one byte would make of one frame thousands."""
    ends = Ends(runner, NOTHING)
    packet = Packet(10000)
    ends.sender.send(packet.header(GSO_TCPV4, 1), packet.open)
    ends.sender.send(bytes(12), packet.whole[:1000])
    assert ends.receiver.receive_all() == (NO_OFFLOAD, packet.whole[:1000])
    pair = ends.close()["pairs"][0]
    assert (pair["finished"], pair["unsent"]) == (1, 1)
