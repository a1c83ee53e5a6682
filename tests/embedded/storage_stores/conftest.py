# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time

import pytest

SECONDS = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition, seconds=SECONDS, what="the condition"):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.02)


def listens(address):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            probe.connect(address)
            return True
        except OSError:
            return False


@contextlib.contextmanager
def answering(family, address, answer):
    """Somebody who is no server of the right kind: gives each connection to answer()."""
    server = socket.socket(family)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(address)
    server.listen()

    def serve():
        while True:
            try:
                connection = server.accept()[0]
            except OSError:
                return
            answer(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(SECONDS)


class Server:
    """A server process that is killed and started again."""

    def __init__(self, command, is_ready):
        self.command, self.is_ready = command, is_ready
        self.process = None

    def start(self, command=None):
        self.command = command or self.command
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL)
        until(lambda: self.is_ready() or self.process.poll() is not None, what=self.command[0])
        assert self.process.poll() is None, f"{self.command}: ended"

    def signal(self, number):
        os.kill(self.process.pid, number)

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self.process.wait(SECONDS)


class Exerciser:
    """tests/support/store-exerciser, which has one store open."""

    def __init__(self, build, store):
        text = store if isinstance(store, str) else json.dumps(store)
        self.process = subprocess.Popen([f"{build}/tests/support/store-exerciser", text],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.pending = b""
        self.opened = self.answer()

    def answer(self, seconds=SECONDS):
        end = time.monotonic() + seconds
        while b"\n" not in self.pending:
            left = end - time.monotonic()
            assert left > 0 and select.select([self.process.stdout], [], [], left)[0], "no answer"
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, f"the exerciser ended: {self.process.wait(SECONDS)}"
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        return json.loads(line)

    def send(self, *words):
        self.process.stdin.write((" ".join(str(word) for word in words) + "\n").encode())

    def ask(self, *words, seconds=SECONDS):
        self.send(*words)
        return self.answer(seconds)

    def result(self, *words, seconds=SECONDS):
        return self.ask(*words, seconds=seconds)["result"]

    def state(self):
        return self.ask("describe")["state"]

    def close(self):
        if self.process.poll() is None:
            try:
                self.send("quit")
            except BrokenPipeError:
                pass
        return self.process.wait(SECONDS)


@pytest.fixture
def exercise(build):
    """Opens stores; at the end their programs must have ended well."""
    programs = []

    def start(store, error=None):
        program = Exerciser(build, store)
        programs.append((program, error))
        assert program.opened["result"] == (error or 0), program.opened
        return program

    yield start
    codes = [(program.close(), 1 if error else 0) for program, error in programs]
    assert all(code == expected for code, expected in codes), codes


def kill_and_restart(program, server, times=3):
    """While @program has a load on @server; what the load then says."""
    program.ask("load", 2, 8)
    for _ in range(times):
        time.sleep(0.5)
        server.kill()
        time.sleep(0.3)
        server.start()
        until(lambda: program.state() == "connected", what="connected again")
    return program.ask("stop")


@pytest.fixture
def launch(directory, servers):
    """launch(kind, ...): a server of that kind, which is running."""
    def run(kind, *arguments, **parameters):
        server = kind(directory, *arguments, **parameters)
        servers.append(server)
        server.start()
        return server

    return run


@pytest.fixture
def servers():
    """Servers to be killed at the end."""
    started = []
    yield started
    for server in started:
        if server.process is not None and server.process.poll() is None:
            server.signal(signal.SIGCONT)
        server.kill()
