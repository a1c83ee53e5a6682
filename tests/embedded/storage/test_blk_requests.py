# SPDX-License-Identifier: BSD-3-Clause
"""Requests right and wrong, from a scripted driver: each gets the status that virtio 1.3, 5.2.6
asks for, and the ring goes on."""
import struct

import pytest

import blk_driver
from blk_driver import (DISCARD, FLUSH, GET_ID, IN, IOERR, NOT_WRITTEN, OK, OUT, SECTOR, UNSUPP,
                        WRITE_ZEROES, Blk)
from vhost_user import Frontend, bit, vring_state, wait_eventfd

SECTORS = 2048


@pytest.fixture
def program(vhost_blk):
    return vhost_blk("--store", f"ram:{SECTORS * SECTOR}", "--serial", "serial-of-the-disk")


@pytest.fixture
def frontend(program):
    found = Frontend(str(program.socket))
    yield found
    found.close()


@pytest.fixture
def blk(frontend):
    driver = Blk(frontend).start()
    yield driver
    # Whatever was done to it, the ring works.
    driver.write(7, b"alive..." * 64)
    assert driver.read(7) == b"alive..." * 64
    driver.close()


def header(blk, kind, sector=0, reserved=0):
    blk.guest.write(blk.header, struct.pack("<IIQ", kind, reserved, sector))
    return (blk.header, 16, False)


def test_configuration(blk):
    config = blk.config()
    assert config["capacity"] == SECTORS
    assert config["blk_size"] == SECTOR
    assert 1 <= config["seg_max"] <= 1024
    assert blk.features & bit(blk_driver.F_FLUSH)
    assert not blk.features & bit(blk_driver.F_RO)


def test_what_is_written_is_read(blk):
    data = bytes(range(256)) * 2 * 64
    blk.write(100, data)
    assert blk.read(100, 64) == data
    assert blk.read(99) == bytes(SECTOR) and blk.read(164) == bytes(SECTOR)


def test_last_sector(blk):
    blk.write(SECTORS - 1, b"l" * SECTOR)
    assert blk.read(SECTORS - 1) == b"l" * SECTOR


def test_flush(blk):
    assert blk.request(FLUSH)[0] == OK


def test_get_id(blk):
    status, data, length = blk.request(GET_ID, in_bytes=20)
    assert (status, data, length) == (OK, b"serial-of-the-disk\0\0", 21)


@pytest.mark.parametrize("kind", [2, 3, 5, 9, 99, 0xffffffff])
def test_unknown_type(blk, kind):
    assert blk.request(kind, in_bytes=SECTOR)[0] == UNSUPP
    assert blk.request(kind, out=bytes(SECTOR))[0] == UNSUPP


@pytest.mark.parametrize("sector, sectors", [
    (SECTORS, 1), (SECTORS - 1, 2), (SECTORS + 1000, 1), (2**63, 1), (2**64 - 1, 1),
    (2**64 - 1, 2), ((2**64 >> 9), 1)])
def test_beyond_the_end(blk, sector, sectors):
    status, data, _ = blk.request(IN, sector, in_bytes=sectors * SECTOR)
    assert status == IOERR
    assert blk.request(OUT, sector, out=b"x" * sectors * SECTOR)[0] == IOERR
    # Not even the part that is inside was written.
    assert blk.read(SECTORS - 1) == bytes(SECTOR)


@pytest.mark.parametrize("length", [1, 511, 513, 1000])
def test_no_whole_sectors(blk, length):
    assert blk.request(IN, in_bytes=length)[0] == IOERR
    assert blk.request(OUT, out=b"x" * length)[0] == IOERR
    assert blk.read(0) == bytes(SECTOR)


@pytest.mark.parametrize("length", [0, 1, 8, 15])
def test_short_header(blk, length):
    header(blk, IN)
    chain = [(blk.header, length, False)] if length else []
    blk.submit([*chain, (blk.data, SECTOR, True), (blk.status, 1, True)])
    assert blk.result() == IOERR


def breaks_the_ring(blk, chain, indirect=False):
    """The chain does not come back, the frontend is told, and can set up the ring anew."""
    blk.put(chain, indirect=indirect)
    blk.ring.notify()
    assert wait_eventfd(blk.ring.err) >= 1
    assert blk.ring.take_used() is None
    blk.frontend.ask("GET_VRING_BASE", vring_state(blk.ring.index, 0))
    blk.ring.clear()
    blk.ring.start(blk.frontend)
    blk.frontend.barrier()


