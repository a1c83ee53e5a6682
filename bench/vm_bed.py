# SPDX-License-Identifier: BSD-3-Clause
"""One frontend VM with a NIC for each back-end that is measured, and those back-ends:
net_vvu in a backend VM, DPDK's net_vhost on the host, and net_vvu on the host.

The frontend VM and its program are the same for all. One testpmd there has all NICs as ports
and forwards on one of them at a time; the others' back-ends have stopped forwarding then, and
a testpmd that has stopped waits for its input and uses no CPU.
"""
import contextlib
import os
import re
import time

import dpdkrun
import machine
import vm_cost
from harness import pair, qemu as qemus, testpmd

VM, VHOST, HOST = "net_vvu@vm", "net_vhost@host", "net_vvu@host"
KINDS = (VM, VHOST, HOST)
DIRECTIONS = ("to_backend", "to_frontend")
BURST = 32
MEMORY_MIB = 128
HUGE_MIB_NEEDED = 2 * MEMORY_MIB
LINK_SECONDS = 60
SETTLE_S = 0.3
# In the guests it is part of how the harness starts a testpmd.
MBUFS = "--total-num-mbufs=4096"
# Of the frontend's functions, in the order of KINDS.
NICS = ("0000:00:05.0", "0000:00:06.0", "0000:00:07.0")
MACS = ("52:54:00:12:34:56", "52:54:00:12:34:57", "52:54:00:12:34:58")
PROGRAM = (f"--burst={BURST}",)
BURSTS = r"[RT]X-bursts ?: \d+ \[[^\]]*\]"
EMPTY = re.compile(r"[RT]X-bursts ?: \d+ \[(\d+)% of 0 pkts")


