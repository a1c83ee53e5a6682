# SPDX-License-Identifier: BSD-3-Clause
"""The iscsi store over RDMA: in a VM that has an RDMA device in software and an iSER target on
it, first by itself, then as the disk of another VM."""
import contextlib
import errno
import os
import time

import pytest

from harness import fio, images, iser, storage

MEGABYTE = 1 << 20

pytestmark = pytest.mark.skipif("VVU_BUILD_ISER" not in os.environ,
                                reason="no build with a libiscsi of 1.20 or later")


@pytest.fixture(scope="module")
def vm(module_machines, backend_qemu):
    found = module_machines.add(storage.backend_vm(
        module_machines.dir / "blk.sock", name="appliance", image=images.iser(),
        memory=1536)).start()
    iser.set_up_rdma(found)
    return found


@pytest.fixture(scope="module")
def target(vm):
    return iser.Target(vm)


@contextlib.contextmanager
def exerciser(vm, store=None):
    program = iser.Exerciser(vm, store or iser.uri())
    assert program.opened == {"result": 0}
    yield program
    program.close()


def test_data_goes_by_rdma(vm, target):
    with exerciser(vm) as program:
        info = program.ask("info")
        assert info["size"] == iser.SIZE and info["block"] == 512
        before = iser.packets(vm)
        # More than a command may carry over iSER.
        assert program.ask("write", 0, 8 * MEGABYTE, 9)["result"] == 0
        assert program.ask("zeroes", MEGABYTE, 2 * MEGABYTE)["result"] == 0
        for offset, length, byte in ((0, 1, 9), (1, 2, 0), (3, 5, 9)):
            answer = program.ask("read", offset * MEGABYTE, length * MEGABYTE, byte)
            assert (answer["result"], answer["wrong"]) == (0, 0)
        assert program.ask("flush")["result"] == 0
        assert program.ask("read", iser.SIZE, 512, 0)["result"] == -errno.EINVAL
        # A packet of RoCE carries 4096 bytes at most.
        assert iser.packets(vm) - before > 16 * MEGABYTE // 4096
        seen = vm.text(f"head -c 8388608 {iser.DISK} | tr -d '\\t' | wc -c")
        assert int(seen) == 2 * MEGABYTE


def test_several_queues(vm, target):
    with exerciser(vm) as program:
        program.ask("load", 3, 8)
        time.sleep(2)
        counts = program.ask("stop")
        assert counts["mismatches"] == 0 and counts["errors"] == {}
        assert counts["operations"] > 24


def test_nothing_is_lost_when_the_target_is_killed_and_restarted(vm, target):
    with exerciser(vm) as program:
        descriptors = program.descriptors()
        program.ask("load", 2, 8)
        for connections in (2, 3, 4, 5):
            time.sleep(0.5)
            target.restart()
            program.wait_connected(connections)
        counts = program.ask("stop")
        assert counts["mismatches"] == 0 and counts["errors"] == {}
        assert program.descriptors() == descriptors


def test_a_target_that_went_while_nothing_was_under_way(vm, target):
    with exerciser(vm) as program:
        assert program.ask("write", 0, 4096, 3)["result"] == 0
        target.restart()
        answer = program.ask("read", 0, 4096, 3)
        assert (answer["result"], answer["wrong"]) == (0, 0)
        assert program.wait_connected(2)["timeouts"] == 0


def test_what_waits_too_long_times_out_and_the_store_comes_back(vm, target):
    with exerciser(vm, {"type": "iscsi", "uri": iser.uri(), "timeout_ms": 1500}) as program:
        target.kill()
        answer = program.ask("write", 0, 4096, 1)
        assert answer["result"] == -errno.ETIMEDOUT and answer["ms"] >= 1500
        assert program.ask("describe")["state"].startswith("not connected: ")
        target.start()
        program.wait_connected(2)
        assert program.ask("write", 0, 4096, 2)["result"] == 0
        assert program.ask("read", 0, 4096, 2)["wrong"] == 0


def test_a_unit_that_has_grown_is_looked_at_again(vm, target):
    with exerciser(vm) as program:
        target.kill()
        target.set_size(2 * iser.SIZE)
        target.start()
        assert program.ask("read", 0, 512, 0)["result"] == 0
        assert program.ask("info")["size"] == iser.SIZE
        assert program.ask("resize", 0)["result"] == 0
        assert program.ask("info")["size"] == 2 * iser.SIZE
        assert program.ask("write", 2 * iser.SIZE - 4096, 4096, 8)["result"] == 0
        assert program.ask("read", 2 * iser.SIZE - 4096, 4096, 8)["wrong"] == 0


def test_a_target_that_is_not_there_is_said(vm, target):
    program = iser.Exerciser(vm, iser.uri(target="iqn.2024-01.test:none"))
    assert program.opened["result"] == -errno.EIO and "login" in program.opened["reason"]


def test_memory_that_may_not_be_locked_is_said(vm, target):
    refused = vm.run(f"exec setpriv --reuid 65534 store-exerciser {iser.uri()} </dev/null",
                     check=False)
    assert refused.code == 1 and b"RLIMIT_MEMLOCK" in refused.out, refused


def test_disk_of_another_vm(module_machines, vm, target):
    frontend = module_machines.add(storage.frontend_vm(module_machines.dir / "blk.sock")).launch()
    program = storage.Target(vm, "vhost-blk", "--store", iser.uri())
    frontend.wait_up()
    frontend.run("modprobe virtio_blk")
    frontend.wait_for("test -b /dev/vda")
    before = iser.packets(vm)
    fio.run(frontend, "/dev/vda", [{"rw": "randwrite", "bs": "4k", "iodepth": 16, "size": "4m"},
                                   {"rw": "write", "bs": "1m", "iodepth": 4, "size": "8m"}])
    assert iser.packets(vm) - before > 2 * 12 * MEGABYTE // 4096
    fio.through_kills(frontend, "/dev/vda", 3, lambda: 1, target.restart)
    assert "I/O error" not in frontend.text("dmesg")
    seen = frontend.text("sha256sum </dev/vda").split()[0]
    assert seen == vm.text(f"sha256sum <{iser.DISK}").split()[0]
    frontend.check_kernel()
    assert frontend.poweroff() == 0
    assert program.stop() == 0, program.text()
