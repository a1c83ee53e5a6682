# SPDX-License-Identifier: BSD-3-Clause
"""A scripted vhost-user-blk back-end, for a frontend under test: right, or wrong in one way.

Written from the vhost-user and virtio texts, not from the library's headers. A misbehaviour is
a subclass that overrides what it wants to do wrong.
"""
import array
import mmap
import os
import select
import socket
import struct
import threading

from vhost_user import F_EVENT_IDX, F_INDIRECT, F_PROTOCOL_FEATURES, F_VERSION_1, NAME, bit, bits

F_PACKED = 34
BLK_F_BLK_SIZE, BLK_F_FLUSH = 6, 9
SECTOR = 512
T_IN, T_OUT, T_FLUSH = 0, 1, 4
S_OK = 0
D_NEXT, D_WRITE, D_INDIRECT = 1, 2, 4
# virtio 1.3, 2.8.1
P_AVAIL, P_USED = 1 << 7, 1 << 15


class Ring:
    """The device's side of one split ring."""
    def __init__(self):
        self.size = self.taken = self.used_idx = 0
        self.addr = self.kick = self.call = self.err = None
        self.enabled = False


class Backend(threading.Thread):
    features = (bit(F_VERSION_1) | bit(F_PROTOCOL_FEATURES) | bit(F_INDIRECT) | bit(F_EVENT_IDX)
                | bit(BLK_F_FLUSH))
    protocol_features = bits("MQ", "REPLY_ACK", "CONFIG")
    queues = 4

    def __init__(self, path, size=1 << 20):
        super().__init__(daemon=True)
        self.disk = bytearray(size)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.listener.settimeout(60)
        self.rings = [Ring() for _ in range(self.queues)]
        self.memory, self.words, self.gpa, self.uva, self.acked = None, None, 0, 0, 0
        self.seen, self.completed, self.error = [], 0, None
        self.sock = None
        self.start()

    # The connection

    def run(self):
        try:
            self.sock, _ = self.listener.accept()
            self.connected()
            while self.round():
                pass
        except Exception as error:  # pylint: disable=broad-except
            self.error = error      # finish() raises it in the test
        finally:
            if self.sock:
                self.sock.close()

    def finish(self):
        """After the frontend has ended."""
        self.join(60)
        assert not self.is_alive()
        self.listener.close()
        if self.error:
            raise self.error
        return self

    def round(self):
        fds = [self.sock] + [ring.kick for ring in self.rings if ring.kick is not None]
        ready, _, _ = select.select(fds, [], [], 60)
        assert ready, "the frontend does nothing for 60 s"
        for ring in self.rings:
            if ring.kick in ready:
                os.eventfd_read(ring.kick)
                if ring.enabled:
                    self.serve(ring)
        return self.message() if self.sock in ready else True

    def message(self):
        fds = array.array("i")
        try:
            header, ancillary, _, _ = self.sock.recvmsg(12, socket.CMSG_SPACE(8 * 4))
        except ConnectionResetError:
            return False
        if not header:
            return False
        for _, _, data in ancillary:
            fds.frombytes(data)
        request, flags, size = struct.unpack("=III", header)
        payload = self.sock.recv(size, socket.MSG_WAITALL) if size else b""
        name = NAME[request]
        self.seen.append(name)
        answer = getattr(self, f"on_{name.lower()}")(payload, list(fds))
        if answer is not None:
            self.reply(request, answer)
        elif flags & 8:
            self.reply(request, struct.pack("=Q", self.acknowledge(name)))
        return True

    def reply(self, request, payload, flags=5):
        self.sock.sendall(struct.pack("=III", request, flags, len(payload)) + payload)

    # Messages: the payload of an answer, or None

    def connected(self):
        pass

    def acknowledge(self, name):
        return 0

    def on_get_features(self, payload, fds):
        return struct.pack("=Q", self.features)

    def on_set_features(self, payload, fds):
        self.acked, = struct.unpack("=Q", payload)

    def on_get_protocol_features(self, payload, fds):
        return struct.pack("=Q", self.protocol_features)

    def on_set_protocol_features(self, payload, fds):
        pass

    def on_set_owner(self, payload, fds):
        pass

    def on_get_queue_num(self, payload, fds):
        return struct.pack("=Q", self.queues)

    def on_get_config(self, payload, fds):
        offset, size, flags = struct.unpack("=III", payload[:12])
        space = self.config_space()
        return struct.pack("=III", offset, size, flags) + space[offset:offset + size]

    def config_space(self):
        return struct.pack("<QIIHBBI", len(self.disk) // SECTOR, 0, 126, 0, 0, 0, SECTOR) \
            + bytes(40)

    def on_set_mem_table(self, payload, fds):
        count, _ = struct.unpack("=II", payload[:8])
        assert count == 1 and len(fds) == 1
        self.gpa, size, self.uva, offset = struct.unpack("=QQQQ", payload[8:40])
        assert offset == 0 and os.fstat(fds[0]).st_size == size
        self.memory = mmap.mmap(fds[0], size)
        self.words = memoryview(self.memory).cast("H")

    def ring_of(self, payload):
        index, value = struct.unpack("=II", payload[:8])
        return self.rings[index], value

    def on_set_vring_num(self, payload, fds):
        ring, ring.size = self.ring_of(payload)

    def on_set_vring_base(self, payload, fds):
        assert self.ring_of(payload)[1] == self.first_base()

    def on_set_vring_addr(self, payload, fds):
        ring, _ = self.ring_of(payload)
        desc, used, avail = struct.unpack("=QQQ", payload[8:32])
        ring.addr = [address - self.uva for address in (desc, used, avail)]

    def eventfd_of(self, payload, fds, field):
        setattr(self.rings[struct.unpack("=Q", payload)[0]], field, fds[0])

    def on_set_vring_kick(self, payload, fds):
        self.eventfd_of(payload, fds, "kick")

    def on_set_vring_call(self, payload, fds):
        self.eventfd_of(payload, fds, "call")

    def on_set_vring_err(self, payload, fds):
        self.eventfd_of(payload, fds, "err")

    def on_set_vring_enable(self, payload, fds):
        ring, enabled = self.ring_of(payload)
        ring.enabled = bool(enabled)

    def on_get_vring_base(self, payload, fds):
        ring, _ = self.ring_of(payload)
        return payload[:4] + struct.pack("=I", self.base(ring))

    # Rings

    def get(self, layout, at):
        return struct.unpack_from(layout, self.memory, at)

    def put(self, layout, at, *values):
        struct.pack_into(layout, self.memory, at, *values)

    def put16(self, at, value):
        """At once, as an index has to be: pack_into() clears the bytes first."""
        self.words[at // 2] = value & 0xffff

    def first_base(self):
        return 0

    def base(self, ring):
        return ring.taken & 0xffff

    def waiting(self, ring):
        """Requests that are available and not taken."""
        return self.get("<H", ring.addr[2] + 2)[0] - (ring.taken & 0xffff) & 0xffff

    def take(self, ring):
        """(what names it, its buffers as (offset in memory, length, written by us))"""
        desc, _, avail = ring.addr
        head, = self.get("<H", avail + 4 + 2 * (ring.taken % ring.size))
        ring.taken += 1
        return head, self.walk(desc, head)

    def walk(self, table, at):
        buffers = []
        while True:
            address, length, flags, following = self.get("<QIHH", table + 16 * at)
            if flags & D_INDIRECT:
                assert self.acked & bit(F_INDIRECT) and not buffers
                return self.walk(address - self.gpa, 0)
            buffers.append((address - self.gpa, length, bool(flags & D_WRITE)))
            if not flags & D_NEXT:
                return buffers
            at = following

    def complete(self, ring, name, length):
        _, used, _ = ring.addr
        self.put("<II", used + 4 + 8 * (ring.used_idx % ring.size), name, length)
        ring.used_idx += 1
        self.put16(used + 2, ring.used_idx)
        self.completed += 1

    def want_kick(self, ring):
        """Ask for the next one; true when there is something already."""
        _, used, _ = ring.addr
        self.put16(used + 4 + 8 * ring.size, ring.taken)
        return self.waiting(ring) > 0

    def serve(self, ring):
        while True:
            while self.waiting(ring):
                name, buffers = self.take(ring)
                self.complete(ring, name, self.request(buffers))
            os.eventfd_write(ring.call, 1)
            if not self.want_kick(ring):
                return

    # The disk

    def request(self, buffers):
        """Do it; how many bytes were written into the buffers."""
        (header, header_bytes, _), *data, (status, _, _) = buffers
        assert header_bytes == 16
        kind, _, sector = self.get("<IIQ", header)
        result, written = self.transfer(kind, sector * SECTOR, data)
        self.put("<B", status, result)
        return written + 1

    def transfer(self, kind, at, data):
        written = 0
        assert kind in (T_IN, T_OUT, T_FLUSH)
        for address, length, writable in data:
            assert writable == (kind == T_IN) and at + length <= len(self.disk)
            if kind == T_IN:
                self.memory[address:address + length] = self.disk[at:at + length]
                written += length
            else:
                self.disk[at:at + length] = self.memory[address:address + length]
            at += length
        return S_OK, written


class PackedBackend(Backend):
    """The same with packed rings (virtio 1.3, 2.8). Asks for every kick."""
    features = Backend.features | bit(F_PACKED)

    def __init__(self, path, size=1 << 20):
        self.at, self.wrap = {}, {}         # by ring: where the next request is
        self.used_at, self.used_wrap = {}, {}
        self.entries = {}                   # (ring, id): how many the chain took
        super().__init__(path, size)

    def first_base(self):
        return 0x80008000

    def position(self, ring):
        for state, value in ((self.at, 0), (self.wrap, 1), (self.used_at, 0),
                             (self.used_wrap, 1)):
            state.setdefault(ring, value)

    def base(self, ring):
        self.position(ring)
        return (self.at[ring] | self.wrap[ring] << 15
                | self.used_at[ring] << 16 | self.used_wrap[ring] << 31)

    def waiting(self, ring):
        self.position(ring)
        flags, = self.get("<H", ring.addr[0] + 16 * self.at[ring] + 14)
        return (bool(flags & P_AVAIL), bool(flags & P_USED)) == \
            (bool(self.wrap[ring]), not self.wrap[ring])

    def step(self, ring, at, wrap, count):
        at[ring] += count
        if at[ring] >= ring.size:
            at[ring] -= ring.size
            wrap[ring] ^= 1

    def take(self, ring):
        buffers, count = [], 0
        while True:
            address, length, name, flags = self.get("<QIHH",
                                                    ring.addr[0] + 16 * self.at[ring])
            count += 1
            self.step(ring, self.at, self.wrap, 1)
            if flags & D_INDIRECT:
                buffers = [(entry - self.gpa, size, bool(marks & D_WRITE)) for entry, size, _, marks
                           in (self.get("<QIHH", address - self.gpa + 16 * i)
                               for i in range(length // 16))]
            else:
                buffers.append((address - self.gpa, length, bool(flags & D_WRITE)))
            if not flags & D_NEXT:
                break
        self.entries[ring, name] = count
        return name, buffers

    def complete(self, ring, name, length):
        entry = ring.addr[0] + 16 * self.used_at[ring]
        self.put("<IH", entry + 8, length, name)
        self.put16(entry + 14, (P_AVAIL | P_USED) if self.used_wrap[ring] else 0)
        self.step(ring, self.used_at, self.used_wrap, self.entries[ring, name])
        self.completed += 1

    def want_kick(self, ring):
        # The device's event structure: zero asks for every kick.
        return self.waiting(ring)
