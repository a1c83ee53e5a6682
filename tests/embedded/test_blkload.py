# SPDX-License-Identifier: BSD-3-Clause
"""tools/vvu-blkload against a back-end nobody here wrote (the distribution's
qemu-storage-daemon) and against scripted ones, right and wrong."""
import contextlib
import json
import os
import pathlib
import shutil
import struct
import subprocess
import time

import pytest
from blk_backend import BLK_F_BLK_SIZE, SECTOR, Backend, PackedBackend
from vhost_user import F_EVENT_IDX, F_INDIRECT, F_PROTOCOL_FEATURES, F_VERSION_1, bit, bits

DAEMON = shutil.which("qemu-storage-daemon")
needs_daemon = pytest.mark.skipif(DAEMON is None, reason="no qemu-storage-daemon")
TIMEOUT = 60
NULL = "driver=null-co,node-name={{node}},size={}"


@pytest.fixture
def load(build):
    """Run it; the completed process, with .result where it printed one."""
    def run(*arguments, sockets):
        command = [f"{build}/tools/vvu-blkload/vvu-blkload", *map(str, arguments)]
        for socket in sockets:
            command += ["--socket", str(socket)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=TIMEOUT, check=False)
        done.result = json.loads(done.stdout) if done.stdout else None
        return done
    return run


@contextlib.contextmanager
def storage_daemon(directory, blockdev, writable=True, queues=4, exports=1):
    """Serves one node per export; the sockets."""
    sockets = [directory / f"qsd{i}.sock" for i in range(exports)]
    command = [DAEMON]
    for i, socket in enumerate(sockets):
        command += ["--blockdev", blockdev.format(i=i, node=f"n{i}"), "--export",
                    f"vhost-user-blk,id=e{i},node-name=n{i},addr.type=unix,addr.path={socket},"
                    f"num-queues={queues}" + (",writable=on" if writable else "")]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + TIMEOUT
        while not all(socket.exists() for socket in sockets):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        yield sockets
        assert process.poll() is None, "the daemon did not survive"
    finally:
        process.terminate()
        process.wait(TIMEOUT)


@pytest.fixture
def file_disk(directory):
    """A daemon with a file of 4 MiB."""
    path = directory / "disk.img"
    path.write_bytes(bytes(4 << 20))
    with storage_daemon(directory, f"driver=file,node-name={{node}},filename={path}") as sockets:
        yield sockets, path


def fine(done):
    assert done.returncode == 0, done.stderr
    assert done.result["errors"] == {"failed": 0, "wrong_blocks": 0}
    return done.result


def refused(done, *words):
    """It could not run, and said why."""
    assert done.returncode == 1 and done.result is None, done
    assert done.stderr.startswith("vvu-blkload: "), done.stderr
    for word in words:
        assert word in done.stderr


@needs_daemon
@pytest.mark.parametrize("options", [
    "", "--no-event-idx", "--no-indirect", "--no-event-idx --no-indirect", "--segment 512",
    "--wait call", "--wait call --no-event-idx", "--queues 4 --iodepth 7", "--bs 64K --segment 4K"])
def test_what_was_written_is_read_again(load, file_disk, options):
    sockets, _ = file_disk
    result = fine(load("--rw", "randrw", "--iodepth", 16, "--ios", 600, "--verify", "--size", "2M",
                       *options.split(), sockets=sockets))
    assert result["ios"] == 600
    assert result["read"]["ios"] + result["write"]["ios"] == 600
    # The region is read in full at the end.
    assert result["checked_blocks"] >= (2 << 20) // result["workload"]["bs"]


