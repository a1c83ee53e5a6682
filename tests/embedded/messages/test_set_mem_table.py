# SPDX-License-Identifier: BSD-3-Clause
import os

import pytest

from guest import Guest, Region
from messages.checks import Message, assert_refused, huge_size
from vhost_user import mem_table

MESSAGE = Message("SET_MEM_TABLE")

test_huge_size = huge_size(MESSAGE)


@pytest.fixture
def guest():
    memory = Guest()
    yield memory
    memory.close()


def test_right(testd, frontend, guest):
    frontend.negotiate()
    assert frontend.ack("SET_MEM_TABLE", guest.table(), guest.fds()) == 0
    regions = testd.status()["memory"]
    assert [(r["gpa"], r["size"], r["uva"]) for r in regions] == [
        r.tuple[:3] for r in guest.regions]


def test_placement_is_the_sum_of_sizes(testd, frontend, guest):
    """The device type draft's MUST; the frontend's own mmap_offset means nothing here."""
    frontend.negotiate()
    frontend.ack("SET_MEM_TABLE", guest.table(), guest.fds())
    assert [r["offset"] for r in testd.status()["memory"]] == [0, guest.regions[0].size]


def test_without_acknowledgement(testd, frontend, guest):
    frontend.negotiate()
    frontend.send("SET_MEM_TABLE", guest.table(), guest.fds())
    frontend.barrier()
    assert len(testd.status()["memory"]) == 2


@pytest.mark.parametrize("payload", [b"", b"1234567", mem_table([])[:4], mem_table([]) + bytes(8),
                                     mem_table([(0, 4096, 0, 0)])[:-1],
                                     mem_table([(0, 4096, 0, 0)]) + b"x"])
def test_wrong_size(testd, frontend, guest, payload):
    frontend.negotiate()
    frontend.send("SET_MEM_TABLE", payload, guest.fds()[:1])
    assert_refused(testd, frontend, "SET_MEM_TABLE")


@pytest.mark.parametrize("count", [0, 1, 3, 8, 9, 0x7fffffff, 0xffffffff])
def test_count_that_does_not_match_the_size(testd, frontend, guest, count):
    frontend.negotiate()
    table = mem_table([r.tuple for r in guest.regions], count=count)
    frontend.send("SET_MEM_TABLE", table, guest.fds())
    assert_refused(testd, frontend, "SET_MEM_TABLE")


def test_nine_regions(testd, frontend, guest):
    frontend.negotiate()
    table = mem_table([(i << 20, 4096, i << 20, 0) for i in range(9)])
    frontend.send("SET_MEM_TABLE", table, guest.fds()[:1] * 9)
    assert_refused(testd, frontend)


@pytest.mark.parametrize("count", [0, 1, 3, 8])
def test_wrong_fds(testd, frontend, guest, count):
    frontend.negotiate()
    frontend.barrier()
    before = testd.command("fds")["fds"]
    frontend.send("SET_MEM_TABLE", guest.table(), (guest.fds() * 4)[:count])
    assert_refused(testd, frontend, "SET_MEM_TABLE")
    testd.wait(lambda _: testd.command("fds")["fds"] <= before)


def test_out_of_order(testd, frontend, guest):
    frontend.send("SET_MEM_TABLE", guest.table(), guest.fds())
    frontend.barrier()
    assert len(testd.status()["memory"]) == 2


def test_twice_keeps_an_identical_table_in_place(testd, frontend, guest):
    frontend.negotiate()
    frontend.ack("SET_MEM_TABLE", guest.table(), guest.fds())
    first = testd.status()["memory"]
    frontend.ack("SET_MEM_TABLE", guest.table(), guest.fds())
    assert testd.status()["memory"] == first


def test_no_regions(testd, frontend, guest):
    frontend.negotiate()
    frontend.ack("SET_MEM_TABLE", guest.table(), guest.fds())
    frontend.ack("SET_MEM_TABLE", mem_table([]))
    assert testd.status()["memory"] == []


