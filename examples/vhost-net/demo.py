#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A network function that serves others: the learning switch examples/vhost-net with four
net_vvu ports.

Traffic: two unmodified dpdk-testpmd with net_virtio_user frontends on ports 0 and 1. They
play a fixed number of frames back and forth through the switch (forwarding mode macswap),
so that what they exchange is as fast as the slowest of them and no ring is overrun.
Integrity: two vvu-pkt on ports 2 and 3 exchange frames of mixed sizes, each with a number
and a checksum, and account for every one.

Exit status 0 when traffic went both ways and every checked frame arrived intact and once.
"""
import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "common"))
import dpdkrun  # noqa: E402
from terminal import progress, table  # noqa: E402

PORTS = 4
MACS = [f"02:76:76:75:00:{i:02x}" for i in range(PORTS)]
# Frames under way between the two testpmds: as many as the smallest ring on the way has
# entries, so that none is overrun.
IN_FLIGHT_BURSTS = 8
BURST = 32
SWITCH_MIB, FRONTEND_MIB = 256, 64


def parse_args():
    parser = argparse.ArgumentParser(prog="./run demo net", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, metavar="S",
                        help="of traffic; the integrity check takes half of it (default 10)")
    parser.add_argument("--size", type=int, default=64, metavar="N",
                        help="bytes of testpmd's frames without FCS, 60 to 1514 (default 64)")
    parser.add_argument("--json", metavar="FILE", help="write the result there")
    args = parser.parse_args()
    if not 60 <= args.size <= 1514:
        parser.error(f"--size {args.size}: not from 60 to 1514")
    if not 1 <= args.seconds <= 3600:
        parser.error(f"--seconds {args.seconds:g}: not from 1 to 3600")
    return args


class Placement:
    """Which process runs on which core.

    With three cores or more each polling process has its own. With less the switch sleeps
    for moments when there is nothing to do, and shares the frontends' cores.
    """
    def __init__(self):
        cores = dpdkrun.cores()
        self.own_cores = len(cores) >= 3
        self.frontends = [cores[0], cores[1 % len(cores)]]
        self.switch = [cores[2]] if self.own_cores else cores
        self.idle_us = 0 if self.own_cores else 20

    def switch_lcores(self):
        return "0@({})".format(",".join(map(str, self.switch)))

    def describe(self):
        text = "frontends on cores {} and {}, switch on {}".format(
            *self.frontends, " and ".join(map(str, self.switch)))
        return text if self.own_cores else f"{text}, asleep for {self.idle_us} us when idle"


class Demo:
    def __init__(self, runner, args):
        self.runner = runner
        self.args = args
        self.placement = Placement()
        # Two frontends and the switch at a time.
        need = SWITCH_MIB + 2 * FRONTEND_MIB
        self.huge = dpdkrun.free_huge_mib() >= 2 * need
        self.stats_file = runner.dir / "switch.json"
        self.switch = None

    def eal(self, name, mib, lcores):
        return self.runner.eal(name, dpdkrun.memory_args(mib, self.huge), lcores)

    def start_switch(self):
        ports = [arg for i in range(PORTS)
                 for arg in ("--vdev", f"net_vvu{i},socket={self.runner.socket(i)}")]
        command = [dpdkrun.program("examples/vhost-net/vhost-net"),
                   *self.eal("switch", SWITCH_MIB, self.placement.switch_lcores()),
                   "-d", self.runner.plugin(), *ports, "--", "--stats-interval", "1",
                   "--json", str(self.stats_file), "--idle-us", str(self.placement.idle_us)]
        self.switch = self.runner.start("switch", command)
        self.switch.expect(r"ready: 4 ports", 60)

    def virtio_user(self, port):
        return ["--vdev", f"net_virtio_user0,path={self.runner.socket(port)},mac={MACS[port]}"]

    def start_testpmd(self, port):
        core = self.placement.frontends[port]
        command = [dpdkrun.testpmd(), *self.eal(f"testpmd{port}", FRONTEND_MIB,
                                                f"0@{core},1@{core}"),
                   *self.virtio_user(port), "--", "-i", "--total-num-mbufs=4096",
                   f"--txpkts={self.args.size}", f"--burst={BURST}",
                   f"--eth-peer=0,{MACS[1 - port]}", "--forward-mode=macswap"]
        return self.runner.start(f"testpmd{port}", command, interactive=True)

    def links(self, ports):
        def up():
            if not self.switch.alive():
                raise dpdkrun.Failed(f"the switch ended: {self.switch.tail()}")
            stats = dpdkrun.read_json(self.stats_file)
            return stats and all(stats["ports"][p]["up"] for p in ports)
        dpdkrun.wait_for(f"link of switch ports {ports}", up, 20)

    def pair(self, source, target):
        """Packets the switch passed from one port to the other, and those not accepted."""
        stats = dpdkrun.read_json(self.stats_file) or {"pairs": []}
        for pair in stats["pairs"]:
            if (pair["from"], pair["to"]) == (source, target):
                return pair["packets"], pair["refused"]
        return 0, 0

    def watch(self, phase, ports, seconds, processes):
        """A live line while a phase runs, until its time is up or its processes end."""
        a, b = ports
        start = last = time.monotonic()
        before = (self.pair(a, b)[0], self.pair(b, a)[0])
        while True:
            time.sleep(0.25)
            now = time.monotonic()
            for process in (self.switch, *processes):
                if not process.alive() and process.popen.returncode != 0:
                    raise dpdkrun.Failed(f"{process.name} ended with status "
                                         f"{process.popen.returncode}: {process.tail()}")
            ended = now - start >= seconds or not all(p.alive() for p in processes)
            if now - last >= 1 or ended:
                (ab, refused_ab), (ba, refused_ba) = self.pair(a, b), self.pair(b, a)
                rates = [(n - m) / (now - last) / 1e6 for n, m in zip((ab, ba), before)]
                progress(f"{phase} {now - start:5.1f} s  port {a}->{b} {rates[0]:6.3f} Mpps  "
                         f"{b}->{a} {rates[1]:6.3f} Mpps  total {ab + ba:>10,}  "
                         f"not accepted {refused_ab + refused_ba:,}")
                before, last = (ab, ba), now
            if ended:
                progress(None)
                return

    def traffic(self):
        pmds = [self.start_testpmd(0), self.start_testpmd(1)]
        for pmd in pmds:
            pmd.ready()
        self.links([0, 1])
        start = time.monotonic()
        pmds[0].do("start")
        pmds[1].do(f"start tx_first {IN_FLIGHT_BURSTS}")
        self.watch("traffic  ", (0, 1), self.args.seconds, pmds)
        for pmd in pmds:
            pmd.do("stop", "Done.")
        seconds = time.monotonic() - start
        # What is still under way is taken in, so that each frame is either received or lost.
        for pmd in pmds:
            pmd.do("set fwd rxonly")
            pmd.do("start")
        counts = settled(pmds)
        for pmd in pmds:
            status = pmd.quit()
            if status != 0:
                raise dpdkrun.Failed(f"{pmd.name} ended with status {status}")
        time.sleep(1.2)     # the switch writes its counters once a second
        return [self.direction(counts, seconds, *ends) for ends in ((0, 1), (1, 0))]

    def direction(self, counts, seconds, source, target):
        sent, received = counts[source]["TX-packets"], counts[target]["RX-packets"]
        return {
            "from": source, "to": target, "seconds": round(seconds, 3),
            "sent_packets": sent, "sent_bytes": counts[source]["TX-bytes"],
            "received_packets": received, "received_bytes": counts[target]["RX-bytes"],
            "lost": sent - received,
            "not_accepted_by_receiver": self.pair(source, target)[1],
            "mpps": round(received / seconds / 1e6, 6),
        }

    def start_vvu_pkt(self, port, peer):
        core = self.placement.frontends[port % 2]
        result = self.runner.dir / f"vvu-pkt{port}.json"
        command = [dpdkrun.program("tools/vvu-pkt/vvu-pkt"),
                   *self.eal(f"vvu-pkt{port}", FRONTEND_MIB, f"0@{core}"),
                   *self.virtio_user(port), "--", "--mode", "both", "--size", "imix",
                   "--own-mac", MACS[port], "--peer-mac", MACS[peer],
                   "--duration", str(max(1, round(self.args.seconds / 2))),
                   "--idle-us", str(self.placement.idle_us), "--json", str(result)]
        return self.runner.start(f"vvu-pkt{port}", command), result

    def integrity(self):
        (a, file_a), (b, file_b) = self.start_vvu_pkt(2, 3), self.start_vvu_pkt(3, 2)
        self.links([2, 3])
        # The programs end by themselves; they are only watched for longer than they take.
        self.watch("integrity", (2, 3), self.args.seconds / 2 + 60, [a, b])
        statuses = [a.wait(30), b.wait(30)]
        results = [dpdkrun.read_json(file) for file in (file_a, file_b)]
        for process, result in zip((a, b), results):
            if not result:
                raise dpdkrun.Failed(f"{process.name} left no result: {process.tail()}")
        return [checked(2, 3, results[0], results[1], statuses),
                checked(3, 2, results[1], results[0], statuses)]


def settled(pmds):
    """The counters once no more frames arrive."""
    before = None
    end = time.monotonic() + 5
    while time.monotonic() < end:
        now = [pmd.stats() for pmd in pmds]
        packets = [(stats["RX-packets"], stats["TX-packets"]) for stats in now]
        if packets == before:
            break
        before = packets
        time.sleep(0.3)
    for pmd in pmds:
        pmd.do("stop", "Done.")
    return [pmd.stats() for pmd in pmds]


def checked(source, target, sender, receiver, statuses):
    """One direction of the integrity check."""
    sent, got = sender["sent"], receiver["received"]
    flows = got["flows"]
    return {
        "from": source, "to": target, "seconds": got["seconds"],
        "sent_packets": sent["packets"], "sent_bytes": sent["bytes"],
        "received_packets": got["packets"], "received_bytes": got["bytes"],
        "corrupted": got["corrupted"], "lost": got["lost"], "duplicated": got["duplicated"],
        "reordered": got["reordered"],
        "latency_us": flows[0]["latency_us"] if flows else None,
        "finished": receiver["outcome"] == "intact" and statuses == [0, 0],
        "mpps": round(got["packets"] / got["seconds"] / 1e6, 6) if got["seconds"] else 0,
    }


def report(result):
    print("\nTraffic between two dpdk-testpmd (net_virtio_user) through the switch (net_vvu)")
    table(["direction", "sent", "received", "bytes received", "Mpps", "lost", "of sent",
           "not accepted*"],
          [["{from} -> {to}".format(**d), f"{d['sent_packets']:,}",
            f"{d['received_packets']:,}", f"{d['received_bytes']:,}", f"{d['mpps']:.3f}",
            f"{d['lost']:,}", percent(d["lost"], d["sent_packets"]),
            f"{d['not_accepted_by_receiver']:,}"] for d in result["traffic"]])
    print("  * of the lost: by the receiver, whose ring was full when the switch had a frame for "
          "it")
    print("\nIntegrity: numbered frames with checksum, 64 to 1514 bytes, between two vvu-pkt")
    table(["direction", "sent", "received", "bytes received", "Mpps", "corrupt", "lost",
           "duplicate", "reordered", "mean latency"],
          [["{from} -> {to}".format(**d), f"{d['sent_packets']:,}",
            f"{d['received_packets']:,}", f"{d['received_bytes']:,}", f"{d['mpps']:.3f}",
            f"{d['corrupted']:,}", f"{d['lost']:,}", f"{d['duplicated']:,}",
            f"{d['reordered']:,}",
            f"{d['latency_us']['mean']:.0f} us" if d["latency_us"] else "-"]
           for d in result["integrity"]])
    print()


def percent(part, whole):
    return f"{100 * part / whole:.3f} %" if whole else "-"


def verdict(result):
    """What is wrong, in words; empty when nothing is."""
    wrong = []
    for d in result["traffic"]:
        if d["received_packets"] == 0:
            wrong.append(f"no traffic from port {d['from']} to port {d['to']}")
    for d in result["integrity"]:
        way = f"from port {d['from']} to port {d['to']}"
        if d["received_packets"] == 0:
            wrong.append(f"no checked frames {way}")
        for kind in ("corrupted", "lost", "duplicated"):
            if d[kind]:
                wrong.append(f"{d[kind]} checked frames {kind} {way}")
        if not d["finished"] and not wrong:
            wrong.append(f"the check {way} did not finish")
    return wrong


def run(args):
    begun = time.monotonic()
    with dpdkrun.Runner("demo") as runner:
        demo = Demo(runner, args)
        print(f"demo: {demo.placement.describe()}; {'huge' if demo.huge else 'ordinary'} pages")
        demo.start_switch()
        result = {"traffic": demo.traffic(), "integrity": demo.integrity()}
        status = demo.switch.stop()
        if status != 0:
            raise dpdkrun.Failed(f"the switch ended with status {status}: {demo.switch.tail()}")
        result["switch"] = dpdkrun.read_json(demo.stats_file)
        result["wrong"] = verdict(result)
        result["seconds"] = round(time.monotonic() - begun, 3)
        report(result)
        if args.json:
            dpdkrun.write_json(args.json, result)
        if result["wrong"]:
            raise dpdkrun.Failed("; ".join(result["wrong"]))
        print(f"demo: traffic both ways, every checked frame arrived intact and once "
              f"({result['seconds']:.0f} s)")


if __name__ == "__main__":
    sys.exit(dpdkrun.run_main("demo", run, parse_args(), ["logs/demo"]))
