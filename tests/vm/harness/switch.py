# SPDX-License-Identifier: BSD-3-Clause
"""The vhost-net switch in a backend VM, with its Linux as one of the hosts."""
import json
import signal
import time

from . import testpmd

TAP = "tap0"
STATS = "/tmp/switch.json"


class Switch:
    """Joins net_vvu ports (PCI addresses, bound to vfio-pci) to a TAP interface, whose address
    in the backend VM's Linux is tap ("ADDRESS/PREFIX"); without one, only to each other."""

    def __init__(self, vm, addresses, *, tap=None, queues=1, mtu=0):
        self.vm = vm
        options = []
        if tap:
            vm.run("modprobe tun")
            options = ["--vdev", f"net_tap0,iface={TAP}"]
        ports = [f"{address},queues={queues}" for address in addresses]
        eal = testpmd.eal(lcores="0@0", devices=ports, options=options)
        self.command = vm.spawn(
            f"exec vhost-net {' '.join(eal)} -- --queues {queues} --idle-us 50 "
            f"--stats-interval 1 --json {STATS}" + (f" --mtu {mtu}" if mtu else ""))
        self.command.expect(f"ready: {len(addresses) + bool(tap)} ports", testpmd.START_TIMEOUT)
        if tap:
            vm.run(f"ip address replace {tap} dev {TAP}; ip link set {TAP} up"
                   + (f" mtu {mtu}" if mtu else ""))

    def stats(self):
        """What it says of each port, not older than this call."""
        # It writes the file once a second: this is a later one.
        time.sleep(2.1)
        return json.loads(self.vm.pull(STATS))["ports"]

    def port(self, index=0):
        return self.stats()[index]

    def stop(self):
        """Its exit status after SIGTERM."""
        return self.command.stop(signal.SIGTERM).code

    def kill(self):
        """As a crash would end it."""
        return self.command.stop(signal.SIGKILL).code
