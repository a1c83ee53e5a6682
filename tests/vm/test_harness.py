# SPDX-License-Identifier: BSD-3-Clause
"""The harness does what the tests that use it rely on, with a QEMU that knows nothing of ours."""
import hashlib
import os
import random
import signal

import pytest

from harness import kernel_log
from harness.agent import GuestError, GuestGone, GuestTimeout
from harness.qmp import QmpError
from harness.testpmd import Testpmd, eal
from harness.vm import VM, start_all

VIRTIO_NET = ("-netdev", "hubport,id=n0,hubid=0", "-device",
              "virtio-net-pci,netdev=n0,disable-legacy=on,iommu_platform=on,ats=on,addr=5,romfile=")


@pytest.fixture(scope="module")
def guest(module_machines, frontend_qemu, net_image):
    return module_machines.add(VM("guest", frontend_qemu, net_image)).start()


def test_exit_status_and_both_outputs(guest):
    result = guest.run("echo out; echo err >&2; exit 7", check=False)
    assert result == (7, b"out\n", b"err\n")


def test_an_exit_status_other_than_zero_raises(guest):
    with pytest.raises(GuestError, match="ended with 3(?s:.*)words"):
        guest.run("echo words >&2; exit 3")


def test_death_by_signal_is_told(guest):
    assert guest.run("kill -9 $$", check=False).code == -signal.SIGKILL


def test_a_command_that_takes_too_long_raises(guest):
    with pytest.raises(GuestTimeout, match="begun"):
        guest.run("echo begun; exec sleep 600", timeout=3)
    assert guest.text("echo still here") == "still here"


def test_commands_run_side_by_side(guest):
    """Each waits for the other: one after the other they would never end."""
    first = guest.spawn("mkfifo /tmp/there /tmp/back; echo made; read x </tmp/there; echo $x-b "
                        ">/tmp/back")
    first.expect("made")
    second = guest.spawn("echo a >/tmp/there; cat /tmp/back")
    assert second.wait(30) == (0, b"a-b\n", b"")
    assert first.wait(30).code == 0


def test_input_expect_and_signals(guest):
    command = guest.spawn("trap 'echo caught; exit 5' TERM; while read line; do echo got $line; "
                          "done; echo eof")
    command.send("one\n")
    assert command.expect(r"got (\w+)")[1] == "one"
    before = len(command.out)
    command.send("two\n")
    assert command.expect(r"got (\w+)", start=before)[1] == "two"
    # dash runs the trap once read has returned.
    command.signal(signal.SIGTERM)
    command.send("three\n")
    assert command.wait(30).code == 5
    assert command.out.endswith(b"caught\n")


def test_expect_tells_that_a_command_has_ended(guest):
    with pytest.raises(GuestError, match="ended with 4 before"):
        guest.spawn("echo wrong; exit 4").expect("right", timeout=30)


def test_end_of_input(guest):
    command = guest.spawn("cat; echo eof")
    command.send("text ")
    command.end_input()
    assert command.wait(30) == (0, b"text eof\n", b"")


@pytest.mark.parametrize("size", [0, 1, 3_000_001])
def test_binary_files_both_ways(guest, size, tmp_path):
    data = random.Random(size).randbytes(size)
    digest = hashlib.sha256(data).hexdigest()
    (tmp_path / "file").write_bytes(data)
    guest.push(tmp_path / "file", "/tmp/by path", mode=0o600)
    guest.push(data, "/tmp/by-value")
    assert guest.text("sha256sum </tmp/by-value").split()[0] == digest
    assert guest.text("stat -c '%a %s' '/tmp/by path'") == f"600 {size}"
    assert hashlib.sha256(guest.pull("/tmp/by path")).hexdigest() == digest


def test_input_that_nobody_reads_does_not_block_others(guest):
    stuck = guest.spawn("exec sleep 600")
    stuck.send(bytes(500_000))
    assert guest.text("echo free") == "free"
    assert stuck.stop(signal.SIGKILL).code == -signal.SIGKILL


def test_terminal(guest):
    command = guest.spawn("tty && stty size; read line; echo read $line", terminal=True)
    command.expect(r"/dev/pts/\d+")
    command.send("words\n")
    command.expect("read words")
    assert command.wait(30).code == 0


def test_qmp(guest):
    assert guest.qmp("query-status")["status"] == "running"
    assert "QEMU" in guest.qmp.hmp("info version") or guest.qmp.hmp("info version")[0].isdigit()
    with pytest.raises(QmpError, match="not-a-command"):
        guest.qmp("not-a-command")
    guest.qmp("stop")
    assert guest.qmp.wait_event("STOP", 10)["event"] == "STOP"
    guest.qmp("cont")
    assert guest.qmp.wait_event("RESUME", 10)["event"] == "RESUME"
    with pytest.raises(TimeoutError):
        guest.qmp.wait_event("STOP", 0.2)
    assert guest.text("echo on") == "on"


