#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Both demos, one after the other: the switch that serves other programs, and the disk that
serves a VM. "./run demo net" and "./run demo blk" run one of them; each has options of its own.

Exit status 0 when both are content.
"""
import argparse
import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "common"))
import dpdkrun  # noqa: E402

PARTS = {"net": HERE / "vhost-net" / "demo.py", "blk": HERE / "vhost-blk" / "demo.py"}


def parse_args():
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, metavar="S",
                        help="of traffic, and of load on the disk (default 10)")
    parser.add_argument("--size", type=int, metavar="N",
                        help="of net: bytes of testpmd's frames")
    parser.add_argument("--store", metavar="TEXT", help="of blk: what holds the data")
    parser.add_argument("--json", metavar="FILE", help='write both results there: {"net", "blk"}')
    return parser.parse_args()


def run_part(name, args, result):
    """Its exit status."""
    command = [sys.executable, str(PARTS[name]), "--seconds", f"{args.seconds:g}", "--json",
               str(result)]
    if name == "net" and args.size is not None:
        command += ["--size", str(args.size)]
    if name == "blk" and args.store is not None:
        command += ["--store", args.store]
    process = subprocess.Popen(command)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        raise


def main():
    args = parse_args()
    dpdkrun.end_on_sigterm()
    failed, results = [], {}
    try:
        with tempfile.TemporaryDirectory(prefix="demo-") as directory:
            for name in PARTS:
                file = pathlib.Path(directory) / f"{name}.json"
                if run_part(name, args, file) != 0:
                    failed.append(name)
                results[name] = json.loads(file.read_text()) if file.exists() else None
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return 130
    if args.json:
        dpdkrun.write_json(args.json, results)
    if failed:
        print(f"demo: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
