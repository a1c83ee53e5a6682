# SPDX-License-Identifier: BSD-3-Clause
"""Makes the seed corpora: small, valid inputs from which the fuzzer sets out."""
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "embedded"))

import vhost_user as vu  # noqa: E402


def message(name, payload=b"", flags=0):
    return struct.pack("=III", vu.FRONTEND[name], vu.VERSION | flags, len(payload)) + payload


def record(kind, nfds, msg):
    return bytes([kind, nfds]) + msg


EVENT, MEMORY, SOCKET = 0, 1, 2
FEATURES = (1 << 64) - 1
PROTOCOL = vu.bits("MQ", "LOG_SHMFD", "RARP", "REPLY_ACK", "MTU", "BACKEND_REQ", "CONFIG",
                   "INFLIGHT_SHMFD", "RESET_DEVICE", "CONFIGURE_MEM_SLOTS", "STATUS",
                   "GPA_ADDRESSES")
NEGOTIATE = [record(0, 0, message("GET_FEATURES")),
             record(0, 0, message("GET_PROTOCOL_FEATURES")),
             record(0, 0, message("SET_PROTOCOL_FEATURES", vu.u64(PROTOCOL))),
             record(0, 0, message("SET_OWNER")),
             record(0, 0, message("SET_FEATURES", vu.u64(1 << 32 | 1 << 30)))]
REGION = (0, 1 << 19, 0x10000, 0)
TABLE = record(MEMORY, 2, message("SET_MEM_TABLE", vu.mem_table(
    [REGION, (1 << 20, 1 << 19, 1 << 30, 4096)]), vu.NEED_REPLY))

AFTER = {
    "table": [TABLE, TABLE],
    "slots": [record(0, 0, message("GET_MAX_MEM_SLOTS")),
              record(MEMORY, 1, message("ADD_MEM_REG", vu.single_region(*REGION))),
              record(0, 0, message("REM_MEM_REG", vu.single_region(*REGION)))],
    "rings": [TABLE, record(0, 0, message("SET_VRING_NUM", vu.vring_state(0, 256))),
              record(0, 0, message("SET_VRING_ADDR", vu.vring_addr(0, 0x10000, 0x12000, 0x11000))),
              record(0, 0, message("SET_VRING_BASE", vu.vring_state(0, 0))),
              record(EVENT, 1, message("SET_VRING_KICK", vu.u64(0))),
              record(EVENT, 1, message("SET_VRING_CALL", vu.u64(0))),
              record(EVENT, 1, message("SET_VRING_ERR", vu.u64(0))),
              record(0, 0, message("SET_VRING_ENABLE", vu.vring_state(0, 1))),
              record(0, 0, message("GET_VRING_BASE", vu.vring_state(0, 0)))],
    "log": [record(MEMORY, 1, message("SET_LOG_BASE", vu.log(1 << 16))),
            record(EVENT, 1, message("SET_LOG_FD"))],
    "inflight": [record(0, 0, message("GET_INFLIGHT_FD", vu.inflight(2, 128))),
                 record(MEMORY, 1, message("SET_INFLIGHT_FD", vu.inflight(2, 128, 8192)))],
    "channel": [record(SOCKET, 1, message("SET_BACKEND_REQ_FD")),
                record(0x80, 0, struct.pack("=IIIQ", 2, vu.VERSION | vu.REPLY, 8, 0))],
    "config": [record(0, 0, message("GET_CONFIG", vu.config(0, bytes(16)))),
               record(0, 0, message("SET_CONFIG", vu.config(0, bytes(16))))],
    "rest": [record(0, 0, message("NET_SET_MTU", vu.u64(1500))),
             record(0, 0, message("SEND_RARP", bytes(8))),
             record(0, 0, message("SET_STATUS", vu.u64(15))),
             record(0, 0, message("GET_STATUS")), record(0, 0, message("GET_QUEUE_NUM")),
             record(0, 0, message("RESET_DEVICE"))],
}


