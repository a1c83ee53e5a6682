# SPDX-License-Identifier: BSD-3-Clause
"""Requests to vvu-testd's device "echo", over a split or a packed ring."""
import struct
import time

from guest import DESC_NEXT, DESC_WRITE, Guest, PackedRing, Ring
from vhost_user import F_EVENT_IDX, F_PACKED, TIMEOUT, bit, bits

HELD = 1 << 31
ROOM = 256


class Requests:
    """One ring and its buffers. A request has an id (split: its first descriptor)."""

    def __init__(self, packed, index=0):
        self.packed = packed
        self.guest = Guest()
        self.ring = (PackedRing if packed else Ring)(self.guest, index, 0x10000)
        self.ring.clear()

    def close(self):
        self.ring.close()
        self.guest.close()

    def negotiate(self, frontend, event_idx=False):
        offered = frontend.ask("GET_FEATURES").u64
        features = offered & ~(0 if event_idx else bit(F_EVENT_IDX))
        if not self.packed:
            features &= ~bit(F_PACKED)
        frontend.negotiate(features=features,
                           protocol=frontend.ask("GET_PROTOCOL_FEATURES").u64 &
                           ~bits("GPA_ADDRESSES"))
        frontend.send("SET_MEM_TABLE", self.guest.table(), self.guest.fds())

    def _at(self, ident):
        return 0x100000 + ident * 2 * ROOM

    def post(self, ident, number, data=b""):
        """Two readable pieces, one writable one; a split ring has room for five of them."""
        at, number = self._at(ident), struct.pack("<I", number)
        self.guest.write(at, number + data + bytes(2 * ROOM - len(number) - len(data)))
        pieces = [(at, 4, 0), (at + 4, len(data) or 1, 0), (at + ROOM, ROOM, DESC_WRITE)]
        if self.packed:
            self.ring.post(ident, *pieces)
        else:
            for i, (addr, length, flags) in enumerate(pieces):
                self.ring.set_desc(ident + i, addr, length,
                                   flags | (DESC_NEXT if i < 2 else 0), ident + i + 1)
            self.ring.post(ident)
        self.ring.notify()

    def answer(self, ident, length):
        return self.guest.read(self._at(ident) + ROOM, length)

    def used(self, count=1, timeout=TIMEOUT):
        """Wait for so many completions: [(id, length), ...]."""
        got, deadline = [], time.monotonic() + timeout
        while len(got) < count:
            one = self.ring.take_used()
            if one is not None:
                got.append(one)
            elif time.monotonic() > deadline:
                raise TimeoutError(f"{count} completions expected, got {got}")
            else:
                time.sleep(0.002)
        return got


def wait_taken(testd, numbers):
    deadline = time.monotonic() + TIMEOUT
    while True:
        taken = testd.command("taken")["taken"]
        if len(taken) >= len(numbers):
            assert taken == numbers
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{numbers} expected, {taken} taken")
        time.sleep(0.005)
