# SPDX-License-Identifier: BSD-3-Clause
"""Golden vhost-user messages, printed as a C header.

The layouts and the rows below are written from the text of the vhost-user specification
(QEMU 11.1), not from the code under test: this file reads no source of the library and is
the second opinion on wire.h and message_table.h. Each message is packed in both byte
orders; each field has a value of its own, so that a field that is swapped, moved, widened
or mixed up with a neighbour shows.
"""
import struct

# A layout is a list of fields, in wire order:
#   (struct code, C member of struct vhu_msg, name in a trace, how it is printed)
# Codes: B H I Q integers of 1, 2, 4, 8 bytes; "6x" padding of 6 bytes; "16s" raw bytes.
# Printed: d decimal, x hexadecimal, h raw bytes, m MAC address.
U64 = [("Q", "u64", "u64", "x")]
VRING_FD = [("Q", "u64", "u64", "x", 0xA5)]  # bits 0-7 ring
VRING_NO_FD = [("Q", "u64", "u64", "x", 0x15A)]  # and bit 8: no descriptor
MAC = [("6s", "mac", "mac", "m"), ("2x",)]
VRING_STATE = [("I", "state.index", "index", "d"), ("I", "state.num", "num", "d")]
VRING_ADDR = [
    ("I", "addr.index", "index", "d"),
    ("I", "addr.flags", "flags", "x"),
    ("Q", "addr.desc", "desc", "x"),
    ("Q", "addr.used", "used", "x"),
    ("Q", "addr.avail", "avail", "x"),
    ("Q", "addr.log", "log", "x"),
]
LOG = [("Q", "log.size", "size", "x"), ("Q", "log.offset", "offset", "x")]
IOTLB = [
    ("Q", "iotlb.iova", "iova", "x"),
    ("Q", "iotlb.size", "size", "x"),
    ("Q", "iotlb.user_addr", "user_addr", "x"),
    ("B", "iotlb.perm", "perm", "d"),
    ("B", "iotlb.type", "type", "d"),
    ("6x",),
]
VRING_AREA = [
    ("Q", "area.u64", "u64", "x", 0x1C3),
    ("Q", "area.size", "size", "x"),
    ("Q", "area.offset", "offset", "x"),
]
INFLIGHT = [
    ("Q", "inflight.mmap_size", "mmap_size", "x"),
    ("Q", "inflight.mmap_offset", "mmap_offset", "x"),
    ("H", "inflight.num_queues", "num_queues", "d"),
    ("H", "inflight.queue_size", "queue_size", "d"),
    ("4x",),
]
SHARED_OBJECT = [("16s", "object.uuid", "uuid", "h")]
TRANSFER_STATE = [
    ("I", "transfer.direction", "direction", "d"),
    ("I", "transfer.phase", "phase", "d"),
]
MMAP = [
    ("B", "mmap.shmid", "shmid", "d"),
    ("7x",),
    ("Q", "mmap.fd_offset", "fd_offset", "x"),
    ("Q", "mmap.shm_offset", "shm_offset", "x"),
    ("Q", "mmap.len", "len", "x"),
    ("Q", "mmap.flags", "flags", "x"),
]
CRYPTO_SESSION = [("1072s", "raw", "session", "h")]


def region(c, name):
    return [
        ("Q", c + ".guest_addr", name + ".guest_addr", "x"),
        ("Q", c + ".size", name + ".size", "x"),
        ("Q", c + ".user_addr", name + ".user_addr", "x"),
        ("Q", c + ".mmap_offset", name + ".mmap_offset", "x"),
    ]


SINGLE_REGION = [("8x",)] + region("single.region", "region[0]")


def mem_table(n):
    fields = [("I", "table.nregions", "nregions", "d", n), ("4x",)]
    for i in range(n):
        fields += region("table.region[%d]" % i, "region[%d]" % i)
    return fields


def config(n):
    fields = [
        ("I", "config.offset", "offset", "d"),
        ("I", "config.size", "size", "d", n),
        ("I", "config.flags", "flags", "x", 1),
    ]
    return fields + ([("%ds" % n, "config.data", "data", "h")] if n else [])


def shmem_config():
    fields = [("I", "shmem.nregions", "nregions", "d", 256), ("4x",)]
    return fields + [("Q", "shmem.size[%d]" % i, "size[%d]" % i, "x") for i in range(256)]


NONE = []
ACK = "ack"  # u64, only with REPLY_ACK and need_reply
FRONTEND, BACKEND = "VHU_SPACE_FRONTEND", "VHU_SPACE_BACKEND"

