# SPDX-License-Identifier: BSD-3-Clause
"""Runs vvu-testd: the library's own backend program, its state told as JSON."""
import json
import os
import select
import subprocess
import time

from vhost_user import Frontend

TIMEOUT = 60.0


class Testd:
    __test__ = False

    def __init__(self, build, directory, *options):
        self.socket = str(directory / "vvu.sock")
        self.log_path = directory / "testd.log"
        self.log = open(self.log_path, "wb")
        env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:exitcode=99",
                   UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1")
        self.process = subprocess.Popen(
            [os.path.join(build, "tests", "support", "vvu-testd"), "--socket", self.socket,
             *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=env)
        self.buffer = b""
        self.events = []
        self.frontends = []
        self.status()

    def _line(self, timeout):
        deadline = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise TimeoutError(f"vvu-testd said nothing for {timeout} s; log:\n{self.text()}")
            chunk = os.read(self.process.stdout.fileno(), 1 << 16)
            if not chunk:
                self.process.wait(TIMEOUT)
                raise EOFError(f"vvu-testd ended with {self.process.returncode}:\n{self.text()}")
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def command(self, text, timeout=TIMEOUT):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()
        while True:
            answer = self._line(timeout)
            if "event" not in answer:
                return answer
            self.events.append(answer["event"])

    def status(self):
        """The answer to "status", flattened to what tests ask for."""
        answer = self.command("status")
        status = dict(answer["session"])
        status["session_disconnect"] = status["last_disconnect"]
        status["last_disconnect"] = answer["device"]["last_disconnect"]
        status["state"] = answer["device"]["state"]
        status["window_used"] = answer["device"]["window_used"]
        status["rings"] = answer["rings"]
        for ring in status["rings"]:
            ring["broken"] = ring["broken_reason"] if ring["broken"] else ""
        status["memory"] = answer["regions"]
        status.update(mtu=answer["counters"]["mtu"], counters=answer["counters"],
                      rarp=":".join(answer["counters"]["rarp_mac"][i:i + 2]
                                    for i in range(0, 12, 2)))
        return status

    def reasons(self):
        """Everything that was said about why a frontend was let go."""
        status = self.status()
        return " ".join((status["last_error"], status["last_disconnect"],
                         status["session_disconnect"]))

    def wait(self, condition, timeout=TIMEOUT):
        """The first status for which the condition holds."""
        deadline = time.monotonic() + timeout
        while True:
            status = self.status()
            if condition(status):
                return status
            if time.monotonic() > deadline:
                raise TimeoutError(f"still {status}")
            time.sleep(0.005)

    def frontend(self):
        frontend = _Frontend(self.socket)
        self.frontends.append(frontend)
        return frontend

    def text(self):
        self.log.flush()
        return self.log_path.read_text(errors="replace")

    def finish(self):
        """End it and say how it ended: leaks and sanitizer findings fail the test."""
        for frontend in self.frontends:
            frontend.close()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdin.close()
            self.process.stdout.close()
            self.log.close()
        return self.process.returncode


class _Frontend(Frontend):
    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
