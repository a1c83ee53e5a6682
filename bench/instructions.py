# SPDX-License-Identifier: BSD-3-Clause
"""Instructions per packet in a back-end's receive and transmit functions.

Counted by callgrind: the back-end's testpmd runs under it, and what its calls into the
driver cost, with all below them, is divided by the packets moved. Calls that move nothing
(an empty or a full ring) are counted in a session of their own first, and subtracted.
"""
import re
import shutil
import subprocess
import time

import callgrind
import dpdkrun
import pair

# Receiving is what the back-end does when frames go to it.
DIRECTIONS = {"to_backend": "RX", "to_frontend": "TX"}
IDLE_S, TRAFFIC_S = 1, 4


def missing():
    """Why they cannot be counted here, or None."""
    for name in ("valgrind", "callgrind_control"):
        if not shutil.which(name):
            return f"{name} is not there (Debian package valgrind)"
    return None


def control(process, *args):
    done = subprocess.run(["callgrind_control", *args, str(process.pid)], timeout=60,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0 or "OK" not in done.stdout:
        raise dpdkrun.Failed(f"callgrind_control {' '.join(args)}: {done.stdout}{done.stderr}")


def calls_into_driver(path, kind):
    """(calls, instructions) of the one function that forwarding calls; the others are
    called from libethdev."""
    found = callgrind.into(path, "dpdk-testpmd", f"lib{'rte_' + kind}.so")
    return max(found.values(), default=(0, 0))


def session(two, count, direction, seconds, with_frontend):
    """Forward for a time under callgrind; packets moved."""
    backend, frontend = two.processes()
    two.flush()
    two.set_modes(pair.MODES[direction])
    if with_frontend:
        frontend.do("start")
        time.sleep(0.2)
    control(backend, "-i", "on")
    backend.do("start", seconds=60)
    time.sleep(seconds)
    text = backend.do("stop", r"Done\.", 60)
    control(backend, "-i", "off")
    # A dump sets the counters to zero.
    control(backend, "-d")
    if with_frontend:
        frontend.do("stop", r"Done\.")
    return int(re.search(rf"{count}-packets: (\d+)", text)[1])


def measure(runner, kind, options, size):
    """direction -> figures."""
    out = runner.dir / f"callgrind.{kind}"
    valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--fair-sched=yes",
                f"--callgrind-out-file={out}"]
    # Valgrind does not take DPDK's way to reserve huge pages.
    two = pair.Pair(runner, kind, {**options, "huge": False}, valgrind)
    for process in two.processes():
        process.do(f"set txpkts {size}")
    result, dump = {}, 0
    for direction, count in DIRECTIONS.items():
        figures = []
        for seconds, with_frontend in ((IDLE_S, False), (TRAFFIC_S, True)):
            packets = session(two, count, direction, seconds, with_frontend)
            dump += 1
            calls, cost = calls_into_driver(f"{out}.{dump}", kind)
            figures.append((packets, calls, cost))
        result[direction] = per_packet(*figures)
    result["commands"] = two.commands()
    two.quit()
    return result


def per_packet(idle, traffic):
    packets, calls, cost = traffic
    idle_packets, idle_calls, idle_cost = idle
    if not packets or not idle_calls:
        return {"per_packet": None, "why": f"{packets} packets and {idle_calls} idle calls "
                                           "were seen"}
    # The few frames that fill a ring in the idle session weigh nothing in it.
    idle_call = idle_cost / idle_calls
    empty = max(0, calls - packets / pair.BURST)
    return {"per_packet": round((cost - empty * idle_call) / packets, 1), "packets": packets,
            "calls": calls, "calls_that_moved_nothing": round(empty),
            "per_call_that_moves_nothing": round(idle_call, 1),
            "idle_session_packets": idle_packets}