# (id, name, request payloads, fds of the request, reply payloads or ACK, fds of the reply,
#  negotiation that the message needs: a protocol feature bit, "pf" for virtio feature
#  bit 30, "iommu" for virtio feature bit 33, None for nothing)
FRONTEND_ROWS = [
    (1, "GET_FEATURES", [NONE], "0", [U64], "0", None),
    (2, "SET_FEATURES", [U64], "0", ACK, "0", None),
    (3, "SET_OWNER", [NONE], "0", ACK, "0", None),
    (4, "RESET_OWNER", [NONE], "0", ACK, "0", None),
    (5, "SET_MEM_TABLE", [mem_table(n) for n in (0, 1, 2, 8)], "n", ACK, "0", None),
    (6, "SET_LOG_BASE", [LOG], "1", [U64, NONE], "0", 1),
    (7, "SET_LOG_FD", [NONE], "1", ACK, "0", None),
    (8, "SET_VRING_NUM", [VRING_STATE], "0", ACK, "0", None),
    (9, "SET_VRING_ADDR", [VRING_ADDR], "0", ACK, "0", None),
    (10, "SET_VRING_BASE", [VRING_STATE], "0", ACK, "0", None),
    (11, "GET_VRING_BASE", [VRING_STATE], "0", [VRING_STATE], "0", None),
    (12, "SET_VRING_KICK", [VRING_FD, VRING_NO_FD], "bit8", ACK, "0", None),
    (13, "SET_VRING_CALL", [VRING_FD, VRING_NO_FD], "bit8", ACK, "0", None),
    (14, "SET_VRING_ERR", [VRING_FD, VRING_NO_FD], "bit8", ACK, "0", None),
    (15, "GET_PROTOCOL_FEATURES", [NONE], "0", [U64], "0", "pf"),
    (16, "SET_PROTOCOL_FEATURES", [U64], "0", ACK, "0", "pf"),
    (17, "GET_QUEUE_NUM", [NONE], "0", [U64], "0", 0),
    (18, "SET_VRING_ENABLE", [VRING_STATE], "0", ACK, "0", "pf"),
    (19, "SEND_RARP", [MAC], "0", ACK, "0", 2),
    (20, "NET_SET_MTU", [U64], "0", ACK, "0", 4),
    (21, "SET_BACKEND_REQ_FD", [NONE], "1", ACK, "0", 5),
    (22, "IOTLB_MSG", [IOTLB], "0", [U64], "0", "iommu"),
    (23, "SET_VRING_ENDIAN", [VRING_STATE], "0", ACK, "0", 6),
    (24, "GET_CONFIG", [config(n) for n in (0, 1, 60, 256)], "0",
     [config(n) for n in (0, 1, 60, 256)] + [NONE], "0", 9),
    (25, "SET_CONFIG", [config(n) for n in (0, 3, 256)], "0", ACK, "0", 9),
    (26, "CREATE_CRYPTO_SESSION", [CRYPTO_SESSION], "0", [CRYPTO_SESSION], "0", 7),
    (27, "CLOSE_CRYPTO_SESSION", [U64], "0", ACK, "0", 7),
    (28, "POSTCOPY_ADVISE", [NONE], "0", [NONE], "1", 8),
    (29, "POSTCOPY_LISTEN", [NONE], "0", ACK, "0", 8),
    (30, "POSTCOPY_END", [NONE], "0", [U64], "0", 8),
    (31, "GET_INFLIGHT_FD", [INFLIGHT], "0", [INFLIGHT], "0-1", 12),
    (32, "SET_INFLIGHT_FD", [INFLIGHT], "1", ACK, "0", 12),
    (33, "GPU_SET_SOCKET", [NONE], "1", ACK, "0", None),
    (34, "RESET_DEVICE", [NONE], "0", ACK, "0", 13),
    (35, "VRING_KICK", [VRING_STATE], "0", ACK, "0", 14),
    (36, "GET_MAX_MEM_SLOTS", [NONE], "0", [U64], "0", 15),
    (37, "ADD_MEM_REG", [SINGLE_REGION], "1", ACK, "0", 15),
    (38, "REM_MEM_REG", [SINGLE_REGION], "tolerated", ACK, "0", 15),
    (39, "SET_STATUS", [U64], "0", ACK, "0", 16),
    (40, "GET_STATUS", [NONE], "0", [U64], "0", 16),
    (41, "GET_SHARED_OBJECT", [SHARED_OBJECT], "0", [NONE], "0-1", 18),
    (42, "SET_DEVICE_STATE_FD", [TRANSFER_STATE], "1", [U64], "0-1", 19),
    (43, "CHECK_DEVICE_STATE", [NONE], "0", [U64], "0", 19),
    (44, "GET_SHMEM_CONFIG", [NONE], "0", [shmem_config()], "0", 22),
]
BACKEND_ROWS = [
    (1, "BACKEND_IOTLB_MSG", [IOTLB], "0", ACK, "0", "iommu"),
    (2, "BACKEND_CONFIG_CHANGE_MSG", [NONE], "0", ACK, "0", 9),
    (3, "BACKEND_VRING_HOST_NOTIFIER_MSG", [VRING_AREA], "bit8", ACK, "0", 11),
    (4, "BACKEND_VRING_CALL", [VRING_STATE], "0", ACK, "0", 14),
    (5, "BACKEND_VRING_ERR", [VRING_STATE], "0", ACK, "0", 14),
    (6, "BACKEND_SHARED_OBJECT_ADD", [SHARED_OBJECT], "0", ACK, "0", 18),
    (7, "BACKEND_SHARED_OBJECT_REMOVE", [SHARED_OBJECT], "0", ACK, "0", 18),
    (8, "BACKEND_SHARED_OBJECT_LOOKUP", [SHARED_OBJECT], "0", [U64], "0-1", 18),
    (9, "BACKEND_SHMEM_MAP", [MMAP], "1", ACK, "0", 22),
    (10, "BACKEND_SHMEM_UNMAP", [MMAP], "0", ACK, "0", 22),
]

