# SPDX-License-Identifier: BSD-3-Clause
"""A Linux guest with two disks, alike but for who serves them: fio on one and on the other in
turn. One VM for both, so that nothing else differs."""
import blk_backends as backends
import dpdkrun
import guest
from figures import ratio, spread

KINDS = ("adaptive", "null-co")
CELLS = (("4K randread depth 1", "--rw=randread --bs=4k --iodepth=1"),
         ("4K randread depth 32", "--rw=randread --bs=4k --iodepth=32"))
FIGURES = ("iops", "p50_us", "p99_us", "cpu_us_per_io")


def order(rounds):
    """(round, cell, which disk) in turn: A B, then B A."""
    for number in range(rounds):
        for cell in CELLS:
            for which in ((0, 1) if number % 2 == 0 else (1, 0)):
                yield number, cell, which


def measure(cores, rounds, seconds):
    """Samples, and what the guest is."""
    with backends.Runner("bench-guest") as runner:
        kinds = [kind for name in KINDS for kind in backends.KINDS["null"] if kind.name == name]
        servers = [backends.Server(runner, kind, cores[0]) for kind in kinds]
        steps = list(order(rounds))
        phases = [(f"round {number + 1}/{rounds} {kinds[which].program}, {cell[0]}",
                   f"--filename={guest.disk(which)} {cell[1]} --time_based --norandommap "
                   f"--runtime={seconds:g}") for number, cell, which in steps]
        machine = guest.Guest(runner, "guest", [server.sockets[0] for server in servers], phases,
                              cores[1])
        machine.boot()
        samples, before = [], [server.cpu_ns() for server in servers]
        for (number, cell, which), (what, status, job) in zip(steps, machine.run(seconds)):
            now = [server.cpu_ns() for server in servers]
            if status or job["error"]:
                raise dpdkrun.Failed(f"guest, {what}: fio ended with status {status}, error "
                                     f"{job['error']}")
            found = guest.figures(job)
            cpu = (now[which] - before[which]) / 1e3 / max(1, found["ios"])
            before = now
            samples.append({"round": number, "cell": cell[0], "program": kinds[which].program,
                            "kind": kinds[which].name, "iops": found["iops"],
                            "p50_us": found["latency_us"]["p50"],
                            "p99_us": found["latency_us"]["p99"], "cpu_us_per_io": cpu})
        if machine.end():
            raise dpdkrun.Failed("guest: its kernel complains")
        for server in servers:
            server.end()
    return samples, machine.describe()


def summarize(samples):
    rows = []
    for cell, _ in CELLS:
        row = {"cell": cell, "kinds": []}
        for name in KINDS:
            some = [s for s in samples if (s["cell"], s["kind"]) == (cell, name)]
            row["kinds"].append({"program": some[0]["program"], "kind": name,
                                 **{figure: spread([s[figure] for s in some])
                                    for figure in FIGURES}})
        ours, peer = row["kinds"]
        row["iops_ratio"] = ratio(ours["iops"]["median"], peer["iops"]["median"])
        row["latency_ratio"] = ratio(ours["p50_us"]["median"], peer["p50_us"]["median"])
        rows.append(row)
    return rows
