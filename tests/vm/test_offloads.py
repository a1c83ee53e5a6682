# SPDX-License-Identifier: BSD-3-Clause
"""Linux guests with all offloads on, or none, behind the switch on their host.

Two unmodified VMs that leave checksums and segmentation to their device, and take both from
it, are joined by the switch: their TCP crosses it in frames of many segments, whose checksums
nobody computes. A third takes none of that; for it the switch finishes what they send.
"""
import os
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples" / "common"))
import dpdkrun  # noqa: E402

from harness import linux, pair  # noqa: E402

ADDRESS = {"first": "192.0.2.1", "second": "192.0.2.2", "plain": "192.0.2.3"}
ADDRESS6 = {name: f"fd00::{address[-1]}" for name, address in ADDRESS.items()}
# Of virtio-net-pci; the first two say the same and show that nothing else is needed.
PLAIN = ",".join(f"{name}=off" for name in (
    "csum", "host_tso4", "host_tso6", "host_ecn", "host_ufo", "guest_csum", "guest_tso4",
    "guest_tso6", "guest_ecn", "guest_ufo"))
BITS = {"CSUM": 0, "GUEST_CSUM": 1, "GUEST_TSO4": 7, "GUEST_TSO6": 8, "GUEST_ECN": 9,
        "HOST_TSO4": 11, "HOST_TSO6": 12, "HOST_ECN": 13}
MTU = 1500
SIZE = 4 << 20


class Guests:
    def __init__(self, switch, machines):
        self.switch = switch
        self.vms = machines

    def __getitem__(self, name):
        return self.vms[name]


@pytest.fixture(scope="module")
def guests(module_machines, frontend_qemu, net_image):
    with dpdkrun.Runner("offloads") as runner:
        vms = {}
        ports = []
        for number, name in enumerate(ADDRESS):
            ports += ["--vdev", f"net_vvu{number},socket={runner.socket(name)}"]
        cores = ",".join(map(str, dpdkrun.cores()))
        # One that a test leaves running would be in the way of everything after it.
        switch = runner.start("switch", [
            dpdkrun.program("examples/vhost-net/vhost-net"),
            *runner.eal("switch", dpdkrun.memory_args(256, False), f"0@({cores})"),
            "-d", runner.plugin(), *ports, "--", "--json", str(runner.dir / "switch.json"),
            "--idle-us", "50", "--stats-interval", "1"])
        switch.json = runner.dir / "switch.json"
        switch.expect("ready: ", 60)
        for number, name in enumerate(ADDRESS):
            vms[name] = module_machines.add(pair.frontend_vm(
                runner.socket(name), name, qemu=frontend_qemu, mac=f"52:54:00:12:34:6{number}",
                options=PLAIN if name == "plain" else "")).launch()
        for name, vm in vms.items():
            vm.wait_up()
            linux.bring_up(vm, ADDRESS[name] + "/24")
            vm.run(f"ip address add {ADDRESS6[name]}/64 dev eth0 nodad")
            # tcpdump is to see what the device hands over, not what Linux makes of it.
            vm.run("ethtool -K eth0 gro off")
        for name in ("second", "plain"):
            linux.wait_ping(vms["first"], ADDRESS[name])
        yield Guests(switch, vms)
        for vm in vms.values():
            vm.check_kernel()
            assert vm.poweroff() == 0
        assert switch.stop() == 0, switch.tail()


def negotiated(vm):
    text = vm.text("cat /sys/class/net/eth0/device/features")
    return {name for name, number in BITS.items() if text[number] == "1"}


def settings(vm):
    """What "ethtool -k" says is on."""
    return {line.split(":")[0].strip() for line in vm.text("ethtool -k eth0").splitlines()
            if line.split(":")[-1].split()[:1] == ["on"]}


def test_what_the_switch_takes_is_negotiated(guests):
    for name in ("first", "second"):
        assert negotiated(guests[name]) == set(BITS)
        assert {"rx-checksumming", "tx-checksumming", "tx-checksum-ip-generic",
                "tcp-segmentation-offload", "tx-tcp-segmentation", "tx-tcp-ecn-segmentation",
                "tx-tcp6-segmentation"} <= settings(guests[name])
    assert negotiated(guests["plain"]) == set()
    # "rx-checksumming" is always on there: it says that Linux can do without.
    assert not {"tx-checksumming", "tcp-segmentation-offload"} & settings(guests["plain"])


