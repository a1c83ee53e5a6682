# SPDX-License-Identifier: BSD-3-Clause
"""pmd-exerciser, which does with a port what testpmd cannot be told to."""
import contextlib

import dpdk
import dpdkrun


def start(pmd, name, *vdevs, core=-1, options=(), memory=64, limit=None, log=None):
    """An exerciser with these --vdev arguments and a core for both of its threads."""
    place = pmd.cores[core]
    eal = pmd.runner.eal(name, dpdkrun.memory_args(memory, huge=False), f"0@{place},1@{place}")
    command = [pmd.runner.program("tests/support/pmd-exerciser"), *eal, "-d", pmd.runner.plugin()]
    if limit:
        command = ["prlimit", f"--nofile={limit}", *command]
    if log:
        command.append(f"--log-level=pmd.net.vvu:{log}")
    for vdev in vdevs:
        command += ["--vdev", vdev]
    return pmd.runner.start(name, [*command, "--", *map(str, options)],
                            kind=dpdkrun.Answering).ready()


@contextlib.contextmanager
def exerciser(name, *options, vdev="", number=1, **more):
    """One with net_vvu ports."""
    with dpdk.pmd(name) as pmd:
        process = start(pmd, name, *[pmd.vdev(i, vdev) for i in range(number)], options=options,
                        **more)
        process.pmd = pmd
        yield process
        assert process.quit() == 0
