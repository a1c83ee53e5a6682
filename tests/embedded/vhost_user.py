# SPDX-License-Identifier: BSD-3-Clause
"""A scripted vhost-user frontend: says exactly what a test tells it to, right or wrong.

The layouts here are written from the vhost-user text, not from the library's headers, so
that a mistake in one is seen by the other.
"""
import array
import os
import select
import socket
import struct
import time

FRONTEND = {
    "GET_FEATURES": 1, "SET_FEATURES": 2, "SET_OWNER": 3, "RESET_OWNER": 4, "SET_MEM_TABLE": 5,
    "SET_LOG_BASE": 6, "SET_LOG_FD": 7, "SET_VRING_NUM": 8, "SET_VRING_ADDR": 9,
    "SET_VRING_BASE": 10, "GET_VRING_BASE": 11, "SET_VRING_KICK": 12, "SET_VRING_CALL": 13,
    "SET_VRING_ERR": 14, "GET_PROTOCOL_FEATURES": 15, "SET_PROTOCOL_FEATURES": 16,
    "GET_QUEUE_NUM": 17, "SET_VRING_ENABLE": 18, "SEND_RARP": 19, "NET_SET_MTU": 20,
    "SET_BACKEND_REQ_FD": 21, "IOTLB_MSG": 22, "SET_VRING_ENDIAN": 23, "GET_CONFIG": 24,
    "SET_CONFIG": 25, "CREATE_CRYPTO_SESSION": 26, "CLOSE_CRYPTO_SESSION": 27,
    "POSTCOPY_ADVISE": 28, "POSTCOPY_LISTEN": 29, "POSTCOPY_END": 30, "GET_INFLIGHT_FD": 31,
    "SET_INFLIGHT_FD": 32, "GPU_SET_SOCKET": 33, "RESET_DEVICE": 34, "VRING_KICK": 35,
    "GET_MAX_MEM_SLOTS": 36, "ADD_MEM_REG": 37, "REM_MEM_REG": 38, "SET_STATUS": 39,
    "GET_STATUS": 40, "GET_SHARED_OBJECT": 41, "SET_DEVICE_STATE_FD": 42,
    "CHECK_DEVICE_STATE": 43, "GET_SHMEM_CONFIG": 44,
}
NAME = {number: name for name, number in FRONTEND.items()}

VERSION, REPLY, NEED_REPLY = 0x1, 0x4, 0x8
NOFD = 0x100

F_LOG_ALL, F_PROTOCOL_FEATURES, F_VERSION_1, F_ACCESS_PLATFORM = 26, 30, 32, 33
F_INDIRECT, F_EVENT_IDX, F_PACKED = 28, 29, 34
NET_F_MTU, NET_F_MRG_RXBUF, NET_F_MQ = 3, 15, 22

PF = {
    "MQ": 0, "LOG_SHMFD": 1, "RARP": 2, "REPLY_ACK": 3, "MTU": 4, "BACKEND_REQ": 5,
    "CROSS_ENDIAN": 6, "CRYPTO_SESSION": 7, "PAGEFAULT": 8, "CONFIG": 9, "BACKEND_SEND_FD": 10,
    "HOST_NOTIFIER": 11, "INFLIGHT_SHMFD": 12, "RESET_DEVICE": 13, "INBAND_NOTIFICATIONS": 14,
    "CONFIGURE_MEM_SLOTS": 15, "STATUS": 16, "XEN_MMAP": 17, "SHARED_OBJECT": 18,
    "DEVICE_STATE": 19, "GET_VRING_BASE_INFLIGHT": 20, "GPA_ADDRESSES": 21, "SHMEM_MAP": 22,
}

TIMEOUT = 60.0


def bit(number):
    return 1 << number


def bits(*names):
    return sum(1 << PF[name] for name in names)


def u64(value):
    return struct.pack("=Q", value)


def vring_state(index, num):
    return struct.pack("=II", index, num)


def vring_addr(index, desc, used, avail, flags=0, log=0):
    return struct.pack("=IIQQQQ", index, flags, desc, used, avail, log)


def mem_region(gpa, size, uva, offset=0):
    return struct.pack("=QQQQ", gpa, size, uva, offset)


def mem_table(regions, count=None):
    count = len(regions) if count is None else count
    return struct.pack("=II", count, 0) + b"".join(mem_region(*r) for r in regions)


def single_region(gpa, size, uva, offset=0):
    return struct.pack("=Q", 0) + mem_region(gpa, size, uva, offset)


def log(size, offset=0):
    return struct.pack("=QQ", size, offset)


def config(offset, data, flags=0, size=None):
    return struct.pack("=III", offset, len(data) if size is None else size, flags) + data


