#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a burst of 32 frames costs a back-end's port: instructions per packet, counted by
callgrind, and time stamp cycles. Back-end and frontend are one thread that does one after the
other (ringbench), so that the counts do not depend on what else the machine does."""
import argparse
import json
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "examples" / "common"))
import callgrind  # noqa: E402
import dpdkrun  # noqa: E402
import figures  # noqa: E402
import machine  # noqa: E402
import matrix  # noqa: E402
import net_report as report  # noqa: E402
import netload  # noqa: E402

BACKENDS = (netload.OURS, netload.PEER)
SIZES = (64, 1518)
WAYS = ("receive", "transmit")
COUNTED_BURSTS, TIMED_BURSTS = 64, 20000
MEMORY_MIB = 128
# Valgrind takes no reservation of a whole default window (64 GiB).
SMALL_WINDOW = ",shm-size=1G"


def missing():
    """Why instructions cannot be counted here, or None."""
    return None if shutil.which("valgrind") else "valgrind is not there (Debian package valgrind)"


def command(runner, backend, shapes, sizes, bursts, core, valgrind):
    sockets = [runner.socket(f"{backend.name}{len(runner.processes)}-{i}")
               for i in range(len(shapes))]
    more = SMALL_WINDOW if valgrind and backend.driver == "net_vvu" else ""
    return [
        *valgrind, dpdkrun.program("bench/ringbench/ringbench"),
        *runner.eal(f"ring-{backend.name}", dpdkrun.memory_args(MEMORY_MIB, False), f"0@{core}"),
        *(["-d", runner.plugin()] if backend.driver == "net_vvu" else []),
        "--log-level=lib.vhost.config:error",
        *netload.vdevs(netload.address(backend, i, socket) + more
                       for i, socket in enumerate(sockets)),
        "--", "--bursts", str(bursts), *(word for size in sizes for word in ("--size", str(size))),
        *(f"{socket},{shape.ring},{int(shape.mrg)},{int(shape.in_order)}"
          for socket, shape in zip(sockets, shapes))]


def cases(process, seconds):
    """The lines of a ringbench that has run to its end."""
    status = process.wait(seconds)
    found = [json.loads(line) for line in process.text().splitlines() if line.startswith("{")]
    for case in found:
        if "why" in case and case["way"] in WAYS:
            raise dpdkrun.Failed(f"{process.name}: {case}")
    if status != 0:
        raise dpdkrun.Failed(f"{process.name} ended with status {status}: {process.tail()}")
    return found


def key_of(case):
    return matrix.Shape(case["ring"], case["mrg"], case["in_order"]), case["size"], case["way"]


def start(runner, backend, shapes, sizes, core, counting):
    out = runner.dir / f"callgrind.{backend.name}"
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
                "--toggle-collect=measured_*", "--dump-after=ringbench_case"] if counting else []
    process = runner.start(f"ringbench-{backend.name}",
                           command(runner, backend, shapes, sizes,
                                   COUNTED_BURSTS if counting else TIMED_BURSTS, core, valgrind))
    process.out = out
    return process


def count(process, backend):
    """{case: instructions per packet}, and {shape: why not}."""
    found, refused = {}, {}
    done = cases(process, 300)
    for case in done:
        if case["way"] not in WAYS:
            refused[key_of(case)[0]] = case["why"]
    for number, case in enumerate((c for c in done if c["way"] in WAYS), 1):
        calls, cost = callgrind.into(f"{process.out}.{number}", f"measured_{case['way']}",
                                     f"librte_{backend.driver}.so")
        if calls * 32 != case["packets"]:
            raise dpdkrun.Failed(f"{process.name}: {calls} calls were seen for {case}")
        found[key_of(case)] = round(cost / case["packets"], 2)
    return found, refused


def time_of(process):
    return {key_of(case): round(case["cycles"] / case["packets"], 2)
            for case in cases(process, 120) if case["way"] in WAYS}


def measure_all(rings=matrix.RINGS, sizes=SIZES):
    """Rows with figures of both back-ends, or why there are none."""
    why = missing()
    if why:
        return {"why": why}
    shapes = [shape for shape in matrix.SHAPES if shape.ring in rings]
    core = dpdkrun.cores()
    counts, cycles, refused, commands = {}, {}, {}, {}
    with dpdkrun.Runner("bench") as runner:
        # Counts do not mind company, so both are counted at once; times do.
        counting = {backend: start(runner, backend, shapes, sizes, core[i % len(core)], True)
                    for i, backend in enumerate(BACKENDS)}
        for backend, process in counting.items():
            counts[backend.name], refused[backend.name] = count(process, backend)
            commands[backend.name] = process.command
        for backend in BACKENDS:
            cycles[backend.name] = time_of(start(runner, backend, shapes, sizes, core[0], False))
    ours, peer = (backend.name for backend in BACKENDS)
    rows = [{**dict(zip(("ring", "mrg", "in_order"), shape)), "size": size, "way": way,
             ours: counts[ours][shape, size, way], peer: counts[peer][shape, size, way],
             "ratio": figures.ratio(counts[ours][shape, size, way],
                                    counts[peer][shape, size, way]),
             "cycles": {name: cycles[name][shape, size, way] for name in (ours, peer)}}
            for way in WAYS for size in sizes for shape in shapes
            if (shape, size, way) in counts[ours] and (shape, size, way) in counts[peer]]
    return {"rows": rows, "commands": commands,
            "left_out": {name: {matrix.name(shape): text for shape, text in of.items()}
                         for name, of in refused.items()}}


def parse_args():
    parser = argparse.ArgumentParser(prog="./run bench ring", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--markdown", metavar="FILE", help="write the table of the manual")
    parser.add_argument("--ring", choices=matrix.RINGS, action="append",
                        help="only this one; may be repeated")
    parser.add_argument("--size", type=int, action="append", metavar="BYTES",
                        help="frames without FCS, 64 to 2048 (default 64 and 1518); may be "
                             "repeated")
    args = parser.parse_args()
    args.ring = args.ring or matrix.RINGS
    args.size = args.size or SIZES
    if len(args.size) > 8 or not all(64 <= size <= 2048 for size in args.size):
        parser.error("--size is from 64 to 2048, and there are 8 at most")
    return args


def run(args):
    found = measure_all(args.ring, args.size)
    if "why" in found:
        raise dpdkrun.Failed(found["why"])
    for name, of in found["left_out"].items():
        for shape, why in of.items():
            print(f"left out: {name}: {shape}: {why}")
    report.show_instructions(found)
    if args.json:
        dpdkrun.write_json(args.json, {"machine": machine.describe(), **found})
    if args.markdown:
        pathlib.Path(args.markdown).write_text(report.instructions_table(found))


if __name__ == "__main__":
    sys.exit(dpdkrun.run_main("bench ring", run, parse_args(), ["logs/bench"]))
