# SPDX-License-Identifier: BSD-3-Clause
"""The learning switch with net_vvu ports, and frontends that nobody here wrote: DPDK's
virtio-user, driven by vvu-pkt, which accounts for every frame.

VVU_KILL_ROUNDS: how often a frontend is killed under traffic (default 10).
"""
import os
import pathlib
import random
import shutil
import signal
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples" / "common"))
import dpdkrun  # noqa: E402

KILL_ROUNDS = int(os.environ.get("VVU_KILL_ROUNDS", "10"))
SWITCH_MIB, FRONTEND_MIB = 256, 64
# More processes than cores: all of them sleep when there is nothing to do.
IDLE_US = 50
# virtio-user's limit in DPDK 22.11.
FRONTEND_QUEUES = 8


def mac(number):
    return f"02:76:76:75:01:{number:02x}"


def missing():
    if not shutil.which("dpdk-testpmd"):
        return "DPDK is not installed (Debian package dpdk-dev)"
    for relative in ("drivers/vvu_pmd/librte_net_vvu.so", "examples/vhost-net/vhost-net",
                     "tools/vvu-pkt/vvu-pkt"):
        if not (dpdkrun.build_dir() / relative).exists():
            return f"{dpdkrun.build_dir() / relative} is not built"
    return None


pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


class Switch:
    """The switch process, and the frontends on its ports."""
    def __init__(self, runner, ports, queues=1, lcores=None, options=(), mib=SWITCH_MIB,
                 vdevs=()):
        self.runner = runner
        self.queues = queues
        self.ports = ports
        self.json = runner.dir / "switch.json"
        cores = dpdkrun.cores()
        self.cores = cores
        ours = [arg for i in range(ports) for arg in
                 ("--vdev", f"net_vvu{i},socket={runner.socket(i)},queues={queues}")]
        everywhere = ",".join(map(str, cores))
        command = [dpdkrun.program("examples/vhost-net/vhost-net"),
                   *runner.eal("switch", dpdkrun.memory_args(mib, False),
                               lcores or f"0@({everywhere})"),
                   "-d", runner.plugin(), *ours, *vdevs, "--", "--json", str(self.json),
                   "--idle-us", str(IDLE_US), *options]
        self.process = runner.start("switch", command)
        self.process.expect("ready: ", 60)

    def frontend(self, port, own, peer, *options):
        """A vvu-pkt on a port; own and peer number addresses."""
        core = self.cores[port % len(self.cores)]
        result = self.runner.dir / f"frontend{len(self.runner.processes)}.json"
        used = min(self.queues, FRONTEND_QUEUES)
        queues = f",queues={used}" if used > 1 else ""
        memory = dpdkrun.memory_args(FRONTEND_MIB + 16 * (used - 1), False)
        command = [dpdkrun.program("tools/vvu-pkt/vvu-pkt"),
                   *self.runner.eal(f"frontend{port}", memory, f"0@{core}"),
                   "--vdev",
                   f"net_virtio_user0,path={self.runner.socket(port)},mac={mac(own)}{queues}",
                   "--", "--own-mac", mac(own), "--peer-mac", mac(peer), "--queues",
                   str(used), "--idle-us", str(IDLE_US), "--json", str(result), *options]
        process = self.runner.start(f"frontend{port}", command)
        process.result = result
        return process

    def link_changes(self, port, state):
        """How often the port's link went up or down."""
        return self.process.text().count(f"port {port} net_vvu{port}: link {state}")

    def wait_down(self, port, times):
        dpdkrun.wait_for(f"link of port {port} down {times} times",
                         lambda: self.link_changes(port, "down") >= times, 20)

    def stop(self):
        """End it as an operator would; its statistics."""
        assert self.process.alive(), self.process.tail()
        assert self.process.stop() == 0, self.process.tail()
        return dpdkrun.read_json(self.json)


@pytest.fixture
def runner():
    with dpdkrun.Runner("switch") as running:
        yield running


def result_of(process, seconds=60, status=0):
    assert process.wait(seconds) == status, process.text()
    return dpdkrun.read_json(process.result)


def assert_intact(sender, receiver, least=1):
    """All that one vvu-pkt sent arrived at the other: intact, once and in order."""
    got = receiver["received"]
    assert got["packets"] == sender["sent"]["packets"] >= least
    assert got["bytes"] == sender["sent"]["bytes"]
    for kind in ("lost", "corrupted", "duplicated", "reordered", "stale"):
        assert got[kind] == 0, (kind, got)


