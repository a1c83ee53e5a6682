# SPDX-License-Identifier: BSD-3-Clause
"""Frames that the application has where the frontend put them, and what may happen meanwhile.

vvu-holder keeps packets for as long as the test says; the frontend changes its mind.
"""
import contextlib
import re
import struct
import time

import pytest

import dpdk
import dpdkrun
from dpdk import Driver, assert_no_errors, frame, wait_link, wait_xstats, xstats
from guest import NET_HEADER, Guest
from net import BUFFER
from packed_net import PackedDriver
from vhost_user import Frontend, bit, vring_state

F_IN_ORDER = 35
SIZE = 64
# Long enough that a test that would wait for it is seen to.
WAIT_MS = 10000


class Holder:
    def __init__(self, pmd, options=""):
        self.process = pmd.runner.start(
            "holder", [pmd.runner.program("tests/support/vvu-holder"),
                       *pmd._eal("holder", pmd.cores[-1], 256, False), "-d",
                       pmd.runner.plugin(), "--vdev",
                       pmd.vdev(options=f",zero-copy=1{options}")], interactive=True)
        self.process.expect(r"(?m:^ready)\n", dpdk.TIMEOUT)

    def do(self, command, answer):
        # Whole lines: what EAL logs comes in between.
        whole = rf"(?m:^{answer})\n"
        return re.search(whole, self.process.do(command, whole))

    def hold(self, number):
        """So many more packets are held."""
        match = self.do(f"hold {number}", r"held (\d+)")
        return int(match[1])

    def data(self, index):
        return bytes.fromhex(self.do(f"data {index}", "data ([0-9a-f]+)")[1])

    def external(self, index):
        return self.do(f"external {index}", "external ([01])")[1] == "1"

    def segments(self, index):
        return int(self.do(f"segments {index}", r"segments (\d+)")[1])

    def behead(self, index):
        self.do(f"behead {index}", "freed")

    def free(self, which="all"):
        self.do(f"free {which}", "freed")

    def later(self, index, ms):
        self.do(f"later {index} {ms}", "freed")

    def send(self, index):
        return self.do(f"send {index}", r"sent ([01])")[1] == "1"

    def poll(self):
        self.do("poll", "polled")

    def ethdev(self, what):
        self.do(what, "done")

    def quit(self):
        self.process.popen.stdin.write(b"quit\n")
        self.process.popen.stdin.close()
        return self.process.wait(dpdk.TIMEOUT)


@contextlib.contextmanager
def holding(number=4, options=f",zero-copy-wait={WAIT_MS}", size=1000):
    """A holder of so many packets of one frontend, none of which it has back."""
    with dpdk.pmd("zerocopy") as pmd:
        holder = Holder(pmd, options)
        holder.path = pmd.socket()
        driver = Driver(SIZE).connect(holder.path)
        for i in range(number):
            driver.post_frame(frame(size, i))
        assert holder.hold(number) == number
        for i in range(number):
            assert holder.data(i) == frame(size, i)
            assert holder.external(i)
        holder.poll()
        assert driver.tx.take_used() is None
        yield holder, driver
        driver.close()
        assert holder.quit() == 0


def buffer_of(driver, number):
    """Where the frame of one chain lies in the frontend's memory."""
    return driver.tx_buffers + number % driver.tx.size * BUFFER + NET_HEADER


def stop_ring(driver, ring):
    return driver.frontend.ask("GET_VRING_BASE", vring_state(ring, 0))


def heads(driver):
    """What was used of the transmit ring, in order."""
    used = []
    while (element := driver.tx.take_used()) is not None:
        used.append(element[0])
    return used


def test_frames_are_used_when_they_are_freed_in_the_order_they_were_sent():
    with holding() as (holder, driver):
        holder.free(1)
        holder.poll()
        assert driver.tx.take_used() is None
        holder.free(0)
        holder.poll()
        assert heads(driver) == [0, 1]
        holder.free()
        holder.poll()
        assert heads(driver) == [2, 3]