BAD = {
    "zero size": [(0, 0, 0x10000, 0)],
    "gpa wraps": [(2**64 - 4096, 8192, 0x10000, 0)],
    "uva wraps": [(0, 8192, 2**64 - 4096, 0)],
    "mmap_offset wraps": [(0, 8192, 0x10000, 2**64 - 4096)],
    "size beyond the file": [(0, 1 << 40, 0x10000, 0)],
    "offset beyond the file": [(0, 4096, 0x10000, 1 << 40)],
    "gpa overlap": [(0, 8192, 0x10000, 0), (4096, 8192, 0x100000, 0)],
    "uva overlap": [(0, 8192, 0x10000, 0), (0x100000, 8192, 0x11000, 0)],
    "half a page": [(0, 2048, 0x10000, 0)],
    "offset in a page": [(0, 4096, 0x10000, 512)],
}


@pytest.mark.parametrize("name", BAD)
def test_bad_region(testd, frontend, guest, name):
    frontend.negotiate()
    table = BAD[name]
    frontend.send("SET_MEM_TABLE", mem_table(table), guest.fds()[:1] * len(table))
    assert_refused(testd, frontend, "SET_MEM_TABLE")


@pytest.mark.parametrize("kind", ["eventfd", "pipe", "socket", "device", "directory"])
def test_descriptor_that_is_no_memory(testd, frontend, kind):
    import socket
    frontend.negotiate()
    if kind == "eventfd":
        fds = [os.eventfd(0)]
    elif kind == "pipe":
        fds = list(os.pipe())
    elif kind == "socket":
        fds = [socket.socket(socket.AF_UNIX).detach()]
    elif kind == "device":
        fds = [os.open("/dev/zero", os.O_RDWR)]
    else:
        fds = [os.open("/tmp", os.O_RDONLY)]
    frontend.send("SET_MEM_TABLE", mem_table([(0, 4096, 0x10000, 0)]), fds[:1])
    for fd in fds:
        os.close(fd)
    assert_refused(testd, frontend, "SET_MEM_TABLE")


def test_file_that_is_read_only(testd, frontend, directory):
    path = directory / "memory"
    path.write_bytes(bytes(8192))
    fd = os.open(path, os.O_RDONLY)
    frontend.negotiate()
    frontend.send("SET_MEM_TABLE", mem_table([(0, 8192, 0x10000, 0)]), [fd])
    os.close(fd)
    assert_refused(testd, frontend, "SET_MEM_TABLE")


def test_window_too_small(testd, frontend):
    """More memory than the BAR can show: told by a closed socket, and in words."""
    frontend.negotiate()
    big = os.memfd_create("big")
    os.ftruncate(big, 1 << 40)
    frontend.send("SET_MEM_TABLE", mem_table([(0, 1 << 40, 1 << 42, 0)]), [big])
    os.close(big)
    assert_refused(testd, frontend, "SET_MEM_TABLE")


def test_truncated_file_does_not_kill(testd, frontend):
    """A frontend that shrinks its file under a running ring loses its connection only."""
    from guest import Ring
    guest = Guest(Region(0, 4 << 20))
    frontend.negotiate()
    frontend.ack("SET_MEM_TABLE", guest.table(), guest.fds())
    rings = [Ring(guest, i, 0x1000 * (1 + i)) for i in range(2)]
    for ring in rings:
        ring.start(frontend)
    frontend.barrier()
    testd.wait(lambda s: s["rings"][1]["ready"])
    os.ftruncate(guest.regions[0].fd, 0)
    rings[1].notify()
    assert frontend.closed()
    testd.wait(lambda s: not s["connected"] and s["last_disconnect"])
    with testd.frontend() as other:
        other.negotiate()
    for ring in rings:
        ring.close()
    os.close(guest.regions[0].fd)
