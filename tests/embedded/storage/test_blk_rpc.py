# SPDX-License-Identifier: BSD-3-Clause
"""What is done to a disk by JSON-RPC while a Linux guest uses it."""
import json

import pytest

from harness import fio
from harness.iocheck import Iocheck

SIZE = 64 << 20


def error_filter(rules):
    return json.dumps({"type": "error", "rules": rules, "inner": {"type": "ram", "size": SIZE}})


def device(program):
    devices = program.rpc("device.list")
    assert len(devices) == 1
    return devices[0]


def test_resize(vm, vhost_blk, plug):
    """The guest hears of it and goes by the new size, smaller or larger."""
    program = vhost_blk("--store", f"ram:{SIZE}", "--name", "disk0", rpc=True)
    disk = plug(program.socket)
    vm.run("dmesg -c >/dev/null")
    for size in (2 * SIZE, SIZE // 2):
        program.rpc("device.resize", name="disk0", size=size)
        vm.wait_for(f'test "$(blockdev --getsize64 {disk.path})" = {size}', 30)
        assert f"new size: {size // 512} 512-byte" in vm.text("dmesg -c")
    fio.run(vm, disk.path, [{"rw": "write", "bs": "64k", "offset": SIZE // 2 - (4 << 20),
                             "size": "4m"}])


def test_resize_of_a_file(vm, vhost_blk, plug, image):
    program = vhost_blk("--store", f"file:{image}", "--name", "disk0", rpc=True)
    disk = plug(program.socket)
    program.rpc("device.resize", name="disk0", size=2 * SIZE)
    vm.wait_for(f'test "$(blockdev --getsize64 {disk.path})" = {2 * SIZE}', 30)
    assert image.stat().st_size == 2 * SIZE


def test_both_queues_are_used(vm, vhost_blk, plug):
    """Each by one processor, and each by another thread."""
    program = vhost_blk("--store", f"ram:{SIZE}", "--queues", 4, "--threads", 2, rpc=True)
    disk = plug(program.socket, num_queues=4)
    before = [queue["requests"] for queue in device(program)["target"]["queues"]]
    fio.run(vm, disk.path, [
        {"rw": "randwrite", "bs": "4k", "size": "2m", "iodepth": 8, "offset": f"{4 * cpu}m",
         "cpus_allowed": cpu, "stonewall": None} for cpu in (0, 1)])
    queues = device(program)["target"]["queues"]
    used = [queue for queue, earlier in zip(queues, before) if queue["requests"] > earlier + 500]
    assert len(used) == 2, queues
    assert {queue["worker"] for queue in used} == {0, 1}, queues
    assert all(queue["under-way"] == 0 for queue in queues)


def test_an_error_is_of_one_request_alone(vm, vhost_blk, plug):
    """One sector cannot be read: a read of it fails, and nothing else does."""
    program = vhost_blk("--store", error_filter([{"ops": ["read"], "offset": 8 << 20,
                                                  "length": 512}]), "--name", "disk0", rpc=True)
    disk = plug(program.socket)
    read = f"dd if={disk.path} of=/dev/null bs=512 iflag=direct count=1 skip="
    check = Iocheck(vm, disk.path, 4)
    for _ in range(3):
        result = vm.run(f"{read}{(8 << 20) // 512}", check=False)
        assert result.code == 1 and b"Input/output error" in result.err
        vm.run(f"{read}{(8 << 20) // 512 - 1}")
        vm.run(f"{read}{(8 << 20) // 512 + 1}")
    check.wait_progress()
    program.rpc("device.errors", name="disk0")
    vm.run(f"{read}{(8 << 20) // 512}")
    check.stop()


@pytest.mark.parametrize("slow", [
    {"type": "delay", "write_us": 20000, "jitter_us": 20000},
    {"type": "throttle", "iops": 200, "bytes_per_s": "4M"},
], ids=lambda slow: slow["type"])
def test_slow_store(vm, vhost_blk, plug, slow):
    """Requests that wait in the program are all done in the end, with the right data."""
    store = {**slow, "inner": {"type": "ram", "size": SIZE}}
    program = vhost_blk("--store", json.dumps(store))
    disk = plug(program.socket)
    check = Iocheck(vm, disk.path, 5, workers=16)
    check.wait_progress(5)
    check.stop()


def test_paused_and_resumed(vm, vhost_blk, plug):
    program = vhost_blk("--store", f"ram:{SIZE}", "--name", "disk0", rpc=True)
    check = Iocheck(vm, plug(program.socket).path, 6)
    for _ in range(3):
        check.wait_progress(5)
        program.rpc("device.pause", name="disk0")
        queues = device(program)["target"]["queues"]
        assert [queue["under-way"] for queue in queues] == [0] * len(queues)
        requests = [queue["requests"] for queue in queues]
        assert [q["requests"] for q in device(program)["target"]["queues"]] == requests
        program.rpc("device.resume", name="disk0")
        check.wait_progress()
    check.stop()


def test_frontend_is_dropped_and_comes_back(vm, vhost_blk, plug):
    program = vhost_blk("--store", f"ram:{SIZE}", "--name", "disk0", rpc=True)
    check = Iocheck(vm, plug(program.socket).path, 7)
    for _ in range(3):
        check.wait_progress(5)
        program.rpc("device.disconnect", name="disk0")
        check.wait_progress()
    check.check()
    check.stop()


def test_two_disks_of_one_program(vm, vhost_blk, plug, image):
    """The other one is added while the first is used, and goes again."""
    program = vhost_blk("--store", f"ram:{SIZE}", "--name", "disk0", rpc=True)
    check = Iocheck(vm, plug(program.socket).path, 8)
    other = program.socket.with_name("other.sock")
    program.rpc("device.add", exactly={"socket-path": str(other)}, name="disk1",
                store=f"file:{image}")
    disk = plug(other)
    fio.run(vm, disk.path, [{"rw": "randwrite", "bs": "4k", "size": "1m", "iodepth": 8}])
    check.wait_progress()
    disk.unplug()
    program.rpc("device.remove", name="disk1")
    assert [found["name"] for found in program.rpc("device.list")] == ["disk0"]
    check.stop()


def test_packed_ring(vm, vhost_blk, plug):
    program = vhost_blk("--store", f"ram:{SIZE}", "--packed", rpc=True)
    disk = plug(program.socket, packed=True)
    check = Iocheck(vm, disk.path, 9, workers=16, sectors=2048, longest=1024)
    # VIRTIO_F_RING_PACKED
    assert int(device(program)["target"]["features"], 16) >> 34 & 1
    check.wait_progress(50)
    check.stop()
