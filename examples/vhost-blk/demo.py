#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A disk for a VM: vhost-blk serves it, and the distribution's QEMU boots the distribution's
Linux with it, as an ordinary virtio-blk disk.

In the guest fio first writes data with checksums and reads it all again; then it measures.

Exit status 0 when every block that was read is what had been written, and requests of every
kind were served.
"""
import argparse
import json
import pathlib
import re
import shutil
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(ROOT / "examples" / "common"), str(ROOT / "tests" / "vm")]
import dpdkrun  # noqa: E402
from harness import accel, images, qemu  # noqa: E402
from terminal import progress, table  # noqa: E402

# All of it is written before anything is measured: memory that a store has not touched yet is slow.
USED_MIB = 64
GUEST_MIB = 512
BOOT_S, CHECK_S, FIO_S = 120, 180, 60
# (name, what fio does)
PHASES = [
    ("4K randread, depth 1", "--rw=randread --bs=4k --iodepth=1"),
    ("4K randread, depth 32", "--rw=randread --bs=4k --iodepth=32"),
    ("4K randwrite, depth 32", "--rw=randwrite --bs=4k --iodepth=32"),
    ("128K read, depth 8", "--rw=read --bs=128k --iodepth=8"),
]
FIO = (f"fio --name=demo --filename=/dev/vda --size={USED_MIB}M --direct=1 --ioengine=libaio "
       "--thread --clat_percentiles=0 --lat_percentiles=1 --eta=always --eta-newline=1 "
       "--output-format=json --output=/tmp/result")
# Of random sizes, in random order, with a checksum, the offset and a pattern in each block;
# then all of it is read and checked.
CHECK = (f"{FIO} --rw=randwrite --bsrange=4k-64k --iodepth=16 "
         "--verify=crc32c --verify_fatal=1 --verify_state_save=0 --randrepeat=0 --end_fsync=1")
SCRIPT = """
tries=100
while [ ! -b /dev/vda ] && [ $tries -gt 0 ]; do usleep 100000; tries=$((tries - 1)); done
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


def guest_script(seconds):
    each = max(1, round(seconds / len(PHASES)))
    lines = [f"phase check {CHECK}"]
    lines += [f"phase {number} {FIO} {what} --time_based --runtime={each} --norandommap"
              for number, (_, what) in enumerate(PHASES)]
    return SCRIPT.format(phases="\n".join(lines)), each