def exchange(switch, ports, *options, addresses=None):
    """Both ways between two ports; the two results."""
    a, b = addresses or ports
    processes = [switch.frontend(ports[0], a, b, *options),
                 switch.frontend(ports[1], b, a, *options)]
    results = [result_of(process) for process in processes]
    assert_intact(results[0], results[1])
    assert_intact(results[1], results[0])
    return results


def pair_stats(stats, source, target):
    for pair in stats["pairs"]:
        if (pair["from"], pair["to"]) == (source, target):
            return pair
    return {"packets": 0, "refused": 0}


def test_eight_frontends_exchange_verified_traffic(runner):
    switch = Switch(runner, 8)
    options = ("--count", "20000", "--duration", "40", "--size", "imix", "--window", "64")
    processes = [switch.frontend(port, port, port ^ 1, *options) for port in range(8)]
    results = [result_of(process, 90) for process in processes]
    for port in range(8):
        assert_intact(results[port], results[port ^ 1], 20000)
    stats = switch.stop()
    assert [port["links_up"] for port in stats["ports"]] == [1] * 8
    for port in range(8):
        assert pair_stats(stats, port, port ^ 1)["packets"] > 20000
    # Known addresses are not flooded: nobody saw the others' data.
    assert all(result["received"]["foreign"] < 1000 for result in results)


def open_files(process):
    return sorted(os.readlink(f"/proc/{process.pid}/fd/{fd}").split(":")[0]
                  for fd in os.listdir(f"/proc/{process.pid}/fd"))


def mappings(process):
    with open(f"/proc/{process.pid}/maps", encoding="utf-8") as file:
        return sum("memfd" in line or "vvu" in line for line in file)


def kill_round(switch, number):
    """Two frontends exchange; one is killed in the middle of it, then the other, whose
    frames go nowhere by then."""
    options = ("--duration", "60", "--size", "imix", "--window", "64")
    victims = [switch.frontend(port, port, 5 - port, *options) for port in (2, 3)]
    for victim in victims:
        victim.expect("the peer is there", 30)
    time.sleep(random.uniform(0.02, 0.15))
    for victim, port in zip(victims, (2, 3)):
        assert victim.alive()
        victim.kill()
        switch.wait_down(port, number + 1)


@pytest.mark.timeout(120 + 10 * KILL_ROUNDS)
def test_killed_frontend_costs_the_others_nothing(runner):
    switch = Switch(runner, 4)
    # A rate that two loaded cores can carry: what is lost here is lost by the switch.
    options = ("--duration", "3600", "--rate", "20000", "--size", "imix", "--window", "64")
    bystanders = [switch.frontend(port, port, 1 - port, *options) for port in (0, 1)]
    for bystander in bystanders:
        bystander.expect("the peer is there", 30)
    kill_round(switch, 0)
    files, maps = open_files(switch.process), mappings(switch.process)
    for number in range(1, KILL_ROUNDS):
        kill_round(switch, number)
    assert open_files(switch.process) == files
    assert mappings(switch.process) == maps
    for bystander in bystanders:
        assert bystander.alive()
        bystander.signal(signal.SIGTERM)
    results = [result_of(bystander) for bystander in bystanders]
    assert_intact(results[0], results[1], 1000)
    assert_intact(results[1], results[0], 1000)
    stats = switch.stop()
    assert [port["links_up"] for port in stats["ports"]] == [1, 1, KILL_ROUNDS, KILL_ROUNDS]
    assert pair_stats(stats, 2, 3)["packets"] > 0


@pytest.mark.parametrize("queues", [4, FRONTEND_QUEUES])
def test_every_queue_pair_carries_its_flow(runner, queues):
    switch = Switch(runner, 2, queues=queues)
    for result in exchange(switch, (0, 1), "--count", "20000", "--window", "32"):
        flows = result["received"]["flows"]
        assert len(flows) == queues
        assert all(flow["packets"] == flow["expected"] > 0 for flow in flows)
        # A flow leaves on the queue pair it came in on.
        assert result["received"]["by_queue"] == [flow["packets"] for flow in flows]
    switch.stop()


def test_frontend_may_use_fewer_queue_pairs_than_the_port_has(runner):
    switch = Switch(runner, 2, queues=2 * FRONTEND_QUEUES)
    exchange(switch, (0, 1), "--count", "20000", "--window", "32")
    stats = switch.stop()
    assert [port["queues"] for port in stats["ports"]] == [2 * FRONTEND_QUEUES] * 2


