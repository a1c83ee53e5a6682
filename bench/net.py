#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""net_vvu on the embedded device against DPDK's own net_vhost, with the same frontends: DPDK's
net_virtio_user. Both ends of both are one program, vvu-netload. All are measured in turn in one
run, each round with new processes. Speed is reported, not judged: the exit status is 0 unless
measuring failed.

Directions: to_backend (the frontend sends), to_frontend (the back-end sends), both (frames go
round between the two; the sum of what both receive), forward (frames go round between two
frontends, whose ports the back-end connects; what the back-end receives).
"""
import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "examples" / "common"))
import dpdkrun  # noqa: E402
import figures  # noqa: E402
import machine  # noqa: E402
import matrix  # noqa: E402
import net_report as report  # noqa: E402
import netload  # noqa: E402
import ring  # noqa: E402
import states  # noqa: E402

# Other load, in cores, above which a sample is taken again.
QUIET_CORES = 0.15
# What a sample takes beside its window, and the start and end of a group's processes, seconds.
SAMPLE_COSTS_S, GROUP_COSTS_S, COUNTING_S = 0.1, 10, 15
ONLY = "only this one; may be repeated"


def frame_size(text):
    sizes = {str(size): size for size in matrix.SIZES}
    if text not in sizes:
        raise argparse.ArgumentTypeError(f"{text} is not one of {', '.join(sizes)}")
    return sizes[text]


def parse_args():
    parser = argparse.ArgumentParser(prog="./run bench net", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--plot", metavar="FILE", help="draw them (python3-matplotlib)")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables of the manual")
    parser.add_argument("--rounds", type=int, metavar="N", help="default 5")
    parser.add_argument("--settle", type=int, default=0, metavar="N",
                        help="afterwards up to N more rounds, of the cells of which it is not yet "
                             "known which back-end is the faster (default 0)")
    parser.add_argument("--seconds", type=float, metavar="S",
                        help="a sample's window (default 0.3)")
    parser.add_argument("--retries", type=int, default=1, metavar="N",
                        help="take a sample again up to N times while other programs use "
                             f"more than {QUIET_CORES} cores, or where the distance of the "
                             "cores changed during it (default 1)")
    parser.add_argument("--quick", action="store_true",
                        help="2 rounds of 0.1 s, 64 and 1518 bytes, mergeable and in order, up "
                             "to 2 frontends, no instruction counts; what is named beside it "
                             "counts more")
    parser.add_argument("--size", type=frame_size, action="append", metavar="BYTES",
                        help=f"of {', '.join(map(str, matrix.SIZES))}: {ONLY}")
    parser.add_argument("--ring", choices=matrix.RINGS, action="append", help=ONLY)
    parser.add_argument("--mrg", choices=("on", "off"), action="append",
                        help="mergeable receive buffers: only so")
    parser.add_argument("--in-order", choices=("on", "off"), action="append", help="only so")
    parser.add_argument("--direction", choices=matrix.DIRECTIONS, action="append", help=ONLY)
    parser.add_argument("--frontends", type=int, action="append", metavar="N",
                        help="so many on one back-end process, up to 8; default 1, 2, 4 and 8; "
                             "1 leaves the others out")
    parser.add_argument("--frontend-args", default="", metavar="ARGS",
                        help="further net_virtio_user arguments, such as vectorized=1")
    parser.add_argument("--no-instructions", action="store_true",
                        help="do not count instructions")
    args = parser.parse_args()
    args.rounds = args.rounds or (2 if args.quick else 5)
    args.seconds = args.seconds or (0.1 if args.quick else 0.3)
    args.size = args.size or ((64, 1518) if args.quick else matrix.SIZES)
    args.ring = args.ring or matrix.RINGS
    args.mrg = args.mrg or (("on",) if args.quick else ("on", "off"))
    args.in_order = args.in_order or (("on",) if args.quick else ("on", "off"))
    args.direction = args.direction or matrix.DIRECTIONS
    args.frontends = args.frontends or ((1, 2) if args.quick else matrix.FRONTENDS)
    if args.rounds < 1 or args.retries < 0 or args.settle < 0 or not 0.05 <= args.seconds <= 600:
        parser.error("--rounds is at least 1, --retries and --settle 0, --seconds from 0.05 to "
                     "600")
    if not all(1 <= count <= 8 for count in args.frontends):
        parser.error("--frontends is from 1 to 8")
    if args.plot:
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            parser.error("--plot needs python3-matplotlib")
    return args


def groups_of(args):
    shapes = [shape for shape in matrix.SHAPES
              if shape.ring in args.ring and matrix.on(shape.mrg) in args.mrg and
              matrix.on(shape.in_order) in args.in_order]
    return matrix.groups(shapes, [size for size in matrix.SIZES if size in args.size],
                         [way for way in matrix.DIRECTIONS if way in args.direction],
                         sorted(set(args.frontends)))


def backends_of(group, cell, zero_copy):
    """Who is measured there."""
    two = [netload.OURS, netload.PEER]
    if zero_copy and cell.direction == "forward" and group.name != "frontends":
        two.append(netload.ZERO_COPY)
    return two


def disturbance(sample):
    """What is wrong with a sample, worst first; its result is no part of it."""
    return sample["other"] > QUIET_CORES, states.changed(sample["transfer_ns"]), sample["other"]


def quietest(two, cell, args, cores, pids):
    """A sample; taken again, for as often as allowed, while something else used the cores or
    their distance changed. Which of them counts is decided by that and not by the result."""
    best = None
    for attempt in range(1 + args.retries):
        load = machine.Load(pids)
        sample = two.sample(cell, args.seconds, lambda: states.transfer_ns(cores))
        sample.update(load.other_cores())
        if best is None or disturbance(sample) < disturbance(best):
            best = sample
        best["attempts"] = attempt + 1
        if not any(disturbance(best)[:2]):
            break
    return best


class Run:
    """What does not change during a run, and what it found."""
    def __init__(self, args):
        self.args = args
        self.cores = dpdkrun.cores()[:2]
        if len(self.cores) < 2:
            raise dpdkrun.Failed("two cores are needed: one for each end")
        self.huge = dpdkrun.free_huge_mib() >= 6 * netload.MEMORY_MIB
        self.groups = groups_of(args)
        if not self.groups:
            raise dpdkrun.Failed("no cell is left")
        self.left_out = {}
        self.zero_copy = "forward" in args.direction and self.has_zero_copy()
        self.samples, self.commands = [], {}

    def has_zero_copy(self):
        """Whether net_vvu takes that option."""
        group = self.groups[0]._replace(ports=self.groups[0].ports[:1])
        try:
            with dpdkrun.Runner("bench") as runner:
                self.pair(runner, netload.ZERO_COPY, group).quit()
        except dpdkrun.Failed as error:
            self.leave_out("zero-copy", str(error))
            return False
        return True

    def leave_out(self, what, why):
        if what not in self.left_out:
            print(f"left out: {what}: {why}", flush=True)
        self.left_out[what] = why

    def pair(self, runner, backend, group):
        return netload.Pair(runner, backend, group, self.cores, self.huge,
                            self.args.frontend_args)

    def estimate_s(self):
        one = self.args.seconds + netload.SETTLE_S + SAMPLE_COSTS_S
        samples = sum(len(backends_of(group, cell, self.zero_copy))
                      for group in self.groups for cell in group.cells)
        counting = 0 if self.args.quick or self.args.no_instructions else COUNTING_S
        return self.args.rounds * (samples * one + len(self.groups) * GROUP_COSTS_S) + counting

    def measure_cell(self, number, cell, pairs, kinds, pids):
        shown = []
        for backend in kinds:
            sample = quietest(pairs[backend], cell, self.args, self.cores, pids)
            self.samples.append({"round": number, "backend": backend.name,
                                 **matrix.describe(cell), **sample})
            shown.append(f"{backend.name} {sample['mpps']:6.2f}")
        print(f"round {number + 1} {matrix.name(cell.shape)} "
              f"{cell.size:>4} {cell.direction:<11} x{cell.frontends}  {', '.join(shown)} Mpps, "
              f"other load {sample['other']:.2f} cores, transfer "
              f"{'{:.0f} to {:.0f}'.format(*sample['transfer_ns'])} ns", flush=True)

    def measure_group(self, runner, number, group):
        """All cells, each of all back-ends one after the other; who is first alternates."""
        needed = {backend for cell in group.cells
                  for backend in backends_of(group, cell, self.zero_copy)}
        pairs = {backend: self.pair(runner, backend, group) for backend in needed}
        self.commands.setdefault(group.name, {backend.name: two.commands()
                                              for backend, two in pairs.items()})
        for backend, two in pairs.items():
            for shape in two.refused:
                self.leave_out(f"{backend.name}: {matrix.name(shape)}",
                               "it was not agreed on")
        pids = [process.pid for two in pairs.values() for process in two.processes()]
        for cell in group.cells:
            kinds = [backend for backend in backends_of(group, cell, self.zero_copy)
                     if cell.shape not in pairs[backend].refused]
            if not {netload.OURS, netload.PEER} <= set(kinds):
                continue
            self.measure_cell(number, cell, pairs,
                              kinds if number % 2 == 0 else kinds[::-1], pids)
        for two in pairs.values():
            two.quit()

    def measure_round(self, number, groups):
        for group in groups:
            with dpdkrun.Runner("bench") as runner:
                self.measure_group(runner, number, group)

    def unsettled(self):
        """The groups, with only the cells of which it is not known who is faster."""
        states.label(self.samples)
        rows = figures.summarize(self.samples, netload.OURS.name, netload.PEER.name)
        known = {figures.cell_of(row) for row in rows if row["verdict"]}
        sampled = {figures.cell_of(row) for row in rows}
        found = []
        for group in self.groups:
            cells = [cell for cell in group.cells
                     if figures.cell_of(matrix.describe(cell)) in sampled - known]
            if cells:
                found.append(group._replace(cells=cells))
        return found

    def settle(self):
        """More rounds, each of the cells that are still open."""
        self.zero_copy = False
        for number in range(self.args.rounds, self.args.rounds + self.args.settle):
            groups = self.unsettled()
            if not groups:
                return
            print(f"not settled yet: {sum(len(group.cells) for group in groups)} cells",
                  flush=True)
            self.measure_round(number, groups)


def count_instructions(args):
    """The figures, or why there are none."""
    if args.quick or args.no_instructions:
        return {"why": "not asked for"}
    return ring.measure_all(args.ring)


def run(args):
    begun = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    found = Run(args)
    print(f"{sum(len(group.cells) for group in found.groups)} cells, {args.rounds} rounds: "
          f"about {found.estimate_s() / 60:.0f} minutes, more where the machine is not quiet",
          flush=True)
    for number in range(args.rounds):
        found.measure_round(number, found.groups)
    if not found.samples:
        raise dpdkrun.Failed("no cell could be measured")
    found.settle()
    states.label(found.samples)
    rows = figures.summarize(found.samples, netload.OURS.name, netload.PEER.name)
    other = figures.spread([sample["other"] for sample in found.samples])
    all_figures = {
        "begun": begun, "machine": machine.describe(), "rounds": args.rounds,
        "settle": args.settle, "retries": args.retries, "window_seconds": args.seconds,
        "huge_pages": found.huge,
        "frontend_args": args.frontend_args, "left_out": found.left_out,
        "commands": found.commands, "summary": rows, "overall": report.overall(rows),
        "instructions": {"why": "the count failed"}, "other_load_cores": other,
        "samples": found.samples}
    try:
        all_figures["instructions"] = counted = count_instructions(args)
    finally:
        # The minutes of samples are not lost when the count fails.
        if args.json:
            dpdkrun.write_json(args.json, all_figures)
    report.show(rows, counted)
    print(f"\nother load during the samples: median {other['median']:.2f} cores, "
          f"{other['min']:.2f} to {other['max']:.2f}; "
          f"{'huge' if found.huge else 'ordinary'} pages")
    if args.markdown:
        pathlib.Path(args.markdown).write_text(report.markdown(rows, counted))
    if args.plot:
        report.plot(args.plot, rows)


if __name__ == "__main__":
    sys.exit(dpdkrun.run_main("bench net", run, parse_args(), ["logs/bench"]))
