# SPDX-License-Identifier: BSD-3-Clause
"""vvu-testd in a backend VM, for tests that were written for the embedded device.

Scripted frontends are on the host, at the socket of the VM's device. The device's own view,
which vvu-testd has of an embedded device only, is asked of QEMU.
"""
import json
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "embedded"))

from testd import TIMEOUT, Testd  # noqa: E402


class VmTestd(Testd):
    def __init__(self, vm, function, options):
        """function: (path of the device in QEMU, its PCI address, its socket)"""
        self.vm, self.options = vm, options
        self.path, address, socket = function
        self.socket = str(socket)
        self.process = vm.spawn(f"exec vvu-testd --device {address} {' '.join(options)}")
        self.position = 0
        self.events, self.frontends = [], []
        self.refused = 0
        self.status()

    def _line(self, timeout):
        line = self.process.expect(r"[^\n]*\n", timeout, self.position)[0]
        self.position += len(line)
        return json.loads(line)

    def command(self, text, timeout=TIMEOUT):
        self.process.send(text + "\n")
        while "event" in (answer := self._line(timeout)):
            self.events.append(answer["event"])
        if text == "status":
            answer["device"] = self._device()
        return answer

    def _device(self):
        seen = self.vm.qmp("x-query-virtio-vhost-user", path=self.path)
        return {"state": seen["state"], "window_used": seen["window-used"],
                "last_disconnect": seen.get("last-disconnect", "")}

    def reasons(self):
        """As from a program that was just started: begin() says when that was."""
        status = self.status()
        said = [status["last_disconnect"], status["session_disconnect"]]
        if status["refused"] != self.refused:
            said.append(status["last_error"])
        return " ".join(said)

    def begin(self):
        """Forget all frontends so far, and what was said about them."""
        for frontend in self.frontends:
            frontend.close()
        self.frontends.clear()
        status = self.wait(lambda s: not s["connected"] and s["state"] == "listening")
        if status["connections"] and not self._left_by_itself(status):
            with self.frontend() as last:
                last.barrier()
            status = self.wait(lambda s: not s["connected"] and self._left_by_itself(s))
        self.refused = status["refused"]

    @staticmethod
    def _left_by_itself(status):
        return "closed by the frontend" in status["last_disconnect"]

    def text(self):
        return self.process.err.decode(errors="replace")

    def finish(self):
        for frontend in self.frontends:
            frontend.close()
        if self.process.code is None:
            self.process.signal()
        return self.process.wait(TIMEOUT).code


class Programs:
    """One vvu-testd at a time, which serves test after test: a start takes longer than most."""

    def __init__(self, vm, function):
        self.vm, self.function = vm, function
        self.program = None

    def get(self, options):
        if self.program and (self.program.options != options or self.ended()):
            self.stop()
        if self.program is None:
            self.program = VmTestd(self.vm, self.function, options)
        self.program.begin()
        return self.program

    def ended(self):
        return self.program.process.code is not None

    def stop(self):
        """Its exit status; 0 too when there is none."""
        program, self.program = self.program, None
        return program.finish() if program else 0