def le_message(request, flags, payload=b""):
    return struct.pack("<III", request, flags, len(payload)) + payload


def txq(what, data=b""):
    return bytes([what, len(data)]) + data


def capability(kind, at, nxt, bar, offset, length, extra=b"", ident=0):
    body = struct.pack("<BBBBBB2xII", 9, nxt, 16 + len(extra), kind, bar, ident, offset, length)
    return at, body + extra


def config_space():
    space = bytearray(256)
    struct.pack_into("<HHHH", space, 0, 0x1af4, 0x106b, 0, 0x10)
    space[0x34] = 0x40
    caps = [capability(1, 0x40, 0x50, 4, 0, 64), capability(3, 0x50, 0x60, 4, 0x1000, 4),
            capability(4, 0x60, 0x70, 4, 0x2000, 32),
            capability(2, 0x70, 0x84, 4, 0x3000, 8, struct.pack("<I", 4)),
            capability(6, 0x84, 0x98, 0, 0x100000, 0x1000, struct.pack("<I", 4)),
            capability(7, 0x98, 0xa8, 0, 0x101000, 4),
            capability(8, 0xa8, 0, 0, 0, 0x100000, struct.pack("<II", 0, 0), ident=1)]
    for at, body in caps:
        space[at:at + len(body)] = body
    bars = bytes([1, 12, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0])
    return bars + bytes(space)


def split_ring(descs, avail, extra=b""):
    memory = bytearray(2048)
    for i, (addr, length, flags, nxt) in enumerate(descs):
        struct.pack_into("<QIHH", memory, 16 * i, addr, length, flags, nxt)
    struct.pack_into("<HH", memory, 128, 0, len(avail))
    for i, head in enumerate(avail):
        struct.pack_into("<H", memory, 132 + 2 * i, head)
    memory[512:512 + len(extra)] = extra
    return b"\x02\x00" + bytes(memory)


def packed_ring(descs, extra=b""):
    """A ring of 7 from its beginning, wrap counters 1."""
    memory = bytearray(2048)
    for i, (addr, length, ident, flags) in enumerate(descs):
        struct.pack_into("<QIHH", memory, 16 * i, addr, length, ident, flags)
    memory[512:512 + len(extra)] = extra
    return b"\x06\x00" + bytes(memory)


def inflight_split():
    """Head 2 under way, 1 in a batch that is half accounted for."""
    area = struct.pack("<QHHHH", 0, 1, 8, 1, 0)
    for i in range(8):
        area += struct.pack("<B5xHQ", 1 <= i <= 2, 0, i)
    return b"\x00" + area.ljust(192, b"\0") + split_ring(
        [(0x1200, 16, 0, 0)] * 8, [1, 2, 3])[2:258] + struct.pack("<HHII", 0, 1, 1, 0)


def inflight_packed():
    """A request of two descriptors under way."""
    area = struct.pack("<QHHHHHHBB10x", 0, 1, 8, 2, 2, 0, 0, 1, 1)
    for i in range(8):
        area += struct.pack("<BxHHHQHHIQ", i == 0, i + 1, 1, 2, 5, 3, 0x81 if i == 0 else 0x80,
                            16, 0x1200)
    return b"\x01" + area.ljust(320, b"\0") + packed_ring(
        [(0x1200, 16, 3, 0x81), (0x1200, 16, 3, 0x80), (0x1200, 16, 4, 0x80)])[2:]


def scsi(flags, out, cdb_and_data, inwards=0):
    return struct.pack(">BHHBBB", flags, out, inwards, 15, 7, 1) + cdb_and_data


def cdb(*values):
    return bytes(values).ljust(16, b"\0")


