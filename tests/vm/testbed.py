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
import json
import pathlib
import re
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness import accel as accels, images, pair, qemu as qemus, testpmd  # noqa: E402
from harness.agent import GuestError  # noqa: E402
from harness.logs import Machines  # noqa: E402

CONSOLE = pathlib.Path(__file__).resolve().parent / "console.py"
FRONTEND, BACKEND = "192.0.2.2", "192.0.2.1"
PORT = 5001
PINGS = 20
STATS = "/tmp/stats.json"
# The first ring of a frontend appears while it boots.
LINK_TIMEOUT = 60
TRANSFER_TIMEOUT = 180


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
        self.backend.run("modprobe tun")
        eal = testpmd.eal(lcores="0@0", devices=[address],
                          options=["--vdev", "net_tap0,iface=tap0"])
        self.switch = self.backend.spawn(
            f"exec vhost-net {' '.join(eal)} -- --queues 1 --idle-us 50 --stats-interval 1 "
            f"--json {STATS}")
        self.switch.expect("ready: 2 ports", testpmd.START_TIMEOUT)
        self.backend.run(f"ip address add {BACKEND}/24 dev tap0; ip link set tap0 up")
        self.say("backend VM: the switch runs")

    def link(self):
        self.frontend.run("modprobe virtio_net")
        self.frontend.wait_for("test -e /sys/class/net/eth0", LINK_TIMEOUT)
        self.frontend.run(f"ip address add {FRONTEND}/24 dev eth0; ip link set eth0 up")
        self.frontend.wait_for("test \"$(cat /sys/class/net/eth0/carrier)\" = 1", LINK_TIMEOUT)
        driver = self.frontend.text("ethtool -i eth0")
        self.check("the frontend VM's interface is an ordinary virtio-net",
                   "driver: virtio_net" in driver, " ".join(driver.split()[:2]))

    def ping(self, machine, address, size):
        output = machine.text(f"ping -c {PINGS} -i 0.1 -W 10 -s {size} {address}", check=False)
        counts = re.search(r"(\d+) packets transmitted, (\d+) packets received", output)
        times = re.search(r"= ([\d./]+) ms", output)
        self.check(f"{machine.name} VM pings {address}, {size} bytes",
                   counts is not None and counts.groups() == (str(PINGS), str(PINGS)),
                   f"{counts[0] if counts else output[-200:]}, "
                   f"min/avg/max {times[1] if times else '-'} ms")

    def transfer(self, sender, receiver, address):
        """Random bytes over one TCP connection; both ends tell the checksum of theirs."""
        size = self.arguments.mib << 20
        sent = sender.text(f"head -c {size} /dev/urandom >/tmp/data && sha256sum </tmp/data",
                           timeout=TRANSFER_TIMEOUT).split()[0]
        # Its standard input stays open: busybox's nc would close the connection at its end.
        server = receiver.spawn(f"nc -l -p {PORT} >/tmp/received")
        receiver.wait_for(f"netstat -ltn | grep -q ':{PORT} '")
        begun = time.monotonic()
        sender.run(f"nc {address} {PORT} </tmp/data", timeout=TRANSFER_TIMEOUT)
        server.wait(TRANSFER_TIMEOUT)
        seconds = time.monotonic() - begun
        length, received = receiver.text("stat -c %s /tmp/received; sha256sum </tmp/received"
                                         ).split()[:2]
        self.check(f"TCP from the {sender.name} VM to the {receiver.name} VM",
                   received == sent and int(length) == size,
                   f"{int(length):,} of {size:,} bytes in {seconds:.1f} s, "
                   f"sha256 {received[:16]}... " +
                   ("as sent" if received == sent else f"but sent was {sent[:16]}..."))

    def views(self):
        """What each VM says itself."""
        print("\nfrontend VM: ip -statistics address show eth0")
        print(self.frontend.text("ip -s address show eth0"))
        # The switch writes its file once a second.
        time.sleep(1.2)
        stats = json.loads(self.backend.pull(STATS))
        print("\nbackend VM: the switch")
        for port in stats["ports"]:
            print("  port {index} {name} ({driver}): {0}; from it {rx_packets:,} packets "
                  "{rx_bytes:,} bytes, to it {tx_packets:,} packets {tx_bytes:,} bytes; dropped "
                  "{1}".format("up" if port["up"] else "down",
                               sum(port["dropped"].values()), **port))
        print()
        vvu = next((port for port in stats["ports"] if "vvu" in port["driver"]), None)
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
        result = self.switch.stop(signal.SIGTERM)
        self.check("the switch ends cleanly", result.code == 0, f"status {result.code}")

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
        print(f"to end them: kill {processes}; rm -r {places} {self.machines.dir}")


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