# Bits of SET_PROTOCOL_FEATURES, and whether a virtio-vhost-user device lets one through
PROTOCOL_FEATURES = [
    (0, "MQ", True), (1, "LOG_SHMFD", True), (2, "RARP", True), (3, "REPLY_ACK", True),
    (4, "MTU", True), (5, "BACKEND_REQ", True), (6, "CROSS_ENDIAN", False),
    (7, "CRYPTO_SESSION", False), (8, "PAGEFAULT", False), (9, "CONFIG", True),
    (10, "BACKEND_SEND_FD", False), (11, "HOST_NOTIFIER", False),
    (12, "INFLIGHT_SHMFD", True), (13, "RESET_DEVICE", True),
    (14, "INBAND_NOTIFICATIONS", False), (15, "CONFIGURE_MEM_SLOTS", True),
    (16, "STATUS", True), (17, "XEN_MMAP", False), (18, "SHARED_OBJECT", False),
    (19, "DEVICE_STATE", False), (20, "GET_VRING_BASE_INFLIGHT", True),
    (21, "GPA_ADDRESSES", True), (22, "SHMEM_MAP", False),
]

FDS = {"0": "VHU_FDS_NONE", "1": "VHU_FDS_ONE", "n": "VHU_FDS_PER_REGION",
       "bit8": "VHU_FDS_UNLESS_NOFD", "tolerated": "VHU_FDS_TOLERATED",
       "0-1": "VHU_FDS_OPTIONAL"}

VERSION, REPLY, NEED_REPLY = 1, 4, 8


class Values:
    """Integers and byte strings of which no two bytes near each other are equal."""

    def __init__(self, seed):
        self.next = seed % 251

    def byte(self):
        self.next = (self.next + 37) % 251
        return self.next + 1

    def string(self, n):
        return bytes(self.byte() for _ in range(n))


def pack(layout, seed):
    """Returns little-endian payload, big-endian payload, and [(field, value)]."""
    values, little, big, known = Values(seed), b"", b"", []
    for field in layout:
        code = field[0]
        if code.endswith("x"):
            little += struct.pack("<" + code)
            big += struct.pack(">" + code)
            continue
        if len(field) == 5:
            value = field[4]
        elif code.endswith("s"):
            value = values.string(struct.calcsize("=" + code))
        else:
            value = int.from_bytes(values.string(struct.calcsize("=" + code)), "big")
        if field[1] == "config.offset":
            value &= 0x7FFFFFFF  # offset + size stays within 32 bits
        little += struct.pack("<" + code, value)
        big += struct.pack(">" + code, value)
        known.append((field, value))
    return little, big, known


def printed(field, value):
    how = field[3]
    if how == "d":
        text = "%d" % value
    elif how == "x":
        text = "0x%x" % value
    elif how == "m":
        text = value.hex(":")
    else:
        text = value.hex()
    return "%s=%s" % (field[2], text)