class Bed:
    def __init__(self, machines, runner):
        self.machines, self.runner = machines, runner
        self.cores = dpdkrun.cores()[:2]
        if len(self.cores) < 2:
            raise dpdkrun.Failed("two cores are needed: one for each end")
        self.huge = dpdkrun.free_huge_mib() >= HUGE_MIB_NEEDED
        self.sockets = {kind: machines.dir / f"{index}.sock" for index, kind in enumerate(KINDS)}
        self.programs, self.front = {}, None
        self.backend = self.new_backend_vm()
        qemu = frontend_qemu()
        others = [option for index in (1, 2) for option in pair.vhost_user_net(
            qemu, self.backend.accel, self.sockets[KINDS[index]], index, MACS[index])]
        self.frontend = machines.add(pair.frontend_vm(
            self.sockets[VM], qemu=qemu, accel=self.backend.accel, mac=MACS[0], devices=others,
            memory=768, hugepages=128))
        self.address = None

    # Machines

    def new_backend_vm(self):
        return self.machines.add(pair.backend_vm(self.sockets[VM]))

    def boot(self):
        self.backend.launch()
        self.frontend.launch()
        self.backend.wait_up()
        self.adopt_backend_vm(self.backend)
        # The frontend's QEMU has its guest wait until every back-end has answered.
        self.start_backends()
        self.frontend.wait_up()
        pin(self.frontend.process.pid, self.cores[1])
        self.frontend.run(f"bindto uio_pci_generic {' '.join(NICS)}")
        self.start_frontend()

    def adopt_backend_vm(self, vm):
        """From a booted VM to one that only lacks its program."""
        self.backend = vm
        self.address = pair.bind_vvu(vm)
        pin(vm.process.pid, self.cores[0])

    # Programs

    def start_backends(self):
        self.programs[VM] = testpmd.Testpmd(self.backend, testpmd.eal(devices=[self.address]),
                                            *PROGRAM)
        memory = dpdkrun.memory_args(MEMORY_MIB, self.huge)
        for kind, vdev, more in (
                (VHOST, f"net_vhost0,iface={self.sockets[VHOST]}", []),
                (HOST, f"net_vvu0,socket={self.sockets[HOST]}", ["-d", self.runner.plugin()])):
            eal = self.runner.eal(kind.split("@", maxsplit=1)[0], memory,
                                  f"0@{self.cores[0]},1@{self.cores[0]}")
            program = self.runner.start(kind, [dpdkrun.testpmd(), *eal, *more, "--vdev", vdev,
                                               "--", "-i", MBUFS, *PROGRAM], interactive=True)
            self.programs[kind] = program.ready()
        for program in self.programs.values():
            tell(program, "set record-burst-stats on")

    def start_frontend(self):
        self.front = testpmd.Testpmd(self.frontend, testpmd.eal(devices=NICS), *PROGRAM)
        tell(self.front, "set record-burst-stats on")
        for kind, program in self.programs.items():
            dpdkrun.wait_for(f"link of {kind}", lambda p=program: "Link status: up" in p.do(
                "show port info 0", r"Link status: \w+"), LINK_SECONDS, 0.1)

    def stop_frontend(self):
        code = self.front.quit().code
        if code != 0:
            raise dpdkrun.Failed(f"the frontend's testpmd ended with status {code}")

    def stop_backends(self):
        for kind, program in self.programs.items():
            code = program.quit()
            code = code.code if kind == VM else code
            if code != 0:
                raise dpdkrun.Failed(f"testpmd of {kind} ended with status {code}")
        self.programs = {}

    def restart_programs(self):
        self.stop_frontend()
        self.stop_backends()
        self.start_backends()
        self.start_frontend()

    # Samples

    def ends(self, kind):
        """What runs at the two ends: the back-end's first."""
        backend = vm_cost.Program(self.programs[kind].pid) if kind != VM else \
            vm_cost.Program.of_vm(self.backend)
        return backend, vm_cost.Program.of_vm(self.frontend)

    @contextlib.contextmanager
    def traffic(self, kind, direction, size):
        """Frames go one way inside; yields the sender, the receiver and its port's number."""
        port = KINDS.index(kind)
        front, back = self.front, self.programs[kind]
        sender, receiver = (front, back) if direction == "to_backend" else (back, front)
        tell(front, f"set portlist {port}")
        tell(receiver, "set fwd rxonly")
        tell(sender, "set fwd txonly")
        tell(sender, f"set txpkts {size}")
        tell(receiver, "start")
        tell(sender, "start")
        time.sleep(SETTLE_S)
        yield sender, receiver, port if receiver is front else 0
        for end in (sender, receiver):
            end.do("stop", r"Done\.")

    def sample(self, kind, direction, size, seconds):
        """Mpps that arrived, as the receiver counts and times them, and what it cost."""
        ends = self.ends(kind)
        with self.traffic(kind, direction, size) as (sender, receiver, port):
            for end in (sender, receiver):
                tell(end, "clear fwd stats all")
            before = receiver.stats(port)
            load = machine.Load([end.pid for end in ends])
            cost = vm_cost.Cost(ends)
            time.sleep(seconds)
            used, other = cost.since(), load.other_cores()
            after = receiver.stats(port)
            calls = [end.do("show fwd stats all", BURSTS) for end in (sender, receiver)]
        if after["RX-packets"] < before["RX-packets"]:
            raise dpdkrun.Failed(f"{kind}: the receiver's counter went back")
        return {"mpps": round(after["Rx-pps"] / 1e6, 6), "cpu_cores": used, **other,
                "sender_found_no_room_percent": empty_calls(calls[0]),
                "receiver_found_nothing_percent": empty_calls(calls[1])}

    def commands(self):
        return {"backend VM": self.backend.command(), "frontend VM": self.frontend.command(),
                VM: self.programs[VM].command.line, "frontend": self.front.command.line,
                **{kind: self.programs[kind].command for kind in (VHOST, HOST)}}

    def negotiated(self):
        """Virtio features of each NIC as the frontend's driver took them, where QEMU tells."""
        found = {}
        for index, kind in enumerate(KINDS):
            status = self.frontend.qmp("x-query-virtio-status",
                                       path=f"/machine/peripheral/nic{index}/virtio-backend")
            found[kind] = status["guest-features"]
        return found


def frontend_qemu():
    """As for tests, unless that is too old: with several vhost-user netdevs, QEMU 7.2 was seen
    to abort after a back-end had gone. Then the QEMU of the backend VM."""
    chosen = qemus.frontend()
    return chosen if chosen.version >= (8,) else qemus.backend()


def tell(program, line):
    """A command whose output does not matter. DPDK's log may come after the prompt, so that the
    prompt is not the end of what is printed."""
    program.do(line, re.escape(testpmd.PROMPT))


def empty_calls(text):
    """Percent of the calls of a driver's receive or transmit function that moved no packet."""
    return int(EMPTY.search(text)[1])


def pin(pid, core):
    """All threads of a process, and those that they will start, to one core."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread), {core})
