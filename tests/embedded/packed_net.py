# SPDX-License-Identifier: BSD-3-Clause
"""A scripted virtio-net driver with packed rings, for a net_vvu port that loops frames back."""
import collections
import struct

import dpdk
from guest import DESC_INDIRECT, DESC_WRITE, NET_HEADER, Guest, PackedRing
from net import BUFFER, Net

MARKS = 0x8080   # available: AVAIL alone in a lap of wrap counter 1, used: both


class Queue(PackedRing):
    """A ring with what is under way on it. In order, a used descriptor stands for all up to
    the one whose id it has."""

    def __init__(self, guest, index, base, size):
        super().__init__(guest, index, base, size)
        self.in_order = False
        self.under_way = collections.deque()

    def free(self):
        return self.size - sum(self.length[ident] for ident in self.under_way)

    def post(self, ident, *buffers):
        assert ident not in self.under_way and len(buffers) <= self.free()
        super().post(ident, *buffers)
        self.under_way.append(ident)

    def entry(self, at):
        """(address, length, id, flags) of a descriptor."""
        return struct.unpack("<QIHH", self.guest.read(self.desc + 16 * at, 16))

    def take(self):
        """(ids, length, flags) of the next used descriptor, or None."""
        _, length, ident, flags = self.entry(self.used)
        if flags & MARKS != (MARKS if self.used_wrap else 0):
            return None
        assert ident in self.under_way, (ident, self.under_way)
        idents = [ident]
        if self.in_order:
            while self.under_way[0] != ident:
                idents.insert(-1, self.under_way.popleft())
        self.under_way.remove(ident)
        entries = sum(self.length[one] for one in idents)
        self.used, self.used_wrap = self._advance(self.used, self.used_wrap, entries)
        return idents, length, flags


class PackedDriver:
    def __init__(self, size=10, buffer=BUFFER):
        self.guest = Guest()
        self.rx = Queue(self.guest, 0, 0x10000, size)
        self.tx = Queue(self.guest, 1, 0x18000, size)
        self.buffer = buffer
        self.rx_buffers, self.tx_buffers, self.tables = 0x100000, 0x200000, 0x180000
        self.next_id = 0
        self.taken_ids = collections.deque()
        self.frontend = None

    def connect(self, path, without=(), in_order=True):
        self.frontend = dpdk.negotiated(path, [*without, *([] if in_order else [35])],
                                        packed=True)
        for ring in (self.rx, self.tx):
            ring.in_order = in_order
            ring.clear()
        self.frontend.send("SET_MEM_TABLE", self.guest.table(), self.guest.fds())
        for ring in (self.rx, self.tx):
            ring.start(self.frontend)
        for ident in range(self.rx.size):
            self.post_room(ident)
        self.frontend.barrier()
        return self

    def close(self):
        if self.frontend:
            self.frontend.close()
        self.rx.close()
        self.tx.close()
        self.guest.close()

    def post_room(self, ident):
        self.rx.post(ident, (self.rx_buffers + ident * BUFFER, self.buffer, DESC_WRITE))

    def post_pieces(self, data, sizes, flags=0, indirect=False, first_flags=0):
        """One list of descriptors of these sizes that holds data, header included.
        first_flags: of the first entry of an indirect table."""
        assert sum(sizes) == len(data)
        ident = self.next_id % self.tx.size
        self.next_id += 1
        at = self.tx_buffers + ident * BUFFER
        self.guest.write(at, data)
        buffers = []
        for size in sizes:
            buffers.append((at, size, flags))
            at += size
        if indirect:
            table = self.tables + ident * 1024
            self.guest.write(table, b"".join(
                struct.pack("<QIHH", address, size, 0, bits | (0 if i else first_flags))
                for i, (address, size, bits) in enumerate(buffers)))
            buffers = [(table, 16 * len(sizes), DESC_INDIRECT)]
        self.tx.post(ident, *buffers)
        return ident

    def post_frame(self, data):
        return self.post_pieces(bytes(NET_HEADER) + data, (NET_HEADER + len(data),))

    def post_at_once(self, frames):
        """All of them become available at the same moment, since the first does so last; their
        ids."""
        first = self.tx.desc + 16 * self.tx.next + 14
        write, last = self.guest.write, []

        def write_later(gpa, data):
            if gpa == first:
                last.append(data)
            else:
                write(gpa, data)
        self.guest.write = write_later
        idents = [self.post_frame(data) for data in frames]
        self.guest.write = write
        write(first, last[0])
        return idents

    def taken(self):
        """Wait until the backend gave the next sent list back; its id."""
        if not self.taken_ids:
            used = Net._until(self.tx.take, dpdk.TIMEOUT)
            assert used is not None, "nothing was taken from the transmit ring"
            idents, length, flags = used
            # Nothing was written to it.
            assert length == 0 and not flags & DESC_WRITE
            self.taken_ids.extend(idents)
        return self.taken_ids.popleft()

    def receive(self, timeout=dpdk.TIMEOUT):
        """The next frame, out of as many buffers as it came in; None after the timeout."""
        used = Net._until(self.rx.take, timeout)
        if used is None:
            return None
        data = self._buffer(used)
        self.buffers = struct.unpack("<H", data[10:12])[0]
        assert data[:10] == bytes(10), data[:12]
        for _ in range(self.buffers - 1):
            # The rest was there when the first was seen.
            data += self._buffer(self.rx.take())
        return data[NET_HEADER:]

    def _buffer(self, used):
        idents, length, flags = used
        assert len(idents) == 1 and flags & DESC_WRITE and length <= self.buffer
        data = self.guest.read(self.rx_buffers + idents[0] * BUFFER, length)
        self.post_room(idents[0])
        return data

    def exchange(self, data, timeout=dpdk.TIMEOUT):
        """Send a frame and receive one."""
        self.post_frame(data)
        self.taken()
        return self.receive(timeout)