def c_bytes(name, data):
    print("static const uint8_t %s[] = {" % name)
    for i in range(0, len(data), 16):
        print("\t" + " ".join("0x%02x," % b for b in data[i:i + 16]))
    print("};")


def emit(entries, space, number, name, reply, variant, layout, flags):
    stem = "%s_%s_%d" % (name.lower(), "reply" if reply else "request", variant)
    little, big, known = pack(layout, 17 * number + 5 * variant + (1 if reply else 0))
    size = len(little)
    assert len(big) == size
    c_bytes(stem + "_little", struct.pack("<III", number, flags, size) + little)
    c_bytes(stem + "_big", struct.pack(">III", number, flags, size) + big)

    integers = [(f, v) for f, v in known if isinstance(v, int)]
    strings = [(f, v) for f, v in known if not isinstance(v, int)]
    for f, v in strings:
        c_bytes("%s_%s" % (stem, f[2]), v)
    print("static void %s_fill(struct vhu_msg *msg)\n{" % stem)
    for f, v in integers:
        print("\tmsg->%s = 0x%xu%s;" % (f[1], v, "ll" if f[0] == "Q" else ""))
    for f, v in strings:
        print("\tmemcpy(msg->%s, %s_%s, %d);" % (f[1], stem, f[2], len(v)))
    if not known:
        print("\t(void)msg;")
    print("}")
    print("static void %s_check(const struct vhu_msg *msg)\n{" % stem)
    for f, v in integers:
        print("\tassert_int_equal(msg->%s, 0x%xu%s);" % (f[1], v, "ll" if f[0] == "Q" else ""))
    for f, v in strings:
        print("\tassert_memory_equal(msg->%s, %s_%s, %d);" % (f[1], stem, f[2], len(v)))
    if not known:
        print("\t(void)msg;")
    print("}")
    print("static const char *const %s_printed[] = {" % stem)
    print('\t"%s",' % name)
    if reply:
        print('\t"reply",')
    if flags & NEED_REPLY:
        print('\t"need_reply",')
    for f, v in known:
        print('\t"%s",' % printed(f, v))
    print("\tNULL,\n};\n")
    entries.append('\t{ "%s", %s, %d, %s, 0x%x, %d, %s_little, %s_big, %s_fill, %s_check, '
                   "%s_printed }," % (stem, space, number, "true" if reply else "false", flags,
                                      size, stem, stem, stem, stem, stem))


def gate(needs):
    return {None: "VHU_GATE_NONE", "pf": "VHU_GATE_PROTOCOL_FEATURES",
            "iommu": "VHU_GATE_ACCESS_PLATFORM"}.get(needs, str(needs))


def main():
    print("/* SPDX-License-Identifier: BSD-3-Clause */")
    print("/* Generated by golden.py: do not edit. */\n")
    entries, rows = [], []
    for space, table in ((FRONTEND, FRONTEND_ROWS), (BACKEND, BACKEND_ROWS)):
        for number, name, requests, fds, replies, reply_fds, needs in table:
            for i, layout in enumerate(requests):
                emit(entries, space, number, name, False, i, layout, VERSION)
            # Any request may ask for an answer.
            emit(entries, space, number, name, False, len(requests), requests[-1],
                 VERSION | NEED_REPLY)
            for i, layout in enumerate([U64] if replies is ACK else replies):
                emit(entries, space, number, name, True, i, layout, VERSION | REPLY)
            rows.append('\t{ %s, %d, "%s", %s, %s, %s, %s },' % (
                space, number, name, FDS[fds], FDS[reply_fds],
                "VHU_REPLY_ACK" if replies is ACK else "VHU_REPLY_ALWAYS", gate(needs)))

    print("const struct golden golden_messages[] = {")
    print("\n".join(entries))
    print("};\nconst size_t golden_messages_count = %d;\n" % len(entries))
    print("const struct golden_row golden_rows[] = {")
    print("\n".join(rows))
    print("};\nconst size_t golden_rows_count = %d;\n" % len(rows))
    print("const struct golden_feature golden_features[] = {")
    for bit, name, passed in PROTOCOL_FEATURES:
        print('\t{ %d, "%s", %s },' % (bit, name, "true" if passed else "false"))
    print("};\nconst size_t golden_features_count = %d;" % len(PROTOCOL_FEATURES))


if __name__ == "__main__":
    main()