def test_freed_by_another_thread_they_come_back_too():
    with holding() as (holder, driver):
        for i in range(4):
            holder.later(i, 1)

        def back():
            holder.poll()
            return driver.tx.used_idx() == 4
        dpdk.wait_for("used", back)
        assert heads(driver) == [0, 1, 2, 3]


def test_small_frames_are_copied_and_wait_for_their_turn():
    with holding(1) as (holder, driver):
        driver.post_frame(frame(200, 1))
        assert holder.hold(1) == 2
        assert not holder.external(1)
        holder.poll()
        assert heads(driver) == []
        holder.free(0)
        holder.poll()
        assert heads(driver) == [0, 1]
        assert holder.data(1) == frame(200, 1)
        holder.free()


def test_threshold_is_an_option():
    with holding(1, ",zero-copy-min=100", size=100) as (holder, driver):
        driver.post_frame(frame(99, 1))
        assert holder.hold(1) == 2
        assert not holder.external(1)
        holder.free()


def test_frame_that_is_held_does_not_stop_the_ring():
    with holding(1) as (holder, driver):
        used = []
        for number in range(1, 4 * SIZE):
            if driver.tx_next % SIZE == 0:
                driver.tx_next += 1     # descriptor 0 is still out
            driver.post_frame(frame(200 if number % 2 else 1000, number))
            assert holder.hold(1) == number + 1
            assert holder.data(number) == frame(200 if number % 2 else 1000, number)
            holder.free(number)
            holder.poll()
            used += heads(driver)
        assert 0 not in used
        assert len(used) >= 4 * SIZE - 1 - SIZE // 2
        assert holder.data(0) == frame(1000, 0)
        holder.free()
        holder.poll()
        assert 0 in heads(driver)


