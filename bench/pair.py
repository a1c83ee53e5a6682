# SPDX-License-Identifier: BSD-3-Clause
"""A back-end testpmd and a front-end testpmd with net_virtio_user, one process per core."""
import os
import time

import dpdkrun

BACKENDS = ("net_vvu", "net_vhost")
DIRECTIONS = ("to_backend", "to_frontend", "both")
BURST = 32
# Frames that go round when both send: what the frontend's ring of 256 holds.
LOOP_BURSTS = 8
MEMORY_MIB = 128
HUGE_MIB_NEEDED = 2 * len(BACKENDS) * MEMORY_MIB
SETTLE_S = 0.3

# direction -> (mode of the backend, mode of the frontend)
MODES = {
    "to_backend": ("rxonly", "txonly"),
    "to_frontend": ("txonly", "rxonly"),
    "both": ("io", "io"),
}


class Pair:
    def __init__(self, runner, kind, options, valgrind=()):
        """kind: of BACKENDS. options: huge (pages), frontend_args, cores (backend's,
        frontend's). valgrind: a command to run the backend under. It takes no reservation
        of a whole default window (64 GiB)."""
        self.kind = kind
        socket = runner.socket(f"{kind}{len(runner.processes)}")
        core, frontend_core = options["cores"]
        memory = dpdkrun.memory_args(MEMORY_MIB, options["huge"])
        driver = ["-d", runner.plugin()] if kind == "net_vvu" else []
        vdev = f"net_vvu0,socket={socket}" if kind == "net_vvu" else f"net_vhost0,iface={socket}"
        if valgrind and kind == "net_vvu":
            vdev += ",shm-size=1G"
        self.backend = runner.start(f"{kind}-backend", [
            *valgrind, dpdkrun.testpmd(), *runner.eal(f"{kind}-b", memory, lcores(core)),
            *driver, "--vdev", vdev, *testpmd_args()], interactive=True)
        self.backend.ready(120)
        if "No probed ethernet devices" in self.backend.text():
            raise dpdkrun.Failed(f"{self.backend.name}: no port: {self.backend.tail()}")
        extra = f",{options['frontend_args']}" if options["frontend_args"] else ""
        self.frontend = runner.start(f"{kind}-frontend", [
            dpdkrun.testpmd(), *runner.eal(f"{kind}-f", memory, lcores(frontend_core)),
            "--vdev", f"net_virtio_user0,path={socket}{extra}", *testpmd_args()],
            interactive=True)
        self.frontend.ready()
        # testpmd's command line polls its input on the core of the forwarding thread.
        for process in (self.backend, self.frontend):
            os.sched_setscheduler(process.pid, os.SCHED_IDLE, os.sched_param(0))
        dpdkrun.wait_for(f"link of {kind}", self.link_up, 30, 0.1)

    def link_up(self):
        return "Link status: up" in self.backend.do("show port info 0", r"Link status: \w+", 60)

    def processes(self):
        return self.backend, self.frontend

    def commands(self):
        return {"backend": self.backend.command, "frontend": self.frontend.command}

    def stop(self):
        for process in self.processes():
            process.do("stop", r"Done\.|not started", 60)

    def set_modes(self, modes):
        for process, mode in zip(self.processes(), modes):
            process.do(f"set fwd {mode}")

    def flush(self):
        """Take in what an earlier sample left in the rings."""
        self.set_modes(("rxonly", "rxonly"))
        for process in self.processes():
            process.do("start")
        time.sleep(0.1)
        self.stop()

    def start(self, direction):
        """The receiver first."""
        order = list(self.processes())
        if direction == "to_frontend":
            order.reverse()
        order[0].do("start")
        order[1].do(f"start tx_first {LOOP_BURSTS}" if direction == "both" else "start")

    def prepare(self, direction, size):
        self.flush()
        self.set_modes(MODES[direction])
        for process in self.processes():
            process.do(f"set txpkts {size}")

    def sample(self, direction, size, seconds, look):
        """Mpps that arrived over a window, as the receiver counts and times them. Both: the
        sum of the two. And what look() returned right before and after the window, while
        frames went as they do in it."""
        self.prepare(direction, size)
        self.start(direction)
        time.sleep(SETTLE_S)
        receivers = {"to_backend": [self.backend], "to_frontend": [self.frontend],
                     "both": [self.backend, self.frontend]}[direction]
        before = look()
        for receiver in receivers:
            receiver.stats()
        time.sleep(seconds)
        mpps = sum(receiver.stats()["Rx-pps"] for receiver in receivers) / 1e6
        after = look()
        self.stop()
        return mpps, [before, after]

    def quit(self):
        for process in reversed(self.processes()):
            status = process.quit(60)
            if status != 0:
                raise dpdkrun.Failed(f"{process.name} ended with status {status}: "
                                     f"{process.tail()}")


def lcores(core):
    """The command line on the same core as forwarding: it sleeps while a sample runs."""
    return f"0@{core},1@{core}"


def testpmd_args():
    return ["--", "-i", "--total-num-mbufs=16384", f"--burst={BURST}"]
