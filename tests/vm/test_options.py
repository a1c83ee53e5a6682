# SPDX-License-Identifier: BSD-3-Clause
"""Every property of the device: values that are refused when QEMU starts, and what a guest
sees of the others."""
import json
import os
import socket
import subprocess
import time

import pytest

from harness import linux, pair
from harness.testd import Programs, VmTestd
from net import Net
from vhost_user import Frontend

DEVICE = "virtio-vhost-user-pci"
UUID = "6f1b6b0e-3c1f-4c5e-9a58-1d0e8f1c2b3a"
ALIVE_SECONDS = 20

# What each device of the VM has; (name, shm-size, options).
DEVICES = (
    ("small", "64M", f"uuid={UUID},max-vhost-queues=6"),
    ("default", "8G", ""),
    ("pages", "4G", "page-per-vq=on,max-vhost-queues=16"),
    ("novectors", "64M", "vectors=0"),
    ("onevector", "64M", "vectors=1"),
    ("iothread", "64M", "iothread=io0"),
    ("otherid", "64M", "x-virtio-id=53"),
    ("away", "64M", "accept-timeout=700"),
    ("stay", "64M", "accept-timeout=0"),
)
NAMES = [name for name, _, _ in DEVICES]


# Refused at start

@pytest.mark.parametrize("options, words", [
    ("", ["property chardev", "server=on"]),
    ("chardev=nothing", ["chardev", "'nothing'"]),
    ("chardev=null", ["'null'", "UNIX domain socket"]),
    ("chardev=tcp", ["'tcp'", "UNIX domain socket"]),
    ("chardev=c,shm-size=3G", ["0xc0000000", "power of two"]),
    ("chardev=c,shm-size=2M", ["0x200000", "at least 0x400000", "shm-size"]),
    ("chardev=c,shm-size=1T", ["1 TiB", "40 physical address bits", "512 GiB", "phys-bits"]),
    ("chardev=c,shm-size=much", ["shm-size", "expects size"]),
    ("chardev=c,max-vhost-queues=0", ["0 is not 1..256", "max-vhost-queues"]),
    ("chardev=c,max-vhost-queues=257", ["257 is not 1..256"]),
    ("chardev=c,uuid=6f1b6b0e", ["uuid", "'6f1b6b0e'"]),
    ("chardev=c,x-virtio-id=0", ["x-virtio-id", "1 and 63", "not 0"]),
    ("chardev=c,x-virtio-id=64", ["x-virtio-id", "1 and 63", "not 64"]),
    ("chardev=c,x-protocol-features=0x8000000000000000", ["0x8000000000000000"]),
    ("chardev=c,bus=rp,x-disable-pcie=off", ["PCI Express", "x-disable-pcie"]),
    ("chardev=c,vectors=2049", ["2049", "2048"]),
    ("chardev=c,iothread=nothing", ["'nothing'"]),
    ("chardev=c,accept-timeout=-1", ["accept-timeout"]),
    ("chardev=c,disable-legacy=off", ["disable-legacy"]),
])
def test_refused_at_start(backend_qemu, tmp_path, options, words):
    code, output = run_qemu(backend_qemu, tmp_path, f"{DEVICE},{options}".rstrip(","))
    assert code == 1, output
    for word in words:
        assert word in output, output


def test_a_chardev_serves_one_device(backend_qemu, tmp_path):
    code, output = run_qemu(backend_qemu, tmp_path, f"{DEVICE},chardev=c,shm-size=1G",
                            f"{DEVICE},chardev=c,shm-size=1G")
    assert code == 1 and "already in use" in output


def test_the_limit_is_that_of_the_cpu(backend_qemu, tmp_path):
    device = f"{DEVICE},chardev=c,shm-size=64G"
    code, output = run_qemu(backend_qemu, tmp_path, device, cpu="max,phys-bits=36")
    assert code == 1 and "36 physical address bits" in output and "32 GiB" in output
    assert run_qemu(backend_qemu, tmp_path, device, cpu="max,phys-bits=37") == (0, "")


def test_accepted_at_start(backend_qemu, tmp_path):
    """The ends of the ranges; QEMU is told to quit once it is up."""
    for options in ("shm-size=4M,max-vhost-queues=1", "x-virtio-id=1", "x-virtio-id=63",
                    "shm-size=512G,max-vhost-queues=256", "vectors=2048"):
        assert run_qemu(backend_qemu, tmp_path, f"{DEVICE},chardev=c,{options}") == (0, "")


