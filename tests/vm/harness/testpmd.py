# SPDX-License-Identifier: BSD-3-Clause
"""An interactive dpdk-testpmd in a guest."""
import re
import shlex

from . import images

PROMPT = "testpmd> "
START_TIMEOUT = 240


def eal(lcores="0@0,1@0", memory=128, devices=(), options=()):
    """EAL's options: both lcores on the one CPU that a guest has, huge pages, the net_vvu
    driver. devices are arguments of -a; none of the others is probed."""
    arguments = ["--lcores", lcores, "--in-memory", "--no-telemetry", "-m", str(memory),
                 "-d", images.NET_VVU_GUEST]
    for device in devices:
        arguments += ["-a", device]
    if not devices:
        arguments.append("--no-pci")
    return [*arguments, *options]


class Testpmd:
    __test__ = False    # for pytest: not a class of tests

    def __init__(self, vm, eal_arguments, *arguments, timeout=START_TIMEOUT):
        line = ["stdbuf", "-oL", "dpdk-testpmd", *eal_arguments, "--", "-i",
                "--total-num-mbufs=4096", *arguments]
        self.vm = vm
        # Without exec, signals and the exit status would be those of the shell.
        self.command = vm.spawn("exec " + shlex.join(line))
        self.command.expect(PROMPT, timeout)

    def do(self, line, expect=None, timeout=60):
        """Type a command; its output up to a match of expect, or to the next prompt."""
        start = len(self.command.out)
        self.command.send(line + "\n")
        pattern = f"(?s)^.*?(?:{expect})" if expect else f"(?s)^.*{re.escape(PROMPT)}$"
        return self.command.expect(pattern, timeout, start)[0]

    def stats(self, port=0):
        """Counters of a port by name: RX-packets, RX-missed, RX-bytes, TX-packets, ..."""
        output = self.do(f"show port stats {port}",
                         r"Rx-pps:\s+\d+.*?Tx-pps:\s+\d+[^\n]*\n\s*#{20,}")
        return {name: int(value) for name, value in
                re.findall(r"([RT][Xx]-[a-z]+):\s+(\d+)", output)}

    def link_up(self, port=0):
        return "Link status: up" in self.do(f"show port info {port}", r"Link status: \w+")

    def quit(self, timeout=60):
        """Its result; code 0 is a clean end."""
        if self.command.code is None:
            self.command.send("stop\nquit\n")
        return self.command.wait(timeout)
