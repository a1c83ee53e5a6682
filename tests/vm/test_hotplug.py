# SPDX-License-Identifier: BSD-3-Clause
"""The device is plugged into a running backend VM and unplugged, with and without a program
and a frontend on it."""
import signal
import time

import pytest

from harness import linux, pair, testpmd
from harness.qmp import QmpError
from harness.switch import Switch

FRONTEND, BACKEND = "192.0.2.2", "192.0.2.1"
# Firmware reserves this for the port: the window of a function that comes later has its place.
PORT = "pcie-root-port,id=rp0,slot=1,addr=10,pref64-reserve=8G"
PATH = "/machine/peripheral/hot/virtio-backend"
# How the kernel calls the frontend's memory in the list of what a process has mapped.
FRONTEND_MEMORY = "/memfd:memory-backend-memfd"
TIMEOUT = 240
SIZE = 4 << 20


class Pair:
    def __init__(self, machines):
        self.machines = machines
        self.socket = machines.dir / "net.sock"
        self.backend = machines.add(pair.backend_vm([], devices=["-device", PORT])).start()
        self.frontend = self.switch = None
        self.listening = False
        self.listen()

    def listen(self):
        """Without a device behind it the socket would take connections and answer nothing, and
        the frontend's guest would wait with its QEMU: it comes and goes with the device."""
        if not self.listening:
            self.backend.qmp("chardev-add", id="hot", backend={
                "type": "socket",
                "data": {"addr": {"type": "unix", "data": {"path": str(self.socket)}},
                         "server": True, "wait": False}})
            self.listening = True

    def plug(self):
        self.listen()
        self.backend.qmp("device_add", driver="virtio-vhost-user-pci", id="hot", bus="rp0",
                         chardev="hot", shm_size=4 << 30)
        self.backend.wait_for(f"lspci -Dn -d {pair.VENDOR}:{pair.DEVICE} | grep -q .", TIMEOUT)

    def serve(self):
        self.switch = Switch(self.backend, [pair.bind_vvu(self.backend)], tap=f"{BACKEND}/24")
        if self.frontend is None:
            self.boot_frontend()

    def boot_frontend(self):
        """While a program serves it."""
        self.frontend = self.machines.add(pair.frontend_vm(self.socket, memory=384)).start()
        linux.bring_up(self.frontend, f"{FRONTEND}/24")

    def check(self):
        linux.wait_carrier(self.frontend)
        linux.wait_ping(self.frontend, BACKEND)
        result = linux.ping(self.frontend, BACKEND, size=1000)
        assert (result.sent, result.received) == (20, 20), result.output
        linux.check_transfer(self.frontend, self.backend, BACKEND, SIZE)

    def ask_to_unplug(self):
        self.backend.qmp("device_del", id="hot")

    def wait_unplugged(self):
        deadline = time.monotonic() + TIMEOUT
        while self.backend.qmp.wait_event("DEVICE_DELETED", TIMEOUT)["data"].get("device") != "hot":
            assert time.monotonic() < deadline
        assert not self.backend.text(f"lspci -Dn -d {pair.VENDOR}:{pair.DEVICE}")
        with pytest.raises(QmpError, match="is no path"):
            self.status()
        self.backend.qmp("chardev-remove", id="hot")
        self.listening = False

    def status(self):
        return self.backend.qmp("x-query-virtio-vhost-user", path=PATH)

    def mappings(self):
        """How many the backend's QEMU has of the frontend's memory."""
        with open(f"/proc/{self.backend.process.pid}/maps", encoding="utf-8") as maps:
            return sum(FRONTEND_MEMORY in line for line in maps)

    def wait_unmapped(self):
        """Not at once: a vCPU may be in the middle of an access."""
        deadline = time.monotonic() + TIMEOUT
        while self.mappings():
            assert time.monotonic() < deadline, f"{self.mappings()} mappings are left"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def vms(module_machines, frontend_qemu, backend_qemu, net_image):
    return Pair(module_machines)


def test_query_of_what_is_not_there(vms):
    with pytest.raises(QmpError, match="is no path"):
        vms.status()
    with pytest.raises(QmpError, match="is no path"):
        vms.backend.qmp("x-query-virtio-vhost-user", path="/machine/peripheral")


