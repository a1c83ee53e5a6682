# SPDX-License-Identifier: BSD-3-Clause
"""The programs that serve disks, as processes of this host."""
import contextlib
import os
import signal
import socket
import subprocess
import time

from rpc import Rpc

START_TIMEOUT = 60
END_TIMEOUT = 60


class Program:
    """A process with its output in a file. ready: paths of sockets at which it listens once it
    is up; says: what it writes then."""

    says = b""

    # Exit status after SIGTERM
    ends_with = (0,)

    def __init__(self, command, log, ready=()):
        self.arguments, self.log_path = [str(part) for part in command], log
        self.ready = [str(path) for path in ready]
        self.process = None
        self.start()

    def start(self):
        with open(self.log_path, "ab") as log:
            self.begin = log.tell()
            log.write(f"$ {' '.join(self.arguments)}\n".encode())
            log.flush()
            self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)
        try:
            for path in self.ready:
                self._wait(lambda: listening(path), f"to listen at {path}")
            self._wait(lambda: self.says in self.log_path.read_bytes()[self.begin:],
                       f"to say {self.says}")
        except BaseException:
            self.stop()
            raise
        return self

    def _wait(self, condition, what):
        """Whether it listens the kernel says: a connection would be a frontend that comes and
        goes."""
        deadline = time.monotonic() + START_TIMEOUT
        while not condition():
            if self.process.poll() is not None:
                raise RuntimeError(f"ended with {self.process.returncode}:\n{self.text()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"it is expected {what}:\n{self.text()}")
            time.sleep(0.02)

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait(END_TIMEOUT) == -signal.SIGKILL

    def stop(self):
        """Its exit status after SIGTERM; negative for a signal."""
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(END_TIMEOUT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        return self.process.returncode

    def text(self):
        return self.log_path.read_text(errors="replace")

    def cpu_seconds(self):
        """Of all its threads so far."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def listening(path):
    """Whether a UNIX stream socket listens there (flag 0x10000 of /proc/net/unix)."""
    with open("/proc/net/unix", encoding="utf-8") as sockets:
        return any(line.split()[3] == "00010000" and line.split()[-1] == path
                   for line in sockets)


class Storage(Program):
    """vhost-blk or vhost-scsi. options: what comes after --socket-path. rpc: it has a socket for
    that too."""

    says = b": ready\n"

    def __init__(self, path, directory, *options, name="disk", rpc=False):
        self.socket = directory / f"{name}.sock"
        self.rpc_path = directory / f"{name}.rpc"
        self._rpc = None
        super().__init__(
            [path, "--socket-path", self.socket,
             *(["--rpc-socket", self.rpc_path] if rpc else []), *options],
            directory / f"{name}.log", [self.socket, *([self.rpc_path] if rpc else [])])

    @property
    def rpc(self):
        if self._rpc is None:
            self._rpc = Rpc(self.rpc_path)
        return self._rpc

    def _forget_rpc(self):
        if self._rpc is not None:
            self._rpc.close()
            self._rpc = None

    def kill(self):
        self._forget_rpc()
        super().kill()

    def restart(self):
        """As after a crash."""
        self.kill()
        return self.start()

    def stop(self):
        self._forget_rpc()
        return super().stop()


class PeerBlk(Program):
    """qemu-storage-daemon: a back-end that nobody here wrote, to see that the tests themselves
    are right."""

    ends_with = (0, -signal.SIGTERM)

    def __init__(self, directory, image, *, queues=1, writable=True, name="peer"):
        self.socket = directory / f"{name}.sock"
        super().__init__(
            ["qemu-storage-daemon", "--blockdev",
             f"driver=file,node-name=f0,filename={image}", "--export",
             f"type=vhost-user-blk,id=e0,addr.type=unix,addr.path={self.socket},node-name=f0,"
             f"writable={'on' if writable else 'off'},num-queues={queues}"],
            directory / f"{name}.log", [self.socket])


class Nbd(Program):
    """nbdkit with a file, at a UNIX socket."""

    def __init__(self, directory, image, *options, name="nbd"):
        self.socket = directory / f"{name}.sock"
        self.uri = f"nbd+unix:///?socket={self.socket}"
        super().__init__(["nbdkit", "--foreground", "--exit-with-parent", "--unix", self.socket,
                          *options, "file", f"file={image}"], directory / f"{name}.log",
                         [self.socket])

    def start(self):
        # It does not replace what one that was killed has left.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket)
        return super().start()


def connect(path):
    """A frontend that says nothing yet."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(START_TIMEOUT)
    client.connect(str(path))
    return client
