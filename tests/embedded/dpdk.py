# SPDX-License-Identifier: BSD-3-Clause
"""testpmd with net_vvu ports, and frontends for it: the scripted one and DPDK's own."""
import contextlib
import functools
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import time

import pytest

from guest import DESC_INDIRECT, DESC_NEXT, DESC_WRITE, NET_HEADER
from net import BUFFER, Net
from vhost_user import F_PACKED, PF, Frontend, bit

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples" / "common"))

import dpdkrun  # noqa: E402

MBUFS = "--total-num-mbufs=8192"
TIMEOUT = 60.0


# The driver under test, and our programs that it is loaded into: sanitized where the test
# command says so.
BUILD = pathlib.Path(__file__).resolve().parents[2] / os.environ.get("VVU_BUILD", "build/asan")
# EAL keeps what it has until the process ends; stdbuf is loaded before a program's own libraries.
ENVIRONMENT = {"ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0"}
SANITIZERS = re.compile(r"=> (\S*/lib[atu]b?san\.so\S*)")


def require(build=BUILD):
    """Skip where net_vvu cannot run, with the reason."""
    try:
        dpdkrun.testpmd()
        dpdkrun.program("drivers/vvu_pmd/librte_net_vvu.so", build)
    except dpdkrun.Failed as error:
        pytest.skip(str(error))


@functools.cache
def preload():
    """The environment for a program that is not sanitized and is to load our driver."""
    driver = dpdkrun.program("drivers/vvu_pmd/librte_net_vvu.so", BUILD)
    needs = subprocess.run(["ldd", driver], stdout=subprocess.PIPE, text=True, check=True).stdout
    found = SANITIZERS.findall(needs)
    return {"LD_PRELOAD": ":".join(found)} if found else {}


class Pmd:
    """The processes of one test. testpmd with net_vvu and testpmd with net_virtio_user are
    given a core each where there are two."""

    def __init__(self, runner):
        self.runner = runner
        self.cores = dpdkrun.cores()

    def _eal(self, name, core, memory, telemetry):
        args = self.runner.eal(name, dpdkrun.memory_args(memory, huge=False),
                               f"0@{core},1@{core}")
        if telemetry:
            # Telemetry needs the run-time directory that --no-shconf leaves out.
            args = [arg for arg in args if arg not in ("--no-telemetry", "--no-shconf")]
        return args

    def backend(self, *vdevs, app=(), memory=256, telemetry=False, log=None, prefix=(), eal=()):
        """testpmd with these --vdev arguments, at its prompt; run by a command before it."""
        command = [*prefix, dpdkrun.testpmd(),
                   *self._eal("backend", self.cores[-1], memory, telemetry),
                   "-d", self.runner.plugin(), *eal]
        if log:
            command.append(f"--log-level=pmd.net.vvu:{log}")
        for vdev in vdevs:
            command += ["--vdev", vdev]
        command += ["--", "-i", MBUFS, *app]
        process = self.runner.start("backend", command, interactive=True, environment=preload())
        process.prefix = self.runner.prefixes[-1]
        return process.ready()

    def virtio_user(self, *paths, app=(), options="", memory=256, mbufs=MBUFS, ready=True):
        """testpmd as the frontend of these sockets, at its prompt."""
        command = [dpdkrun.testpmd(),
                   *self._eal("frontend", self.cores[0], memory, False)]
        for number, path in enumerate(paths):
            command += ["--vdev", f"net_virtio_user{number},path={path}{options}"]
        command += ["--", "-i", mbufs, *app]
        process = self.runner.start("frontend", command, interactive=True)
        return process.ready() if ready else process

    def vdev(self, number=0, options=""):
        return f"net_vvu{number},socket={self.socket(number)}{options}"

    def socket(self, number=0):
        return self.runner.socket(f"s{number}")


@contextlib.contextmanager
def pmd(name):
    require()
    with dpdkrun.Runner(f"pmd-{name}", BUILD, ENVIRONMENT) as runner:
        yield Pmd(runner)