@pytest.mark.parametrize("kind", [OUT, FLUSH])
def test_no_place_for_the_status(blk, kind):
    """There is nothing to say that in: the ring breaks."""
    blk.guest.write(blk.data, b"x" * SECTOR)
    breaks_the_ring(blk, [header(blk, kind), (blk.data, SECTOR, False)])
    assert blk.result() == NOT_WRITTEN
    assert blk.read(0) == bytes(SECTOR)


def test_memory_that_is_not_there(blk):
    breaks_the_ring(blk, [header(blk, IN), (1 << 50, SECTOR, True), (blk.status, 1, True)])


def test_status_behind_the_data_in_one_descriptor(blk):
    """Which buffers a driver makes of a request is its own affair (virtio 1.3, 2.7.4)."""
    blk.write(3, b"3" * SECTOR)
    assert blk.submit([header(blk, IN, 3), (blk.data, SECTOR + 1, True)]) == SECTOR + 1
    assert blk.guest.read(blk.data, SECTOR + 1) == b"3" * SECTOR + bytes([OK])


def test_header_in_pieces_and_with_the_data(blk):
    blk.guest.write(blk.data, struct.pack("<IIQ", OUT, 0, 5) + b"5" * SECTOR)
    blk.submit([(blk.data, 3, False), (blk.data + 3, 200, False),
                (blk.data + 203, 16 + SECTOR - 203, False), (blk.status, 1, True)])
    assert blk.result() == OK
    assert blk.read(5) == b"5" * SECTOR


def test_data_in_odd_pieces(blk):
    """Their sum is whole sectors."""
    data = bytes(range(256)) * 4
    blk.guest.write(blk.data, data)
    cuts = [0, 1, 2, 77, 511, 513, 600, 1024]
    pieces = [(blk.data + a, b - a) for a, b in zip(cuts, cuts[1:])]
    blk.submit([header(blk, OUT, 9), *((at, length, False) for at, length in pieces),
                (blk.status, 1, True)])
    assert blk.result() == OK
    blk.guest.write(blk.data, bytes(1024))
    blk.submit([header(blk, IN, 9), *((at, length, True) for at, length in pieces),
                (blk.status, 1, True)])
    assert blk.result() == OK
    assert blk.guest.read(blk.data, 1024) == data


def test_as_many_segments_as_promised(blk):
    count = blk.config()["seg_max"]
    data = b"".join(struct.pack("<I", i) * 128 for i in range(count))
    assert 10 + count < SECTORS
    blk.guest.write(blk.data, data)
    chain = [(blk.data + i * SECTOR, SECTOR, False) for i in range(count)]
    blk.submit([header(blk, OUT, 10), *chain, (blk.status, 1, True)], indirect=True)
    assert blk.result() == OK
    assert blk.read(10, count) == data


def test_too_many_segments(blk):
    """A driver that does so has not read the configuration."""
    count = blk.config()["seg_max"] + 20
    chain = [(blk.data + i * SECTOR, SECTOR, False) for i in range(count)]
    breaks_the_ring(blk, [header(blk, OUT), *chain, (blk.status, 1, True)], indirect=True)
    assert blk.read(0) == bytes(SECTOR)


def test_no_data(blk):
    for kind in (IN, OUT):
        assert blk.request(kind)[0] in (OK, IOERR)


def test_read_into_what_is_only_readable(blk):
    """The data's descriptor is of the wrong direction."""
    blk.guest.write(blk.data, b"r" * SECTOR)
    blk.submit([header(blk, IN), (blk.data, SECTOR, False), (blk.status, 1, True)])
    assert blk.result() in (OK, IOERR)
    assert blk.guest.read(blk.data, SECTOR) == b"r" * SECTOR


def segment(sector, sectors, flags=0):
    return struct.pack("<QII", sector, sectors, flags)


@pytest.fixture
def filled(blk):
    blk.write(0, b"d" * SECTOR * 64)
    return blk


def test_write_zeroes(filled):
    assert filled.features & bit(blk_driver.F_WRITE_ZEROES)
    assert filled.request(WRITE_ZEROES, out=segment(8, 16))[0] == OK
    assert filled.read(0, 64) == b"d" * SECTOR * 8 + bytes(SECTOR * 16) + b"d" * SECTOR * 40