def run_qemu(qemu, directory, *devices, cpu="max"):
    """(exit status, messages) of a VM without a guest that quits at once if it can start."""
    command = [qemu.path, *qemu.firmware, "-M", "q35", "-accel", "tcg", "-cpu", cpu, "-m", "64",
               "-nodefaults", "-no-user-config", "-display", "none", "-S", "-qmp", "stdio",
               "-device", "pcie-root-port,id=rp",
               "-chardev", f"socket,id=c,path={directory}/s,server=on,wait=off",
               "-chardev", "null,id=null",
               "-chardev", "socket,id=tcp,host=127.0.0.1,port=0,server=on,wait=off"]
    for device in devices:
        command += ["-device", device]
    done = subprocess.run(command, text=True, timeout=60, stdout=subprocess.PIPE, check=False,
                          input='{"execute": "qmp_capabilities"}\n{"execute": "quit"}\n',
                          stderr=subprocess.PIPE)
    return done.returncode, done.stderr


# What a guest sees

class Guest:
    """A VM with a device of each kind, one program at a time for any of them."""

    def __init__(self, machines):
        self.machines = machines
        options = ["-object", "iothread,id=io0"]
        for index, (name, shm_size, more) in enumerate(DEVICES):
            options += pair.vvu_function(machines.dir / name, index, more, shm_size)
        self.vm = machines.add(pair.backend_vm([], hugepages=0, devices=options)).start()
        self.addresses = [f"0000:00:{5 + index:02x}.0" for index in range(len(DEVICES))]
        self.vm.run("bindto vfio-pci " + " ".join(self.addresses))

    def socket(self, name):
        return self.machines.dir / name

    def path(self, name):
        return f"/machine/peripheral/dev{NAMES.index(name)}/virtio-backend"

    def query(self, name):
        return self.vm.qmp("x-query-virtio-vhost-user", path=self.path(name))

    def last_disconnect(self, name):
        return self.query(name).get("last-disconnect", "")

    def program(self, name):
        return Programs(self.vm, self.function(name))

    def function(self, name):
        return self.path(name), self.addresses[NAMES.index(name)], self.socket(name)

    def show(self, name):
        address = self.addresses[NAMES.index(name)]
        return json.loads(self.vm.text(f"vvuctl show --device {address} --json"))


@pytest.fixture(scope="module")
def guest(module_machines, backend_qemu, net_image):
    return Guest(module_machines)


def capability(shown, kind):
    return [cap for cap in shown["capabilities"] if cap.get("type") == kind]


DOORBELLS, KICK_VECTORS, SHARED_MEMORY = 6, 7, 8


@pytest.mark.parametrize("name, uuid, queues, bar, vectors", [
    ("small", UUID, 6, 64 << 20, 9),
    ("default", "00000000-0000-0000-0000-000000000000", 256, 8 << 30, 259),
    ("pages", "00000000-0000-0000-0000-000000000000", 16, 4 << 30, 19),
])
def test_properties_are_shown(guest, name, uuid, queues, bar, vectors):
    shown = guest.show(name)
    assert shown["usable"] and not shown["problems"]
    assert (shown["vendor"], shown["device"], shown["virtio_id"]) == (0x1af4, 0x106b, 43)
    assert shown["config"]["uuid"] == uuid
    assert shown["config"]["max_vhost_queues"] == queues
    assert shown["bars"][0] == bar and shown["msix_vectors"] == vectors
    window = [cap["length"] for cap in capability(shown, SHARED_MEMORY) if cap["shmid"] == 1]
    assert window == [guest.query(name)["window-size"]]


@pytest.mark.parametrize("name, multiplier, bar", [
    ("small", 4, 0), ("pages", 4096, 0), ("default", 4, 4)])
def test_doorbells(guest, name, multiplier, bar):
    """Beyond the reach of their capabilities in a window of more than 4 GiB."""
    doorbells, = capability(guest.show(name), DOORBELLS)
    kicks, = capability(guest.show(name), KICK_VECTORS)
    assert (doorbells["multiplier"], doorbells["bar"], kicks["bar"]) == (multiplier, bar, bar)
    queues = guest.show(name)["config"]["max_vhost_queues"]
    assert doorbells["length"] >= (2 * queues + 1) * multiplier


