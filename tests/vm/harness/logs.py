# SPDX-License-Identifier: BSD-3-Clause
"""The machines of one test, and what is kept of them when it fails."""
import pathlib
import re
import shutil
import tempfile

from . import images
from .agent import GuestGone

ENDING_SECONDS = 20
KEPT = images.ROOT / "build" / "vm-logs"
OPEN = []


def directory_for(test):
    return KEPT / re.sub(r"[^\w.-]+", "_", test).strip("_")[:150]


class Machines:
    """Ends every VM that was added to it; keep() saves the logs of all."""

    def __init__(self, name):
        self.name, self.machines = name, []
        # Sockets live here.
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="vvu-"))
        OPEN.append(self)

    def add(self, machine):
        self.machines.append(machine)
        return machine

    def keep(self, name=None):
        """Where the logs are now."""
        target = directory_for(name or self.name)
        for machine in self.machines:
            machine.keep_logs(target)
        return target

    def check(self):
        """GuestError when a kernel has complained, in a VM that still runs or on its console."""
        for machine in self.machines:
            try:
                if machine.alive() and machine.agent is not None:
                    machine.check_kernel()
            except GuestGone:
                # It is about to end: its connection goes before its process.
                machine.wait_end(ENDING_SECONDS)
            machine.check_console()

    def close(self):
        OPEN.remove(self)
        for machine in self.machines:
            machine.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        try:
            if error is not None:
                self.keep()
            else:
                self._check_and_keep()
        finally:
            self.close()
        return False

    def _check_and_keep(self):
        try:
            self.check()
        except Exception:
            self.keep()
            raise
