# SPDX-License-Identifier: BSD-3-Clause
"""pmd-exerciser, which does with a port what testpmd cannot be told to."""
import contextlib
import os
import re

import dpdk
import dpdkrun


class Exerciser(dpdkrun.Testpmd):
    """Commands on its standard input; each is answered with one line."""

    def ask(self, command, seconds=60):
        """The answer without its "ok"; Failed where it is an error."""
        start = os.path.getsize(self.log)
        self.popen.stdin.write(command.encode() + b"\n")
        self.popen.stdin.flush()
        match = self.expect(r"(?m)^(ok|error)(.*)\n", seconds, start)
        if match[1] == "error":
            raise dpdkrun.Failed(f"{command}: {match[2].strip()}")
        return match[2].strip()

    def number(self, command):
        return int(self.ask(command))

    def values(self, command, seconds=60):
        """An answer of NAME=NUMBER words."""
        return {name: int(value) for name, value in
                re.findall(r"(\w+)=(\d+)", self.ask(command, seconds))}

    def quit(self, seconds=20):
        if self.alive():
            self.popen.stdin.close()
        return self.wait(seconds)


def start(pmd, name, *vdevs, core=-1, options=(), memory=64, limit=None, log=None):
    """An exerciser with these --vdev arguments and a core for both of its threads."""
    place = pmd.cores[core]
    eal = pmd.runner.eal(name, dpdkrun.memory_args(memory, huge=False), f"0@{place},1@{place}")
    command = [dpdkrun.program("tests/support/pmd-exerciser"), *eal, "-d", pmd.runner.plugin()]
    if limit:
        command = ["prlimit", f"--nofile={limit}", *command]
    if log:
        command.append(f"--log-level=pmd.net.vvu:{log}")
    for vdev in vdevs:
        command += ["--vdev", vdev]
    process = pmd.runner.start(name, [*command, "--", *map(str, options)], interactive=True)
    process.__class__ = Exerciser
    process.expect(r"(?m)^ready$", 60)
    return process


@contextlib.contextmanager
def exerciser(name, *options, vdev="", number=1, **more):
    """One with net_vvu ports."""
    with dpdk.pmd(name) as pmd:
        process = start(pmd, name, *[pmd.vdev(i, vdev) for i in range(number)], options=options,
                        **more)
        process.pmd = pmd
        yield process
        assert process.quit() == 0
