# SPDX-License-Identifier: BSD-3-Clause
"""A scripted virtio-blk driver: requests as a test wants them, right or wrong (virtio 1.3,
5.2)."""
import struct
import time

from guest import DESC_INDIRECT, DESC_NEXT, DESC_WRITE, Guest, Ring
from vhost_user import F_EVENT_IDX, TIMEOUT, bit, config

IN, OUT, FLUSH, GET_ID, DISCARD, WRITE_ZEROES = 0, 1, 4, 8, 11, 13
OK, IOERR, UNSUPP = 0, 1, 2
NOT_WRITTEN = 0xaa
F_RO, F_BLK_SIZE, F_FLUSH, F_CONFIG_WCE, F_MQ, F_DISCARD, F_WRITE_ZEROES = 5, 6, 9, 11, 12, 13, 14
F_RING_PACKED = 34
SECTOR = 512
CONFIG_BYTES = 60


class Blk:
    """One queue of a device, longer than any chain that the device has to take."""

    def __init__(self, frontend, index=0):
        self.frontend, self.guest = frontend, Guest()
        self.ring = Ring(self.guest, index, 0x10000, 256)
        self.header, self.status, self.data, self.table = 0x20000, 0x21000, 0x100000, 0x30000
        self.features = 0

    def close(self):
        self.ring.close()
        self.guest.close()

    def start(self, features=None):
        """None: all that is offered, but for packed rings and what changes when to interrupt."""
        if features is None:
            offered = self.frontend.ask("GET_FEATURES").u64
            features = offered & ~bit(F_EVENT_IDX) & ~bit(F_RING_PACKED)
        self.features = features
        self.frontend.negotiate(features)
        self.frontend.send("SET_MEM_TABLE", self.guest.table(), self.guest.fds())
        self.ring.clear()
        self.ring.start(self.frontend)
        self.frontend.barrier()
        return self

    def config(self):
        """Configuration space, as a dictionary."""
        reply = self.frontend.ask("GET_CONFIG", config(0, bytes(CONFIG_BYTES)))
        data = reply.payload[12:]
        assert len(data) == CONFIG_BYTES, reply
        names = ("capacity", "size_max", "seg_max", "cylinders", "heads", "sectors", "blk_size",
                 "physical_exp", "alignment_offset", "min_io", "opt_io", "wce", "num_queues",
                 "max_discard_sectors", "max_discard_seg", "discard_alignment",
                 "max_zeroes_sectors", "max_zeroes_seg", "zeroes_may_unmap")
        return dict(zip(names, struct.unpack("<QIIHBBIBBHIBxHIIIIIB3x", data)))

    # -- as it should be ---------------------------------------------------

    def request(self, kind, sector=0, out=b"", in_bytes=0):
        """(status, what was read, length that the device says it wrote)"""
        self.guest.write(self.header, struct.pack("<IIQ", kind, 0, sector))
        chain = [(self.header, 16, False)]
        if out:
            self.guest.write(self.data, out)
            chain.append((self.data, len(out), False))
        if in_bytes:
            self.guest.write(self.data, bytes([NOT_WRITTEN]) * in_bytes)
            chain.append((self.data, in_bytes, True))
        chain.append((self.status, 1, True))
        length = self.submit(chain)
        return self.result(), self.guest.read(self.data, in_bytes), length

    def read(self, sector, sectors=1):
        status, data, length = self.request(IN, sector, in_bytes=sectors * SECTOR)
        assert status == OK and length == sectors * SECTOR + 1
        return data

    def write(self, sector, data):
        status, _, length = self.request(OUT, sector, out=data)
        assert status == OK and length == 1

    def result(self):
        return self.guest.read(self.status, 1)[0]

    # -- as a test wants it -------------------------------------------------

    def submit(self, chain, indirect=False):
        """chain: (address, length, whether the device writes). Waits until it comes back; the
        length that the device says it wrote."""
        self.put(chain, 0, indirect)
        self.ring.notify()
        head, length = self.take()
        assert head == 0
        return length

    def put(self, chain, head=0, indirect=False):
        """Make a chain available, in entries from head on; no kick."""
        self.guest.write(self.status, bytes([NOT_WRITTEN]))
        entries = []
        for index, (address, size, writes) in enumerate(chain):
            last = index == len(chain) - 1
            flags = (DESC_WRITE if writes else 0) | (0 if last else DESC_NEXT)
            place = index if indirect else head + index
            entries.append((address, size, flags, 0 if last else place + 1))
        if indirect:
            table = b"".join(struct.pack("<QIHH", *entry) for entry in entries)
            self.guest.write(self.table, table)
            self.ring.set_desc(head, self.table, len(table), DESC_INDIRECT)
        else:
            for index, entry in enumerate(entries):
                self.ring.set_desc(head + index, *entry)
        self.ring.post(head)

    def take(self, timeout=TIMEOUT):
        """(head, length) of the next chain that comes back."""
        deadline = time.monotonic() + timeout
        while (used := self.ring.take_used()) is None:
            assert time.monotonic() < deadline, "the chain does not come back"
            time.sleep(0.0005)
        return used