@contextlib.contextmanager
def echo(name, options="", **more):
    """testpmd that sends each frame out of the port it came in: one port, with these options."""
    with pmd(name) as found:
        backend = found.backend(found.vdev(options=options), **more)
        backend.pmd = found
        # A burst that does not get its queue's lock sends nothing, and without a second try
        # testpmd drops what was not sent.
        backend.do("set fwd io retry")
        backend.do("start", "packets/burst=")
        yield backend


def burst_mode(testpmd, direction):
    """Of queue 0 of port 0: "rx" or "tx"."""
    text = testpmd.do(f"show {direction}q info 0 0", r"Burst mode: [^\n]*\n")
    return re.search(r"Burst mode: (.*)", text)[1].strip()


def wait_for(what, condition, seconds=TIMEOUT):
    return dpdkrun.wait_for(what, condition, seconds, interval=0.05)


def xstats(testpmd, port=0):
    """Extended statistics of a port, by name."""
    # Not up to the prompt, which is written letter by letter: lines of the driver's log and
    # of testpmd's own events come in between. A port that does not exist ends the list.
    text = testpmd.do(f"show port xstats {port}\nshow port xstats 99",
                      r"tx_q\d+_lock_misses: \d+\s.*?Invalid port 99")
    values = {name: int(value) for name, value in re.findall(r"^(\w+): (\d+)\s*$", text, re.M)}
    assert "rx_good_packets" in values, text
    return values


def wait_xstats(testpmd, condition, port=0, seconds=TIMEOUT):
    """The first extended statistics for which the condition holds."""
    last = {}

    def look():
        last.clear()
        last.update(xstats(testpmd, port))
        return condition(last)
    try:
        wait_for("xstats", look, seconds)
    except dpdkrun.Failed as error:
        raise AssertionError(f"{error}: {last}") from error
    return dict(last)


def wait_link(testpmd, up, port=0):
    wait_for(f"link {'up' if up else 'down'}",
             lambda: f"Link status: {'up' if up else 'down'}" in
             testpmd.do(f"show port info {port}", "Device error handling mode"))


def telemetry(testpmd, command, seconds=TIMEOUT):
    """The answer to one telemetry command."""
    path = f"/var/run/dpdk/{testpmd.prefix}/dpdk_telemetry.v2"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.settimeout(seconds)
        wait_for(f"{path}", lambda: os.path.exists(path))
        sock.connect(path)
        greeting = json.loads(sock.recv(1024))
        sock.send(command.encode())
        return json.loads(sock.recv(greeting["max_output_len"]))[command.split(",")[0]]


# A frame's bytes: around the sizes at which something else copies or counts them.
SIZES = [14, 15, 16, 31, 32, 33, 47, 60, 63, 64, 65, 100, 127, 128, 129, 191, 192, 193, 255, 256,
         257, 300, 511, 1000, 1514, 1518, 2030]

# Errors that no correct frontend causes.
ERROR_COUNTERS = ("truncated", "bad_header", "bad_chain", "oversize", "ring_broken")


def assert_no_errors(values):
    wrong = {name: value for name, value in values.items()
             if value and (name.endswith(ERROR_COUNTERS) or name in ("rx_errors", "tx_errors"))}
    assert not wrong, wrong


def frame(size, number=0):
    """A broadcast frame whose bytes tell where they belong."""
    head = b"\xff" * 6 + struct.pack(">HI", 0x0200, number) + b"\x88\xb5"
    return head + bytes((number + i * 7) & 0xff for i in range(size - len(head)))


def negotiated(path, without=(), packed=False):
    """All that is offered without some of it; packed rings only for who has them."""
    frontend = Frontend(path)
    without = {*without} if packed else {*without, F_PACKED}
    features = frontend.ask("GET_FEATURES").u64 & ~sum(map(bit, without))
    # Ring addresses are the user's here, not guest-physical ones.
    protocol = frontend.ask("GET_PROTOCOL_FEATURES").u64 & ~bit(PF["GPA_ADDRESSES"])
    return frontend.negotiate(features, protocol)


