# SPDX-License-Identifier: BSD-3-Clause
"""The host's end of the channel to the agent in a guest (frames: agent/agent.h)."""
import collections
import os
import random
import re
import socket
import struct
import threading
import time
from signal import SIGTERM

MAGIC = b"VVUA"
HEADER = struct.Struct("<4sB3xII")
# Less than the agent takes, so that a long input is never held back by one frame.
CHUNK = 32 * 1024

Result = collections.namedtuple("Result", "code out err")


class GuestError(Exception):
    """A guest did not do what it was asked to."""


class GuestTimeout(GuestError):
    pass


class GuestGone(GuestError):
    """The VM has ended, or was reset, under a command."""


def text(data):
    return data.decode(errors="replace")


class Command:
    """A running command of a guest. code is None until it has ended."""

    def __init__(self, agent, number, line):
        self.agent, self.number, self.line = agent, number, line
        self.out, self.err, self.code = bytearray(), bytearray(), None
        self.gone = None

    def _until(self, condition, timeout, what):
        with self.agent.changed:
            done = self.agent.changed.wait_for(
                lambda: condition() or self.code is not None or self.gone, timeout)
            if condition():
                return
            if self.gone:
                raise GuestGone(f"{self}: {self.gone}{self._output()}")
            if not done:
                raise GuestTimeout(f"{self}: {what} not within {timeout:g} s{self._output()}")
            raise GuestError(f"{self}: ended with {self.code} before {what}{self._output()}")

    def _output(self):
        return f"\nstdout: {text(self.out)[-3000:]}\nstderr: {text(self.err)[-3000:]}"

    def __str__(self):
        return f"{self.agent.name}: {self.line!r}"

    def wait(self, timeout=60):
        """Its result; GuestTimeout while it runs on, GuestGone if the VM went first."""
        self._until(lambda: self.code is not None, timeout, "its end")
        return Result(self.code, bytes(self.out), bytes(self.err))

    def expect(self, pattern, timeout=60, start=0):
        """The first match of the regular expression in standard output from byte start on."""
        found = []

        def search():
            match = re.search(pattern, text(self.out[start:]))
            found[:] = [match]
            return match

        self._until(search, timeout, f"{pattern!r}")
        return found[0]

    def send(self, data):
        """Standard input; text or bytes."""
        data = data.encode() if isinstance(data, str) else data
        for start in range(0, len(data), CHUNK):
            self.agent.send("I", self.number, data[start:start + CHUNK])

    def end_input(self):
        self.agent.send("I", self.number, b"")

    def signal(self, number=SIGTERM):
        self.agent.send("K", self.number, bytes([number]))

    def stop(self, number=SIGTERM, timeout=30):
        """Signal it and wait; its result."""
        if self.code is None:
            self.signal(number)
        return self.wait(timeout)


class Agent:
    """Connected to the agent's socket; one thread reads all that comes."""

    def __init__(self, name, path, timeout=20):
        self.name = name
        self.changed = threading.Condition()
        self.sending = threading.Lock()
        self.commands = {}
        # Another client may have left commands behind: their ids are not met again.
        self.number = random.getrandbits(31)
        self.boots = []         # boot ids in the order of hellos
        self.ended = False
        self.buffer = bytearray()
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            self.socket.settimeout(timeout)
            self.socket.connect(str(path))
            self.socket.settimeout(None)
        except BaseException:
            self.socket.close()
            raise
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.send("P", 0, b"")

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.reader.join(10)
        self.socket.close()

    def send(self, kind, number, data):
        try:
            with self.sending:
                self.socket.sendall(HEADER.pack(MAGIC, ord(kind), number, len(data)) + data)
        except OSError as error:
            raise GuestGone(f"{self.name}: {error}") from error

    def _read(self):
        try:
            while data := self.socket.recv(1 << 16):
                self.buffer += data
                with self.changed:
                    while self._take():
                        pass
                    self.changed.notify_all()
        except OSError:
            pass
        with self.changed:
            self.ended = True
            self._lose("the VM has ended")
            self.changed.notify_all()

    def _take(self):
        """Handle one frame if there is one. What is cut off by a reset is skipped."""
        start = self.buffer.find(MAGIC)
        if start < 0:
            del self.buffer[:max(0, len(self.buffer) - len(MAGIC) + 1)]
            return False
        del self.buffer[:start]
        if len(self.buffer) < HEADER.size:
            return False
        _, kind, number, length = HEADER.unpack_from(self.buffer)
        if len(self.buffer) < HEADER.size + length:
            # A hello after a frame that a reset has cut off.
            if self.buffer.find(MAGIC + b"H", 1) >= 0:
                del self.buffer[:1]
                return True
            return False
        data = bytes(self.buffer[HEADER.size:HEADER.size + length])
        del self.buffer[:HEADER.size + length]
        self._handle(chr(kind), number, data)
        return True

    def _handle(self, kind, number, data):
        if kind == "H":
            boot = data.decode(errors="replace").strip()
            if self.boots[-1:] != [boot]:
                self.boots.append(boot)
                self._lose("the guest has started anew")
            return
        command = self.commands.get(number)
        if command is None:
            return
        if kind == "O":
            command.out += data
        elif kind == "E":
            command.err += data
        elif kind == "Q":
            command.code = os.waitstatus_to_exitcode(struct.unpack("<i", data)[0])
            del self.commands[number]

    def _lose(self, why):
        for command in self.commands.values():
            command.gone = why
        self.commands.clear()

    def wait_hello(self, timeout, count=1, alive=lambda: True):
        """Wait until so many different boots have said hello."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while len(self.boots) < count:
                if self.ended or not alive():
                    raise GuestGone(f"{self.name}: ended before its agent answered")
                if time.monotonic() > deadline:
                    raise GuestTimeout(f"{self.name}: no agent within {timeout:g} s")
                self.changed.wait(0.2)

    def spawn(self, line, terminal=False):
        with self.changed:
            self.number += 1
            command = Command(self, self.number, line)
            if self.ended:
                raise GuestGone(f"{command}: the VM has ended")
            self.commands[self.number] = command
        self.send("T" if terminal else "X", command.number, line.encode())
        return command