def inflight(num_queues, queue_size, mmap_size=0, mmap_offset=0):
    return struct.pack("=QQHHI", mmap_size, mmap_offset, num_queues, queue_size, 0)


def parse_inflight(payload):
    """mmap_size, mmap_offset, num_queues, queue_size"""
    return struct.unpack("=QQHHI", payload)[:4]


def iotlb(iova, size, uaddr, perm, kind):
    return struct.pack("=QQQBB6x", iova, size, uaddr, perm, kind)


class Closed(Exception):
    """The backend closed the socket: the one way this protocol has to refuse."""


class Message:
    def __init__(self, request, flags, payload):
        self.request, self.flags, self.payload = request, flags, payload

    @property
    def u64(self):
        return struct.unpack("=Q", self.payload)[0]

    def __repr__(self):
        return f"<{NAME.get(self.request, self.request)} flags={self.flags:#x} {self.payload!r}>"


class Frontend:
    """One connection. Every receive is bounded by a deadline."""

    def __init__(self, path, timeout=TIMEOUT):
        self.timeout = timeout
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.sock.connect(path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        self.features = 0
        self.protocol_features = 0

    def close(self):
        self.sock.close()

    # -- raw -------------------------------------------------------------

    def send_bytes(self, data, fds=()):
        ancillary = []
        if fds:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        try:
            self.sock.sendmsg([data], ancillary)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed from error

    def send(self, name, payload=b"", fds=(), flags=0, size=None, version=VERSION):
        request = FRONTEND.get(name, name)
        length = len(payload) if size is None else size
        self.send_bytes(struct.pack("=III", request, version | flags, length) + payload, fds)

    def recv_exact(self, length):
        data, fds = b"", []
        deadline = time.monotonic() + self.timeout
        while len(data) < length:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise TimeoutError(f"no answer after {self.timeout} s, had {data!r}")
            try:
                chunk, ancillary, _, _ = self.sock.recvmsg(length - len(data), 4096)
            except ConnectionResetError as error:
                raise Closed from error
            for level, kind, value in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    received = array.array("i")
                    received.frombytes(value[:len(value) - len(value) % 4])
                    fds += list(received)
            if not chunk:
                raise Closed
            data += chunk
        return data, fds

    def recv(self):
        header, fds = self.recv_exact(12)
        request, flags, size = struct.unpack("=III", header)
        payload = b""
        if size:
            payload, more = self.recv_exact(size)
            fds += more
        message = Message(request, flags, payload)
        message.fds = fds
        return message

    def reply(self, name):
        message = self.recv()
        assert message.request == FRONTEND[name], message
        assert message.flags == VERSION | REPLY, message
        return message

    def closed(self):
        """Wait until the backend has closed; anything it still sends is an error."""
        try:
            message = self.recv()
        except Closed:
            return True
        raise AssertionError(f"expected a closed socket, got {message}")

    # -- the usual -------------------------------------------------------

    def ask(self, name, payload=b"", fds=()):
        self.send(name, payload, fds)
        return self.reply(name)

    def ack(self, name, payload=b"", fds=()):
        """Send with need_reply and return the u64 answered."""
        self.send(name, payload, fds, flags=NEED_REPLY)
        return self.reply(name).u64

    def barrier(self):
        """Every message sent before has been handled when this returns."""
        self.ask("GET_FEATURES")

    def negotiate(self, features=None, protocol=None):
        """What every frontend does first. None means: all that is offered, but for
        GPA_ADDRESSES and EVENT_IDX, which change what a driver has to do later."""
        offered = self.ask("GET_FEATURES").u64
        self.offered = offered
        assert offered & bit(F_VERSION_1) and offered & bit(F_PROTOCOL_FEATURES), hex(offered)
        self.offered_protocol = self.ask("GET_PROTOCOL_FEATURES").u64
        if protocol is None:
            protocol = self.offered_protocol & ~bits("GPA_ADDRESSES")
        self.protocol_features = protocol
        self.send("SET_PROTOCOL_FEATURES", u64(self.protocol_features))
        self.send("SET_OWNER")
        self.features = offered & ~bit(F_EVENT_IDX) if features is None else features
        self.send("SET_FEATURES", u64(self.features))
        self.barrier()
        return self


def eventfd(value=0):
    return os.eventfd(value, os.EFD_NONBLOCK | os.EFD_CLOEXEC)


def wait_eventfd(fd, timeout=TIMEOUT):
    """Number of events, 0 after the timeout."""
    if not select.select([fd], [], [], timeout)[0]:
        return 0
    return os.eventfd_read(fd)