def test_several_forwarding_threads(runner):
    cores = dpdkrun.cores()
    lcores = f"0@{cores[0]},1@{cores[0]},2@{cores[-1]},3@{cores[-1]}"
    switch = Switch(runner, 4, queues=2, lcores=lcores)
    assert "3 forwarding threads" in switch.process.text()
    options = ("--count", "10000", "--size", "imix", "--window", "32")
    processes = [switch.frontend(port, port, port ^ 1, *options) for port in range(4)]
    results = [result_of(process, 90) for process in processes]
    for port in range(4):
        assert_intact(results[port], results[port ^ 1], 10000)
    switch.stop()


@pytest.mark.parametrize("lcores", [None, 3])
def test_switch_that_sleeps_on_interrupts_forwards_all(runner, lcores):
    cores = dpdkrun.cores()
    if lcores:
        lcores = f"0@{cores[0]},1@{cores[0]},2@{cores[-1]}"
    switch = Switch(runner, 2, queues=2, lcores=lcores, options=("--adaptive", "1"))
    # Windows of one frame: it sleeps in between, and a wake-up that is lost would end it.
    exchange(switch, (0, 1), "--count", "2000", "--window", "1")
    exchange(switch, (0, 1), "--count", "20000", "--window", "64", "--size", "imix")
    assert "no receive interrupt" not in switch.process.text()
    switch.stop()


def test_adaptive_switch_polls_ports_without_interrupts(runner):
    null = ("--vdev", "net_null0,no-rx=1")
    switch = Switch(runner, 2, options=("--adaptive", "1"), vdevs=null)
    assert "net_null0 queue 0: no receive interrupt" in \
        switch.process.expect("no receive interrupt.*", 20).string
    exchange(switch, (0, 1), "--count", "2000", "--window", "8")
    switch.stop()


def test_address_moves_with_its_frontend(runner):
    switch = Switch(runner, 3)
    options = ("--count", "1000",)
    exchange(switch, (0, 1), *options, addresses=(0, 1))
    switch.wait_down(1, 1)
    exchange(switch, (0, 2), *options, addresses=(0, 1))
    stats = switch.stop()
    assert pair_stats(stats, 0, 1)["packets"] >= 1000
    assert pair_stats(stats, 0, 2)["packets"] >= 1000


def test_frame_to_unknown_address_is_flooded(runner):
    switch = Switch(runner, 3)
    nobody = 99
    processes = [switch.frontend(port, port, nobody, "--timeout", "2") for port in range(3)]
    for process in processes:
        # Status 2: its peer was never heard of.
        assert result_of(process, status=2)["received"]["foreign"] > 0
    stats = switch.stop()
    for source in range(3):
        assert stats["ports"][source]["flooded"] > 0


def test_frame_longer_than_the_mtu_is_dropped_and_counted(runner):
    switch = Switch(runner, 2)
    options = ("--size", "1900", "--count", "200", "--mode")
    sender = switch.frontend(0, 0, 1, *options, "send")
    receiver = switch.frontend(1, 1, 0, *options, "recv")
    assert result_of(sender)["sent"]["packets"] == 200
    got = result_of(receiver, status=3)["received"]
    assert (got["packets"], got["lost"], got["corrupted"]) == (0, 200, 0)
    assert switch.stop()["ports"][0]["dropped"]["too_big"] == 200


@pytest.mark.parametrize("options, said", [
    (("--age", "0"), "age"),
    (("--queues", "x"), "queues"),
    (("--no-such-option",), "no-such-option"),
    (("--queues", "3"), "offers 1 queue pairs, --queues asks for 3"),
])
def test_bad_option_ends_with_status_1_and_says_which(runner, options, said):
    command = [dpdkrun.program("examples/vhost-net/vhost-net"),
               *runner.eal("switch", dpdkrun.memory_args(SWITCH_MIB, False), "0"),
               "-d", runner.plugin(), "--vdev", f"net_vvu0,socket={runner.socket(0)}",
               "--vdev", f"net_vvu1,socket={runner.socket(1)}", "--", *options]
    process = runner.start("switch", command)
    assert process.wait(60) == 1
    assert said in process.text()


def test_switch_without_ports_ends_with_status_1(runner):
    command = [dpdkrun.program("examples/vhost-net/vhost-net"),
               *runner.eal("switch", dpdkrun.memory_args(SWITCH_MIB, False), "0")]
    process = runner.start("switch", command)
    assert process.wait(60) == 1
    assert "two ports or more" in process.text()