def test_write_zeroes_and_unmap(filled):
    assert filled.request(WRITE_ZEROES, out=segment(8, 16, 1))[0] == OK
    assert filled.read(8, 16) == bytes(SECTOR * 16)
    assert filled.read(0, 8) == b"d" * SECTOR * 8 and filled.read(24) == b"d" * SECTOR


def test_discard(filled):
    assert filled.features & bit(blk_driver.F_DISCARD)
    assert filled.request(DISCARD, out=segment(16, 16))[0] == OK
    assert filled.read(0, 16) == b"d" * SECTOR * 16
    assert filled.read(32, 32) == b"d" * SECTOR * 32


def test_several_segments(filled):
    most = filled.config()["max_zeroes_seg"]
    if most < 2:
        pytest.skip("the device takes one segment at a time")
    assert filled.request(WRITE_ZEROES, out=segment(0, 1) + segment(4, 2))[0] == OK
    d, z = b"d" * SECTOR, bytes(SECTOR)
    assert filled.read(0, 8) == z + d + d + d + z + z + d + d


@pytest.mark.parametrize("kind, out, status", [
    (DISCARD, segment(0, 8, 1), UNSUPP),        # "unmap" is of write zeroes alone
    (DISCARD, segment(0, 8, 2), UNSUPP),        # a reserved flag
    (WRITE_ZEROES, segment(0, 8, 2), UNSUPP),
    (WRITE_ZEROES, segment(0, 8, 0x80000001), UNSUPP),
    (DISCARD, segment(SECTORS, 8), IOERR),
    (WRITE_ZEROES, segment(SECTORS - 1, 2), IOERR),
    (WRITE_ZEROES, segment(2**64 - 1, 2), IOERR),
    (WRITE_ZEROES, segment(2**55, 2), IOERR),
    (WRITE_ZEROES, segment(0, 0xffffffff), IOERR),
    (DISCARD, segment(0, 8)[:15], IOERR),
    (WRITE_ZEROES, segment(0, 8) + b"x", IOERR),
    (WRITE_ZEROES, segment(0, 1) * 300, IOERR),
])
def test_wrong_segments(filled, kind, out, status):
    assert filled.request(kind, out=out)[0] == status
    assert filled.read(0, 64) == b"d" * SECTOR * 64


def test_segment_list_in_pieces(filled):
    """A reader of guest memory that takes the first piece for the whole would not notice."""
    filled.guest.write(filled.data, segment(8, 16))
    filled.submit([header(filled, WRITE_ZEROES), (filled.data, 5, False),
                   (filled.data + 5, 11, False), (filled.status, 1, True)])
    assert filled.result() == OK
    assert filled.read(8, 16) == bytes(SECTOR * 16)


def test_many_at_once(blk):
    """Right and wrong ones in one batch: each comes back once, with its own status."""
    wanted = {}
    for i in range(16):
        head, at = 3 * i, blk.data + i * 0x1000
        kind, sector, status = [(OUT, i, OK), (OUT, SECTORS, IOERR), (77, 0, UNSUPP),
                                (FLUSH, 0, OK)][i % 4]
        blk.guest.write(at, struct.pack("<IIQ", kind, 0, sector) + bytes([i]) * SECTOR)
        blk.guest.write(at + 0x800, bytes([NOT_WRITTEN]))
        data = [(at + 16, SECTOR, False)] if kind == OUT else []
        blk.put([(at, 16, False), *data, (at + 0x800, 1, True)], head)
        wanted[head] = (at + 0x800, status)
    blk.ring.notify()
    heads = [blk.take()[0] for _ in range(16)]
    assert sorted(heads) == sorted(wanted)
    for at, status in wanted.values():
        assert blk.guest.read(at, 1)[0] == status
    for i in range(0, 16, 4):
        assert blk.read(i) == bytes([i]) * SECTOR


def test_read_only(vhost_blk):
    program = vhost_blk("--store", "ram:1M", "--read-only", name="readonly")
    frontend = Frontend(str(program.socket))
    try:
        blk = Blk(frontend).start()
        assert blk.features & bit(blk_driver.F_RO)
        assert blk.read(0) == bytes(SECTOR)
        assert blk.request(OUT, out=b"x" * SECTOR)[0] == IOERR
        for kind in (DISCARD, WRITE_ZEROES):
            assert blk.request(kind, out=segment(0, 8))[0] in (IOERR, UNSUPP)
        assert blk.read(0) == bytes(SECTOR)
        blk.close()
    finally:
        frontend.close()
