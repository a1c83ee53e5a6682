# SPDX-License-Identifier: BSD-3-Clause
"""What a measurement ran on, and what else the machine did meanwhile."""
import os
import pathlib
import platform
import subprocess

import dpdkrun

PACKAGES = ("dpdk", "dpdk-dev", "libdpdk-dev", "qemu-system-common", "valgrind", "gcc", "libc6")


def first_line(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return None
    return done.stdout.splitlines()[0].strip() if done.returncode == 0 and done.stdout else None


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def describe():
    packages = {name: first_line(["dpkg-query", "-W", "-f", "${Version}\n", name])
                for name in PACKAGES}
    return {
        "cpu": cpu_model(), "cores": dpdkrun.cores(), "kernel": platform.release(),
        "virtual": first_line(["systemd-detect-virt"]),
        "packages": {name: version for name, version in packages.items() if version},
        "commit": first_line(["git", "-C", str(dpdkrun.ROOT), "rev-parse", "HEAD"]),
    }


class Load:
    """CPU time of everything but the given processes, this one and what it ran to the end, in
    cores, since it was made."""
    def __init__(self, pids):
        self.pids = pids
        self.begun = self.read()

    def read(self):
        fields = [int(n) for n in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
        user, nice, system, idle, iowait, irq, softirq, steal = fields[:8]
        own = os.times()
        ours = round(sum(own[:4]) * os.sysconf("SC_CLK_TCK"))
        for pid in self.pids:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ours += int(stat[11]) + int(stat[12])
        return {"busy": user + nice + system + irq + softirq, "steal": steal, "ours": ours,
                "all": sum(fields[:8])}

    def other_cores(self):
        now = self.read()
        passed = {key: now[key] - self.begun[key] for key in now}
        if not passed["all"]:
            return {"other": 0.0, "steal": 0.0}
        cores = os.cpu_count()
        return {"other": round(max(0, passed["busy"] - passed["ours"]) / passed["all"] * cores, 3),
                "steal": round(passed["steal"] / passed["all"] * cores, 3)}
