# SPDX-License-Identifier: BSD-3-Clause
"""How long a frontend that sends all the time is without its back-end: from the start of the
program in the backend VM to its first packet.

fresh: the backend VM is killed and booted anew, and its program starts for the first time.
restart: the program gets SIGKILL under traffic and is started again at once.

The frontend is Linux with its own driver, as it stops and resumes with the link. BACKEND_UP and
FRONTEND_UP are the device's status bits, which QMP tells and which are polled. The first packet
is the first line that testpmd prints about one.
"""
import re
import signal
import statistics
import time

import dpdkrun
import figures
import vm_bed
from harness import testpmd
from harness.agent import text

DEVICE = "/machine/peripheral/dev0/virtio-backend"
POLL_S = 0.001
TIMEOUT_S = 90
VERBOSE = "/tmp/verbose.cmd"
FIRST = re.compile(r"port 0/queue 0: received \d+ packets")
# Nobody answers; the neighbour's address is there, so that it is not asked for first.
OWN, PEER, PEER_MAC = "192.0.2.2/24", "192.0.2.1", "02:00:00:00:00:01"
SEND_INTERVAL_S = 0.005
PARTS = ("exec_to_backend_up", "backend_up_to_frontend_up", "frontend_up_to_first_packet",
         "backend_up_to_first_packet", "exec_to_first_packet")


def status(vm):
    return vm.qmp("x-query-virtio-vhost-user", path=DEVICE)


def command_line(bed):
    """A receiver that says when it gets something; without waiting for a link."""
    line = ["stdbuf", "-oL", "dpdk-testpmd", *testpmd.eal(devices=[bed.address]), "--", "-i",
            vm_bed.MBUFS, *vm_bed.PROGRAM, "--forward-mode=rxonly", "--auto-start",
            "--disable-link-check",
            f"--cmdline-file={VERBOSE}"]
    return "exec " + " ".join(line)


def observe(vm, line):
    """Start the program; when things happened, in seconds since, and the time between looks."""
    seen, looks = {}, []
    begun = time.monotonic()
    command = vm.spawn(line)
    while "first packet" not in seen:
        device = status(vm)
        now = time.monotonic() - begun
        looks.append(now)
        if device["backend-up"]:
            seen.setdefault("backend up", now)
        if device["frontend-up"]:
            seen.setdefault("frontend up", now)
        if FIRST.search(text(command.out)):
            seen["first packet"] = time.monotonic() - begun
        elif command.code is not None or now > TIMEOUT_S:
            raise dpdkrun.Failed(f"no packet within {now:.0f} s, program's status "
                                 f"{command.code}: {text(command.out)[-500:]}")
        time.sleep(POLL_S)
    gaps = [b - a for a, b in zip(looks, looks[1:])]
    return command, seen, gaps


def parts(seen):
    """Durations. A bit that was never seen set was set between two looks."""
    first = seen["first packet"]
    frontend = seen.get("frontend up", first)
    backend = seen.get("backend up", frontend)
    return dict(zip(PARTS, (round(value, 5) for value in (
        backend, frontend - backend, first - frontend, first - backend, first))))


def end(vm, command):
    """As a crash; until the device knows."""
    command.stop(signal.SIGKILL)
    dpdkrun.wait_for("the device after SIGKILL", lambda: not status(vm)["backend-up"], 30, POLL_S)


def agent_latency(vm, times=15):
    """Seconds from a line to its echo by a program that already runs in the guest."""
    command, found = vm.spawn("exec cat"), []
    for number in range(times):
        begun = time.monotonic()
        command.send(f"<{number}>\n")
        command.expect(f"<{number}>", 30)
        found.append(time.monotonic() - begun)
    command.end_input()
    command.wait(30)
    return round(statistics.median(found), 5)


def fresh_vm(bed):
    bed.backend.kill()
    bed.adopt_backend_vm(bed.new_backend_vm().start())
    bed.backend.push(b"set verbose 1\n", VERBOSE)


def start_sender(bed):
    """Linux's driver takes the NIC at the backend VM, and sends a small frame now and again."""
    vm, function = bed.frontend, vm_bed.NICS[0]
    vm.run("modprobe virtio_net")
    vm.run(f"bindto virtio-pci {function}")
    vm.wait_for(f"ls /sys/bus/pci/devices/{function}/virtio*/net")
    interface = vm.text(f"ls /sys/bus/pci/devices/{function}/virtio*/net")
    vm.run(f"ip address add {OWN} dev {interface}; ip link set {interface} up; "
           f"ip neighbour replace {PEER} lladdr {PEER_MAC} dev {interface} nud permanent")
    return vm.spawn(f"exec ping -q -i {SEND_INTERVAL_S} {PEER}")


def measure(bed, count, say):
    """Both kinds, count times. The frontend's testpmd has ended; the backend's may run, and
    does not afterwards."""
    sender = start_sender(bed)
    bed.stop_backends()
    samples, gaps, command = [], [], None
    for kind in ("fresh", "restart"):
        for number in range(count):
            if kind == "fresh":
                fresh_vm(bed)
            else:
                end(bed.backend, command)
            command, seen, more = observe(bed.backend, command_line(bed))
            gaps += more
            if sender.code is not None:
                raise dpdkrun.Failed("the frontend's ping has ended: "
                                     f"{text(sender.out)} {text(sender.err)}")
            samples.append({"kind": kind, **parts(seen)})
            say(f"{kind} {number + 1}/{count}: BACKEND_UP after {samples[-1][PARTS[0]]:.3f} s, "
                f"FRONTEND_UP {samples[-1][PARTS[1]]:.3f} s later, first packet "
                f"{samples[-1][PARTS[2]] * 1e3:.1f} ms after that")
    end(bed.backend, command)
    latency = agent_latency(bed.backend)
    sender.stop(signal.SIGKILL)
    return {"samples": samples, "reconnect": reconnect(bed),
            "send_interval_seconds": SEND_INTERVAL_S,
            "milliseconds_between_looks": figures.spread([gap * 1e3 for gap in gaps]),
            "agent_echo_seconds": latency,
            "summary": {kind: {part: figures.spread([s[part] for s in samples
                                                     if s["kind"] == kind]) for part in PARTS}
                        for kind in ("fresh", "restart")}}


def reconnect(bed):
    """What the frontend's QEMU was told: how often it tries to connect."""
    return re.search(r"reconnect(-ms)?=\d+", " ".join(bed.frontend.command()))[0]
