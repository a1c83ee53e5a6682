# SPDX-License-Identifier: BSD-3-Clause
"""A client of QEMU's machine protocol: one command at a time, every wait bounded."""
import collections
import json
import socket
import time


class QmpError(Exception):
    """QEMU refused a command, or the connection is no more."""


class Qmp:
    def __init__(self, path, timeout=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.events = collections.deque()
        self.buffer = b""
        try:
            self.socket.settimeout(timeout)
            self.socket.connect(str(path))
            greeting = self._receive(time.monotonic() + timeout)
            if "QMP" not in greeting:
                raise QmpError(f"not a QMP greeting: {greeting}")
            self("qmp_capabilities", timeout=timeout)
        except BaseException:
            self.close()
            raise

    def close(self):
        self.socket.close()

    def _receive(self, deadline):
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("QMP: no answer in time")
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(1 << 16)
            except socket.timeout:
                continue
            except OSError as error:
                raise QmpError(f"QMP connection: {error}") from error
            if not data:
                raise QmpError("QMP connection closed")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(line)

    def __call__(self, command, timeout=20, exactly=(), **arguments):
        """The return value. Underscores in argument names are dashes on the wire, but for those
        in the dictionary "exactly"."""
        request = {"execute": command}
        arguments = {name.replace("_", "-"): value for name, value in arguments.items()}
        arguments.update(exactly)
        if arguments:
            request["arguments"] = arguments
        try:
            self.socket.settimeout(timeout)
            self.socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise QmpError(f"{command}: {error}") from error
        deadline = time.monotonic() + timeout
        while True:
            answer = self._receive(deadline)
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise QmpError(f"{command}: {answer['error']['desc']}")
            else:
                return answer["return"]

    def hmp(self, line, timeout=20):
        """A command of the human monitor; its output."""
        return self("human-monitor-command", timeout, command_line=line)

    def wait_event(self, name, timeout=60):
        """The first event of that name that nobody has waited for yet."""
        deadline = time.monotonic() + timeout
        while True:
            for event in self.events:
                if event["event"] == name:
                    self.events.remove(event)
                    return event
            answer = self._receive(deadline)
            if "event" in answer:
                self.events.append(answer)