# One of each kind of command; those with a parameter list have one that is right.
SCSI = {
    "inquiry": scsi(0, 0, cdb(0x12, 1, 0x83, 0, 255), 255),
    "sense": scsi(0, 0, cdb(0x03, 1, 0, 0, 255), 255),
    "modes": scsi(0, 0, cdb(0x5a, 0x10, 0x3f, 0xff, 0, 0, 0, 1), 256),
    "select": scsi(0, 16, cdb(0x15, 0x10, 0, 0, 16)
                   + bytes.fromhex("000000000a0a0610" "0000000000000000")),
    "luns": scsi(0x20, 0, cdb(0xa0, 0, 2, 0, 0, 0, 0, 0, 1), 256),
    "opcodes": scsi(0, 0, cdb(0xa3, 0x0c, 0x80, 0, 0, 0, 0, 0, 16), 4096),
    "capacity": scsi(0, 0, cdb(0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32), 32),
    "provisioned": scsi(0, 0, cdb(0x9e, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32), 32),
    "read": scsi(2, 0, cdb(0x28, 8, 0, 0, 0, 1, 0, 0, 2), 1024),
    "write": scsi(2, 1024, cdb(0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2)),
    "verify": scsi(0, 1024, cdb(0x2f, 2, 0, 0, 0, 1, 0, 0, 2)),
    "compare": scsi(2, 1024, cdb(0x89, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1)),
    "same": scsi(0, 512, cdb(0x93, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 8) + b"x" * 8),
    "unmap": scsi(0, 24, cdb(0x42, 0, 0, 0, 0, 0, 0, 0, 24)
                  + bytes.fromhex("0016001000000000" "0000000000000002" "0000001000000000")),
    "stop": scsi(0, 0, cdb(0x1b)),
    "flush": scsi(0, 0, cdb(0x35)),
    "reset": scsi(0x10, 0, cdb(0x00)),
    "abort": scsi(0x0a, 0, cdb(0x28, 0, 0, 0, 0, 1, 0, 0, 2), 1024),
}
for _name, _action, _type, _key, _new in (
        ("register", 0, 0, 0, 1), ("reserve", 1, 5, 1, 0), ("release", 2, 5, 1, 0),
        ("clear", 3, 0, 1, 0), ("preempt", 5, 5, 1, 1)):
    SCSI[_name] = scsi(0, 24, cdb(0x5f, _action, _type, 0, 0, 0, 0, 0, 24)
                       + struct.pack(">QQQ", _key, _new, 0))
    SCSI["read_" + _name] = scsi(0, 0, cdb(0x5e, min(_action, 3), 0, 0, 0, 0, 0, 1), 256)


