# SPDX-License-Identifier: BSD-3-Clause
"""The driver side of a scripted frontend: shared memory and split rings inside it."""
import mmap
import os
import struct

from vhost_user import eventfd, mem_table, vring_addr, vring_state, u64

PAGE = 4096
DESC_NEXT, DESC_WRITE, DESC_INDIRECT = 1, 2, 4
NET_HEADER = 12


class Region:
    """One memfd, shown to the backend as one region."""

    def __init__(self, gpa, size, uva=None, offset=0, seal=True):
        self.gpa, self.size, self.offset = gpa, size, offset
        self.uva = 0x7f0000000000 + gpa if uva is None else uva
        self.fd = os.memfd_create("guest", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.fd, offset + size)
        self.map = mmap.mmap(self.fd, offset + size)

    @property
    def tuple(self):
        return (self.gpa, self.size, self.uva, self.offset)

    def close(self):
        self.map.close()
        os.close(self.fd)


class Guest:
    """Memory of one or more regions; addresses below are guest-physical."""

    def __init__(self, *regions):
        self.regions = regions or (Region(0, 4 << 20), Region(1 << 32, 2 << 20, offset=PAGE))

    def close(self):
        for region in self.regions:
            region.close()

    def table(self):
        return mem_table([region.tuple for region in self.regions])

    def fds(self):
        return [region.fd for region in self.regions]

    def _find(self, gpa, length):
        for region in self.regions:
            if region.gpa <= gpa and gpa + length <= region.gpa + region.size:
                return region, region.offset + gpa - region.gpa
        raise ValueError(f"{gpa:#x}+{length} is in no region")

    def write(self, gpa, data):
        region, at = self._find(gpa, len(data))
        region.map[at:at + len(data)] = data

    def read(self, gpa, length):
        region, at = self._find(gpa, length)
        return region.map[at:at + length]

    def uva(self, gpa):
        region, at = self._find(gpa, 1)
        return region.uva + at - region.offset


class Ring:
    """Driver side of one split ring. Little-endian throughout, as VERSION_1 says."""

    def __init__(self, guest, index, base, size=16):
        self.guest, self.index, self.size = guest, index, size
        self.desc = base
        self.avail = base + 16 * size
        self.used = (self.avail + 6 + 2 * size + 3) & ~3   # 6: flags, idx, used_event
        self.end = self.used + 6 + 8 * size
        self.kick, self.call, self.err = eventfd(), eventfd(), eventfd()
        self.avail_idx = self.used_seen = 0

    def close(self):
        for fd in (self.kick, self.call, self.err):
            os.close(fd)

    def clear(self):
        self.guest.write(self.desc, bytes(self.end - self.desc))
        self.avail_idx = self.used_seen = 0

    def addr(self):
        uva = self.guest.uva
        return vring_addr(self.index, uva(self.desc), uva(self.used), uva(self.avail))

    def start(self, frontend, base=0, enable=True):
        """The messages a frontend sends for one ring, in QEMU's order."""
        self.avail_idx = self.used_seen = base
        frontend.send("SET_VRING_NUM", vring_state(self.index, self.size))
        frontend.send("SET_VRING_BASE", vring_state(self.index, base))
        frontend.send("SET_VRING_ADDR", self.addr())
        frontend.send("SET_VRING_ERR", u64(self.index), [self.err])
        frontend.send("SET_VRING_KICK", u64(self.index), [self.kick])
        frontend.send("SET_VRING_CALL", u64(self.index), [self.call])
        if enable:
            frontend.send("SET_VRING_ENABLE", vring_state(self.index, 1))

    def set_desc(self, number, addr, length, flags=0, next_desc=0):
        self.guest.write(self.desc + 16 * number,
                         struct.pack("<QIHH", addr, length, flags, next_desc))

    def set_avail(self, slot, head):
        self.guest.write(self.avail + 4 + 2 * (slot % self.size), struct.pack("<H", head))

    def set_avail_idx(self, value):
        self.guest.write(self.avail + 2, struct.pack("<H", value & 0xffff))

    def post(self, head):
        self.set_avail(self.avail_idx, head)
        self.avail_idx += 1
        self.set_avail_idx(self.avail_idx)

    def notify(self):
        os.eventfd_write(self.kick, 1)

    def set_used_event(self, value):
        """Ask for a call once the used index passes this one (EVENT_IDX)."""
        self.guest.write(self.avail + 4 + 2 * self.size, struct.pack("<H", value & 0xffff))

    def used_idx(self):
        return struct.unpack("<H", self.guest.read(self.used + 2, 2))[0]

    def take_used(self):
        """(id, length) of the next used element, or None."""
        if self.used_idx() == self.used_seen & 0xffff:
            return None
        slot = self.used_seen % self.size
        self.used_seen += 1
        return struct.unpack("<II", self.guest.read(self.used + 4 + 8 * slot, 8))