def test_no_more_than_half_the_ring_is_lent():
    with holding(SIZE // 2) as (holder, driver):
        for i in range(8):
            driver.post_frame(frame(1000, 100 + i))
        assert holder.hold(8) == SIZE // 2 + 8
        assert [holder.external(SIZE // 2 + i) for i in range(8)] == [False] * 8
        assert holder.data(SIZE // 2 + 7) == frame(1000, 107)
        holder.free()


def test_in_order_use_is_not_offered():
    with holding(1) as (holder, driver):
        driver.frontend.send("GET_FEATURES")
        offered = driver.frontend.reply("GET_FEATURES").u64
        assert not offered & bit(F_IN_ORDER)
        holder.free()


def test_frontend_may_rewrite_its_buffer_meanwhile():
    """The application sees it, and nothing else happens."""
    with holding(1) as (holder, driver):
        driver.guest.write(buffer_of(driver, 0), frame(1000, 77))
        assert holder.data(0) == frame(1000, 77)
        assert holder.send(0)
        assert driver.receive() == frame(1000, 77)
        holder.poll()
        assert heads(driver) == [0]


def test_ring_that_stops_waits_for_frames_that_come_back():
    with holding() as (holder, driver):
        for i in range(4):
            holder.later(i, 300)
        begin = time.monotonic()
        stop_ring(driver, 1)
        assert time.monotonic() - begin < WAIT_MS / 1000
        assert heads(driver) == [0, 1, 2, 3]


def test_ring_that_stops_does_not_wait_for_ever_and_is_complete():
    with holding(options=",zero-copy-wait=100") as (holder, driver):
        stop_ring(driver, 1)
        assert heads(driver) == [0, 1, 2, 3]
        # They belong to the frontend again: what it writes is seen, and that is all.
        driver.guest.write(buffer_of(driver, 2), frame(1000, 9))
        assert holder.data(2) == frame(1000, 9)
        used = driver.tx.used_idx()
        holder.free()
        holder.poll()
        assert driver.tx.used_idx() == used


def test_late_return_is_not_taken_for_one_of_the_ring_that_runs_now():
    with holding(options=",zero-copy-wait=0") as (holder, driver):
        stop_ring(driver, 1)
        assert heads(driver) == [0, 1, 2, 3]
        driver.tx.start(driver.frontend, base=4)
        driver.tx.used_seen, driver.tx.avail_idx = 4, 4
        driver.frontend.barrier()
        # The same descriptors again.
        driver.tx_next = 0
        for i in range(4):
            driver.post_frame(frame(1000, 50 + i))
        assert holder.hold(4) == 8
        for i in range(4):
            holder.free(i)
        holder.poll()
        assert heads(driver) == []
        assert holder.data(7) == frame(1000, 53)
        holder.free()
        holder.poll()
        assert heads(driver) == [0, 1, 2, 3]


def test_memory_table_change_waits_for_frames():
    with holding() as (holder, driver):
        for i in range(4):
            holder.later(i, 300)
        assert driver.frontend.ack("SET_MEM_TABLE", driver.guest.table(), driver.guest.fds()) == 0
        assert heads(driver) == [0, 1, 2, 3]


def test_memory_that_is_taken_away_reads_as_zeros():
    with holding(options=",zero-copy-wait=100") as (holder, driver):
        other = Guest()
        assert driver.frontend.ack("SET_MEM_TABLE", other.table(), other.fds()) == 0
        for i in range(4):
            dpdk.wait_for("zeros", lambda i=i: holder.data(i) == bytes(1000))
        holder.free()
        holder.poll()
        other.close()


def test_frame_stays_as_it_is_when_its_frontend_is_gone_and_the_next_waits():
    with holding() as (holder, driver):
        driver.frontend.close()
        time.sleep(0.3)
        for i in range(4):
            assert holder.data(i) == frame(1000, i)
        successor = Driver(SIZE)
        # The connection is not accepted: what is asked is answered when the frames are back.
        successor_socket = Frontend(holder.path)
        successor_socket.send("GET_FEATURES")
        successor_socket.timeout = 0.5
        with pytest.raises(TimeoutError):
            successor_socket.reply("GET_FEATURES")
        for i in range(4):
            assert holder.data(i) == frame(1000, i)
        holder.free()
        successor_socket.timeout = dpdk.TIMEOUT
        successor_socket.reply("GET_FEATURES")
        successor_socket.close()
        successor.connect(holder.path)
        successor.post_frame(frame(800, 5))
        assert holder.hold(1) == 5
        assert holder.data(4) == frame(800, 5)
        holder.free()
        successor.close()
        # What was lent of the first is not used in its memory after it was gone.
        assert driver.tx.used_idx() == 0


@pytest.mark.parametrize("how", ["stop", "close", "remove"])
def test_port_may_go_while_frames_are_held(how):
    with holding(options=",zero-copy-wait=100") as (holder, driver):
        if how != "stop":
            holder.ethdev("stop")
        holder.ethdev(how)
        for i in range(4):
            data = holder.data(i)
            assert data == (frame(1000, i) if how == "stop" else bytes(1000))
        holder.free(0)
        assert len(holder.data(1)) == 1000
        holder.free()


def test_stopped_port_goes_on_with_the_frames_that_came_back_meanwhile():
    with holding() as (holder, driver):
        holder.ethdev("stop")
        holder.free()
        assert heads(driver) == []
        holder.ethdev("start")
        holder.poll()
        assert heads(driver) == [0, 1, 2, 3]


def test_closing_port_waits_for_frames_that_come_back():
    with holding() as (holder, driver):
        for i in range(4):
            holder.later(i, 300)
        holder.ethdev("stop")
        holder.ethdev("close")
        assert heads(driver) == [0, 1, 2, 3]


def test_descriptor_that_is_out_and_made_available_again_is_copied():
    with holding(1) as (holder, driver):
        driver.tx.post(0)
        assert holder.hold(1) == 2
        assert not holder.external(1)
        assert holder.data(1) == frame(1000, 0)
        holder.free()
        holder.poll()
        assert heads(driver) == [0, 0]


# ---- frames in several buffers ----

# How a driver may lay out header and frame: the sizes of its buffers, and the segments.
LAYOUTS = {
    "header apart": ((12, 1400), 1),
    "in two": ((12 + 700, 700), 2),
    "header apart, in two": ((12, 600, 800), 2),
    "in three": ((12 + 512, 512, 1000), 3),
}


@pytest.mark.parametrize("indirect", [False, True], ids=["chain", "table"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_frames_in_several_buffers_are_lent(layout, indirect):
    sizes, segments = LAYOUTS[layout]
    data = frame(sum(sizes) - NET_HEADER, 7)
    with holding(1) as (holder, driver):
        driver.post_pieces(bytes(NET_HEADER) + data, sizes, indirect=indirect)
        assert holder.hold(1) == 2
        assert holder.external(1)
        assert holder.segments(1) == segments
        assert holder.data(1) == data
        assert holder.send(1)
        assert driver.receive() == data
        holder.free()
        holder.poll()
        assert len(heads(driver)) == 2


@pytest.mark.parametrize("sizes", [
    (12, 500, 500), (12 + 511,), (12, 511), (12 + 1000, 20),    # little in each buffer
    (5, 7 + 1000, 1000),                                        # the header in two
], ids=str)
def test_frames_that_are_not_worth_it_or_have_a_header_in_parts_are_copied(sizes):
    data = frame(sum(sizes) - NET_HEADER, 7)
    with holding(1) as (holder, driver):
        driver.post_pieces(bytes(NET_HEADER) + data, sizes)
        assert holder.hold(1) == 2
        assert not holder.external(1)
        assert holder.data(1) == data
        holder.free()


def test_several_buffers_come_back_with_the_last_segment():
    data = frame(1800, 7)
    with holding(1) as (holder, driver):
        holder.free()
        driver.post_pieces(bytes(NET_HEADER) + data, (12, 600, 600, 600))
        assert holder.hold(1) == 2
        for left in (2, 1):
            holder.behead(1)
            holder.poll()
            assert holder.segments(1) == left
            assert holder.data(1) == data[600 * (3 - left):]
            assert len(heads(driver)) == (1 if left == 2 else 0)
        holder.free()
        holder.poll()
        assert len(heads(driver)) == 1


@pytest.mark.parametrize("indirect", [False, True], ids=["chain", "table"])
def test_no_more_than_half_the_ring_is_lent_in_several_buffers(indirect):
    """A table takes one place in the ring, a chain as many as it has descriptors."""
    data = frame(1800, 7)
    most = SIZE // 2 if indirect else SIZE // 2 // 4
    with holding(0) as (holder, driver):
        for number in range(most + 2):
            driver.post_pieces(bytes(NET_HEADER) + data, (12, 600, 600, 600), indirect=indirect)
            assert holder.hold(1) == number + 1
            assert holder.external(number) == (number < most)
            assert holder.data(number) == data
        holder.free()
        holder.poll()
        assert len(heads(driver)) == most + 2


def test_ring_stops_while_several_buffers_are_out():
    data = frame(1800, 7)
    with holding(1, ",zero-copy-wait=100") as (holder, driver):
        driver.post_pieces(bytes(NET_HEADER) + data, (12, 600, 600, 600))
        assert holder.hold(1) == 2
        stop_ring(driver, 1)
        assert len(heads(driver)) == 2
        holder.behead(1)
        holder.free()
        holder.poll()
        assert driver.tx.take_used() is None


# ---- testpmd forwards between two ports ----

@pytest.fixture(scope="module")
def two_ports():
    with dpdk.pmd("lend") as pmd:
        backend = pmd.backend(*[pmd.vdev(i, f",zero-copy=1,zero-copy-wait={WAIT_MS}")
                                for i in range(2)])
        backend.pmd = pmd
        backend.do("set fwd io")
        backend.do("start", "packets/burst=")
        yield backend
        assert backend.quit() == 0


def test_forwarded_frames_of_every_size_are_unchanged(two_ports):
    drivers = [Driver(SIZE).connect(two_ports.pmd.socket(i)) for i in range(2)]
    lent = [xstats(two_ports, i)["rx_q0_lent"] for i in range(2)]
    number = 0
    for size in (14, 60, 511, 512, 513, 900, 1514, 1518, 2000):
        for _ in range(12):
            for way, driver in enumerate(drivers):
                driver.post_frame(frame(size + way, number))
            for way, driver in enumerate(drivers):
                assert drivers[1 - way].receive() == frame(size + way, number)
                driver.taken()
            number += 1
    for i in range(2):
        values = xstats(two_ports, i)
        assert_no_errors(values)
        assert values["rx_q0_lent_late"] == 0
        # 512 bytes and more; of the second port also 511 + 1.
        assert values["rx_q0_lent"] == lent[i] + (6 + i) * 12
    for driver in drivers:
        driver.close()


def test_chained_frames_are_copied_between_lent_ones(two_ports):
    drivers = [Driver(SIZE).connect(two_ports.pmd.socket(i)) for i in range(2)]
    for turn in range(10):
        for number in range(6):
            data = frame(1000, 10 * turn + number)
            if number % 2:
                drivers[0].post_pieces(bytes(NET_HEADER) + data, (12, 600, 400), indirect=True)
            else:
                drivers[0].post_frame(data)
        for number in range(6):
            assert drivers[1].receive() == frame(1000, 10 * turn + number)
            drivers[0].taken()
    for driver in drivers:
        driver.close()


def test_frontends_are_killed_under_traffic_and_the_next_is_served(two_ports):
    pmd = two_ports.pmd
    counters = ("rx_good_packets", "rx_q0_lent")
    for _ in range(2):
        frontend = pmd.virtio_user(pmd.socket(0), pmd.socket(1))
        frontend.do("set txpkts 1000")
        frontend.do("set fwd txonly")
        frontend.do("start", "packets/burst=")
        for port in range(2):
            before = xstats(two_ports, port)
            wait_xstats(two_ports, lambda x, b=before: all(x[name] > b[name] + 500
                                                           for name in counters), port)
        frontend.kill()
        for port in range(2):
            wait_link(two_ports, False, port)
    driver = Driver(SIZE).connect(pmd.socket(0))
    other = Driver(SIZE).connect(pmd.socket(1))
    driver.post_frame(frame(1000, 1))
    assert other.receive() == frame(1000, 1)
    for i in range(2):
        assert_no_errors(xstats(two_ports, i))
    driver.close()
    other.close()


def test_memory_tables_change_under_traffic(two_ports):
    drivers = [Driver(SIZE).connect(two_ports.pmd.socket(i)) for i in range(2)]
    for number in range(30):
        for burst in range(8):
            drivers[0].post_frame(frame(1000, 8 * number + burst))
        # What is under way must survive it: nothing is dropped, nothing is changed.
        drivers[0].frontend.send("SET_MEM_TABLE", drivers[0].guest.table(),
                                 drivers[0].guest.fds())
        for burst in range(8):
            assert drivers[1].receive() == frame(1000, 8 * number + burst)
            drivers[0].taken()
    assert xstats(two_ports, 0)["rx_q0_lent_late"] == 0
    for driver in drivers:
        driver.close()


# ---- packed rings ----

@contextlib.contextmanager
def holding_packed(number=4, options=f",zero-copy-wait={WAIT_MS}"):
    with dpdk.pmd("zcpacked") as pmd:
        holder = Holder(pmd, options)
        driver = PackedDriver(size=12).connect(pmd.socket(), in_order=False)
        for i in range(number):
            driver.post_frame(frame(1000, i))
        assert holder.hold(number) == number
        for i in range(number):
            assert holder.data(i) == frame(1000, i)
            assert holder.external(i)
        holder.poll()
        assert driver.tx.take() is None
        yield holder, driver
        driver.close()
        assert holder.quit() == 0


def used_ids(driver):
    ids = []
    while (used := driver.tx.take()) is not None:
        ids += used[0]
    return ids


def test_packed_frames_are_used_in_the_order_they_were_sent():
    with holding_packed() as (holder, driver):
        holder.free(1)
        holder.poll()
        assert used_ids(driver) == []
        holder.free(0)
        holder.poll()
        assert used_ids(driver) == [0, 1]
        # A list of several descriptors behind them is copied, and waits.
        driver.post_pieces(bytes(NET_HEADER) + frame(900, 4), (12, 500, 400))
        assert holder.hold(1) == 5
        assert not holder.external(4)
        assert holder.data(4) == frame(900, 4)
        holder.poll()
        assert used_ids(driver) == []
        holder.free()
        holder.poll()
        assert used_ids(driver) == [2, 3, 4]


def test_packed_frame_that_is_held_does_not_stop_the_ring():
    with holding_packed(1) as (holder, driver):
        used = []
        for number in range(1, 60):
            if driver.next_id % 12 == 0:
                driver.next_id += 1     # that one is still out
            driver.post_frame(frame(1000, number))
            assert holder.hold(1) == number + 1
            assert holder.data(number) == frame(1000, number)
            holder.free(number)
            holder.poll()
            used += used_ids(driver)
        assert 0 not in used and len(used) >= 59 - 6
        assert holder.data(0) == frame(1000, 0)
        holder.free()
        holder.poll()
        assert 0 in used_ids(driver)


@pytest.mark.parametrize("indirect", [False, True], ids=["list", "table"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_packed_frames_in_several_buffers_are_lent(layout, indirect):
    sizes, segments = LAYOUTS[layout]
    data = frame(sum(sizes) - NET_HEADER, 7)
    with holding_packed(1) as (holder, driver):
        driver.post_pieces(bytes(NET_HEADER) + data, sizes, indirect=indirect)
        driver.post_frame(frame(100, 8))
        assert holder.hold(2) == 3
        assert [holder.external(i) for i in range(3)] == [True, True, False]
        assert holder.segments(1) == segments
        assert holder.data(1) == data
        assert holder.send(1)
        assert driver.receive() == data
        holder.poll()
        assert used_ids(driver) == []
        holder.free()
        holder.poll()
        assert used_ids(driver) == [0, 1, 2]


def test_packed_ring_that_stops_is_complete():
    with holding_packed(options=",zero-copy-wait=100") as (holder, driver):
        base = struct.unpack("=II", stop_ring(driver, 1).payload)[1]
        # Both places are behind the four, in the first lap (wrap counter 1).
        assert base == 0x80048004
        assert used_ids(driver) == [0, 1, 2, 3]
        holder.free()
        holder.poll()
        assert driver.tx.take() is None


def test_packed_rings_forward_frames_of_every_size_unchanged(two_ports):
    drivers = [PackedDriver(size=30).connect(two_ports.pmd.socket(i), in_order=False)
               for i in range(2)]
    for number, size in enumerate((14, 60, 511, 512, 513, 900, 1514, 1518, 2000) * 8):
        for way, driver in enumerate(drivers):
            driver.post_frame(frame(size + way, number))
        for way, driver in enumerate(drivers):
            assert drivers[1 - way].receive() == frame(size + way, number)
            driver.taken()
    assert "packed ring, zero copy" in dpdk.burst_mode(two_ports, "rx")
    for i, driver in enumerate(drivers):
        assert_no_errors(xstats(two_ports, i))
        driver.close()
