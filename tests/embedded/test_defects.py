# SPDX-License-Identifier: BSD-3-Clause
"""Defects of earlier devices and drivers of this kind, one test each, seen from the socket.

Those that only the driver's side can see are C tests named defect_...; `run test
--list-defects` lists both.
"""
import os
import pathlib
import struct

import pytest

from guest import Guest, Region, Ring
from messages.checks import assert_refused
from net import Net
from vhost_user import (NEED_REPLY, PF, Closed, bit, bits, eventfd, mem_table, single_region, u64,
                        vring_state, wait_eventfd)

pytestmark = pytest.mark.defect


@pytest.fixture
def testd_options():
    return ("--queues", "2", "--config-size", "64")


@pytest.fixture
def net():
    device = Net()
    yield device
    device.close()


def maps(testd, word):
    lines = pathlib.Path(f"/proc/{testd.process.pid}/maps").read_text().splitlines()
    return [line for line in lines if word in line]


def test_defect_feature_mask_of_bit_numbers(frontend):
    """The mask ORed bit numbers: it let LOG_SHMFD through and hid REPLY_ACK."""
    frontend.negotiate()
    assert frontend.offered_protocol & bit(PF["REPLY_ACK"])
    assert frontend.ack("SET_OWNER") == 0


def test_defect_features_silently_edited(testd, frontend):
    """SET_PROTOCOL_FEATURES was masked on the way: both ends went on with other ideas."""
    frontend.ask("GET_FEATURES")
    offered = frontend.ask("GET_PROTOCOL_FEATURES").u64
    frontend.send("SET_PROTOCOL_FEATURES", u64(offered | bits("PAGEFAULT")))
    assert_refused(testd, frontend, "SET_PROTOCOL_FEATURES", "PAGEFAULT")


@pytest.mark.parametrize("name", ["SET_VRING_KICK", "SET_VRING_CALL", "SET_VRING_ERR"])
def test_defect_abort_on_missing_descriptor(testd, frontend, name):
    """Neither descriptor nor no-descriptor flag: the VMM died of an assertion."""
    frontend.negotiate()
    frontend.send(name, u64(0))
    assert_refused(testd, frontend, name)


def test_defect_abort_when_second_region_cannot_be_mapped(testd, frontend):
    """Region 0 was left half mapped and the next clean-up died of it."""
    guest = Guest(Region(0, 1 << 20))
    for _ in range(3):
        with testd.frontend() as other:
            frontend.close()
            other.negotiate()
            table = mem_table([guest.regions[0].tuple, (1 << 30, 1 << 30, 1 << 50, 0)])
            other.send("SET_MEM_TABLE", table, guest.fds() * 2)
            assert_refused(testd, other, "SET_MEM_TABLE")
    guest.close()


@pytest.mark.parametrize("index", [1024, 0x7fffffff, 0xffffffff])
def test_defect_unchecked_index_of_get_vring_base(testd, frontend, index):
    """A 32-bit index went unchecked into an array of 1,024."""
    frontend.negotiate()
    frontend.send("GET_VRING_BASE", vring_state(index, 0))
    assert_refused(testd, frontend, "GET_VRING_BASE", str(index))


def test_defect_rings_run_on_a_replaced_table(testd, frontend, net):
    """A new table took the old one's place under a running ring: silent corruption."""
    net.start(frontend)
    assert net.send_frame(b"before" * 10) and net.receive_frame() == b"before" * 10
    extra = Region(1 << 40, 1 << 20)
    table = mem_table([extra.tuple] + [r.tuple for r in net.guest.regions])
    assert frontend.ack("SET_MEM_TABLE", table, [extra.fd] + net.guest.fds()) == 0
    assert testd.status()["rings"][1]["ready"]
    assert net.send_frame(b"behind" * 10) and net.receive_frame() == b"behind" * 10
    extra.close()


def test_defect_departed_frontends_memory_stays_visible(testd, frontend, net):
    net.start(frontend)
    assert maps(testd, "memfd:guest")
    frontend.close()
    testd.wait(lambda s: not s["connected"])
    testd.wait(lambda _: not maps(testd, "memfd:guest"))