class PackedRing:
    """Driver side of one packed ring, of descriptors one after the other."""

    def __init__(self, guest, index, base, size=10):
        self.guest, self.index, self.size = guest, index, size
        self.desc = base
        self.driver_event = base + 16 * size
        self.device_event = self.driver_event + 4
        self.end = self.device_event + 4
        self.kick, self.call, self.err = eventfd(), eventfd(), eventfd()
        self.next = self.used = 0
        self.next_wrap = self.used_wrap = 1
        self.length = {}    # of the list of a buffer id

    def close(self):
        for fd in (self.kick, self.call, self.err):
            os.close(fd)

    def clear(self):
        self.guest.write(self.desc, bytes(self.end - self.desc))

    def start(self, frontend, base=0x80008000):
        uva = self.guest.uva
        frontend.send("SET_VRING_NUM", vring_state(self.index, self.size))
        frontend.send("SET_VRING_BASE", vring_state(self.index, base))
        frontend.send("SET_VRING_ADDR", vring_addr(self.index, uva(self.desc),
                                                   uva(self.device_event),
                                                   uva(self.driver_event)))
        frontend.send("SET_VRING_ERR", u64(self.index), [self.err])
        frontend.send("SET_VRING_KICK", u64(self.index), [self.kick])
        frontend.send("SET_VRING_CALL", u64(self.index), [self.call])
        frontend.send("SET_VRING_ENABLE", vring_state(self.index, 1))

    def post(self, ident, *buffers):
        """A list of (address, length, flags); the first descriptor becomes visible last."""
        first = None
        for i, (addr, length, flags) in enumerate(buffers):
            flags |= DESC_NEXT if i + 1 < len(buffers) else 0
            flags |= 0x80 if self.next_wrap else 0x8000
            entry = struct.pack("<QIHH", addr, length, ident, flags)
            if first is None:
                first = (self.desc + 16 * self.next, entry)
            else:
                self.guest.write(self.desc + 16 * self.next, entry)
            self.next, self.next_wrap = self._advance(self.next, self.next_wrap, 1)
        self.length[ident] = len(buffers)
        self.guest.write(first[0], first[1][:14])
        self.guest.write(first[0] + 14, first[1][14:])

    def _advance(self, at, wrap, count):
        at += count
        return (at, wrap) if at < self.size else (at - self.size, 1 - wrap)

    def notify(self):
        os.eventfd_write(self.kick, 1)

    def set_event(self, off_wrap, flags):
        self.guest.write(self.driver_event, struct.pack("<HH", off_wrap, flags))

    def take_used(self):
        """(id, length) of the next used descriptor, or None."""
        _, length, ident, flags = struct.unpack("<QIHH", self.guest.read(
            self.desc + 16 * self.used, 16))
        if flags & 0x8080 != (0x8080 if self.used_wrap else 0):
            return None
        self.used, self.used_wrap = self._advance(self.used, self.used_wrap,
                                                  self.length[ident])
        return ident, length
