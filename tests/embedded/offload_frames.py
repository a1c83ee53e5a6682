# SPDX-License-Identifier: BSD-3-Clause
"""Packets with open checksums, their virtio-net headers, and a driver that sends and gets both."""
import struct

import dpdk
from dpdk import Driver
from guest import NET_HEADER
from net import Net
from packed_net import PackedDriver

NEEDS_CSUM = 1
GSO_TCPV4, GSO_UDP, GSO_TCPV6, GSO_ECN = 1, 3, 4, 0x80
NO_OFFLOAD = bytes(10) + b"\1\0"


def sum16(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def header(flags=0, gso=0, hdr_len=0, gso_size=0, start=0, offset=0):
    return struct.pack("<BBHHHHH", flags, gso, hdr_len, gso_size, start, offset, 0)


class Packet:
    """An IP packet of TCP or UDP; "open" is with the pseudo header's sum, "whole" with all."""

    def __init__(self, size, version=4, proto="tcp", number=1, vlan=None):
        payload = bytes((number + i * 7) & 0xff for i in range(size))
        self.proto, self.version = proto, version
        l4_len = 20 if proto == "tcp" else 8
        length = l4_len + size
        if proto == "tcp":
            self.l4 = bytearray(struct.pack(">HHIIBBHHH", 1000, 2000, number, 2, 0x50, 0x10,
                                            0xffff, 0, 0) + payload)
            self.offset = 16
        else:
            self.l4 = bytearray(struct.pack(">HHHH", 1000, 2000, length, 0) + payload)
            self.offset = 6
        ident = 6 if proto == "tcp" else 17
        if version == 4:
            addresses = bytes([10, 0, 0, 1, 10, 0, 0, 2])
            ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, 1, 0x4000, 64, ident, 0)
            self.ip = ip[:10] + struct.pack(">H", 0xffff ^ sum16(ip + addresses)) + addresses
        else:
            addresses = bytes([0xfd] + [0] * 14 + [1] + [0xfd] + [0] * 14 + [2])
            self.ip = struct.pack(">IHBB", 0x60000000, length, ident, 64) + addresses
        self.pseudo = sum16(addresses + struct.pack(">HH", length, ident))
        self.ether = bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1])
        if vlan is not None:
            self.ether += struct.pack(">HH", 0x8100, vlan)
        self.ether += b"\x08\0" if version == 4 else b"\x86\xdd"
        self.start = len(self.ether) + len(self.ip)
        self.hdr_len = self.start + l4_len
        self.size = size

    def _with(self, value):
        self.l4[self.offset:self.offset + 2] = struct.pack(">H", value)
        return self.ether + self.ip + bytes(self.l4)

    @property
    def open(self):
        return self._with(self.pseudo)

    @property
    def whole(self):
        self._with(0)
        value = 0xffff ^ sum16(struct.pack(">H", self.pseudo) + bytes(self.l4))
        return self._with(value or 0xffff)

    def header(self, gso=0, gso_size=0):
        return header(NEEDS_CSUM, gso, self.hdr_len, gso_size, self.start, self.offset)

    def sent_header(self, gso=0, gso_size=0, buffers=1, tag=0):
        """As net_vvu writes it."""
        hdr_len = self.hdr_len + tag if gso else 0
        return struct.pack("<BBHHHHH", NEEDS_CSUM, gso, hdr_len, gso_size, self.start + tag,
                           self.offset, buffers)


class _Offloads:
    """send() and receive_all() for a driver of either ring format."""

    def send(self, head, data, pieces=None):
        if pieces is None:
            total, step = NET_HEADER + len(data), 2000
            pieces = [step] * (total // step) + ([total % step] if total % step else [])
        self.post_pieces(head + data, pieces)
        self.taken()

    def receive_all(self, timeout=dpdk.TIMEOUT):
        """Header and frame of what comes next."""
        data = self._next(timeout)
        assert data is not None, "nothing came back"
        for _ in range(struct.unpack("<H", data[10:12])[0] - 1):
            # The rest was there when the first was seen.
            data += self._next(0.001)
        return data[:NET_HEADER], data[NET_HEADER:]


class Offloads(_Offloads, Driver):
    def _next(self, timeout):
        used = self._until(self.rx.take_used, timeout)
        return None if used is None else self._buffer(*used)


class PackedOffloads(_Offloads, PackedDriver):
    def _next(self, timeout):
        used = self._until(self.rx.take, timeout)
        return None if used is None else self._buffer(used)

    _until = staticmethod(Net._until)