@contextlib.contextmanager
def vhost_blk(build, directory, *options):
    socket = directory / "vhost-blk.sock"
    process = subprocess.Popen([f"{build}/examples/vhost-blk/vhost-blk", "--socket-path", socket,
                                *options], stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + TIMEOUT
        while not socket.exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        yield socket
        assert process.poll() is None, "vhost-blk did not survive"
    finally:
        process.terminate()
        assert process.wait(TIMEOUT) == 0


@pytest.mark.parametrize("mode", ["adaptive", "poll", "interrupt"])
@pytest.mark.parametrize("ring", ["", "--packed"], ids=["split", "packed"])
@pytest.mark.parametrize("options", [
    "", "--no-event-idx", "--no-indirect", "--wait call", "--queues 4 --iodepth 7",
    "--bs 64K --segment 4K", "--flush-every 7", "--wait call --no-event-idx --no-indirect"])
def test_vhost_blk_gives_back_what_was_written(load, build, directory, mode, ring, options):
    with vhost_blk(build, directory, "--store", "ram:4M", "--queues", "4", "--mode", mode,
                   "--packed") as socket:
        result = fine(load("--rw", "randrw", "--iodepth", 16, "--ios", 600, "--verify", "--size",
                           "2M", *ring.split(), *options.split(), sockets=[socket]))
    assert result["devices"][0]["packed"] == bool(ring)
    assert result["ios"] == 600
    assert result["checked_blocks"] >= (2 << 20) // result["workload"]["bs"]


@needs_daemon
def test_data_is_where_it_belongs(load, file_disk):
    """In the region, all of it, and nowhere else."""
    sockets, path = file_disk
    fine(load("--rw", "write", "--ios", 1024, "--iodepth", 4, "--offset", "1M", "--size", "1M",
              sockets=sockets))
    data = path.read_bytes()
    assert not any(data[:1 << 20]) and not any(data[2 << 20:])
    assert all(any(data[at:at + 4096]) for at in range(1 << 20, 2 << 20, 4096))


@needs_daemon
def test_wrong_data_is_found(load, directory):
    with storage_daemon(directory, NULL.format(1 << 20) + ",read-zeroes=on") as sockets:
        done = load("--verify", "--ios", 10, sockets=sockets)
    assert done.returncode == 2
    assert done.result["errors"]["wrong_blocks"] == done.result["checked_blocks"] == 256 + 10
    assert "not what was written, from byte 0 on" in done.stderr


@needs_daemon
def test_figures_fit_together(load, directory):
    with storage_daemon(directory, NULL.format(1 << 30)) as sockets:
        result = fine(load("--iodepth", 8, "--runtime", "0.3", "--ramp", "0.1", sockets=sockets))
    assert result["measured_ns"] == 300_000_000
    assert result["workload_ios"] > result["ios"] == result["read"]["ios"] > 100
    assert result["write"]["ios"] == 0
    assert result["iops"] == result["ios"] * 10 // 3
    assert result["bytes_per_s"] == result["ios"] * 4096 * 10 // 3
    assert result["rounds"] > result["empty_rounds"]
    latency = result["read"]["latency_ns"]
    order = ["min", "p50", "p90", "p99", "p99.9", "p99.99", "max"]
    assert [latency[name] for name in order] == sorted(latency[name] for name in order)


@needs_daemon
def test_latencies_are_of_the_requests_in_flight(load, directory):
    """Little's law: what is in flight is rate times time."""
    depth, window_ns = 8, 200_000_000
    fullest = 0
    with storage_daemon(directory, NULL.format(1 << 30)) as sockets:
        for _ in range(20):
            result = fine(load("--iodepth", depth, "--runtime", "0.2", "--ramp", "0.1",
                               sockets=sockets))
            latency = result["read"]["latency_ns"]
            in_flight_ns = result["ios"] * latency["mean"]
            # Never more than there are, but for what began before the window.
            assert in_flight_ns <= depth * (window_ns + latency["max"]) * 1.001
            fullest = max(fullest, in_flight_ns / window_ns)
            # Less where the processor was taken away: what is not put back at once, or is done
            # only after the window. In a window without that it is all of them.
            if fullest > 0.9 * depth:
                break
    assert fullest > 0.9 * depth


@needs_daemon
def test_several_disks_of_one_process(load, directory):
    with storage_daemon(directory, NULL.format(16 << 20), exports=3) as sockets:
        result = fine(load("--iodepth", 4, "--queues", 2, "--ios", 3000, sockets=sockets))
    assert [device["socket"] for device in result["devices"]] == [str(path) for path in sockets]
    assert sum(device["ios"] for device in result["devices"]) == result["ios"] == 3000
    assert all(device["ios"] > 0 for device in result["devices"])


@needs_daemon
def test_read_only_disk(load, directory):
    with storage_daemon(directory, NULL.format(1 << 20), writable=False) as sockets:
        refused(load("--rw", "write", sockets=sockets), str(sockets[0]), "read-only")
        fine(load("--rw", "read", "--ios", 10, sockets=sockets))


@needs_daemon
def test_a_daemon_that_dies(build, directory):
    with storage_daemon(directory, NULL.format(1 << 20)) as sockets:
        process = subprocess.Popen(
            [f"{build}/tools/vvu-blkload/vvu-blkload", "--runtime", "60", "--socket", sockets[0]],
            stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        # Under load: it has shared its memory and uses the processor.
        deadline = time.monotonic() + TIMEOUT
        stat = pathlib.Path(f"/proc/{process.pid}/stat")
        while int(stat.read_text().rsplit(")")[1].split()[11]) < 5:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1 and "closed the connection" in errors


def run(load, directory, backend, *arguments):
    """Against a scripted back-end; (the process, the back-end that has ended)."""
    path = directory / "blk.sock"
    server = backend(path)
    done = load(*arguments, sockets=[path])
    return done, server.finish()


@pytest.mark.parametrize("options", ["", "--no-indirect", "--wait call", "--queues 3",
                                     "--wait call --no-event-idx --segment 1K"])
def test_packed_rings(load, directory, options):
    """More requests than the ring has entries: it wraps."""
    done, server = run(load, directory, PackedBackend, "--packed", "--rw", "randrw", "--verify",
                       "--iodepth", 9, "--ios", 900, *options.split())
    result = fine(done)
    assert result["devices"][0]["packed"] and result["checked_blocks"] >= 256
    assert server.completed == 256 + 900 + 256


def test_messages_come_in_order(load, directory):
    _, server = run(load, directory, Backend, "--ios", 1)
    ring = ["SET_VRING_NUM", "SET_VRING_BASE", "SET_VRING_ADDR", "SET_VRING_ERR", "SET_VRING_KICK",
            "SET_VRING_CALL", "SET_VRING_ENABLE"]
    assert server.seen == ["GET_FEATURES", "GET_PROTOCOL_FEATURES", "SET_PROTOCOL_FEATURES",
                           "GET_QUEUE_NUM", "SET_OWNER", "SET_FEATURES", "GET_CONFIG",
                           "SET_MEM_TABLE", *ring, "SET_VRING_ENABLE", "GET_VRING_BASE"]


@pytest.mark.parametrize("missing", ["MQ", "REPLY_ACK"])
def test_features_that_may_be_missing(load, directory, missing):
    class Plain(Backend):
        features = bit(F_VERSION_1) | bit(F_PROTOCOL_FEATURES)
        protocol_features = Backend.protocol_features & ~bits(missing)

    done, server = run(load, directory, Plain, "--rw", "randrw", "--verify", "--ios", 20)
    device = fine(done)["devices"][0]
    assert not device["event_idx"] and not device["indirect"] and not device["packed"]
    assert not server.acked & (bit(F_INDIRECT) | bit(F_EVENT_IDX))


@pytest.mark.parametrize("kind, options", [(Backend, ""), (PackedBackend, "--packed")])
def test_in_flight_is_what_was_asked_for(load, directory, kind, options):
    """The back-end completes one at a time, and only when as many as that are there."""
    depth, total = 12, 200

    class Counting(kind):
        features = kind.features & ~bit(F_EVENT_IDX)    # every submission kicks
        held = ()

        def serve(self, ring):
            held = list(self.held)
            while True:
                while self.waiting(ring):
                    held.append(self.take(ring))
                assert len(held) <= depth
                # Towards the end there are no more.
                if not held or len(held) < min(depth, total - self.completed):
                    break
                name, buffers = held.pop(0)
                self.complete(ring, name, self.request(buffers))
                deadline = time.monotonic() + TIMEOUT
                while not self.waiting(ring) and len(held) < min(depth, total - self.completed):
                    assert time.monotonic() < deadline
            self.held = held
            os.eventfd_write(ring.call, 1)

    done, server = run(load, directory, Counting, "--iodepth", depth, "--ios", total,
                       *options.split())
    assert fine(done)["ios"] == server.completed == total


def test_latency_is_what_the_backend_takes(load, directory):
    class Slow(Backend):
        def request(self, buffers):
            time.sleep(0.02)
            return super().request(buffers)

    done, _ = run(load, directory, Slow, "--ios", 20)
    result = fine(done)
    # It looks without pause while the back-end sleeps.
    assert result["empty_rounds"] > 0.99 * result["rounds"]
    latency = result["read"]["latency_ns"]
    assert 20_000_000 <= latency["min"] <= latency["p50"] < 200_000_000


def test_flushes(load, directory):
    done, _ = run(load, directory, Backend, "--rw", "write", "--ios", 110, "--flush-every", 10)
    result = fine(done)
    assert (result["write"]["ios"], result["flush"]["ios"]) == (100, 10)
    assert result["flush"]["latency_ns"]["p50"] > 0


def test_failed_requests_are_counted(load, directory):
    class Failing(Backend):
        def transfer(self, kind, at, data):
            return (1, 0) if at == 8 * 4096 else super().transfer(kind, at, data)

    done, _ = run(load, directory, Failing, "--rw", "read", "--ios", 256)
    assert done.returncode == 2
    assert done.result["errors"] == {"failed": 1, "wrong_blocks": 0,
                                     "first": "read at 32768 on disk 0: status 1"}
    assert done.result["read"]["ios"] == 255


def test_status_that_is_not_written_is_a_failure(load, directory):
    class Silent(Backend):
        def request(self, buffers):
            return 1

    done, _ = run(load, directory, Silent, "--ios", 4)
    assert done.returncode == 2 and done.result["errors"]["failed"] == 4


@pytest.mark.parametrize("fault, words", [
    ("old data", "from byte 0 on"), ("a sector of another write", "from byte 512 on"),
    ("wrong place", "from byte 0 on")])
def test_verify_sees(load, directory, fault, words):
    class Wrong(Backend):
        writes = 0

        def transfer(self, kind, at, data):
            self.writes += kind == 1
            if kind == 1 and self.writes > 256:     # after the region was written
                before = bytes(self.disk)
                result = super().transfer(kind, at, data)
                if fault == "old data":
                    self.disk[:] = before
                elif fault == "a sector of another write":
                    self.disk[at + SECTOR:at + 4096] = before[at + SECTOR:at + 4096]
                else:
                    self.disk[:] = self.disk[4096:] + self.disk[:4096]
                return result
            return super().transfer(kind, at, data)

    done, _ = run(load, directory, Wrong, "--rw", "randwrite", "--verify", "--ios", 1)
    assert done.returncode == 2 and words in done.stderr
    assert done.result["errors"]["wrong_blocks"] >= 1


# Back-ends that break the protocol


class Closing(Backend):
    def on_get_features(self, payload, fds):
        self.sock.shutdown(2)


class Mute(Backend):
    def on_get_features(self, payload, fds):
        return None


class OtherReply(Backend):
    def on_get_features(self, payload, fds):
        self.reply(15, struct.pack("=Q", 0))


class HugeReply(Backend):
    def on_get_features(self, payload, fds):
        self.sock.sendall(struct.pack("=III", 1, 5, 0xffffffff))


class NotAReply(Backend):
    def on_get_features(self, payload, fds):
        self.reply(1, struct.pack("=Q", self.features), flags=1)


class Legacy(Backend):
    features = Backend.features & ~bit(F_VERSION_1)


class NoConfig(Backend):
    protocol_features = bits("MQ")


class ConfigError(Backend):
    def on_get_config(self, payload, fds):
        return b""


class OddBlocks(Backend):
    features = Backend.features | bit(BLK_F_BLK_SIZE)

    def config_space(self):
        return super().config_space()[:20] + struct.pack("<I", 1000) + bytes(40)


class HugeDisk(Backend):
    def config_space(self):
        return b"\xff" * 8 + super().config_space()[8:]


class Refusing(Backend):
    def acknowledge(self, name):
        return int(name == "SET_VRING_ADDR")


class NoQueues(Backend):
    def on_get_queue_num(self, payload, fds):
        return struct.pack("=Q", 0)


@pytest.mark.parametrize("backend, words", [
    (Closing, "closed the connection"), (Mute, "GET_FEATURES: no answer within 1 s"),
    (OtherReply, "GET_PROTOCOL_FEATURES"), (HugeReply, "size"), (NotAReply, "flag"),
    (Legacy, "VERSION_1"), (NoConfig, "configuration space"), (ConfigError, "GET_CONFIG: refused"),
    (OddBlocks, "blocks of 1000 bytes"), (HugeDisk, "sectors"),
    (Refusing, "SET_VRING_ADDR: refused (0x1)"), (NoQueues, "0 queues")])
def test_wrong_answers(load, directory, backend, words):
    begun = time.monotonic()
    done, _ = run(load, directory, backend, "--timeout", 1)
    refused(done, "blk.sock: ", words)
    assert time.monotonic() - begun < 20


class Lying(Backend):
    """Wrong in the used ring once, after some requests."""
    features = Backend.features & ~bit(F_EVENT_IDX)     # every submission kicks

    def serve(self, ring):
        while self.waiting(ring):
            name, buffers = self.take(ring)
            if self.completed == 20:
                self.lie(ring, name)
                os.eventfd_write(ring.call, 1)
                return
            self.complete(ring, name, self.request(buffers))
        os.eventfd_write(ring.call, 1)

    def lie(self, ring, name):
        raise NotImplementedError


class TooMany(Lying):
    def lie(self, ring, name):
        self.put16(ring.addr[1] + 2, ring.used_idx + 5)


class Backwards(Lying):
    def lie(self, ring, name):
        self.put16(ring.addr[1] + 2, ring.used_idx - 1)


class UnknownId(Lying):
    def lie(self, ring, name):
        self.complete(ring, 0xfffffff0, 1)


class NotInFlight(Lying):
    def lie(self, ring, name):
        self.complete(ring, name + 8, 1)


class Stalling(Lying):
    def lie(self, ring, name):
        pass


class Broken(Lying):
    def lie(self, ring, name):
        os.eventfd_write(ring.err, 1)


class Talking(Lying):
    def lie(self, ring, name):
        self.reply(1, struct.pack("=Q", 0))


class Hanging(Lying):
    def lie(self, ring, name):
        self.sock.shutdown(2)


@pytest.mark.parametrize("wait", ["poll", "call"])
@pytest.mark.parametrize("backend, words", [
    (TooMany, "used idx says that 5 requests are done of 4"),
    (Backwards, "65535 requests are done"),
    (UnknownId, "not in flight"), (NotInFlight, "not in flight"),
    (Stalling, "none was done for"), (Broken, "a ring is broken"),
    (Talking, "nobody asked for"), (Hanging, "closed the connection")])
def test_backend_that_goes_wrong_under_load(load, directory, backend, words, wait):
    begun = time.monotonic()
    done, _ = run(load, directory, backend, "--iodepth", 4, "--timeout", 1, "--wait", wait)
    refused(done, words, "blk.sock")
    assert time.monotonic() - begun < 20


def test_backend_that_forgets_a_request(load, directory):
    class Forgetting(Backend):
        def base(self, ring):
            return super().base(ring) - 1

    done, _ = run(load, directory, Forgetting, "--ios", 10)
    refused(done, "GET_VRING_BASE: ring 0 at 0x9, it was given 0 and 0xa")


class PackedUnknownId(PackedBackend):
    def complete(self, ring, name, length):
        self.entries[ring, 999] = 1
        super().complete(ring, 999, length)


def test_packed_ring_with_an_id_that_is_not_in_flight(load, directory):
    done, _ = run(load, directory, PackedUnknownId, "--packed", "--timeout", 1)
    refused(done, "not in flight (999)")


@pytest.mark.parametrize("arguments, words", [
    ([], "socket: missing"), (["--socket", "x", "--rw", "trim"], "rw: \"trim\""),
    (["--socket", "x", "--bs", "1000"], "bs: not a multiple of 512"),
    (["--socket", "x", "--iodepth", "0"], "iodepth: \"0\""),
    (["--socket", "x", "--runtime", "nan"], "runtime: \"nan\""),
    (["--socket", "x", "--size", "99999999999T"], "size"),
    (["--socket", "x", "--ring-size", "100"], "ring-size: not a power of two"),
    (["--socket", "x", "--flush-every", "3"], "flush-every: nothing is written"),
    (["--socket", "x", "--ios", "3", "--ramp", "1"], "ios: not together with --ramp"),
    (["--socket", "x" * 200], "more than 107 bytes"),
    (["--socket", "/nowhere/x"], "No such file"), (["--socket", "x", "y"], "no such argument: y")])
def test_wrong_options(build, arguments, words):
    done = subprocess.run([pathlib.Path(build) / "tools/vvu-blkload/vvu-blkload", *arguments],
                          capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 1 and not done.stdout
    assert words in done.stderr


def test_ring_that_is_too_small(load, directory):
    done, _ = run(load, directory, Backend, "--iodepth", 64, "--no-indirect", "--ring-size", 128)
    refused(done, "64 requests of 3 buffers do not fit into a ring of 128")
