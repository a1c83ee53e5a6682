# SPDX-License-Identifier: BSD-3-Clause
"""Runs a storage program, and talks to it as its users do."""
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import time

from vhost_user import Frontend

TIMEOUT = 60.0
FAKE = "tests/unit/storage/service/vhost-fake"
BLK = "examples/vhost-blk/vhost-blk"
SCSI = "examples/vhost-scsi/vhost-scsi"


def environment(**more):
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:exitcode=99",
               UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1")
    for name in "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "WATCHDOG_USEC", "JOURNAL_STREAM":
        env.pop(name, None)
    return dict(env, **more)


def wait_for(condition, what, timeout=TIMEOUT):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout} s"
        time.sleep(0.01)


class HandedIn(Frontend):
    """A frontend whose socket was connected before."""

    def __init__(self, sock):  # pylint: disable=super-init-not-called
        self.sock, self.timeout = sock, TIMEOUT
        self.features = self.protocol_features = 0


class Client:
    """A JSON-RPC client that sees every answer, in order."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(path))
        self.buffer, self.serial = b"", 0

    def close(self):
        self.sock.close()

    def send(self, method, identity=None, **params):
        request = {"jsonrpc": "2.0", "method": method}
        if params:
            request["params"] = params
        if identity is not None:
            request["id"] = identity
        self.sock.sendall(json.dumps(request).encode())

    def answer(self, timeout=TIMEOUT):
        deadline = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise TimeoutError(f"no answer after {timeout} s")
            chunk = self.sock.recv(1 << 16)
            if not chunk:
                raise EOFError("closed without an answer")
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def ask(self, method, **params):
        """The result, or an AssertionError with the error."""
        self.serial += 1
        self.send(method, self.serial, **params)
        answer = self.answer()
        assert answer["id"] == self.serial, answer
        assert "error" not in answer, answer
        return answer["result"]

    def error(self, method, **params):
        self.serial += 1
        self.send(method, self.serial, **params)
        answer = self.answer()
        assert answer["id"] == self.serial and "result" not in answer, answer
        return answer["error"]


class Service:
    """A program that is running, or that has ended."""

    def __init__(self, program, directory, *options, wait="ready", pass_fds=(), env=None,
                 preexec=None):
        self.directory = directory
        self.log_path = directory / f"log{len(list(directory.glob('log*')))}"
        self.log = open(self.log_path, "wb")
        self.clients = []
        self.process = subprocess.Popen(
            [str(program), *map(str, options)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=self.log, pass_fds=pass_fds, preexec_fn=preexec,
            env=environment(**(env or {})))
        if wait:
            self.wait_log(wait)

    def text(self):
        return self.log_path.read_text()

    def wait_log(self, text):
        wait_for(lambda: text in self.text() or self.process.poll() is not None,
                 f"\"{text}\" in the log")
        assert text in self.text(), f"ended with {self.process.returncode}:\n{self.text()}"

    def wait(self, timeout=TIMEOUT):
        """How it ended: exit status; everything it printed is in .output."""
        self.output = self.process.communicate(timeout=timeout)[0].decode()
        self.log.close()
        return self.process.returncode

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.wait()

    def client(self, path="rpc"):
        client = Client(self.directory / path)
        self.clients.append(client)
        return client

    def threads(self):
        """What /proc says of each thread: a dictionary of its status."""
        found = []
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            lines = (task / "status").read_text().splitlines()
            status = dict(line.split(":", 1) for line in lines)
            found.append({key: value.strip() for key, value in status.items()})
        return [thread for thread in found if not thread["Name"].startswith("iou-")]

    def finish(self):
        for client in self.clients:
            client.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(TIMEOUT)
        self.process.stdout.close()
        self.log.close()
