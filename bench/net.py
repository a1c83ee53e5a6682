#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""net_vvu on the embedded device against DPDK's own net_vhost, with the same front-end: a
dpdk-testpmd with net_virtio_user. The two are measured in turn in one run, each round with
new processes. Speed is reported, not judged: the exit status is 0 unless measuring failed.

Directions: to_backend (the front-end sends), to_frontend (the back-end sends), both (256
frames go round between the two; the sum of what both receive).
"""
import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "examples" / "common"))
import dpdkrun  # noqa: E402
import figures  # noqa: E402
import instructions  # noqa: E402
import machine  # noqa: E402
import pair  # noqa: E402
import states  # noqa: E402

OURS, PEER = pair.BACKENDS
SIZES = (64, 1518)
# Other load, in cores, above which a sample is taken again.
QUIET_CORES = 0.15


def parse_args():
    parser = argparse.ArgumentParser(prog="./run bench net", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--plot", metavar="FILE", help="draw the medians (python3-matplotlib)")
    parser.add_argument("--rounds", type=int, metavar="N", help="default 7")
    parser.add_argument("--seconds", type=float, metavar="S",
                        help="a sample's window (default 1.5)")
    parser.add_argument("--retries", type=int, default=2, metavar="N",
                        help="take a sample again up to N times while other programs use "
                             f"more than {QUIET_CORES} cores, or where the distance of the "
                             "cores changed during it (default 2)")
    parser.add_argument("--quick", action="store_true",
                        help="2 rounds of 0.5 s, no instruction counts")
    parser.add_argument("--size", type=int, action="append", metavar="BYTES",
                        help="frames without FCS (default 64 and 1518)")
    parser.add_argument("--direction", choices=pair.DIRECTIONS, action="append",
                        help="only this one; may be repeated")
    parser.add_argument("--frontend-args", default="", metavar="ARGS",
                        help="further net_virtio_user arguments, such as in_order=0")
    parser.add_argument("--no-instructions", action="store_true",
                        help="do not count instructions")
    args = parser.parse_args()
    args.rounds = args.rounds or (2 if args.quick else 7)
    args.seconds = args.seconds or (0.5 if args.quick else 1.5)
    args.size = args.size or SIZES
    args.direction = args.direction or pair.DIRECTIONS
    if args.rounds < 1 or args.retries < 0 or not 0.1 <= args.seconds <= 600:
        parser.error("--rounds is at least 1, --retries 0, --seconds from 0.1 to 600")
    if not all(60 <= size <= 1518 for size in args.size):
        parser.error("--size is from 60 to 1518")
    if args.plot:
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            parser.error("--plot needs python3-matplotlib")
    return args


def disturbance(sample):
    """What is wrong with a sample, worst first; its result is no part of it."""
    return sample["other"] > QUIET_CORES, states.changed(sample["transfer_ns"]), sample["other"]


def quietest(two, direction, size, args, options, pids):
    """A sample; taken again, for as often as allowed, while something else used the cores or
    their distance changed. Which of them counts is decided by that and not by the result."""
    best = None
    for attempt in range(1 + args.retries):
        load = machine.Load(pids)
        mpps, transfers = two.sample(direction, size, args.seconds,
                                     lambda: states.transfer_ns(options["cores"]))
        sample = {"mpps": round(mpps, 6), "transfer_ns": transfers, **load.other_cores()}
        if best is None or disturbance(sample) < disturbance(best):
            best = sample
        best["attempts"] = attempt + 1
        if not any(disturbance(best)[:2]):
            break
    return best


def measure_round(runner, number, args, options):
    """All cases, each of both back-ends one after the other; who is first alternates."""
    kinds = pair.BACKENDS if number % 2 == 0 else tuple(reversed(pair.BACKENDS))
    pairs = {kind: pair.Pair(runner, kind, options) for kind in kinds}
    pids = [process.pid for two in pairs.values() for process in two.processes()]
    samples = []
    for size in args.size:
        for direction in args.direction:
            for kind in kinds:
                sample = quietest(pairs[kind], direction, size, args, options, pids)
                samples.append({"round": number, "backend": kind, "direction": direction,
                                "size": size, **sample})
                print(f"round {number + 1}/{args.rounds} {direction:<11} {size:>5} B  "
                      f"{kind:<9} {sample['mpps']:7.3f} Mpps  other load "
                      f"{sample['other']:.2f} cores  transfer "
                      f"{'{:.0f} to {:.0f}'.format(*sample['transfer_ns'])} ns", flush=True)
    commands = {kind: two.commands() for kind, two in pairs.items()}
    for two in pairs.values():
        two.quit()
    return samples, commands


def count_instructions(args, options):
    """The figures, or why there are none."""
    if args.quick or args.no_instructions:
        return {"why": "not asked for"}
    why = instructions.missing()
    if why:
        return {"why": why}
    rows, commands, details = [], {}, []
    for size in args.size:
        counts = {}
        for kind in pair.BACKENDS:
            print(f"counting instructions: {kind}, {size} B", flush=True)
            with dpdkrun.Runner("bench") as runner:
                counts[kind] = instructions.measure(runner, kind, options, size)
            commands[kind] = counts[kind].pop("commands")
            details.append({"backend": kind, "size": size, **counts[kind]})
        for direction in instructions.DIRECTIONS:
            ours, peer = (counts[kind][direction]["per_packet"] for kind in pair.BACKENDS)
            rows.append({"direction": direction, "size": size, OURS: ours, PEER: peer,
                         "ratio": figures.ratio(ours, peer) if ours and peer else None})
    return {"rows": rows, "details": details, "commands": commands}


def run(args):
    cores = dpdkrun.cores()
    if len(cores) < 2:
        raise dpdkrun.Failed("two cores are needed: one for each end")
    options = {"cores": (cores[0], cores[1]), "frontend_args": args.frontend_args,
               "huge": dpdkrun.free_huge_mib() >= pair.HUGE_MIB_NEEDED}
    begun = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    samples, commands = [], None
    for number in range(args.rounds):
        with dpdkrun.Runner("bench") as runner:
            more, commands = measure_round(runner, number, args, options)
        samples += more
    states.label(samples)
    rows = figures.summarize(samples, OURS, PEER)
    counted = count_instructions(args, options)
    other = figures.spread([s["other"] for s in samples])
    figures.print_rates(rows, OURS, PEER)
    figures.print_states(rows, OURS, PEER)
    figures.print_instructions(counted, OURS, PEER)
    print(f"\nother load during the samples: median {other['median']:.2f} cores, "
          f"{other['min']:.2f} to {other['max']:.2f}; "
          f"{'huge' if options['huge'] else 'ordinary'} pages")
    if args.json:
        dpdkrun.write_json(args.json, {
            "begun": begun, "machine": machine.describe(), "rounds": args.rounds,
            "retries": args.retries, "window_seconds": args.seconds, "huge_pages": options["huge"],
            "frontend_args": args.frontend_args, "commands": commands, "summary": rows,
            "instructions": counted, "other_load_cores": other, "samples": samples})
    if args.plot:
        figures.plot(args.plot, rows, OURS, PEER)


if __name__ == "__main__":
    sys.exit(dpdkrun.run_main("bench net", run, parse_args(), ["logs/bench"]))
