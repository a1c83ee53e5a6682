# SPDX-License-Identifier: BSD-3-Clause
"""How near the two cores are to each other. On a virtual machine that changes while it runs:
its host moves virtual CPUs between caches, and all that two ends share gets several times
slower or faster. Samples are only comparable in one such state."""
import statistics
import subprocess

import dpdkrun

# Two readings this far apart, as a factor, are of different states.
APART = 1.5
CHANGED = "changed"


def transfer_ns(cores):
    """Nanoseconds in which a cache line gets from one core to the other."""
    command = [dpdkrun.program("bench/pingpong"), *(str(core) for core in cores)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        raise dpdkrun.Failed("pingpong: no result within 20 s") from None
    if done.returncode != 0:
        raise dpdkrun.Failed(f"pingpong: {done.stderr.strip()}")
    return float(done.stdout)


def changed(readings):
    return max(readings) > APART * min(readings)


def label(samples):
    """Set "state" of each sample from its "transfer_ns", the readings before and after it.
    A state is named by the median of its readings."""
    groups = []
    for reading in sorted(ns for sample in samples for ns in sample["transfer_ns"]):
        if not groups or reading > APART * groups[-1][-1]:
            groups.append([])
        groups[-1].append(reading)
    for sample in samples:
        own = [group for group in groups
               if any(group[0] <= ns <= group[-1] for ns in sample["transfer_ns"])]
        sample["state"] = f"{statistics.median(own[0]):.0f} ns" if len(own) == 1 else CHANGED


def paired_ratios(samples, ours, peer):
    """state -> ratios ours / peer, one per round whose two samples, taken one right after
    the other, were both in that state."""
    found = {}
    for number in sorted({sample["round"] for sample in samples}):
        of = {sample["backend"]: sample for sample in samples if sample["round"] == number}
        if ours not in of or peer not in of:
            continue
        a, b = of[ours], of[peer]
        if a["state"] == b["state"] != CHANGED and b["mpps"]:
            found.setdefault(a["state"], []).append(round(a["mpps"] / b["mpps"], 4))
    return found