def test_defect_disconnect_leaves_the_socket_open(testd, frontend):
    """The frontend never noticed, and the next session began in the middle of the stream."""
    frontend.negotiate()
    testd.command("down")
    assert frontend.closed()
    testd.command("up")
    with testd.frontend() as other:
        other.negotiate()


def test_defect_stale_reply_opens_the_next_session(testd):
    """Requests of a frontend that left are not answered to the next one."""
    for _ in range(20):
        with testd.frontend() as hasty:
            for _ in range(10):
                hasty.send("GET_FEATURES")
        with testd.frontend() as other:
            other.send("SET_OWNER")
            other.negotiate()


def test_defect_call_descriptor_forgotten_by_get_vring_base(testd, frontend, net):
    """Stopping a ring dropped the call descriptor, though the protocol does not say so."""
    net.start(frontend)
    frontend.ask("GET_VRING_BASE", vring_state(0, 0))
    frontend.ask("GET_VRING_BASE", vring_state(1, 0))
    for ring in (net.rx, net.tx):
        frontend.send("SET_VRING_KICK", u64(ring.index), [ring.kick])
    frontend.barrier()
    wait_eventfd(net.rx.call, 0.05)
    net.post_frame(b"call" * 15)
    net.tx.notify()
    assert wait_eventfd(net.rx.call) >= 1


def test_defect_regions_beyond_the_bar(testd, frontend):
    """The sum of the regions was never compared with the size of the BAR."""
    frontend.negotiate()
    fd = os.memfd_create("huge")
    os.ftruncate(fd, 1 << 38)
    table = mem_table([(0, 1 << 38, 1 << 40, 0)])
    frontend.send("SET_MEM_TABLE", table, [fd])
    os.close(fd)
    assert_refused(testd, frontend, "SET_MEM_TABLE")


def test_defect_bytes_outside_the_table_exposed(testd, frontend):
    """The whole file from offset 0 was shown, not only what the table names."""
    region = Region(0, 1 << 20, offset=1 << 20)
    frontend.negotiate()
    frontend.ack("SET_MEM_TABLE", mem_table([region.tuple]), [region.fd])
    shown = maps(testd, "memfd:guest")
    assert len(shown) == 1
    start, end = (int(x, 16) for x in shown[0].split()[0].split("-"))
    assert (end - start, int(shown[0].split()[2], 16)) == (1 << 20, 1 << 20)
    region.close()


class TestBarSize:
    @pytest.fixture
    def testd_options(self):
        return ("--queues", "1", "--bar-size", str(16 << 20))

    def test_defect_bar_size_fixed(self, testd, frontend):
        """64 GiB or nothing, which small hosts cannot address."""
        small = Region(0, 4 << 20)
        frontend.negotiate()
        assert frontend.ack("SET_MEM_TABLE", mem_table([small.tuple]), [small.fd]) == 0
        big = Region(1 << 30, 64 << 20)
        frontend.send("SET_MEM_TABLE", mem_table([big.tuple]), [big.fd])
        assert_refused(testd, frontend, "SET_MEM_TABLE")
        small.close()
        big.close()


def test_defect_err_doorbell_absent(testd, frontend, net):
    net.start(frontend)
    net.tx.set_avail_idx(9999)
    net.tx.notify()
    assert wait_eventfd(net.tx.err) >= 1


def test_defect_backend_aborts_on_bad_size(testd, frontend):
    """A frontend could end the whole switch with one message."""
    frontend.negotiate()
    frontend.send("SET_VRING_NUM", b"\0" * 12)
    assert_refused(testd, frontend, "SET_VRING_NUM")


def test_defect_backend_aborts_on_handler_error(testd, frontend):
    frontend.negotiate()
    frontend.send("SET_VRING_NUM", vring_state(0, 7))
    assert_refused(testd, frontend, "SET_VRING_NUM")


