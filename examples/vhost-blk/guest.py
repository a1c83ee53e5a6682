# SPDX-License-Identifier: BSD-3-Clause
"""A Linux guest that runs fio on virtio-blk disks which vhost-user back-ends serve: the
distribution's QEMU, kernel and fio. Its console is where progress and results come from.

For the demo and the benchmark. The guest is made by the harness of the tests.
"""
import json
import re
import shutil
import time

import dpdkrun
from harness import accel, images, qemu
from terminal import progress

MEMORY_MIB = 512
BOOT_S, FIO_S = 120, 180
FIO = ("fio --name=load --direct=1 --ioengine=libaio --thread --clat_percentiles=0 "
       "--lat_percentiles=1 --eta=always --eta-newline=1 --output-format=json "
       "--output=/tmp/result")
SCRIPT = """
for disk in {disks}; do
	tries=100
	while [ ! -b $disk ] && [ $tries -gt 0 ]; do usleep 100000; tries=$((tries - 1)); done
done
ulimit -l unlimited
phase() {{
	echo "PHASE $1"
	shift
	"$@" 2>&1
	echo "STATUS $?"
	cat /tmp/result
	echo "END"
}}
{phases}
dmesg | grep -E 'BUG|WARNING|Oops|I/O error' && echo KERNEL-COMPLAINED
"""
PERCENTILES = (("p50", "50.000000"), ("p90", "90.000000"), ("p99", "99.000000"),
               ("p99.9", "99.900000"))


def disk(index):
    """The name that a guest has for the disk of sockets[index]."""
    return f"/dev/vd{chr(ord('a') + index)}"


class Guest:
    """phases: (what is shown of it, fio's arguments), in their order; sockets: one per disk.
    core: where all of QEMU runs, None: anywhere. After boot() run() has the results."""
    def __init__(self, runner, name, sockets, phases, core=None):
        self.runner, self.phases, self.at = runner, phases, 0
        self.qemu = qemu.frontend()
        self.accel = accel.choose(self.qemu)
        kernel = images.kernel()
        lines = [f"phase {number} {FIO} {arguments}"
                 for number, (_, arguments) in enumerate(phases)]
        text = SCRIPT.format(disks=" ".join(disk(i) for i in range(len(sockets))),
                             phases="\n".join(lines))
        initrd = images.script(kernel, name, ("virtio_pci", "virtio_blk"), text,
                               [shutil.which("fio") or "/usr/bin/fio"])
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        disks = []
        for i, socket in enumerate(sockets):
            disks += ["-chardev", f"socket,id=vu{i},path={socket}", "-device",
                      f"vhost-user-blk-pci,chardev=vu{i},num-queues=1,disable-legacy=on"]
        # The order of the disks is that of the functions' numbers, which QEMU gives in turn.
        self.process = runner.start(name, [
            *pinned, self.qemu.path, *self.qemu.firmware, "-M", "q35,memory-backend=ram",
            *accel.options(self.accel), "-smp", "1,maxcpus=2", "-m", str(MEMORY_MIB), "-object",
            f"memory-backend-memfd,id=ram,size={MEMORY_MIB}M,share=on", "-nodefaults",
            "-no-user-config", "-display", "none", "-no-reboot", "-kernel", str(kernel.vmlinux),
            "-initrd", str(initrd), "-append", "console=ttyS0 panic=-1 quiet no_timer_check",
            "-serial", "stdio", *disks])

    def describe(self):
        return {"accelerator": self.accel, "qemu": ".".join(map(str, self.qemu.version))}

    def wait(self, what, pattern, seconds):
        """Until the console has it, with a live line meanwhile; the match. The runner's other
        processes have to stay up."""
        begun, said = time.monotonic(), None
        while True:
            text = self.process.text(self.at)
            match = re.search(pattern, text)
            if match:
                progress(None)
                return match
            for process in self.runner.processes:
                if not process.alive() and process.popen.returncode != 0:
                    raise dpdkrun.Failed(f"{what}: {process.name} ended: {process.tail()}")
            passed = time.monotonic() - begun
            if passed > seconds or not self.process.alive():
                raise dpdkrun.Failed(f"{what}: not in {passed:.0f} s: {self.process.tail()}")
            line = f"{what:<24} {int(passed):>3} s  {eta(text)}".rstrip()
            if line != said:
                progress(line)
                said = line
            time.sleep(0.1)

    def boot(self):
        self.wait("boot", r"PHASE 0\r?\n", BOOT_S)

    def run(self, seconds):
        """fio's results, a phase at a time: (what, exit status, job). seconds: what a phase
        takes by itself."""
        for number, (what, _) in enumerate(self.phases):
            match = self.wait(what, rf"(?s)PHASE {number}\r?\n.*?STATUS (\d+)\r?\n(.*?)END\r?\n",
                              seconds + FIO_S)
            self.at += len(self.process.text(self.at)[:match.end()].encode())
            try:
                job = json.loads(match[2][match[2].index("{"):])["jobs"][0]
            except (ValueError, LookupError):
                raise dpdkrun.Failed(f"{what}: fio left no result: {match[0][-2000:]}") from None
            yield what, int(match[1]), job

    def end(self):
        """It turns itself off; whether its kernel complained."""
        self.process.wait(60)
        return "KERNEL-COMPLAINED" in self.process.text()


def eta(text):
    """The last of fio's own progress lines."""
    found = re.findall(r"\[([\d.]+)%\]((?:\[[rw]=[^\]]*\])+)", text)
    return f"{found[-1][0]:>5} %  {found[-1][1]}" if found and "STATUS" not in text else ""


def figures(job):
    """Of a workload that only reads or only writes."""
    side = job["read" if job["read"]["total_ios"] else "write"]
    percentiles = side["lat_ns"].get("percentile", {})
    latency = {"mean": side["lat_ns"]["mean"] / 1e3,
               **{name: percentiles.get(key, 0) / 1e3 for name, key in PERCENTILES}}
    return {"iops": round(side["iops"], 1), "bytes_per_s": side["bw_bytes"],
            "ios": side["total_ios"], "error": job["error"],
            "latency_us": {name: round(value, 1) for name, value in latency.items()}}
