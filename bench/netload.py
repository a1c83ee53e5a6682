# SPDX-License-Identifier: BSD-3-Clause
"""Two vvu-netload: one with ports of a back-end's driver, one with net_virtio_user ports."""
import collections
import json
import os
import time

import dpdkrun
import matrix

MEMORY_MIB = 128
RING, SPARE_MBUFS = 256, 4096
SETTLE_S = 0.1
STEP_S = 0.002

# name: as it is reported. driver: of the ports; more: arguments of each.
Backend = collections.namedtuple("Backend", "name driver more")
OURS = Backend("net_vvu", "net_vvu", "")
PEER = Backend("net_vhost", "net_vhost", "")
ZERO_COPY = Backend("zero-copy", "net_vvu", ",zero-copy=1")

# direction -> what the back-end and the frontend do
MODES = {
    "to_backend": ("receive", "send"),
    "to_frontend": ("send", "receive"),
    "both": ("echo", "echo"),
    "forward": ("forward", "echo"),
}
CHECKED = {
    "to_backend": ("receive-checked", "send-checked"),
    "to_frontend": ("send-checked", "receive-checked"),
    "both": ("echo", "exchange"),
    "forward": ("forward", "exchange"),
}


class End(dpdkrun.Process):
    """One vvu-netload: a line of JSON for each command."""
    def answer(self, start, what, seconds=60):
        def look():
            for line in self.text(start).splitlines(keepends=True):
                if line.startswith("{") and line.endswith("\n"):
                    return json.loads(line)
            if not self.alive():
                raise dpdkrun.Failed(f"{self.name} ended with status {self.popen.returncode} "
                                     f"at {what!r}: {self.tail()}")
            return None
        found = dpdkrun.wait_for(f"{self.name}: an answer to {what!r}", look, seconds, STEP_S)
        if "error" in found:
            raise dpdkrun.Failed(f"{self.name}: {what!r}: {found['error']}: {found['of']}")
        return found

    def do(self, command):
        start = os.path.getsize(self.log)
        self.popen.stdin.write(command.encode() + b"\n")
        self.popen.stdin.flush()
        return self.answer(start, command)

    def quit(self):
        if self.alive():
            self.popen.stdin.close()
        status = self.wait(30)
        if status != 0:
            raise dpdkrun.Failed(f"{self.name} ended with status {status}: {self.tail()}")


def address(backend, number, socket):
    """The --vdev argument of a port."""
    key = "socket" if backend.driver == "net_vvu" else "iface"
    return f"{backend.driver}{number},{key}={socket}{backend.more}"


