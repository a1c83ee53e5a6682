# SPDX-License-Identifier: BSD-3-Clause
"""Two frontend VMs and the switch of one backend VM between them: a device for each."""
import signal

import pytest

from harness import linux, pair
from harness.switch import Switch

BACKEND, ONE, OTHER = "192.0.2.1", "192.0.2.2", "192.0.2.3"
MACS = {ONE: "52:54:00:12:34:56", OTHER: "52:54:00:12:34:57"}
# Three VMs on one machine: enough for their image and the data of a transfer, no more.
MEMORY = 384
SIZE = 8 << 20


class Trio:
    def __init__(self, machines):
        self.machines = machines
        self.sockets = {ONE: machines.dir / "one.sock", OTHER: machines.dir / "other.sock"}
        self.backend = machines.add(pair.backend_vm(list(self.sockets.values()))).launch()
        self.vm = {address: self.launch(address) for address in self.sockets}
        self.backend.wait_up()
        self.serve(tap=f"{BACKEND}/24")
        for address in self.vm:
            self.join(address)

    def launch(self, address):
        name = "one" if address == ONE else "other"
        return self.machines.add(pair.frontend_vm(
            self.sockets[address], name, mac=MACS[address], memory=MEMORY)).launch()

    def join(self, address):
        self.vm[address].wait_up()
        linux.bring_up(self.vm[address], f"{address}/24")

    def serve(self, tap=None):
        addresses = [pair.bind_vvu(self.backend, index) for index in range(2)]
        self.switch = Switch(self.backend, addresses, tap=tap)

    def status(self, address):
        index = list(self.sockets).index(address)
        return self.backend.qmp("x-query-virtio-vhost-user",
                                path=f"/machine/peripheral/dev{index}/virtio-backend")

    def check(self):
        """Either reaches the other."""
        for source, target in ((ONE, OTHER), (OTHER, ONE)):
            linux.wait_ping(self.vm[source], target)
            result = linux.ping(self.vm[source], target, count=10, size=1000)
            assert (result.sent, result.received) == (10, 10), result.output


@pytest.fixture(scope="module")
def vms(module_machines, frontend_qemu, backend_qemu, net_image):
    return Trio(module_machines)


@pytest.mark.parametrize("size", [56, 1472, 9000])
@pytest.mark.parametrize("source, target", [(ONE, OTHER), (OTHER, ONE)])
def test_ping(vms, source, target, size):
    result = linux.ping(vms.vm[source], target, size=size)
    assert (result.sent, result.received) == (20, 20), result.output


def test_each_has_the_address_of_the_other(vms):
    """Frames arrive with the address of the VM that sent them: no host in between."""
    for source, target in ((ONE, OTHER), (OTHER, ONE)):
        linux.wait_ping(vms.vm[source], target)
        assert MACS[target] in vms.vm[source].text(f"ip neighbour show {target}")


@pytest.mark.parametrize("source, target", [(ONE, OTHER), (OTHER, ONE)])
def test_tcp_keeps_every_byte(vms, source, target):
    linux.check_transfer(vms.vm[source], vms.vm[target], target, SIZE)


def test_tcp_both_ways_at_once(vms):
    ways = [(ONE, OTHER), (OTHER, ONE)]
    sums = [linux.make_data(vms.vm[source], SIZE) for source, _ in ways]
    servers = [linux.listen(vms.vm[target]) for _, target in ways]
    senders = [vms.vm[source].spawn(f"nc {target} {linux.PORT} </tmp/data")
               for source, target in ways]
    for (_, target), checksum, server, sender in zip(ways, sums, servers, senders):
        assert sender.wait(linux.TRANSFER_TIMEOUT).code == 0
        server.wait(linux.TRANSFER_TIMEOUT)
        assert linux.received(vms.vm[target]) == (SIZE, checksum)


def test_one_is_killed_under_traffic(vms):
    """The other keeps its link and its connection to a third host, and meets the next one."""
    before = vms.status(OTHER)
    other = vms.vm[OTHER]
    changes = other.text("cat /sys/class/net/eth0/carrier_changes")
    between = [vms.vm[ONE].spawn(f"ping -A -q {OTHER}"), other.spawn(f"ping -A -q {ONE}")]
    third = other.spawn(f"ping -i 0.1 -c 50 -W 10 {BACKEND}")
    third.expect("seq=5 ")
    assert vms.vm[ONE].kill() == -signal.SIGKILL
    third.wait()
    assert b"\n50 packets transmitted, 50 packets received" in third.out
    between[1].stop(signal.SIGINT)
    assert not vms.status(ONE)["peer"]

    linux.check_transfer(other, vms.backend, BACKEND, SIZE)
    assert other.text("cat /sys/class/net/eth0/carrier_changes") == changes

    vms.vm[ONE] = vms.launch(ONE)
    vms.join(ONE)
    vms.check()
    after = vms.status(OTHER)
    assert (after["epoch"], after["connections"]) == (before["epoch"], before["connections"])
    assert other.text("cat /sys/class/net/eth0/carrier_changes") == changes


def test_program_ends_and_comes_back_without_a_third_host(vms):
    """Both devices are let go by one process, and the next one serves both."""
    assert vms.switch.stop() == 0
    for address, vm in vms.vm.items():
        linux.wait_carrier(vm, up=False)
        assert not vms.status(address)["backend-up"]
    vms.serve()
    for vm in vms.vm.values():
        linux.wait_carrier(vm)
    vms.check()
    assert vms.switch.stop() == 0
