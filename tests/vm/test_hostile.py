# SPDX-License-Identifier: BSD-3-Clause
"""A hostile driver and hostile frontends on one device of a backend VM, while another frontend
VM is served by the next: QEMU and the other two lose nothing."""
import os
import re
import signal
import time

import pytest

from harness import kernel_log, linux, pair
from harness.switch import Switch
from harness.testd import VmTestd
from guest import Guest, Region, Ring
from visitor import Visitor

FRONTEND, BACKEND = "192.0.2.2", "192.0.2.1"
MODES = ["txq", "rings", "config", "common", "doorbell", "kick", "msix", "pci"]
ROUNDS = 300
TIMEOUT = 200


class Vms:
    """Device 0 is abused, device 1 serves the frontend VM through the switch."""

    def __init__(self, machines):
        self.machines = machines
        self.socket, other = machines.dir / "abused.sock", machines.dir / "net.sock"
        self.backend = machines.add(pair.backend_vm([self.socket, other])).launch()
        self.frontend = machines.add(pair.frontend_vm(other, memory=384)).launch()
        self.backend.wait_up()
        self.address, served = pair.bind_vvu(self.backend, 0), pair.bind_vvu(self.backend, 1)
        self.switch = Switch(self.backend, [served], tap=f"{BACKEND}/24")
        self.frontend.wait_up()
        linux.bring_up(self.frontend, f"{FRONTEND}/24")
        linux.wait_ping(self.frontend, BACKEND)

    def function(self):
        return self.path(0), self.address, self.socket

    @staticmethod
    def path(index):
        return f"/machine/peripheral/dev{index}/virtio-backend"

    def status(self, index):
        return self.backend.qmp("x-query-virtio-vhost-user", path=self.path(index))


@pytest.fixture(scope="module")
def faults():
    """Before the machines, whose kernels are checked at their end."""
    with kernel_log.harmless(kernel_log.DMA_FAULT + r".* device \[00:05\.0\]",
                             "what the hostile driver tells its device is no address"):
        yield


@pytest.fixture(scope="module")
def vms(faults, module_machines, frontend_qemu, backend_qemu, net_image):
    return Vms(module_machines)


@pytest.fixture
def bystander(vms):
    """The other frontend VM, under traffic all the time: it loses nothing."""
    before = vms.status(1)
    changes = vms.frontend.text("cat /sys/class/net/eth0/carrier_changes")
    traffic = vms.frontend.spawn(f"ping -i 0.2 -W 30 {BACKEND}")
    traffic.expect("seq=2 ")
    yield
    seen = len(traffic.out)
    traffic.expect(r"seq=\d+ .*\n.*seq=\d+ ", start=seen)
    output = traffic.stop(signal.SIGINT).out.decode()
    counts = re.search(r"(\d+) packets transmitted, (\d+) packets received", output)
    sent, received = map(int, counts.groups())
    # The last may be on its way when ping is told to end.
    assert sent - received <= 1, output[-2000:]
    assert vms.frontend.text("cat /sys/class/net/eth0/carrier_changes") == changes
    after = vms.status(1)
    assert (after["state"], after["epoch"]) == ("connected", before["epoch"])
    linux.check_transfer(vms.frontend, vms.backend, BACKEND, 1 << 20)


@pytest.mark.timeout(TIMEOUT + 100)
@pytest.mark.parametrize("mode", MODES)
def test_driver(vms, bystander, mode):
    """It breaks every rule, and afterwards an honest driver gets a working device."""
    visitor = Visitor(str(vms.socket))
    visitor.start()
    try:
        done = vms.backend.run(f"vvu-hostile --device {vms.address} --mode {mode} "
                               f"--rounds {ROUNDS} --frontend", TIMEOUT, check=False)
    finally:
        visitor.finish()
    assert done.code == 0, done.err.decode()
    assert f"{mode}: {ROUNDS} rounds" in done.out.decode() and b"came back" in done.out
    assert visitor.visits > 0 and visitor.answers > 0
    assert vms.backend.alive() and vms.backend.text("echo here") == "here"


def test_driver_is_killed_in_the_middle(vms, bystander):
    """Its process ends at any moment; what it had mapped and queued is let go."""
    visitor = Visitor(str(vms.socket))
    visitor.start()
    try:
        for _ in range(5):
            driver = vms.backend.spawn(f"exec vvu-hostile --device {vms.address} --mode all "
                                       f"--rounds 100000")
            visits = visitor.visits
            deadline = time.monotonic() + TIMEOUT
            while visitor.visits < visits + 5:
                assert time.monotonic() < deadline and driver.code is None
                time.sleep(0.05)
            assert driver.stop(signal.SIGKILL).code == -signal.SIGKILL
    finally:
        visitor.finish()
    serve_a_good_frontend(vms)


def serve_a_good_frontend(vms):
    program = VmTestd(vms.backend, vms.function(), ())
    with program.frontend() as frontend:
        frontend.negotiate()
    assert program.finish() == 0


def test_frontend_truncates_its_memory(vms, bystander):
    """The program reads zeros, the frontend is disconnected with the reason, QEMU goes on."""
    program = VmTestd(vms.backend, vms.function(), ())
    memory = Guest(Region(0, 4 << 20))
    rings = [Ring(memory, index, 0x1000 * (1 + index)) for index in range(2)]
    with program.frontend() as frontend:
        frontend.negotiate()
        frontend.ack("SET_MEM_TABLE", memory.table(), memory.fds())
        for ring in rings:
            ring.start(frontend)
        frontend.barrier()
        program.wait(lambda status: status["rings"][1]["ready"])
        os.ftruncate(memory.regions[0].fd, 0)
        rings[1].notify()
        assert frontend.closed()
    program.wait(lambda status: not status["connected"])
    assert "truncated" in vms.status(0)["last-disconnect"]
    with program.frontend() as other:
        other.negotiate()
    assert program.finish() == 0
    for ring in rings:
        ring.close()
    # Not its close(): the mapping's end is beyond the file's.
    os.close(memory.regions[0].fd)