class Pair:
    def __init__(self, runner, backend, group, cores, huge, extra=""):
        """extra: more arguments of net_virtio_user."""
        self.group = group
        count = len(group.ports)
        sockets = [runner.socket(f"{backend.name}{len(runner.processes)}-{i}")
                   for i in range(count)]
        memory = dpdkrun.memory_args(MEMORY_MIB, huge)
        # Each ring of a frontend's port keeps its buffers until they are needed, also while
        # another port's cell is measured.
        own = ["--room", str(group.room), "--mtu", str(group.mtu),
               "--mbufs", str(count * RING * (1 + matrix.pieces(group)) + SPARE_MBUFS)]
        self.backend = self.start(runner, f"{backend.name}-backend", [
            *runner.eal(f"{backend.name}-b", memory, lcores(cores[0])),
            *(["-d", runner.plugin()] if backend.driver == "net_vvu" else []),
            "--log-level=lib.vhost.config:error",
            *vdevs(address(backend, i, socket) for i, socket in enumerate(sockets))], own)
        if len(self.backend.answer(0, "start")["ports"]) != count:
            raise dpdkrun.Failed(f"{self.backend.name}: not all ports are there: "
                                 f"{self.backend.tail()}")
        extra = f",{extra}" if extra else ""
        self.frontend = self.start(runner, f"{backend.name}-frontend", [
            *runner.eal(f"{backend.name}-f", memory, lcores(cores[1])),
            "--log-level=pmd.net.virtio.*:info",
            *vdevs(f"net_virtio_user{i},path={sockets[i]},{matrix.frontend_args(shape)}{extra}"
                   for i, shape in enumerate(group.ports))], own)
        self.frontend.answer(0, "start")
        dpdkrun.wait_for(f"links of {backend.name}", self.links_up, 30)
        log = self.frontend.text()
        # Shapes that the two did not agree on.
        self.refused = {shape for number, shape in enumerate(group.ports)
                        if not matrix.agreed(shape, log, number)}

    @staticmethod
    def start(runner, name, eal, own):
        command = [runner.program("tools/vvu-netload/vvu-netload"), *eal, "--", *own]
        return runner.start(name, command, kind=End)

    def links_up(self):
        return all(port["up"] for port in self.backend.do("ports")["ports"])

    def processes(self):
        return self.backend, self.frontend

    def commands(self):
        return {"backend": self.backend.command, "frontend": self.frontend.command}

    def start_cell(self, cell, modes, settings):
        """Take in what is on the way, and start both ends: the one that sends first last."""
        ports = ",".join(map(str, matrix.ports_of(self.group, cell)))
        for end in self.processes():
            end.do(f"drain {ports}")
        ends = list(zip(self.processes(), modes))
        if cell.direction == "to_frontend":
            ends.reverse()
        for number, (end, mode) in enumerate(ends):
            end.do(f"start {mode} {ports} size={cell.size}{settings if number else ''}")

    def stop_cell(self):
        return [end.do("stop") for end in self.processes()]

    def read(self):
        return [end.do("read") for end in self.processes()]

    def sample(self, cell, seconds, look):
        """What was counted over a window, and what look() returned right before and after it."""
        loop = cell.direction in ("both", "forward")
        self.start_cell(cell, MODES[cell.direction],
                        f" inject={self.group.loop}" if loop else "")
        time.sleep(SETTLE_S)
        before = look()
        first = self.read()
        time.sleep(seconds)
        last = self.read()
        after = look()
        self.stop_cell()
        return {**rates(cell, [passed(*two) for two in zip(first, last)]),
                "transfer_ns": [before, after]}

    def check(self, cell, count, seconds=30):
        """Send so many numbered frames on each port; what the receiving end made of them when
        nothing more is to come or came for so long: (sent, received) as vvu-netload has it."""
        modes = CHECKED[cell.direction]
        self.start_cell(cell, modes, f" count={count}")
        receiver, sender = self.processes()
        if cell.direction != "to_backend":
            receiver, sender = sender, receiver
        if "exchange" in modes:
            sender = receiver
        wanted, end = count * cell.frontends, time.monotonic() + seconds

        def arrived():
            return sum(flow["received"] for flow in receiver.do("read")["flows"])
        while arrived() < wanted and time.monotonic() < end:
            time.sleep(STEP_S)
        results = dict(zip(self.processes(), self.stop_cell()))
        return results[sender], results[receiver]

    def quit(self):
        for process in reversed(self.processes()):
            process.quit()


def passed(first, last):
    return {key: last[key] - first[key] if key != "hz" else last[key] for key in first}


def per(cycles, packets):
    return round(cycles / packets, 1) if packets else None


def end_figures(counted):
    """Time stamp cycles of the calls that moved packets, for each of them; and the share of
    time in rounds that moved none."""
    return {"rx_cycles": per(counted["rx_cycles"], counted["rx_packets"]),
            "tx_cycles": per(counted["tx_cycles"], counted["tx_packets"]),
            "waits": round(counted["idle_cycles"] / counted["tsc"], 4)}


def rates(cell, ends):
    """Frames that arrived where they were to; both: the sum of what both ends received."""
    receivers = {"to_backend": ends[:1], "to_frontend": ends[1:], "both": ends,
                 "forward": ends[:1]}[cell.direction]
    mpps = sum(end["rx_packets"] / end["tsc"] * end["hz"] for end in receivers) / 1e6
    gbps = sum(end["rx_bytes"] / end["tsc"] * end["hz"] for end in receivers) * 8 / 1e9
    figures = dict(zip(("backend", "frontend"), map(end_figures, ends)))
    # The end that waits less is the one that the other waits for.
    limit = min(figures, key=lambda end: figures[end]["waits"])
    return {"mpps": round(mpps, 6), "gbps": round(gbps, 4), "limit": limit, "ends": figures}


def lcores(core):
    """The main thread, which sleeps while a job runs, on the same core as the other."""
    return f"0@{core},1@{core}"


def vdevs(arguments):
    return [word for argument in arguments for word in ("--vdev", argument)]