def blk(kind, readable, writable, sector=0, data=b""):
    """Sizes of pieces as the target wants them: up to 64 bytes, or a multiple of 64."""
    sizes = bytes(n - 1 if n <= 64 else n // 64 + 63 for n in readable + writable)
    return bytes([0, len(readable), len(writable)]) + sizes + \
        struct.pack("<IIQ", kind, 0, sector) + data


RANGE = struct.pack("<QII", 8, 16, 0)
BLK = {
    "read": blk(0, [16], [1024, 1], 7), "joined": blk(0, [16], [64, 449], 7),
    "write": blk(1, [16, 512], [1], 2047, b"x" * 512), "split": blk(1, [9, 3, 4, 512], [1]),
    "flush": blk(4, [16], [1]), "id": blk(8, [16], [20, 1]),
    "discard": blk(11, [16, 16], [1], 0, RANGE),
    "zeroes": blk(13, [16, 32], [1], 0, RANGE + RANGE), "unknown": blk(14, [16], [1]),
}


def virtio_scsi(flags, readable, writable, data):
    """Sizes of pieces by their code: 0: 51, 1: 108, 2: 512, 3: 24, 4: 1 byte."""
    return bytes([flags, len(writable) << 4 | len(readable), *readable, *writable]) + data


LUN = bytes([1, 0, 0x40, 5, 0, 0, 0, 0])
READ = LUN + bytes(11) + cdb(0x28, 0, 0, 0, 0, 1, 0, 0, 1).ljust(32, b"\0")
WRITE = LUN + bytes(11) + cdb(0x2a, 0, 0, 0, 0, 1, 0, 0, 1).ljust(32, b"\0")
QUEUES = {
    "read": virtio_scsi(0, [0], [1, 2], READ),
    "write": virtio_scsi(0, [0, 2], [1], WRITE + b"x" * 512),
    "pieces": virtio_scsi(0, [0x99, 0x9a], [0xb0, 0xbc, 2], READ),
    "luns": virtio_scsi(0, [0], [1, 2], b"\xc1\1" + bytes(17)
                        + cdb(0xa0, 0, 2, 0, 0, 0, 0, 0, 2).ljust(32, b"\0")),
    "many": virtio_scsi(4, [0], [1], READ),
    "query": virtio_scsi(1, [5], [0x85], struct.pack("<I8sI", 1, LUN, 2)),
}
for _tmf in range(8):
    QUEUES[f"tmf{_tmf}"] = (virtio_scsi(2, [0], [1, 2], READ)
                            + virtio_scsi(1, [3], [4], struct.pack("<II8sQ", 0, _tmf, LUN, 0)))


def main(root):
    corpora = {"fuzz_codec": {}, "fuzz_frontend": {}, "fuzz_txq": {}, "fuzz_caps": {},
               "fuzz_split": {}, "fuzz_packed": {}, "fuzz_inflight": {}, "fuzz_scsi": {},
               "fuzz_scsi_queues": {},
               "fuzz_blk": BLK}
    for name in AFTER:
        corpora["fuzz_frontend"][name] = b"".join(NEGOTIATE + AFTER[name])
        for i, part in enumerate(NEGOTIATE + AFTER[name]):
            corpora["fuzz_codec"][f"{name}{i}"] = b"\0" + part[2:]
    corpora["fuzz_txq"]["answer"] = txq(0) + txq(1) + txq(8) + txq(1)
    corpora["fuzz_txq"]["reply"] = txq(0) + txq(5, le_message(1, 5, struct.pack("<Q", 1 << 32)))
    corpora["fuzz_txq"]["status"] = txq(2, b"\0\0\0\0") + txq(2, b"\1\0\0\0") + txq(5, bytes(12))
    corpora["fuzz_caps"]["modern"] = config_space()
    corpora["fuzz_split"]["chain"] = split_ring(
        [(0x1400, 64, 1, 1), (0x1500, 64, 3, 2), (0x17f0, 64, 2, 0)], [0])
    corpora["fuzz_split"]["indirect"] = split_ring(
        [(0x1200, 32, 4, 0)], [0], struct.pack("<QIHHQIHH", 0x1400, 64, 1, 1, 0x1500, 64, 2, 0))
    corpora["fuzz_packed"]["list"] = packed_ring(
        [(0x1400, 64, 0, 0x81), (0x1500, 64, 0, 0x83), (0x17f0, 64, 5, 0x82),
         (0x1400, 64, 1, 0x80)])
    corpora["fuzz_packed"]["indirect"] = packed_ring(
        [(0x1200, 32, 2, 0x84)], struct.pack("<QIHHQIHH", 0x1400, 64, 0, 0, 0x1500, 64, 0, 2))
    corpora["fuzz_inflight"]["split"] = inflight_split()
    corpora["fuzz_inflight"]["packed"] = inflight_packed()
    corpora["fuzz_scsi"] = dict(SCSI, all=b"".join(SCSI[name] for name in SCSI))
    corpora["fuzz_scsi_queues"] = QUEUES
    # Power on is told to each initiator first.
    ready = scsi(0, 0, cdb(0x00))
    corpora["fuzz_scsi"].update({f"then_{name}": ready + SCSI["register"] + SCSI["reserve"] + data
                                 for name, data in SCSI.items()})
    for target, inputs in corpora.items():
        folder = pathlib.Path(root) / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in inputs.items():
            (folder / name).write_bytes(data)


if __name__ == "__main__":
    main(sys.argv[1])
