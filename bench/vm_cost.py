# SPDX-License-Identifier: BSD-3-Clause
"""Where the CPU time of the two ends goes: per process and virtual CPU, and by a profile."""
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

PROFILE_HZ = 997
LINE = re.compile(r"\s*([\d.]+)%\s*\|\s*(.*?)\s*\|\s*(?:\[.\] )?(.*?)\s*$")
SHOWN = 12


class Program:
    """A process whose CPU time counts; vcpus are the threads of it that run guest code."""
    def __init__(self, pid, vcpus=()):
        self.pid, self.vcpus = pid, tuple(vcpus)

    @classmethod
    def of_vm(cls, vm):
        return cls(vm.process.pid, [cpu["thread-id"] for cpu in vm.qmp("query-cpus-fast")])

    def used(self):
        """Nanoseconds of CPU so far by thread."""
        found = {}
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            try:
                found[int(task.name)] = int((task / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found


class Cost:
    """CPU time of a back-end and a frontend from here on."""
    NAMES = ("backend", "frontend")

    def __init__(self, ends):
        self.ends = ends
        self.begun = time.monotonic()
        self.before = [end.used() for end in ends]

    def since(self):
        """In cores: of each end, and of that in its virtual CPUs."""
        after = [end.used() for end in self.ends]
        passed = (time.monotonic() - self.begun) * 1e9
        result = {}
        for name, end, old, new in zip(self.NAMES, self.ends, self.before, after):
            cores = {thread: (ns - old.get(thread, 0)) / passed for thread, ns in new.items()}
            result[name] = round(sum(cores.values()), 4)
            if end.vcpus:
                result[f"{name}_vcpus"] = round(sum(cores.get(t, 0) for t in end.vcpus), 4)
        return result


def kind_of(image, symbol):
    """What a sample of a QEMU was taken in."""
    if image.startswith(("[JIT]", "[unknown]", "anon", "//anon", "perf-", "memfd:", "zero")):
        return "translated guest code"
    if image.startswith("[kernel") or image.startswith("[guest"):
        return "host kernel"
    if "qemu" in image:
        return "QEMU itself"
    return "libraries" if symbol else "other"


def profile(thread, seconds):
    """Samples of one thread by the host's clock: shares by kind, and the largest symbols.
    Where perf cannot do that, the reason."""
    if not shutil.which("perf"):
        return {"why": "perf is not there (Debian package linux-perf)"}
    with tempfile.TemporaryDirectory(prefix="vvu-perf-") as directory:
        data = f"{directory}/perf.data"
        done = subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", str(PROFILE_HZ),
                               "-t", str(thread), "-o", data, "--", "sleep", str(seconds)],
                              capture_output=True, text=True, timeout=seconds + 60, check=False)
        if done.returncode != 0:
            return {"why": f"perf record: {done.stderr.strip()[-300:]}"}
        report = subprocess.run(["perf", "report", "-i", data, "--stdio", "--no-children",
                                 "-F", "overhead,dso,symbol", "-t", "|"], timeout=120,
                                capture_output=True, text=True, check=False)
    rows = [(float(match[1]), match[2], match[3])
            for match in map(LINE.match, report.stdout.splitlines()) if match]
    if not rows:
        return {"why": f"perf report has no samples: {report.stderr.strip()[-300:]}"}
    shares = {}
    for percent, image, symbol in rows:
        kind = kind_of(image, symbol)
        shares[kind] = round(shares.get(kind, 0) + percent, 1)
    named = [row for row in rows if kind_of(row[1], row[2]) != "translated guest code"]
    return {"percent": shares,
            "largest": [{"percent": percent, "image": image, "symbol": symbol}
                        for percent, image, symbol in named[:SHOWN]]}
