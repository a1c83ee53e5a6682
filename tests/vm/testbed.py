#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Boot two VMs and let them talk: './run testbed' calls this.

The frontend VM is an ordinary Linux guest of an unpatched QEMU, with a vhost-user NIC. The
backend VM has the virtio-vhost-user device at the other end of that socket: the vhost-net
switch joins it, as a net_vvu port, to a TAP interface of the backend VM's Linux. So the two
Linux guests are two hosts on one Ethernet, and ping each other and exchange data over TCP.

Exit status 0 when every check passed. VVU_QEMU names the QEMU that has the device.
"""
import argparse
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness import accel as accels, images, linux, pair, qemu as qemus  # noqa: E402
from harness.agent import GuestError  # noqa: E402
from harness.logs import Machines  # noqa: E402
from harness.switch import Switch  # noqa: E402

CONSOLE = pathlib.Path(__file__).resolve().parent / "console.py"
FRONTEND, BACKEND = "192.0.2.2", "192.0.2.1"
PINGS = 20


def parse_args():
    parser = argparse.ArgumentParser(prog="./run testbed", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true",
                        help="leave both VMs running, and say how to get a shell in them")
    parser.add_argument("--frontend-qemu", metavar="PATH",
                        help="QEMU of the frontend VM (default: the distribution's)")
    parser.add_argument("--accel", choices=sorted(accels.OPTIONS),
                        help="accelerator (default: kvm where a guest boots with it, else tcg)")
    parser.add_argument("--kernel", metavar="WHAT",
                        help="kernel of both VMs: a Debian package, a .deb file, or a vmlinux "
                             "near its lib/modules (default: the distribution's)")
    parser.add_argument("--mib", type=int, default=8, metavar="N",
                        help="MiB to transfer over TCP in each direction (default 8)")
    arguments = parser.parse_args()
    if not 1 <= arguments.mib <= 64:
        parser.error(f"--mib {arguments.mib}: not from 1 to 64")
    return arguments


class Testbed:
    def __init__(self, machines, arguments):
        self.machines, self.arguments = machines, arguments
        self.begun = time.monotonic()
        self.failed = []
        # In a directory that outlives this program where the VMs do.
        socket = machines.dir / "net.sock"
        kernel = images.kernel(arguments.kernel)
        image = images.net(kernel)
        common = {"image": image, "accel": arguments.accel, "detachable": arguments.keep}
        self.backend = machines.add(pair.backend_vm(socket, **common))
        frontend_qemu = qemus.get(arguments.frontend_qemu or qemus.frontend().path)
        self.frontend = machines.add(pair.frontend_vm(socket, qemu=frontend_qemu, **common))
        self.switch = None

    def say(self, text):
        print(f"[{time.monotonic() - self.begun:6.1f} s] {text}", flush=True)

    def check(self, what, good, seen):
        self.say(f"{'ok    ' if good else 'FAILED'} {what}: {seen}")
        if not good:
            self.failed.append(what)

    def boot(self):
        for machine in (self.backend, self.frontend):
            version = ".".join(map(str, machine.qemu.version))
            self.say(f"{machine.name} VM: {machine.qemu.path} ({version}), {machine.accel}, "
                     f"Linux {machine.image[0].release}")
        self.backend.launch()
        self.frontend.launch()
        self.backend.wait_up()
        self.say("backend VM is up")
        self.start_switch()
        self.frontend.wait_up()
        self.say("frontend VM is up")

    def start_switch(self):
        address = pair.bind_vvu(self.backend)
        self.say(f"backend VM: {address} is bound to vfio-pci")
        self.switch = Switch(self.backend, [address], tap=f"{BACKEND}/24")
        self.say("backend VM: the switch runs")

    def link(self):
        linux.bring_up(self.frontend, f"{FRONTEND}/24")
        driver = self.frontend.text("ethtool -i eth0")
        self.check("the frontend VM's interface is an ordinary virtio-net",
                   "driver: virtio_net" in driver, " ".join(driver.split()[:2]))

    def ping(self, machine, address, size):
        result = linux.ping(machine, address, PINGS, size)
        self.check(f"{machine.name} VM pings {address}, {size} bytes",
                   (result.sent, result.received) == (PINGS, PINGS),
                   f"{result.received} of {result.sent} answered, min/avg/max {result.times} ms"
                   if result.sent else result.output[-200:])

    def transfer(self, sender, receiver, address):
        """Random bytes over one TCP connection; both ends tell the checksum of theirs."""
        size = self.arguments.mib << 20
        result = linux.transfer(sender, receiver, address, size)
        good = result.received == result.sent
        self.check(f"TCP from the {sender.name} VM to the {receiver.name} VM",
                   good and result.length == size,
                   f"{result.length:,} of {size:,} bytes in {result.seconds:.1f} s, "
                   f"sha256 {result.received[:16]}... " +
                   ("as sent" if good else f"but sent was {result.sent[:16]}..."))

    def views(self):
        """What each VM says itself."""
        print("\nfrontend VM: ip -statistics address show eth0")
        print(self.frontend.text("ip -s address show eth0"))
        ports = self.switch.stats()
        print("\nbackend VM: the switch")
        for port in ports:
            print("  port {index} {name} ({driver}): {0}; from it {rx_packets:,} packets "
                  "{rx_bytes:,} bytes, to it {tx_packets:,} packets {tx_bytes:,} bytes; dropped "
                  "{1}".format("up" if port["up"] else "down",
                               sum(port["dropped"].values()), **port))
        print()
        vvu = next((port for port in ports if "vvu" in port["driver"]), None)
        least = self.arguments.mib << 20
        good = vvu is not None and vvu["up"] and min(vvu["rx_bytes"], vvu["tx_bytes"]) >= least
        self.check("the bytes went through the net_vvu port", good,
                   f"{vvu['rx_bytes']:,} in, {vvu['tx_bytes']:,} out" if vvu else "no such port")

    def kernels(self):
        for machine in (self.frontend, self.backend):
            try:
                machine.check_kernel()
                self.check(f"the {machine.name} VM's kernel has no complaint", True, "dmesg")
            except GuestError as error:
                self.check(f"the {machine.name} VM's kernel has no complaint", False, error)

    def stop(self):
        code = self.switch.stop()
        self.check("the switch ends cleanly", code == 0, f"status {code}")

    def run(self):
        self.boot()
        self.link()
        for size in (56, 1400):
            self.ping(self.frontend, BACKEND, size)
        self.ping(self.backend, FRONTEND, 56)
        self.transfer(self.frontend, self.backend, BACKEND)
        self.transfer(self.backend, self.frontend, FRONTEND)
        self.views()
        self.kernels()
        if not self.arguments.keep:
            self.stop()

    def leave(self):
        """Tell how to reach the VMs and how to end them."""
        for machine in (self.frontend, self.backend):
            machine.detach()
            print(f"console of the {machine.name} VM: {CONSOLE} {machine.dir}")
        processes = " ".join(str(machine.process.pid) for machine in (self.frontend, self.backend))
        places = " ".join(str(machine.dir) for machine in (self.frontend, self.backend))
        print(f"to end them: kill {processes}; rm -rf {places} {self.machines.dir}")


def end_on_sigterm():
    """SIGTERM ends the program as Ctrl-C does, with its clean-up."""
    def interrupt(number, frame):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, interrupt)


def main():
    arguments = parse_args()
    end_on_sigterm()
    machines = Machines("testbed")
    left = False
    try:
        testbed = Testbed(machines, arguments)
        problem = None
        try:
            testbed.run()
        except GuestError as error:
            problem = str(error)
        if testbed.failed or problem:
            print(f"testbed: {problem or 'FAILED: ' + '; '.join(testbed.failed)}\n"
                  f"testbed: logs are in {machines.keep()}", file=sys.stderr)
        else:
            print("testbed: every check passed")
        if arguments.keep and all(machine.alive() for machine in machines.machines):
            testbed.leave()
            left = True
        return 1 if testbed.failed or problem else 0
    except (RuntimeError, ValueError, OSError) as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("testbed: interrupted", file=sys.stderr)
        return 130
    finally:
        if not left:
            machines.close()


if __name__ == "__main__":
    sys.exit(main())
