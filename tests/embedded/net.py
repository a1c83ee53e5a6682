# SPDX-License-Identifier: BSD-3-Clause
"""A scripted virtio-net driver on one queue pair, for a backend that loops frames back."""
import struct
import time

from guest import DESC_WRITE, NET_HEADER, PAGE, Guest, Ring
from vhost_user import TIMEOUT

BUFFER = 2048


class Net:
    def __init__(self, size=16, pair=0, spread=0x10000):
        self.guest = Guest()
        base = 0x10000 + spread * pair
        self.rx = Ring(self.guest, 2 * pair, base, size)
        self.tx = Ring(self.guest, 2 * pair + 1, base + spread // 2, size)
        self.rx_buffers = 0x100000
        self.tx_buffers = 0x200000
        self.tx_next = 0

    def close(self):
        self.rx.close()
        self.tx.close()
        self.guest.close()

    def start(self, frontend, enable=True, features=None, protocol=None, negotiate=True):
        if negotiate:
            frontend.negotiate(features, protocol)
        frontend.send("SET_MEM_TABLE", self.guest.table(), self.guest.fds())
        for ring in (self.rx, self.tx):
            ring.clear()
            ring.start(frontend, enable=enable)
        self.fill_rx()
        frontend.barrier()

    def restart(self, frontend, bases, fresh=False):
        """Start the rings again at what GET_VRING_BASE answered."""
        for ring, base in zip((self.rx, self.tx), bases):
            seen, avail = ring.used_seen, ring.avail_idx
            if fresh:
                ring.clear()
                seen = avail = 0
            ring.start(frontend, base=base)
            ring.used_seen, ring.avail_idx = seen, avail
        if fresh:
            self.fill_rx()
        frontend.barrier()

    def fill_rx(self):
        for i in range(self.rx.size):
            self.rx.set_desc(i, self.rx_buffers + i * BUFFER, BUFFER, DESC_WRITE)
            self.rx.post(i)

    def post_frame(self, frame):
        """Make one frame available without a kick."""
        head = self.tx_next % self.tx.size
        self.tx_next += 1
        at = self.tx_buffers + head * BUFFER
        self.guest.write(at, bytes(NET_HEADER) + frame)
        self.tx.set_desc(head, at, NET_HEADER + len(frame))
        self.tx.post(head)

    def send_frame(self, frame, timeout=TIMEOUT):
        """Send, kick and wait until the backend gave the buffer back."""
        self.post_frame(frame)
        self.tx.notify()
        return self._until(self.tx.take_used, timeout) is not None

    def receive_frame(self, timeout=TIMEOUT):
        used = self._until(self.rx.take_used, timeout)
        if used is None:
            return None
        head, length = used
        data = self.guest.read(self.rx_buffers + head * BUFFER, length)
        assert struct.unpack("<H", data[10:12])[0] == 1, "num_buffers"
        self.rx.post(head)
        return data[NET_HEADER:]

    def ring_bytes(self):
        return b"".join(self.guest.read(r.desc, r.end - r.desc) for r in (self.rx, self.tx))

    @staticmethod
    def _until(take, timeout):
        deadline = time.monotonic() + timeout
        while True:
            # First, and once more at the end: who was kept waiting for a core has not looked yet.
            late = time.monotonic() >= deadline
            value = take()
            if value is not None or late:
                return value
            time.sleep(0.0005)


assert BUFFER <= PAGE
