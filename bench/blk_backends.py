# SPDX-License-Identifier: BSD-3-Clause
"""Back-ends that serve vhost-user-blk disks, each a process with a number of disks, and a sample
of one: vvu-blkload on it, and what it cost."""
import json
import os
import pathlib
import shutil
import subprocess
import time

import dpdkrun
import machine

OURS, PEER = "vhost-blk", "qemu-storage-daemon"
DAEMON = "qemu-storage-daemon"
SIZE_MIB = 64
START_S, END_S, FILL_S = 30, 30, 60
# Files in memory: what a store of blocks costs apart from a medium.
TMPFS = pathlib.Path("/dev/shm")


class Runner(dpdkrun.Runner):
    """Removes the files in memory, too."""
    def __exit__(self, kind, error, trace):
        super().__exit__(kind, error, trace)
        for file in TMPFS.glob(f"{self.dir.name}-*.img"):
            file.unlink(missing_ok=True)
        return False


class Kind:
    """A way to serve a disk. program: OURS or PEER. command(sockets, files, core)."""
    def __init__(self, name, program, command, files=False):
        self.name, self.program, self.command, self.files = name, program, command, files


def vhost_blk(store, mode):
    """One worker thread, on the core. store: with {file} where there is one per disk."""
    def command(sockets, files, core):
        devices = [{"name": f"d{i}", "socket-path": socket, "store": store.format(file=file)}
                   for i, (socket, file) in enumerate(zip(sockets, files))]
        config = pathlib.Path(sockets[0]).with_suffix(".json")
        config.write_text(json.dumps({"devices": devices}))
        return ["taskset", "-c", str(core), dpdkrun.program("examples/vhost-blk/vhost-blk"),
                "--config", str(config), "--threads", "1", "--mode", mode,
                "--log-level", "warning"]
    return command


def storage_daemon(blockdev):
    """blockdev: with {file} where there is one per disk."""
    def command(sockets, files, core):
        arguments = ["taskset", "-c", str(core), DAEMON]
        for i, (socket, file) in enumerate(zip(sockets, files)):
            arguments += ["--blockdev", f"node-name=n{i}," + blockdev.format(file=file),
                          "--export", f"vhost-user-blk,id=e{i},node-name=n{i},writable=on,"
                                      f"addr.type=unix,addr.path={socket}"]
        return arguments
    return command


SIZE = SIZE_MIB << 20
# By store: ours first. The peer's fastest is what ours is compared with.
KINDS = {
    "null": [
        Kind("adaptive", OURS, vhost_blk(f"null:{SIZE_MIB}M", "adaptive")),
        Kind("poll", OURS, vhost_blk(f"null:{SIZE_MIB}M", "poll")),
        # As ours does, they write zeroes into the buffers of reads.
        Kind("null-co", PEER, storage_daemon(f"driver=null-co,size={SIZE},read-zeroes=on")),
        Kind("null-aio", PEER, storage_daemon(f"driver=null-aio,size={SIZE},read-zeroes=on")),
    ],
    "ram": [
        Kind("ram adaptive", OURS, vhost_blk(f"ram:{SIZE_MIB}M", "adaptive")),
        Kind("ram poll", OURS, vhost_blk(f"ram:{SIZE_MIB}M", "poll")),
        Kind("file adaptive", OURS, vhost_blk("file:{file}", "adaptive"), files=True),
        Kind("file threads", PEER, storage_daemon("driver=file,filename={file},aio=threads"),
             files=True),
        Kind("file io_uring", PEER, storage_daemon("driver=file,filename={file},aio=io_uring"),
             files=True),
    ],
}


