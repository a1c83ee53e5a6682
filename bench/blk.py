#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""vhost-blk against qemu-storage-daemon, with the same frontend: tools/vvu-blkload, a process
that keeps a number of requests in flight. The back-ends are measured in turn in one run, a new
process for each sample. Speed is reported, not judged: the exit status is 0 unless measuring
failed.

Stores: null (requests that complete at once: the path alone) and ram (memory; qemu-storage-daemon
has a file on tmpfs for it, and vhost-blk is measured with one too). Last, both serve a disk to one
Linux guest.
"""
import argparse
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[1:1] = [str(ROOT / "examples" / "common"), str(ROOT / "examples" / "vhost-blk"),
                 str(ROOT / "tests" / "vm")]
import blk_backends as backends  # noqa: E402
import blk_guest  # noqa: E402
import blk_report as report  # noqa: E402
import dpdkrun  # noqa: E402
import machine  # noqa: E402

# Other load, in cores, above which a sample is taken again.
QUIET_CORES = 0.15
# (name, options of the load, what the ratio is of, the target for it in words)
CELLS = [
    ("4K randread depth 1", {"rw": "randread", "iodepth": 1}, "latency", "<= 0.8"),
    ("4K randwrite depth 1", {"rw": "randwrite", "iodepth": 1}, "latency", "<= 0.8"),
    ("4K randread depth 32", {"rw": "randread", "iodepth": 32}, "iops", ">= 1.5"),
    ("4K randwrite depth 32", {"rw": "randwrite", "iodepth": 32}, "iops", ">= 1.5"),
    ("128K read depth 8", {"rw": "read", "bs": "128K", "iodepth": 8}, "iops", ">= 1.0"),
    ("128K write depth 8", {"rw": "write", "bs": "128K", "iodepth": 8}, "iops", ">= 1.0"),
]
# Several disks in one process, all of them busy.
DISK_KINDS = ("adaptive", "null-co")
DISK_WORKLOAD = {"rw": "randread", "iodepth": 8}


def parse_args():
    parser = argparse.ArgumentParser(prog="./run bench blk", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--plot", metavar="FILE", help="draw the medians (python3-matplotlib)")
    parser.add_argument("--rounds", type=int, metavar="N", help="default 5")
    parser.add_argument("--seconds", type=float, metavar="S", help="a sample's window (default 1)")
    parser.add_argument("--retries", type=int, default=1, metavar="N",
                        help="take a sample again up to N times while other programs use "
                             f"more than {QUIET_CORES} cores (default 1)")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 0.3 s, no guest")
    parser.add_argument("--store", choices=list(backends.KINDS), action="append",
                        help="only this one; may be repeated")
    parser.add_argument("--cell", metavar="TEXT", action="append",
                        help="only cells with this in their name; may be repeated")
    parser.add_argument("--disks", type=int, metavar="N", action="append",
                        help="disks in one process (default 1, 4 and 16; 0: leave this out)")
    parser.add_argument("--no-guest", action="store_true", help="leave the guest out")
    args = parser.parse_args()
    args.rounds = args.rounds or (2 if args.quick else 5)
    args.seconds = args.seconds or (0.3 if args.quick else 1.0)
    args.ramp = min(0.2, args.seconds / 2)
    args.store = args.store or list(backends.KINDS)
    args.cells = [cell for cell in CELLS
                  if not args.cell or any(text in cell[0] for text in args.cell)]
    args.disks = [n for n in ([1, 4, 16] if args.disks is None else args.disks) if n]
    if args.rounds < 1 or args.retries < 0 or not 0.1 <= args.seconds <= 600:
        parser.error("--rounds is at least 1, --retries 0, --seconds from 0.1 to 600")
    if not args.cells:
        parser.error(f"--cell: none of {', '.join(cell[0] for cell in CELLS)}")
    if not all(1 <= n <= 64 for n in args.disks):
        parser.error("--disks is from 0 to 64")
    if args.plot:
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            parser.error("--plot needs python3-matplotlib")
    return args


def quietest(runner, kind, workload, args, cores, disks=1, fill=False):
    """A sample; taken again, for as often as allowed, while something else used the cores.
    Which of them counts is decided by that load and not by the result."""
    best = None
    for attempt in range(1 + args.retries):
        server = backends.Server(runner, kind, cores[0], disks)
        try:
            if fill:
                server.fill(cores[1])
            sample = backends.sample(server, cores[1], workload, args.seconds, args.ramp)
        finally:
            server.end()
        if best is None or sample["other"] < best["other"]:
            best = sample
        best["attempts"] = attempt + 1
        if best["other"] <= QUIET_CORES:
            break
    return best


def in_turn(kinds, number):
    """Who is first alternates, A B and then B A."""
    return kinds if number % 2 == 0 else kinds[::-1]


def show(label, kind, sample):
    print(f"{label}  {kind.program}, {kind.name}: {sample['iops']:,} IOPS, "
          f"{sample['p50_us']:.1f} us, {sample['cpu_us_per_io']:.2f} us of CPU each, "
          f"other load {sample['other']:.2f} cores", flush=True)


def measure_round(runner, number, args, kinds, cores):
    samples = []
    for store in args.store:
        for name, workload, _, _ in args.cells:
            for kind in in_turn(kinds[store], number):
                sample = quietest(runner, kind, workload, args, cores, fill=store == "ram")
                samples.append({"round": number, "store": store, "cell": name,
                                "kind": kind.name, "program": kind.program, **sample})
                show(f"round {number + 1}/{args.rounds} {store} {name:<21}", kind, sample)
    return samples


def measure_disks(runner, number, args, cores):
    samples = []
    kinds = [kind for kind in backends.KINDS["null"] if kind.name in DISK_KINDS]
    for disks in args.disks:
        for kind in in_turn(kinds, number):
            sample = quietest(runner, kind, DISK_WORKLOAD, args, cores, disks)
            samples.append({"round": number, "disks": disks, "kind": kind.name,
                            "program": kind.program, **sample})
            show(f"round {number + 1}/{args.rounds} {disks:>2} disks ", kind, sample)
    return samples


def usable_kinds(args, core):
    """{store: kinds}, and why some are left out."""
    kinds, left_out = {}, {}
    with backends.Runner("bench") as runner:
        for store in args.store:
            kinds[store] = []
            for kind in backends.KINDS[store]:
                why = backends.usable(runner, kind, core)
                if why:
                    left_out[f"{kind.program}, {kind.name}"] = why
                    print(f"left out: {kind.program}, {kind.name}: {why}")
                else:
                    kinds[store].append(kind)
            for program in (backends.OURS, backends.PEER):
                if not any(kind.program == program for kind in kinds[store]):
                    raise dpdkrun.Failed(f"{program} serves no {store} store here")
    return kinds, left_out


def run(args):
    cores = dpdkrun.cores()
    if len(cores) < 2:
        raise dpdkrun.Failed("two cores are needed: one for each end")
    why = backends.missing()
    if why:
        raise dpdkrun.Failed(why)
    begun = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    kinds, left_out = usable_kinds(args, cores[0])
    samples, disk_samples = [], []
    for number in range(args.rounds):
        with backends.Runner("bench") as runner:
            samples += measure_round(runner, number, args, kinds, cores)
            disk_samples += measure_disks(runner, number, args, cores)
    guest_samples, machine_of_guest = [], None
    if not args.no_guest and not args.quick:
        guest_samples, machine_of_guest = blk_guest.measure(cores, args.rounds,
                                                            max(1, round(args.seconds)))
    rows = report.summarize(samples, kinds, args.cells)
    disk_rows = report.summarize_disks(disk_samples)
    report.print_rows(rows)
    report.print_disks(disk_rows, DISK_WORKLOAD)
    guest_rows = blk_guest.summarize(guest_samples) if guest_samples else []
    report.print_guest(guest_rows, machine_of_guest)
    other = report.spread([s["other"] for s in samples + disk_samples])
    print(f"\nother load during the samples: median {other['median']:.2f} cores, "
          f"{other['min']:.2f} to {other['max']:.2f}")
    if args.json:
        dpdkrun.write_json(args.json, {
            "begun": begun, "machine": machine.describe(), "rounds": args.rounds,
            "retries": args.retries, "window_seconds": args.seconds, "ramp_seconds": args.ramp,
            "left_out": left_out, "cells": [list(cell) for cell in args.cells],
            "disk_workload": DISK_WORKLOAD, "summary": rows, "disks": disk_rows,
            "guest": {"machine": machine_of_guest, "summary": guest_rows,
                      "samples": guest_samples},
            "other_load_cores": other, "samples": samples, "disk_samples": disk_samples})
    if args.plot:
        report.plot(args.plot, rows, disk_rows)


if __name__ == "__main__":
    sys.exit(dpdkrun.run_main("bench blk", run, parse_args(), ["logs/bench"], (RuntimeError, )))