class Capture:
    """TCP on eth0 as tcpdump shows it."""

    def __init__(self, vm, bytes_each=128):
        self.vm = vm
        self.process = vm.spawn(f"exec tcpdump -i eth0 -Z root -n -s {bytes_each} -B 8192 "
                                "--immediate-mode -U -w /tmp/capture tcp 2>&1")
        self.process.expect("listening on", 60)

    def stop(self):
        # It lags behind what Linux has delivered, and forgets that when it ends.
        self.vm.wait_for("was=$(stat -c %s /tmp/capture); sleep 0.5; "
                         "test $was = $(stat -c %s /tmp/capture)")
        self.process.stop(2)
        self.text = self.vm.text("tcpdump -Z root -n -vv -r /tmp/capture; rm /tmp/capture",
                                 timeout=120)
        return self

    def lengths(self):
        """Of the payloads."""
        return [int(length) for length in re.findall(r", length (\d+)$", self.text, re.M)]


def counters(vm):
    lines = vm.text("cat /proc/net/snmp").splitlines()
    found = {}
    for names, values in zip(lines[::2], lines[1::2]):
        kind = names.split(":")[0]
        found.update({(kind, name): int(value) for name, value in
                      zip(names.split()[1:], values.split()[1:])})
    return found


def checksum_errors(vm):
    """Segments and datagrams that Linux threw away for their checksums."""
    found = counters(vm)
    return found["Tcp", "InCsumErrors"] + found["Udp", "InCsumErrors"] + found["Tcp", "InErrs"]


def udp_received(vm):
    return counters(vm)["Udp", "InDatagrams"]


def iperf(sender, receiver, address, options=""):
    server = receiver.spawn("iperf3 -s -1 -p 5201")
    receiver.wait_for("netstat -ltn | grep -q ':5201 '")
    sender.run(f"iperf3 -c {address} -p 5201 {options or f'-n {SIZE}'}",
               timeout=linux.TRANSFER_TIMEOUT)
    output = server.wait(linux.TRANSFER_TIMEOUT).out.decode()
    assert "receiver" in output, output


@pytest.mark.parametrize("sender, receiver", [("first", "second"), ("second", "first")])
@pytest.mark.parametrize("addresses", [ADDRESS, ADDRESS6], ids=["IPv4", "IPv6"])
def test_segments_cross_the_switch_in_one_frame(guests, sender, receiver, addresses):
    captures = [Capture(guests[name]) for name in (sender, receiver)]
    iperf(guests[sender], guests[receiver], addresses[receiver])
    sent, received = (capture.stop().lengths() for capture in captures)
    # What TSO left in one piece arrives in one.
    assert max(sent) > 4 * MTU
    assert max(received) > 4 * MTU
    assert checksum_errors(guests[receiver]) == 0


@pytest.mark.parametrize("addresses, mss", [(ADDRESS, MTU - 52), (ADDRESS6, MTU - 72)],
                         ids=["IPv4", "IPv6"])
def test_segments_are_made_for_who_takes_none(guests, addresses, mss):
    """And their checksums, which both tcpdump and Linux verify there."""
    captures = [Capture(guests["first"]), Capture(guests["plain"], 2048)]
    iperf(guests["first"], guests["plain"], addresses["plain"])
    sent, received = (capture.stop() for capture in captures)
    assert max(sent.lengths()) > 4 * MTU
    assert max(received.lengths()) <= MTU
    full = [line for line in received.text.splitlines() if line.endswith(f" {mss}")]
    assert len(full) > SIZE // MTU // 2
    assert all("(correct)" in line for line in full), full[:3]
    assert checksum_errors(guests["plain"]) == 0


def test_who_takes_none_is_heard(guests):
    iperf(guests["plain"], guests["first"], ADDRESS["first"])
    assert checksum_errors(guests["first"]) == 0


@pytest.mark.parametrize("sender, receiver", [("first", "second"), ("second", "first"),
                                              ("first", "plain"), ("plain", "second")])
def test_tcp_keeps_every_byte(guests, sender, receiver):
    linux.check_transfer(guests[sender], guests[receiver], ADDRESS[receiver], 4 << 20)


@pytest.mark.parametrize("length", [17, 56, 1400, 4000])
def test_udp_is_verified_where_nobody_takes_open_checksums(guests, length):
    before = udp_received(guests["plain"])
    # 50 in a second.
    iperf(guests["first"], guests["plain"], ADDRESS["plain"],
          f"-u -l {length} -b {50 * 8 * length} -t 1")
    # Counted, and verified, when the program reads them; it may end before the last.
    assert udp_received(guests["plain"]) > before
    assert checksum_errors(guests["plain"]) == 0


def test_switch_finished_what_it_had_to_and_nothing_else(guests):
    pairs = {(entry["from"], entry["to"]): entry for entry in
             dpdkrun.read_json(guests.switch.json)["pairs"]}
    assert pairs[0, 2]["finished"] > 0
    assert pairs[0, 1]["finished"] == 0 and pairs[1, 0]["finished"] == 0