class Driver(Net):
    """The scripted driver, with chains of any shape and receive buffers of any size."""

    def __init__(self, size=64, buffer=BUFFER, pair=0, spread=0x10000):
        super().__init__(size, pair, spread)
        self.buffer = buffer
        self.tables = 0x180000
        self.frontend = None

    def connect(self, path, without=()):
        """Be the frontend of this socket, without some of the features it offers."""
        self.frontend = negotiated(path, without)
        self.start(self.frontend, negotiate=False)
        return self

    def close(self):
        if self.frontend:
            self.frontend.close()
        super().close()

    def fill_rx(self):
        for i in range(self.rx.size):
            self.rx.set_desc(i, self.rx_buffers + i * BUFFER, self.buffer, DESC_WRITE)
            self.rx.post(i)

    def post_pieces(self, data, sizes, flags=0, indirect=False):
        """One chain of descriptors of these sizes that holds data, header included."""
        assert sum(sizes) == len(data)
        head = self.tx_next % self.tx.size
        at = self.tx_buffers + head * BUFFER
        table = self.tables + head * 1024
        for i, size in enumerate(sizes):
            last = i == len(sizes) - 1
            number = i if indirect else (head + i) % self.tx.size
            desc = struct.pack("<QIHH", at, size, flags | (0 if last else DESC_NEXT),
                               0 if last else (number + 1) % self.tx.size)
            self.guest.write(table + 16 * i if indirect else self.tx.desc + 16 * number, desc)
            self.guest.write(at, data[:size])
            data, at = data[size:], at + size
        if indirect:
            self.tx.set_desc(head, table, 16 * len(sizes), DESC_INDIRECT)
        self.tx_next += 1 if indirect else len(sizes)
        self.tx.post(head)

    def post_at_once(self, frames):
        """All of them become available at the same moment."""
        self.tx.set_avail_idx = lambda value: None
        for data in frames:
            self.post_frame(data)
        del self.tx.set_avail_idx
        self.tx.set_avail_idx(self.tx.avail_idx)

    def taken(self):
        """Wait until the backend gave the next sent chain back."""
        used = self._until(self.tx.take_used, TIMEOUT)
        assert used is not None, "nothing was taken from the transmit ring"
        return used

    def receive(self, timeout=TIMEOUT):
        """The next frame, out of as many buffers as it came in; None after the timeout."""
        used = self._until(self.rx.take_used, timeout)
        if used is None:
            return None
        data = self._buffer(*used)
        buffers = struct.unpack("<H", data[10:12])[0]
        assert data[:10] == bytes(10), data[:12]
        for _ in range(buffers - 1):
            # The rest was published with the first.
            data += self._buffer(*self.rx.take_used())
        self.buffers = buffers
        return data[NET_HEADER:]

    def _buffer(self, head, length):
        assert length <= self.buffer
        data = self.guest.read(self.rx_buffers + head * BUFFER, length)
        self.rx.post(head)
        return data

    def exchange(self, data, timeout=TIMEOUT):
        """Send a frame and receive one."""
        self.post_frame(data)
        self.taken()
        return self.receive(timeout)


def connect_pairs(path, pairs, size=16, spread=0x10000):
    """One frontend with so many queue pairs, and a driver for each of them. The drivers share
    one memory table, and have their rings and frames in different places of it, which are so
    many bytes apart: a buffer has 2048, and there are as many as the ring has entries."""
    frontend = negotiated(path)
    drivers = []
    for pair in range(pairs):
        driver = Driver(size, pair=pair, spread=spread)
        if drivers:
            driver.guest.close()
            driver.guest = drivers[0].guest
            driver.rx.guest = driver.tx.guest = driver.guest
        driver.rx_buffers = 0x120000 + spread * pair
        driver.tx_buffers = 0x220000 + spread * pair
        drivers.append(driver)
    frontend.send("SET_MEM_TABLE", drivers[0].guest.table(), drivers[0].guest.fds())
    for driver in drivers:
        for ring in (driver.rx, driver.tx):
            ring.clear()
            ring.start(frontend)
        driver.fill_rx()
    frontend.barrier()
    return frontend, drivers


def close_pairs(frontend, drivers):
    frontend.close()
    for driver in drivers:
        driver.rx.close()
        driver.tx.close()
    drivers[0].guest.close()


def settle(seconds=0.3):
    """Time in which something that must not happen would have happened."""
    time.sleep(seconds)
