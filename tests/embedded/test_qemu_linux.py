# SPDX-License-Identifier: BSD-3-Clause
"""A frontend nobody here wrote: the distribution's QEMU, booting the distribution's Linux.

The backend is the distribution's testpmd with a net_vvu port, answering ARP and pings
(icmpecho); the guest's kernel pings it through its ordinary virtio-net interface.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "vm"))

from harness import accel, images, qemu  # noqa: E402

BUILD = ROOT / os.environ.get("VVU_BUILD_PLAIN", "build/plain")
PLUGIN = BUILD / "drivers/vvu_pmd/librte_net_vvu.so"
QEMU = shutil.which("qemu-system-x86_64")
BOOT_TIMEOUT = 180

pytestmark = [
    pytest.mark.skipif(not PLUGIN.exists(), reason=f"{PLUGIN} is not built"),
    pytest.mark.skipif(QEMU is None, reason="no qemu-system-x86_64"),
    pytest.mark.skipif(shutil.which("dpdk-testpmd") is None, reason="no dpdk-testpmd"),
]

SCRIPT = """
ip link set lo up
ip link set eth0 up
ip addr add 192.0.2.2/24 dev eth0
cat /sys/class/net/eth0/mtu
ping -c 20 -i 0.2 -W 5 192.0.2.1 && echo PING-SMALL-OK
ping -c 10 -i 0.2 -W 5 -s 1400 192.0.2.1 && echo PING-LARGE-OK
cat /proc/net/dev
dmesg | grep -E 'BUG|WARNING|Oops' && echo KERNEL-COMPLAINED
"""


@pytest.fixture(scope="module")
def image():
    kernel = images.kernel()
    return (kernel.vmlinux,
            images.script(kernel, "ping", ("virtio_pci", "virtio_net"), SCRIPT))


def start_testpmd(socket, log, *port_options):
    vdev = ",".join(("net_vvu0", f"socket={socket}") + port_options)
    return subprocess.Popen(
        ["dpdk-testpmd", "--lcores", "0@0,1@0", "--no-huge", "-m", "256", "--no-pci", "--no-shconf",
         "--no-telemetry", f"--file-prefix=vvuq{os.getpid()}", "-d", str(PLUGIN), "--vdev", vdev,
         "--", "--forward-mode=icmpecho", "--auto-start", "--total-num-mbufs=4096",
         "--stats-period=1"],
        stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)


def wait_for_socket(socket, process, log_path):
    deadline = time.monotonic() + 60
    while not os.path.exists(socket):
        assert process.poll() is None, log_path.read_text(errors="replace")[-4000:]
        assert time.monotonic() < deadline, log_path.read_text(errors="replace")[-4000:]
        time.sleep(0.05)


def stop(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run_guest(image, socket, device_options=""):
    vmlinux, initrd = image
    vectors = qemu.get(QEMU).vhost_user_net_vectors("tcg")
    command = [
        QEMU, "-M", "q35,memory-backend=ram", *accel.options("tcg"), "-smp",
        "1,maxcpus=2", "-m", "512", "-object", "memory-backend-memfd,id=ram,size=512M,share=on",
        "-nodefaults", "-no-user-config", "-display", "none",
        "-no-reboot", "-kernel", str(vmlinux), "-initrd", str(initrd),
        "-append", "console=ttyS0 panic=-1 quiet no_timer_check", "-serial", "stdio",
        "-chardev", f"socket,id=vu,path={socket}", "-netdev", "vhost-user,id=n0,chardev=vu",
        "-device", f"virtio-net-pci,netdev=n0,disable-legacy=on{vectors}{device_options}",
    ]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=BOOT_TIMEOUT)
    return done.stdout.decode(errors="replace")


@pytest.mark.parametrize("options", ["", ",mrg_rxbuf=off", ",indirect_desc=off,event_idx=off"],
                         ids=["default", "no mergeable buffers", "no indirect, no event index"])
def test_linux_guest_pings_through_net_vvu(image, directory, options):
    socket, log_path = str(directory / "vvu.sock"), directory / "testpmd.log"
    with open(log_path, "wb") as log:
        backend = start_testpmd(socket, log)
        try:
            wait_for_socket(socket, backend, log_path)
            console = run_guest(image, socket, options)
        finally:
            stop(backend)
    context = console + log_path.read_text(errors="replace")[-3000:]
    assert "PING-SMALL-OK" in console and "PING-LARGE-OK" in console, context
    assert re.findall(r"(\d+) packets transmitted, (\d+) packets received", console) == [
        ("20", "20"), ("10", "10")], context
    assert "KERNEL-COMPLAINED" not in console, context
    assert backend.returncode in (0, -15), context


def test_one_backend_serves_guest_after_guest(image, directory):
    """A VM that is gone leaves nothing that the next one meets."""
    socket, log_path = str(directory / "vvu.sock"), directory / "testpmd.log"
    with open(log_path, "wb") as log:
        backend = start_testpmd(socket, log)
        try:
            wait_for_socket(socket, backend, log_path)
            consoles = [run_guest(image, socket) for _ in range(2)]
        finally:
            stop(backend)
    for console in consoles:
        assert "PING-SMALL-OK" in console, console + log_path.read_text(errors="replace")[-3000:]
