#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A disk for a VM: vhost-blk serves it, and the distribution's QEMU boots the distribution's
Linux with it, as an ordinary virtio-blk disk.

In the guest fio first writes data with checksums and reads it all again; then it measures.

Exit status 0 when every block that was read is what had been written, and requests of every
kind were served.
"""
import argparse
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(ROOT / "examples" / "common"), str(ROOT / "tests" / "vm")]
import dpdkrun  # noqa: E402
import guest  # noqa: E402
from terminal import table  # noqa: E402

# All of it is written before anything is measured: memory that a store has not touched yet is slow.
USED_MIB = 64
DISK = f"--filename={guest.disk(0)} --size={USED_MIB}M"
# Of random sizes, in random order, with a checksum, the offset and a pattern in each block;
# then all of it is read and checked.
CHECK = (f"{DISK} --rw=randwrite --bsrange=4k-64k --iodepth=16 --verify=crc32c --verify_fatal=1 "
         "--verify_state_save=0 --randrepeat=0 --end_fsync=1")
# (name, what fio does)
LOADS = [
    ("4K randread, depth 1", "--rw=randread --bs=4k --iodepth=1"),
    ("4K randread, depth 32", "--rw=randread --bs=4k --iodepth=32"),
    ("4K randwrite, depth 32", "--rw=randwrite --bs=4k --iodepth=32"),
    ("128K read, depth 8", "--rw=read --bs=128k --iodepth=8"),
]


def parse_args():
    parser = argparse.ArgumentParser(prog="./run demo blk", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, metavar="S",
                        help="of measuring, all workloads together (default 10)")
    parser.add_argument("--store", default="ram:64M", metavar="TEXT",
                        help=f"what holds the data, {USED_MIB} MiB or more, as for vhost-blk; "
                             "it is overwritten "
                             "(default ram:64M)")
    parser.add_argument("--json", metavar="FILE", help="write the result there")
    args = parser.parse_args()
    if not 1 <= args.seconds <= 3600:
        parser.error(f"--seconds {args.seconds:g}: not from 1 to 3600")
    return args


def start_backend(runner, store):
    """It and its socket."""
    socket = runner.socket("disk")
    backend = runner.start("vhost-blk", [
        dpdkrun.program("examples/vhost-blk/vhost-blk"), "--socket-path", socket, "--store", store])

    def listens():
        if not backend.alive():
            raise dpdkrun.Failed(f"vhost-blk ended: {backend.tail()}")
        return pathlib.Path(socket).exists()
    dpdkrun.wait_for("vhost-blk's socket", listens, 30)
    return backend, socket


def demo(runner, args):
    backend, socket = start_backend(runner, args.store)
    each = max(1, round(args.seconds / len(LOADS)))
    phases = [("write and check", CHECK)] + [
        (name, f"{DISK} {what} --time_based --runtime={each} --norandommap")
        for name, what in LOADS]
    machine = guest.Guest(runner, "demo-blk", [socket], phases)
    machine.boot()
    results = machine.run(each)
    _, status, job = next(results)
    check = {"status": status, "error": job["error"], "written_bytes": job["write"]["io_bytes"],
             "checked_bytes": job["read"]["io_bytes"]}
    load = [{"name": name, "status": status, **guest.figures(job)}
            for name, status, job in results]
    complained = machine.end()
    status = backend.stop()
    if status != 0:
        raise dpdkrun.Failed(f"vhost-blk ended with status {status}: {backend.tail()}")
    return {"store": args.store, **machine.describe(), "check": check, "load": load,
            "kernel_complained": complained}


def report(result):
    check = result["check"]
    print(f"\nA virtio-blk disk in a Linux guest (QEMU {result['qemu']}, "
          f"{result['accelerator']}), served by vhost-blk from {result['store']}")
    print(f"  {check['written_bytes']:,} bytes written with checksums, "
          f"{check['checked_bytes']:,} read again and checked: "
          f"{'all as written' if not wrong_check(check) else wrong_check(check)}\n")
    table(["fio", "IOPS", "MiB/s", "mean latency", "50 %", "90 %", "99 %", "99.9 %"],
          [[d["name"], f"{d['iops']:,.0f}", f"{d['bytes_per_s'] / (1 << 20):,.1f}",
            *(f"{d['latency_us'][name]:,.0f} us" for name in ("mean", "p50", "p90", "p99",
                                                               "p99.9"))]
           for d in result["load"]])
    if result["accelerator"] == "tcg":
        print("  The guest's CPU is emulated here: it, and not the disk, is what limits these.")
    print()


def wrong_check(check):
    if check["status"] or check["error"]:
        return f"fio ended with status {check['status']}, error {check['error']}"
    if check["checked_bytes"] < USED_MIB << 20:
        return f"only {check['checked_bytes']} bytes were checked"
    return None


def verdict(result):
    """What is wrong, in words; empty when nothing is."""
    wrong = [f"data: {wrong_check(result['check'])}"] if wrong_check(result["check"]) else []
    for d in result["load"]:
        if d["status"] or d["error"]:
            wrong.append(f"{d['name']}: fio ended with status {d['status']}, error {d['error']}")
        elif not d["ios"]:
            wrong.append(f"{d['name']}: no request was served")
    if result["kernel_complained"]:
        wrong.append("the guest's kernel complains")
    return wrong


def run(args):
    with dpdkrun.Runner("demo-blk") as runner:
        print("demo: a disk from vhost-blk in a VM")
        begun = time.monotonic()
        result = demo(runner, args)
        result["wrong"] = verdict(result)
        result["seconds"] = round(time.monotonic() - begun, 3)
        report(result)
        if args.json:
            dpdkrun.write_json(args.json, result)
        if result["wrong"]:
            raise dpdkrun.Failed("; ".join(result["wrong"]))
        print(f"demo: every block was read as it had been written "
              f"({result['seconds']:.0f} s)")


if __name__ == "__main__":
    sys.exit(dpdkrun.run_main("demo", run, parse_args(), ["logs/demo-blk"], (RuntimeError, )))