@pytest.mark.parametrize("name, vectors", [("novectors", 0), ("onevector", 1)])
def test_vectors(guest, name, vectors):
    assert guest.show(name)["msix_vectors"] == vectors


def test_virtio_id(guest):
    shown = guest.show("otherid")
    assert (shown["virtio_id"], shown["device"]) == (53, 0x1040 + 53)


@pytest.mark.parametrize("name", ["small", "default", "pages", "novectors", "onevector",
                                  "iothread", "otherid"])
def test_frames_with_kicks_and_calls(guest, name):
    """Messages, kicks by whatever interrupt there is, doorbells: a scripted frontend's frames
    come back from the program, which does not look at a ring that was not kicked."""
    programs, net = guest.program(name), Net()
    try:
        frontend = programs.get(()).frontend()
        net.start(frontend)
        for number in range(20):
            frame = bytes([number]) * (60 + 50 * number)
            assert net.send_frame(frame)
            assert net.receive_frame() == frame
        assert guest.query(name)["state"] == "connected"
    finally:
        net.close()
        assert programs.stop() == 0


def test_devices_do_not_mix(guest):
    """Each has a socket and a state of its own."""
    epochs = {name: guest.query(name)["epoch"] for name in NAMES}
    programs = guest.program("small")
    with programs.get(()).frontend() as frontend:
        frontend.negotiate()
        states = {name: guest.query(name)["state"] for name in NAMES}
        assert [name for name in NAMES if states[name] == "connected"] == ["small"]
    assert programs.stop() == 0
    assert [name for name in NAMES if guest.query(name)["epoch"] != epochs[name]] == ["small"]


# A frontend that nobody serves

def test_sent_away_after_the_accept_timeout(guest):
    """Who was served before; who comes for the first time may be a QEMU that is starting."""
    with connect(guest, "away") as waiting:
        waiting.settimeout(2)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
    program = VmTestd(guest.vm, guest.function("away"), ())
    served = Frontend(str(guest.socket("away")))
    served.send("GET_FEATURES")
    assert served.reply("GET_FEATURES").u64
    assert guest.query("away")["peer-pid"] == os.getpid()
    served.close()
    assert program.finish() == 0
    with connect(guest, "away") as waiting:
        begun = time.monotonic()
        waiting.settimeout(ALIVE_SECONDS)
        assert waiting.recv(1) == b""
        assert time.monotonic() - begun > 0.4
    assert guest.query("away")["connections"] == 1


def test_stays_without_an_accept_timeout(guest):
    with connect(guest, "stay") as waiting:
        waiting.settimeout(3)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
        assert guest.query("stay")["peer"]
    # One that came before the program is served when the program is there.
    early = Frontend(str(guest.socket("stay")))
    early.send("GET_FEATURES")
    assert guest.query("stay")["connections"] == 0
    program = VmTestd(guest.vm, guest.function("stay"), ())
    assert early.reply("GET_FEATURES").u64
    early.close()
    assert program.finish() == 0


def connect(guest, name):
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(guest.socket(name)))
    return client


# More memory than the window holds

def test_frontend_vm_that_does_not_fit(guest, frontend_qemu):
    """It is refused with the reason and stays up, and so do QEMU and the program."""
    programs = guest.program("small")
    programs.get(())
    frontend = guest.machines.add(pair.frontend_vm(guest.socket("small"), memory=512)).start()
    frontend.run("modprobe virtio_net")
    frontend.wait_for("test -e /sys/class/net/eth0", linux.LINK_TIMEOUT)
    frontend.run("ip link set eth0 up", check=False)
    deadline = time.monotonic() + linux.LINK_TIMEOUT
    while "fit a window of 0x3e00000" not in (why := guest.last_disconnect("small")):
        assert time.monotonic() < deadline, why
        time.sleep(0.1)
    # The message depends on what the frontend's QEMU negotiates.
    assert "SET_MEM_TABLE" in why or "ADD_MEM_REG" in why
    assert why in (guest.vm.dir / "qemu.log").read_text()
    assert frontend.text("echo here") == "here"
    frontend.close()
    # Another, which does fit, is served.
    net = Net()
    net.start(programs.get(()).frontend())
    assert net.send_frame(bytes(60))
    net.close()
    assert programs.stop() == 0