class Server(dpdkrun.Process):
    """A back-end that is up."""
    def __init__(self, runner, kind, core, disks=1):
        number = len(runner.processes)
        sockets = [runner.socket(f"s{number}-{i}") for i in range(disks)]
        self.files = [runner.dir / f"s{number}-{i}.img" for i in range(disks)]
        if kind.files:
            # On tmpfs, and written: no page is made while it is measured.
            self.files = [TMPFS / f"{runner.dir.name}-s{number}-{i}.img" for i in range(disks)]
            for file in self.files:
                file.write_bytes(os.urandom(1 << 20) * SIZE_MIB)
        self.kind, self.sockets = kind, sockets
        super().__init__(f"{kind.program}-{number}", kind.command(sockets, self.files, core),
                         runner.dir / f"backend{number}.log", subprocess.DEVNULL)
        runner.processes.append(self)
        dpdkrun.wait_for(f"sockets of {kind.program}, {kind.name}", self.up, START_S)

    def up(self):
        if not self.alive():
            raise dpdkrun.Failed(f"{self.name} ended with status {self.popen.returncode}: "
                                 f"{self.tail()}")
        return all(map(os.path.exists, self.sockets))

    def fill(self, core):
        """Write every disk: memory that nothing has touched yet is slow at first."""
        command = load_command(self, core, {"rw": "write", "bs": "1M", "iodepth": 4,
                                            "ios": SIZE_MIB * len(self.sockets)}, FILL_S, 0)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=FILL_S + 60, check=False)
        if done.returncode != 0:
            raise dpdkrun.Failed(f"filling the disks of {self.kind.program}, {self.kind.name}: "
                                 f"{done.stderr.strip()}; {self.tail()}")

    def cpu_ns(self):
        """What all its threads used, as the kernel's CPU clock of the process has it; that
        clock's number is what clock_getcpuclockid(3) makes of a pid."""
        return time.clock_gettime_ns((~self.pid << 3) | 2)

    def end(self):
        self.stop(END_S)
        for file in self.files:
            file.unlink(missing_ok=True)


def missing():
    """What is not there, or nothing."""
    if not shutil.which(DAEMON):
        return f"{DAEMON} is not there (Debian package qemu-system-common)"
    return None


def usable(runner, kind, core):
    """Whether that kind can be served here; the reason where it cannot."""
    try:
        Server(runner, kind, core).end()
    except dpdkrun.Failed as error:
        return str(error)
    return None


def load_command(server, core, workload, seconds, ramp):
    command = [dpdkrun.program("tools/vvu-blkload/vvu-blkload"), "--cpu", str(core),
               "--runtime", f"{seconds:g}", "--ramp", f"{ramp:g}"]
    for name, value in workload.items():
        command += [f"--{name}", str(value)]
    for socket in server.sockets:
        command += ["--socket", socket]
    return command


def sample(server, core, workload, seconds, ramp):
    """One run of the load; the figures that are looked at."""
    command = load_command(server, core, workload, seconds, ramp)
    load, cpu, begun = machine.Load([server.pid]), server.cpu_ns(), time.monotonic()
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=seconds + ramp + 60, check=False,
                              preexec_fn=dpdkrun.die_with_parent)
    except subprocess.TimeoutExpired:
        raise dpdkrun.Failed(f"vvu-blkload on {server.name} does not end") from None
    cpu, elapsed = server.cpu_ns() - cpu, time.monotonic() - begun
    other = load.other_cores()
    if done.returncode != 0:
        raise dpdkrun.Failed(f"vvu-blkload on {server.kind.program}, {server.kind.name}: "
                             f"{done.stderr.strip()}; {server.tail()}")
    result = json.loads(done.stdout)
    latency = result["read" if result["read"]["ios"] else "write"]["latency_ns"]
    return {
        "iops": result["iops"], "bytes_per_s": result["bytes_per_s"],
        "p50_us": latency["p50"] / 1e3, "p99_us": latency["p99"] / 1e3,
        "mean_us": latency["mean"] / 1e3,
        # Of all that it did meanwhile, what was not measured included.
        "cpu_us_per_io": cpu / 1e3 / max(1, result["workload_ios"]),
        "cpu_cores": cpu / 1e9 / elapsed,
        # Of the load's looks at the rings, those that found nothing done.
        "load_empty": result["empty_rounds"] / max(1, result["rounds"]),
        "kicks_per_io": result["kicks"] / max(1, result["workload_ios"]), **other,
    }
