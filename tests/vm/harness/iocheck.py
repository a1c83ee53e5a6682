# SPDX-License-Identifier: BSD-3-Clause
"""vvu-iocheck (tests/vm/iocheck): in a guest while something is killed, and afterwards."""
import re
import subprocess
import time

from . import images
from .agent import GuestError, GuestGone, text

PROGRAM = "tests/vm/vvu-iocheck"
TIMEOUT = 240
LINE = re.compile(rb"^([af]) (\d+) (\d+)\n", re.M)


class Iocheck:
    """One run of it in a VM, on a disk. The number of the run makes what it does."""

    def __init__(self, vm, path, number, *, workers=8, sectors=512, longest=64, fua=False):
        self.vm, self.path, self.number, self.workers = vm, path, number, workers
        self.options = (f"--run {number} --workers {workers} --range {sectors} "
                        f"--longest {longest}" + (" --fua" if fua else ""))
        self.parsed, self.failed = 0, False
        self.done, self.flushed = [0] * workers, [0] * workers
        self.command = vm.spawn(f"exec vvu-iocheck run {self.options} {path}")
        self._expect(r"^prepared$")

    def _expect(self, pattern, start=0):
        """As Command.expect(), but what the program complains of comes first."""
        try:
            return self.command.expect(f"(?m){pattern}|^error: .*$", TIMEOUT, start)
        except GuestError as error:
            raise GuestError(f"{error}\n{self.errors()}") from error

    def errors(self):
        return "\n".join(re.findall(r"(?m)^error: .*$", text(self.command.out)))

    def _parse(self):
        """Take note of the operations that it said were done."""
        with self.command.agent.changed:
            data = bytes(self.command.out[self.parsed:])
        whole = data.rfind(b"\n") + 1
        self.parsed += whole
        # It may not end: others of its threads wait for the disk.
        self.failed |= re.search(rb"^error: ", data, re.M) is not None
        for kind, worker, number in LINE.findall(data[:whole]):
            self.done[int(worker)] = int(number)
            if kind == b"f":
                self.flushed[int(worker)] = int(number)

    def progress(self):
        """Operations that each worker has done, as far as is known here."""
        self._parse()
        return list(self.done)

    def wait_progress(self, more=1, timeout=TIMEOUT):
        """Until every worker has done so many operations more than at this moment."""
        before = self.progress()
        command = self.command

        def all_moved():
            return command.code is not None or command.gone or \
                all(now >= then + more for now, then in zip(self.progress(), before)) or \
                self.failed

        # The condition's lock is the one that _parse() takes: it is one of those that may nest.
        with command.agent.changed:
            moved = command.agent.changed.wait_for(all_moved, timeout)
        if command.gone:
            raise GuestGone(f"{command}: {command.gone}")
        if not moved or command.code is not None or self.failed:
            raise GuestError(f"{command}: no progress within {timeout} s, or an error: {before} "
                             f"-> {self.done}, code {command.code}\n{self.errors()}")

    def check(self):
        """All that was written is there, exactly; then it goes on. Number of operations."""
        return self._ask("check", r"^checked (\d+)$")

    def through_kills(self, target, chance, rounds):
        """The program that serves the disk is killed and started again, at random moments; each
        time the workers go on, and all is compared."""
        for _ in range(rounds):
            self.wait_progress(chance.randrange(1, 40))
            time.sleep(chance.uniform(0, 0.1))
            target.kill()
            time.sleep(chance.uniform(0, 0.5))
            target.start()
            self.wait_progress()
            self.check()

    def _ask(self, command, pattern):
        with self.command.agent.changed:
            start = len(self.command.out)
        self.command.send(command + "\n")
        # Not from the middle of a line.
        match = self._expect(pattern, max(0, start - 1))
        if match[0].startswith("error"):
            raise GuestError(f"{self.command}:\n{self.errors()}")
        return int(match[1])

    def stop(self):
        """check(), and its end."""
        done = self._ask("stop", r"^checked (\d+)$")
        result = self.command.wait(TIMEOUT)
        if result.code != 0 or self.errors():
            raise GuestError(f"{self.command} ended with {result.code}\n{self.errors()}")
        return done

    def _verify_options(self, flushed_only):
        self._parse()
        done = self.flushed if flushed_only else self.done
        return (f"{self.options} --done {','.join(map(str, done))}"
                + (" --flushed-only" if flushed_only else ""))

    def verify_file(self, path, flushed_only=False):
        """After a crash, on the host: the file that is the disk."""
        options = self._verify_options(flushed_only).split()
        result = subprocess.run([images.built(PROGRAM), "verify", "--buffered", *options, path],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                timeout=TIMEOUT, check=False)
        if result.returncode != 0:
            raise GuestError(f"run {self.number}: {path}:\n{result.stdout}")
        return result.stdout

    def verify(self, vm, path, flushed_only=False):
        """After a crash: the disk, in a VM."""
        result = vm.run(f"vvu-iocheck verify {self._verify_options(flushed_only)} {path}",
                        TIMEOUT, check=False)
        if result.code != 0:
            raise GuestError(f"run {self.number}: {path}:\n{text(result.out)}{text(result.err)}")
        return text(result.out)
