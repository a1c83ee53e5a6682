#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A net_vvu port in interrupt mode: what CPU time it takes while nothing comes, and how long
after a frame was sent the thread that slept has it.

The frontend is DPDK's net_virtio_user, in a program that sends one frame at a time with pauses
in between; the port's thread sleeps whenever there is nothing. Both ends read the same clock.
The round trip is there and back. Speed is reported, not judged.
"""
import argparse
import os
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "examples" / "common"))
import dpdkrun  # noqa: E402
import machine  # noqa: E402

MEMORY_MIB = 64
PERCENTILES = ("p50", "p90", "p99", "max")


def parse_args():
    parser = argparse.ArgumentParser(prog="./run bench interrupts", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--idle-seconds", type=float, default=10, metavar="S",
                        help="how long CPU time is counted (default 10)")
    parser.add_argument("--frames", type=int, default=5000, metavar="N", help="default 5000")
    parser.add_argument("--pause-us", type=int, default=2000, metavar="US",
                        help="pauses between frames, 0 to US at random (default 2000)")
    args = parser.parse_args()
    if args.idle_seconds <= 0 or args.frames < 1 or not 0 <= args.pause_us <= 1000000:
        parser.error("--idle-seconds is above 0, --frames at least 1, --pause-us 0 to 1000000")
    return args


def start(runner, name, vdev, core, interrupts):
    command = [dpdkrun.program("tests/support/pmd-exerciser"),
               *runner.eal(name, dpdkrun.memory_args(MEMORY_MIB, False), f"0@{core},1@{core}"),
               "-d", runner.plugin(), "--vdev", vdev, "--", "--interrupts", str(interrupts)]
    return runner.start(name, command, kind=dpdkrun.Answering).ready()


def times(answer, name):
    found = dict(re.findall(rf"{name}_(\w+?)(?:_ns)?=(\d+)", answer))
    return {key: int(value) for key, value in found.items()}


def cpu_seconds(pid):
    """User and system time of all its threads, to the nanosecond where the kernel tells."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        total += int(pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
    return total / 1e9


def idle_share(process, seconds):
    begun, used = time.monotonic(), cpu_seconds(process.pid)
    time.sleep(seconds)
    return (cpu_seconds(process.pid) - used) / (time.monotonic() - begun)


def stop_echo(port, frontend):
    """The thread sees that it should stop when it wakes up."""
    begin = port.tell("echo-stop")
    frontend.ask("send 0 1 60 0")
    return port.answer("echo-stop", begin)


def measure(runner, args):
    cores = dpdkrun.cores()
    socket = runner.socket("port")
    port = start(runner, "port", f"net_vvu0,socket={socket}", cores[-1], 1)
    port.ask("echo 64 1000")
    figures = {"no_frontend_cores": idle_share(port, args.idle_seconds)}
    frontend = start(runner, "frontend", f"net_virtio_user0,path={socket}", cores[0], 0)
    dpdkrun.wait_for("link", lambda: port.number("link-state 0") == 1, 30)
    figures["idle_cores"] = idle_share(port, args.idle_seconds)
    load = machine.Load([port.pid, frontend.pid])
    seconds = 60 + args.frames * (args.pause_us / 1e6 + 0.01)
    answer = frontend.ask(f"ping 0 {args.frames} {args.pause_us} 10000", seconds)
    figures["round_trip_ns"] = times(answer, "round")
    figures.update(load.other_cores())
    figures["wake_up_ns"] = times(stop_echo(port, frontend), "wake")
    for process in (frontend, port):
        if process.quit() != 0:
            raise dpdkrun.Failed(f"{process.name} failed: {process.tail()}")
    return figures


def run(args):
    with dpdkrun.Runner("interrupts") as runner:
        figures = measure(runner, args)
    for name, words in (("no_frontend_cores", "no frontend"), ("idle_cores", "idle frontend")):
        print(f"CPU of the port's process, {words + ':':<15} {100 * figures[name]:.3f} % of a core")
    for name, words in (("wake_up_ns", "sent until received, asleep"),
                        ("round_trip_ns", "there and back")):
        spread = "  ".join(f"{key} {figures[name][key] / 1000:.1f} us" for key in PERCENTILES)
        print(f"{words + ':':<28} {spread}  ({figures[name]['count']} frames)")
    print(f"other load: {figures['other']:.2f} cores")
    if args.json:
        dpdkrun.write_json(args.json, {"machine": machine.describe(), "frames": args.frames,
                                       "pause_us": args.pause_us,
                                       "idle_seconds": args.idle_seconds, **figures})


if __name__ == "__main__":
    sys.exit(dpdkrun.run_main("bench interrupts", run, parse_args(), ["logs/interrupts"]))
