# SPDX-License-Identifier: BSD-3-Clause
"""What a service manager is told (sd_notify(3))."""
import socket
import time

import pytest

from .service import BLK, TIMEOUT


class Manager:
    def __init__(self, directory):
        self.path = directory / "notify"
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(self.path))
        self.heard = []

    def wait(self, line):
        """The next message that has this line; all others are remembered."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            self.sock.settimeout(max(deadline - time.monotonic(), 0.01))
            message = self.sock.recv(4096).decode().splitlines()
            self.heard.append(message)
            if line in message:
                return message


@pytest.fixture
def manager(directory):
    instance = Manager(directory)
    yield instance
    instance.sock.close()


def test_ready_and_stopping_are_told(start, directory, manager):
    service = start("--socket-path", directory / "s", "--store", "ram:1M", program=BLK, wait=None,
                    env={"NOTIFY_SOCKET": str(manager.path)})
    assert "STATUS=1 device" in manager.wait("READY=1")
    # It is not ready before a frontend can come.
    assert manager.heard[0][0] == "READY=1" and (directory / "s").is_socket()
    service.process.terminate()
    manager.wait("STOPPING=1")
    assert service.wait() == 0


def test_the_number_of_devices_is_told(start, directory, manager):
    service = start("--socket-path", directory / "s", "--rpc-socket", directory / "rpc",
                    env={"NOTIFY_SOCKET": str(manager.path)})
    manager.wait("READY=1")
    client = service.client()
    client.ask("device.add", **{"socket-path": str(directory / "t")})
    manager.wait("STATUS=2 devices")
    client.ask("device.remove", name="fake0")
    manager.wait("STATUS=1 device")
    assert service.stop() == 0


def test_who_cannot_start_is_never_ready(start, directory, manager):
    service = start("--socket-path", directory / "s", "--word", "broken", wait=None,
                    env={"NOTIFY_SOCKET": str(manager.path)})
    assert service.wait() == 1
    manager.sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            assert b"READY=1" not in manager.sock.recv(4096)


def test_the_watchdog_is_fed(start, directory, manager, plain):
    service = start("--socket-path", directory / "s", "--store", "ram:1M", "--threads", "2",
                    program=BLK, top=plain, wait=None,
                    env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "400000"})
    manager.wait("READY=1")
    for _ in range(3):
        manager.wait("WATCHDOG=1")
    assert service.stop() == 0