class Demo:
    def __init__(self, runner, args):
        self.runner, self.args = runner, args
        self.qemu = qemu.frontend()
        self.accel = accel.choose(self.qemu)
        self.backend = self.guest = None
        text, self.each = guest_script(args.seconds)
        kernel = images.kernel()
        self.kernel = kernel.vmlinux
        self.initrd = images.script(kernel, "demo-blk", ("virtio_pci", "virtio_blk"), text,
                                    [shutil.which("fio") or "/usr/bin/fio"])

    def start_backend(self):
        socket = self.runner.socket("disk")
        self.backend = self.runner.start("vhost-blk", [
            dpdkrun.program("examples/vhost-blk/vhost-blk"), "--socket-path", socket, "--store",
            self.args.store])

        def listens():
            if not self.backend.alive():
                raise dpdkrun.Failed(f"vhost-blk ended: {self.backend.tail()}")
            return pathlib.Path(socket).exists()
        dpdkrun.wait_for("vhost-blk's socket", listens, 30)
        return socket

    def start_guest(self, socket):
        self.guest = self.runner.start("guest", [
            self.qemu.path, *self.qemu.firmware, "-M", "q35,memory-backend=ram",
            *accel.options(self.accel), "-smp", "1,maxcpus=2", "-m", str(GUEST_MIB), "-object",
            f"memory-backend-memfd,id=ram,size={GUEST_MIB}M,share=on", "-nodefaults",
            "-no-user-config", "-display", "none", "-no-reboot", "-kernel", str(self.kernel),
            "-initrd", str(self.initrd), "-append",
            "console=ttyS0 panic=-1 quiet no_timer_check", "-serial", "stdio",
            "-chardev", f"socket,id=vu,path={socket}",
            "-device", "vhost-user-blk-pci,chardev=vu,num-queues=1,disable-legacy=on"])

    def wait(self, what, pattern, start, seconds):
        """Until the console has it, with a live line meanwhile; the match."""
        begun, said = time.monotonic(), None
        while True:
            text = self.guest.text(start)
            match = re.search(pattern, text)
            if match:
                progress(None)
                return match
            if not self.guest.alive():
                raise dpdkrun.Failed(f"{what}: the guest ended: {self.guest.tail()}")
            if not self.backend.alive():
                raise dpdkrun.Failed(f"{what}: vhost-blk ended: {self.backend.tail()}")
            passed = time.monotonic() - begun
            if passed > seconds:
                raise dpdkrun.Failed(f"{what}: not within {seconds:g} s: {self.guest.tail()}")
            line = f"{what:<24} {int(passed):>3} s  {eta(text)}"
            if line != said:
                progress(line)
                said = line
            time.sleep(0.1)

    def phase(self, number, name, start, seconds):
        """What fio says of it, and where the console goes on."""
        match = self.wait(name, rf"(?s)PHASE {number}\r?\n.*?STATUS (\d+)\r?\n(.*?)END\r?\n", start,
                          seconds)
        end = start + len(self.guest.text(start)[:match.end()].encode())
        try:
            job = json.loads(match[2][match[2].index("{"):])["jobs"][0]
        except (ValueError, LookupError):
            raise dpdkrun.Failed(f"{name}: fio left no result: {match[0][-2000:]}") from None
        return int(match[1]), job, end

    def run(self):
        self.start_guest(self.start_backend())
        self.wait("boot", r"PHASE check", 0, BOOT_S)
        status, job, at = self.phase("check", "write and check", 0, CHECK_S)
        check = {"status": status, "error": job["error"],
                 "written_bytes": job["write"]["io_bytes"],
                 "checked_bytes": job["read"]["io_bytes"]}
        load = []
        for number, (name, _) in enumerate(PHASES):
            status, job, at = self.phase(number, name, at, self.each + FIO_S)
            load.append({"name": name, "status": status, **figures(job)})
        self.guest.wait(60)
        console = self.guest.text()
        status = self.backend.stop()
        if status != 0:
            raise dpdkrun.Failed(f"vhost-blk ended with status {status}: {self.backend.tail()}")
        return {"store": self.args.store, "accelerator": self.accel,
                "qemu": ".".join(map(str, self.qemu.version)), "check": check, "load": load,
                "kernel_complained": "KERNEL-COMPLAINED" in console}


def eta(text):
    """The last of fio's own progress lines."""
    found = re.findall(r"\[([\d.]+)%\]((?:\[[rw]=[^\]]*\]|\[[rw]=[^\]]*,[^\]]*\])+)", text)
    return f"{found[-1][0]:>5} %  {found[-1][1]}" if found and "STATUS" not in text else ""


def figures(job):
    side = job["read" if job["read"]["total_ios"] else "write"]
    nanoseconds = side["lat_ns"].get("percentile", {})
    latency = {"mean": side["lat_ns"]["mean"] / 1e3}
    for name, key in (("p50", "50.000000"), ("p90", "90.000000"), ("p99", "99.000000"),
                      ("p99.9", "99.900000")):
        latency[name] = nanoseconds.get(key, 0) / 1e3
    return {"iops": round(side["iops"], 1), "bytes_per_s": side["bw_bytes"],
            "ios": side["total_ios"], "error": job["error"],
            "latency_us": {name: round(value, 1) for name, value in latency.items()}}


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
        demo = Demo(runner, args)
        begun = time.monotonic()
        result = demo.run()
        result["wrong"] = verdict(result)
        result["seconds"] = round(time.monotonic() - begun, 3)
        report(result)
        if args.json:
            dpdkrun.write_json(args.json, result)
        if result["wrong"]:
            raise dpdkrun.Failed("; ".join(result["wrong"]))
        print(f"demo: every block was read as it had been written "
              f"({result['seconds']:.0f} s)")


def main():
    args = parse_args()
    dpdkrun.end_on_sigterm()
    try:
        run(args)
    except (dpdkrun.Failed, RuntimeError) as error:
        print(f"demo: {error}; logs are in {dpdkrun.ROOT / 'build' / 'logs' / 'demo-blk'}",
              file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