def test_real_programs_come_before_busybox(guest):
    version = guest.run("ip -V; ethtool --version; iperf3 --version; strace -V; lspci --version; "
                        "dpdk-testpmd --version; modprobe --version", check=False)
    words = (version.out + version.err).decode()
    for name in ("iproute2", "ethtool", "iperf 3", "strace --", "lspci version", "EAL", "kmod"):
        assert name in words


def test_built_programs_run_in_the_guest(guest):
    """Their shared libraries are all there."""
    assert "usage: vhost-net" in guest.text("vhost-net --no-huge --no-pci -m 64 -- --help",
                                            check=False)
    for name in ("vhost-net", "vvu-pkt", "vvu-testd"):
        # The dynamic linker itself lists what a program needs.
        listing = guest.text(f"/lib64/ld-linux-x86-64.so.2 --list /usr/bin/{name}")
        assert "not found" not in listing and "libc.so.6" in listing


def test_reset_and_reboot(guest):
    guest.run("touch /tmp/mark; test -e /tmp/mark")
    command = guest.spawn("exec sleep 600")
    guest.reset()
    with pytest.raises(GuestGone, match="anew"):
        command.wait(10)
    assert guest.run("test -e /tmp/mark", check=False).code == 1
    guest.run("touch /tmp/mark; test -e /tmp/mark")
    guest.reboot()
    assert guest.run("test -e /tmp/mark", check=False).code == 1


def test_a_complaint_of_the_kernel_is_found(guest):
    guest.check_kernel()
    guest.run("echo 'BUG: provoked by a test' >/dev/kmsg")
    with pytest.raises(GuestError, match="BUG: provoked by a test"):
        guest.check_kernel()
    guest.run("dmesg -c >/dev/null")
    guest.check_kernel()


@pytest.mark.parametrize("line, found", [
    ("[    1.0] WARNING: CPU: 0 PID: 1 at lib/refcount.c:28", True),
    ("[    1.0] Call Trace:", True),
    ("[    1.0] Oops: 0000 [#1] PREEMPT SMP", True),
    ("[    1.0] please report a bug", False),
    ("[    1.0] Speculative Return Stack Overflow: WARNING: See "
     "https://kernel.org/doc/html/latest/admin-guide/hw-vuln/srso.html for mitigation", False),
])
def test_what_counts_as_a_complaint(line, found):
    assert bool(kernel_log.complaints(line)) == found


def test_two_machines_at_once_and_their_ends(machines, frontend_qemu, net_image):
    first = machines.add(VM("first", frontend_qemu, net_image))
    second = machines.add(VM("second", frontend_qemu, net_image))
    start_all([first, second])
    assert first.text("cat /proc/sys/kernel/random/boot_id") != \
        second.text("cat /proc/sys/kernel/random/boot_id")
    command = first.spawn("exec sleep 600")
    assert first.kill() == -signal.SIGKILL
    with pytest.raises(GuestGone):
        command.wait(10)
    assert not first.alive()
    assert second.poweroff() == 0


def test_a_qemu_that_does_not_start_says_why(machines, frontend_qemu, net_image):
    vm = machines.add(VM("wrong", frontend_qemu, net_image, devices=["-device", "no-such-device"]))
    with pytest.raises(GuestError, match="no-such-device"):
        vm.start()


def test_a_guest_that_panics_is_tried_again_and_then_told(machines, frontend_qemu, net_image):
    vm = VM("panic", frontend_qemu, net_image, append="rdinit=/no/such/file")
    machines.dir.joinpath("x").touch()
    try:
        with pytest.raises(GuestError, match="second boot(?s:.*)Kernel panic"):
            vm.start()
        assert vm.serial().count("Kernel panic") == 2
    finally:
        vm.close()
    assert not os.path.exists(vm.dir)


def test_vfio_behind_the_virtual_iommu(machines, frontend_qemu, net_image):
    vm = machines.add(VM("vfio", frontend_qemu, net_image, viommu=True, hugepages=100, memory=768,
                         devices=VIRTIO_NET)).start()
    address = vm.pci_function("1af4", "1041")
    assert address == "0000:00:05.0"
    vm.run(f"bindto vfio-pci {address}")
    assert vm.text(f"readlink /sys/bus/pci/devices/{address}/driver").endswith("/vfio-pci")
    pmd = Testpmd(vm, eal(devices=[address]), "--forward-mode=txonly")
    assert "Using IOMMU type 1" in pmd.command.out.decode() + pmd.command.err.decode()
    pmd.do("start")
    pmd.do("stop", "Done.")
    assert pmd.stats()["TX-packets"] > 0
    assert pmd.quit().code == 0