def test_defect_second_table_lands_elsewhere_and_leaks(testd, frontend, net):
    """The window offset was never reset: each new table leaked the one before."""
    net.start(frontend)
    first = testd.status()["memory"]
    mapped = len(maps(testd, "memfd:guest"))
    for _ in range(50):
        frontend.ack("SET_MEM_TABLE", net.guest.table(), net.guest.fds())
    assert testd.status()["memory"] == first
    assert len(maps(testd, "memfd:guest")) == mapped


def test_defect_registered_call_descriptor_ignored_the_second_time(testd, frontend, net):
    net.start(frontend)
    fresh = eventfd()
    frontend.ack("SET_VRING_CALL", u64(0), [fresh])
    net.post_frame(b"z" * 60)
    net.tx.notify()
    assert wait_eventfd(fresh) >= 1
    os.close(fresh)


def test_defect_log_err_and_inflight_unimplemented(testd):
    """Three messages ended the process; here each is served or closes one socket."""
    for name, payload in (("SET_LOG_BASE", struct.pack("=QQ", 4096, 0)), ("SET_LOG_FD", b""),
                          ("SET_VRING_ERR", u64(0)),
                          ("SET_INFLIGHT_FD", struct.pack("=QQHHI", 8192, 0, 2, 64, 0))):
        with testd.frontend() as frontend:
            frontend.negotiate()
            fd = eventfd()
            try:
                frontend.send(name, payload, [fd])
                frontend.barrier()
            except Closed:
                pass
            os.close(fd)
    with testd.frontend() as other:
        other.negotiate()


def test_defect_kick_without_a_vector_kills(testd, frontend, net):
    """Kicks on every descriptor before any ring is set up."""
    frontend.negotiate()
    for ring in (net.rx, net.tx):
        frontend.send("SET_VRING_KICK", u64(ring.index), [ring.kick])
        ring.notify()
    frontend.barrier()
    net.start(frontend, negotiate=False)
    assert net.send_frame(b"ok" * 30) and net.receive_frame()


def test_defect_region_is_removed_before_the_driver_let_go(testd, frontend):
    """REM_MEM_REG failed or unmapped at once; here it comes back, and the hole is reused."""
    region = Region(0, 1 << 20)
    ring = Ring(Guest(region), 1, 0x1000)
    frontend.negotiate()
    for _ in range(20):
        assert frontend.ack("ADD_MEM_REG", single_region(*region.tuple), [region.fd]) == 0
        ring.clear()
        ring.start(frontend)
        frontend.barrier()
        assert frontend.ack("REM_MEM_REG", single_region(*region.tuple)) == 0
        frontend.ask("GET_VRING_BASE", vring_state(1, 0))
    assert not maps(testd, "memfd:guest")
    ring.close()
    region.close()


def test_defect_user_address_overwritten(testd, frontend, net):
    """Rewriting userspace_addr broke SET_VRING_ADDR, which is told in those addresses."""
    net.start(frontend)
    assert [r["uva"] for r in testd.status()["memory"]] == [r.uva for r in net.guest.regions]
    assert net.send_frame(b"u" * 60) and net.receive_frame()


def test_defect_busy_loop_on_undrained_kick(testd, frontend, net):
    """A kick that is never read back spins the device: CPU time must not run away."""
    net.start(frontend)
    assert net.send_frame(b"w" * 60) and net.receive_frame()
    net.tx.notify()
    frontend.barrier()

    def ticks():
        fields = pathlib.Path(f"/proc/{testd.process.pid}/stat").read_text().rsplit(")", 1)[1]
        return sum(int(x) for x in fields.split()[11:13])

    before = ticks()
    wait_eventfd(net.rx.err, 1.0)
    assert ticks() - before < 0.5 * os.sysconf("SC_CLK_TCK")


def test_defect_no_reply_when_asked(testd, frontend):
    """REPLY_ACK was hidden or not handled: every message that may be acknowledged is."""
    frontend.negotiate()
    frontend.send("SET_VRING_NUM", vring_state(0, 256), flags=NEED_REPLY)
    assert frontend.reply("SET_VRING_NUM").u64 == 0
