# SPDX-License-Identifier: BSD-3-Clause
"""Starting, watching and ending DPDK programs: for the demo, the benchmark and tests.

Every process is started by Runner and ended by Runner.close(), by its pid; every wait has
an end. Standard library only.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HUGE = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")


class Failed(Exception):
    """Something did not happen; the text says what."""


def build_dir():
    return pathlib.Path(os.environ.get("VVU_BUILD_PLAIN", ROOT / "build" / "plain")).resolve()


def program(relative, build=None):
    """A program of ours in the build directory, or in another."""
    path = (build or build_dir()) / relative
    if not path.exists():
        raise Failed(f"{path} is not there: ./run build makes it")
    return str(path)


def testpmd():
    path = shutil.which("dpdk-testpmd")
    if not path:
        raise Failed("dpdk-testpmd is not there (Debian package dpdk-dev)")
    return path


def cores():
    """The cores this process may use."""
    return sorted(os.sched_getaffinity(0))


def free_huge_mib():
    try:
        return int(HUGE.read_text()) * 2
    except OSError:
        return 0


def wait_for(what, condition, seconds, interval=0.02):
    """The first true value of condition(), Failed after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds:g} s")
        time.sleep(interval)


def memory_args(mib, huge):
    """EAL's memory options. A frontend's memory has to be a file that can be passed on:
    huge pages in one memfd, or without huge pages one memfd of ordinary pages."""
    if huge:
        return ["--in-memory", "--single-file-segments", "-m", str(mib)]
    return ["--no-huge", "-m", str(mib), "--no-shconf"]


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """In the child before exec: a polling process must not outlive a killed script."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def end_on_sigterm():
    """Let SIGTERM end the script as Ctrl-C does, with its clean-up."""
    def interrupt(number, frame):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, interrupt)


def run_main(name, run, args, logs, failures=()):
    """run(args), and the exit status; a failure is said, with where below build/ the logs are."""
    end_on_sigterm()
    try:
        run(args)
    except (Failed, *failures) as error:
        places = ", ".join(str(ROOT / "build" / place) for place in logs)
        print(f"{name}: {error}; logs are in {places}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
    return 0


class Process:
    def __init__(self, name, command, log, stdin, environment=None):
        self.name = name
        self.command = command
        self.log = log
        with open(log, "wb") as out:
            self.popen = subprocess.Popen(command, stdin=stdin, stdout=out,
                                          stderr=subprocess.STDOUT,
                                          env={**os.environ, **(environment or {})},
                                          preexec_fn=die_with_parent)
        self.pid = self.popen.pid

    def text(self, start=0):
        with open(self.log, "rb") as file:
            file.seek(start)
            return file.read().decode(errors="replace")

    def alive(self):
        return self.popen.poll() is None

    def output(self, what, find, seconds, start=0):
        """Wait until find(the log from start on) is true, which is for what; its value."""
        def look():
            alive = self.alive()
            found = find(self.text(start))
            if not found and not alive:
                raise Failed(f"{self.name} ended with status {self.popen.returncode} "
                             f"before it printed {what}: {self.tail()}")
            return found
        return wait_for(f"{self.name}: {what} in {self.log}", look, seconds)

    def expect(self, pattern, seconds, start=0):
        """Wait until the log matches; the match."""
        return self.output(repr(pattern), re.compile(pattern).search, seconds, start)

    def tail(self):
        lines = [line for line in self.text().splitlines() if line.strip()]
        return " | ".join(lines[-3:]) or "no output"

    def wait(self, seconds):
        """The exit status."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} (pid {self.pid}) still runs after {seconds:g} s") from None

    def signal(self, number):
        if self.alive():
            self.popen.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        return self.popen.wait()

    def stop(self, seconds=15):
        """Ask it to end; the exit status, or Failed after it was killed."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(seconds)
        except Failed:
            self.kill()
            raise


class Testpmd(Process):
    """An interactive testpmd: commands on its standard input."""
    PROMPT = "testpmd> "

    def ready(self, seconds=60):
        self.expect(self.PROMPT, seconds)
        return self

    def do(self, command, expect=None, seconds=60):
        """Type a command; its output up to a match of expect, or to the next prompt."""
        start = os.path.getsize(self.log)
        self.popen.stdin.write(command.encode() + b"\n")
        self.popen.stdin.flush()
        if expect:
            return self.expect(f"(?s)^.*?(?:{expect})", seconds, start)[0]
        return self.output(f"a prompt after {command!r}",
                           lambda text: self.done(text, command), seconds, start)

    def done(self, text, command):
        """The text, if it has the command and then a prompt: that of the command before may come
        only now. testpmd repeats what it reads, letter by letter, and what its other threads
        print comes in between."""
        at = 0
        for letter in command:
            at = text.find(letter, at) + 1
            if not at:
                return None
        return text if text.find(self.PROMPT, at) >= 0 and text.endswith(self.PROMPT) else None

    def stats(self, port=0):
        """Counters of a port, and its rates since the last call."""
        text = self.do(f"show port stats {port}",
                       r"Rx-pps:\s+\d+.*?Tx-pps:\s+\d+[^\n]*\n\s*#{20,}")
        text = text[text.rindex("NIC statistics"):]
        return {name: int(value) for name, value in
                re.findall(r"([RT][Xx]-[a-z]+):\s+(\d+)", text)}

    def quit(self, seconds=20):
        if self.alive():
            self.popen.stdin.write(b"stop\nquit\n")
            self.popen.stdin.close()
        return self.wait(seconds)


class Answering(Process):
    """A program that is told lines on its standard input, and answers each with one line that
    begins with "ok" or "error", after one that says "ready"."""

    def ready(self, seconds=60):
        self.expect(r"(?m)^ready$", seconds)
        return self

    def tell(self, command):
        """For answer(): where in the log that begins."""
        start = os.path.getsize(self.log)
        self.popen.stdin.write(command.encode() + b"\n")
        self.popen.stdin.flush()
        return start

    def answer(self, command, start, seconds=60):
        """To what it was told, without the "ok"; Failed where it is an error."""
        match = self.expect(r"(?m)^(ok|error)(.*)\n", seconds, start)
        if match[1] == "error":
            raise Failed(f"{self.name}: {command}: {match[2].strip()}")
        return match[2].strip()

    def ask(self, command, seconds=60):
        return self.answer(command, self.tell(command), seconds)

    def number(self, command):
        return int(self.ask(command))

    def values(self, command, seconds=60):
        """An answer of NAME=NUMBER words."""
        return {name: int(value) for name, value in
                re.findall(r"(\w+)=(\d+)", self.ask(command, seconds))}

    def quit(self, seconds=20):
        """The exit status after the end of its input."""
        if self.alive():
            self.popen.stdin.close()
        return self.wait(seconds)


class Runner(contextlib.AbstractContextManager):
    """A private directory for sockets and logs, and the processes started in it. build: where
    our programs are, if not in build_dir(); environment: of all that is started, beside what
    there is.

    Where the block fails the logs are kept in build/logs/NAME.
    """
    def __init__(self, name, build=None, environment=None):
        self.name = name
        self.build = build
        self.environment = environment or {}
        # Short: a socket's path has at most 107 bytes.
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-"))
        self.processes = []
        self.prefixes = []
        self.plugin_copy = None
        self.kept = None

    def start(self, name, command, interactive=False, kind=None, environment=None):
        """Start a program; its output goes to a log that is named for it. kind: a Process that
        takes commands; interactive: Testpmd. environment: more of it."""
        number = sum(process.name == name for process in self.processes)
        log = self.dir / (f"{name}.{number}.log" if number else f"{name}.log")
        # testpmd's output is buffered in blocks unless it goes to a terminal.
        if interactive:
            command = ["stdbuf", "-oL", *command]
            kind = Testpmd
        process = (kind or Process)(name, command, log,
                                    subprocess.PIPE if kind else subprocess.DEVNULL,
                                    {**self.environment, **(environment or {})})
        self.processes.append(process)
        return process

    def eal(self, name, memory, lcores):
        """EAL options for a process of its own."""
        prefix = f"{self.dir.name}-{name}-{len(self.prefixes)}"
        self.prefixes.append(prefix)
        return ["--no-pci", "--no-telemetry", "--file-prefix", prefix, "--lcores", lcores, *memory]

    def program(self, relative):
        return program(relative, self.build)

    def plugin(self):
        """The net_vvu driver, at a path that EAL agrees to load from."""
        path = pathlib.Path(self.program("drivers/vvu_pmd/librte_net_vvu.so"))
        if not any(world_writable(parent) for parent in path.parents):
            return str(path)
        if not self.plugin_copy:
            base = "/run" if os.access("/run", os.W_OK) else str(pathlib.Path.home())
            self.plugin_copy = tempfile.mkdtemp(prefix="vvu-plugin-", dir=base)
            shutil.copy(path, self.plugin_copy)
        return str(pathlib.Path(self.plugin_copy) / path.name)

    def socket(self, name):
        return str(self.dir / f"{name}.sock")

    def keep_logs(self):
        self.kept = ROOT / "build" / "logs" / self.name
        shutil.rmtree(self.kept, ignore_errors=True)
        self.kept.mkdir(parents=True)
        for path in self.dir.iterdir():
            if path.is_file():
                shutil.copy(path, self.kept)

    def __exit__(self, kind, error, trace):
        for process in reversed(self.processes):
            process.kill()
            if process.popen.stdin:
                with contextlib.suppress(OSError):
                    process.popen.stdin.close()
        if error is not None:
            self.keep_logs()
        for prefix in self.prefixes:
            shutil.rmtree(f"/var/run/dpdk/{prefix}", ignore_errors=True)
        shutil.rmtree(self.dir, ignore_errors=True)
        if self.plugin_copy:
            shutil.rmtree(self.plugin_copy, ignore_errors=True)
        return False


def world_writable(path):
    return bool(path.stat().st_mode & stat.S_IWOTH)


def read_json(path):
    """A file that its writer replaces as a whole; None while it is not there."""
    try:
        return json.loads(pathlib.Path(path).read_text())
    except FileNotFoundError:
        return None


def write_json(path, value):
    pathlib.Path(path).write_text(json.dumps(value, indent=2) + "\n")
