# SPDX-License-Identifier: BSD-3-Clause
"""Either side is rebooted, killed and replaced; the other stays up, and they meet again."""
import signal
import time

import pytest

from harness import linux, pair
from harness.agent import GuestGone
from harness.switch import Switch

FRONTEND, BACKEND = "192.0.2.2", "192.0.2.1"


class Pair:
    """The two VMs, either of which a test may replace."""

    def __init__(self, machines):
        self.machines = machines
        self.socket = machines.dir / "net.sock"
        self.backend = machines.add(pair.backend_vm(self.socket)).launch()
        self.frontend = machines.add(pair.frontend_vm(self.socket)).launch()
        self.backend.wait_up()
        self.serve()
        self.frontend.wait_up()
        self.join()

    def serve(self):
        """The program in the backend VM, from a fresh boot or after its end."""
        self.switch = Switch(self.backend, [pair.bind_vvu(self.backend)], tap=f"{BACKEND}/24")

    def join(self):
        linux.bring_up(self.frontend, f"{FRONTEND}/24")
        linux.wait_ping(self.frontend, BACKEND)

    def check(self):
        linux.wait_carrier(self.frontend)
        linux.wait_ping(self.frontend, BACKEND)
        result = linux.ping(self.frontend, BACKEND, count=10, size=1000)
        assert (result.sent, result.received) == (10, 10), result.output

    def status(self):
        return self.backend.qmp("x-query-virtio-vhost-user",
                                path="/machine/peripheral/dev0/virtio-backend")


@pytest.fixture(scope="module")
def vms(module_machines, frontend_qemu, backend_qemu, net_image):
    return Pair(module_machines)


def test_frontend_vm_reboots(vms):
    epoch = vms.status()["epoch"]
    vms.frontend.reboot()
    vms.join()
    vms.check()
    # The frontend's QEMU keeps its connection over a reboot of its guest.
    assert vms.status()["epoch"] == epoch


def test_frontend_vm_is_reset(vms):
    """The reset button, under traffic: nobody says goodbye to the rings."""
    traffic = vms.frontend.spawn(f"ping -A -q {BACKEND}")
    vms.frontend.reset()
    with pytest.raises(GuestGone):
        traffic.wait(5)
    vms.join()
    vms.check()


def test_frontend_vm_is_killed_and_another_comes(vms):
    before = vms.status()
    vms.frontend.spawn(f"ping -A -q {BACKEND}")
    assert vms.frontend.kill() == -signal.SIGKILL
    vms.frontend = vms.machines.add(pair.frontend_vm(vms.socket)).start()
    vms.join()
    vms.check()
    after = vms.status()
    assert after["connections"] > before["connections"]
    assert after["last-disconnect"]
    assert vms.switch.port()["up"]


def test_frontend_is_killed_while_it_connects(vms):
    """Its QEMU is gone a moment after it came, many times."""
    vms.frontend.kill()
    for _ in range(10):
        before = vms.status()["connections"]
        short = pair.frontend_vm(vms.socket, name="short").launch()
        try:
            deadline = time.monotonic() + 60
            while vms.status()["connections"] == before:
                assert time.monotonic() < deadline, "it does not connect"
        finally:
            short.kill()
            short.close()
    vms.frontend = vms.machines.add(pair.frontend_vm(vms.socket)).start()
    vms.join()
    vms.check()


def test_backend_program_is_killed_and_restarted_under_traffic(vms):
    """A TCP connection between the two guests lives on, and no byte of it is wrong."""
    size = 8 << 20
    sent = linux.make_data(vms.frontend, size)
    server = linux.listen(vms.backend)
    # Slowly enough to be under way for long.
    sender = vms.frontend.spawn(
        f"(dd bs=65536 count=64; sleep 15; cat) </tmp/data | nc {BACKEND} {linux.PORT}")
    vms.backend.wait_for(f"test $(stat -c %s /tmp/received.{linux.PORT}) -gt 1000000")
    # The TAP goes with its program, and its address with it: it has to come back before the
    # connections of that address are given up.
    assert vms.switch.kill() == -signal.SIGKILL
    vms.serve()
    vms.check()
    assert sender.wait(linux.TRANSFER_TIMEOUT).code == 0
    server.wait(linux.TRANSFER_TIMEOUT)
    assert linux.received(vms.backend) == (size, sent)


def test_backend_program_is_killed_many_times(vms):
    """Each next one starts clean: no DMA and no vector of the last is left."""
    for _ in range(3):
        traffic = vms.frontend.spawn(f"ping -A -q -w 60 {BACKEND}")
        vms.frontend.wait_for("true")
        assert vms.switch.kill() == -signal.SIGKILL
        vms.serve()
        vms.check()
        traffic.stop(signal.SIGINT)


def test_backend_program_ends_and_comes_back(vms):
    assert vms.switch.stop() == 0
    linux.wait_carrier(vms.frontend, up=False)
    assert not vms.status()["backend-up"]
    vms.serve()
    vms.check()


def test_backend_vm_reboots_under_a_running_frontend(vms):
    traffic = vms.frontend.spawn(f"ping -q -i 0.2 {BACKEND}")
    vms.backend.reboot()
    # The device is there and its driver is not. The frontend's guest runs on meanwhile.
    assert vms.frontend.text("sleep 3; echo here", timeout=20) == "here"
    vms.serve()
    vms.check()
    traffic.stop(signal.SIGINT)


def test_frontend_guest_runs_on_without_a_backend(vms):
    """Its QEMU tries to connect again and again; that must not hold up the guest."""
    vms.backend.kill()
    try:
        ticks = vms.frontend.text("i=0; while [ $i -lt 20 ]; do sleep 0.2; i=$((i + 1)); done; "
                                  "echo $i", timeout=40)
        assert ticks == "20"
    finally:
        vms.backend = vms.machines.add(pair.backend_vm(vms.socket)).start()
    vms.serve()
    vms.check()


def test_frontend_started_before_the_backend(vms):
    """Its QEMU waits for the program in the backend VM, and nothing is lost by that."""
    assert vms.switch.stop() == 0
    vms.frontend.kill()
    vms.frontend = vms.machines.add(pair.frontend_vm(vms.socket)).launch()
    vms.backend.run("sleep 2")
    assert vms.frontend.alive()
    vms.serve()
    vms.frontend.wait_up()
    vms.join()
    vms.check()


def test_reset_of_the_backend_vm_while_connected(vms):
    """The device is reset without its driver's knowledge."""
    vms.backend.reset()
    assert vms.status()["state"] == "reset"
    vms.serve()
    vms.check()