@pytest.mark.parametrize("options, message", [
    ({"shm_size": 3 << 30}, "power of two"),
    ({"max_vhost_queues": 257}, "1..256"),
    ({"x_virtio_id": 64}, "x-virtio-id"),
])
def test_plugging_is_refused(vms, options, message):
    """Nothing is left of it: id and chardev can be used by the next one."""
    with pytest.raises(QmpError, match=message):
        vms.backend.qmp("device_add", driver="virtio-vhost-user-pci", id="hot", bus="rp0",
                        chardev="hot", **options)
    with pytest.raises(QmpError, match="is no path"):
        vms.status()


def test_function_is_unplugged_and_plugged_under_a_program_that_listens(vms):
    """The kernel asks for it back; testpmd is told by the driver, lets go of it, goes on, and
    takes the next one. It comes first: a frontend that has met the switch has negotiated offloads
    that testpmd does not offer, and would not be served."""
    vms.plug()
    program = testpmd.Testpmd(vms.backend, testpmd.eal(devices=[pair.bind_vvu(vms.backend)]),
                              "--forward-mode=icmpecho", "--auto-start")
    vms.boot_frontend()
    linux.wait_ping(vms.frontend, BACKEND)
    start = len(program.command.out)
    vms.ask_to_unplug()
    program.command.expect("Port 0: device removal event", TIMEOUT, start)
    vms.wait_unplugged()
    vms.wait_unmapped()
    linux.wait_carrier(vms.frontend, up=False)
    assert "Number of available ports: 0" in program.do("show port summary all", r"ports: \d+")
    vms.plug()
    # It has gone on to forward between no ports.
    program.do("stop", r"Done\.|not started")
    program.do(f"port attach {pair.bind_vvu(vms.backend)}", "Port 0 is attached")
    program.do("port start 0", "Done")
    program.do("set portlist 0")
    program.do("start", "icmpecho packet forwarding")
    linux.wait_carrier(vms.frontend)
    linux.wait_ping(vms.frontend, BACKEND)
    assert program.quit().code == 0
    vms.ask_to_unplug()
    vms.wait_unplugged()


@pytest.mark.parametrize("cycle", [1, 2, 3])
def test_plug_serve_and_unplug(vms, cycle):
    """The program ends before; the frontend VM stays and meets the next device."""
    vms.plug()
    assert vms.status()["state"] == "reset"
    vms.serve()
    vms.check()
    assert vms.mappings() > 0
    assert vms.switch.stop() == 0
    linux.wait_carrier(vms.frontend, up=False)
    vms.wait_unmapped()
    vms.ask_to_unplug()
    vms.wait_unplugged()
    assert vms.mappings() == 0
    assert vms.frontend.text("echo here") == "here"


def test_frontend_ends_while_served(vms):
    """Its memory is unmapped without an unplug too."""
    vms.plug()
    vms.serve()
    vms.check()
    assert vms.mappings() > 0
    assert vms.frontend.kill() == -signal.SIGKILL
    vms.wait_unmapped()
    assert vms.status()["regions"] == 0
    vms.boot_frontend()
    vms.check()


def test_unplug_while_a_program_serves_a_frontend(vms):
    """The guest's kernel asks the program to release the function and waits for it; the
    program is killed under traffic instead."""
    traffic = vms.frontend.spawn(f"ping -A -q {BACKEND}")
    vms.ask_to_unplug()
    vms.backend.wait_for("dmesg | grep -q 'Relaying device request to user'", TIMEOUT)
    assert vms.status()["state"] == "connected"
    assert vms.switch.kill() == -signal.SIGKILL
    vms.wait_unplugged()
    vms.wait_unmapped()
    linux.wait_carrier(vms.frontend, up=False)
    assert vms.frontend.text("echo here") == "here"
    vms.plug()
    vms.serve()
    vms.check()
    traffic.stop(signal.SIGINT)


def test_backend_vm_is_reset_with_a_plugged_device(vms):
    """It is there after the reset as if it had been from the start."""
    vms.backend.reset()
    vms.wait_unmapped()
    assert vms.status()["state"] == "reset"
    vms.serve()
    vms.check()
    assert vms.switch.stop() == 0


def test_a_chardev_without_a_device_can_go(vms):
    with pytest.raises(QmpError, match="busy"):
        vms.backend.qmp("chardev-remove", id="hot")
    vms.ask_to_unplug()
    vms.wait_unplugged()
    assert vms.frontend.text("echo here") == "here"
