# SPDX-License-Identifier: BSD-3-Clause
"""Where frontends come from: a path, a socket that was handed in, socket activation."""
import os
import socket
import stat

import pytest
from vhost_user import Frontend

from .service import BLK, SCSI, HandedIn

STORES = {BLK: ["--store", "ram:1M"], SCSI: ["--lun", "ram:1M"]}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="not root: cannot give a file away")


@pytest.fixture(params=[BLK, SCSI], ids=["blk", "scsi"])
def real(request):
    """A program that serves frontends, and what it needs for it."""
    return request.param


@pytest.fixture
def pair():
    ends = socket.socketpair()
    yield ends
    for end in ends:
        end.close()


def listening(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    sock.listen(2)
    return sock


def test_frontends_of_a_path_come_and_go(start, directory, real):
    service = start("--socket-path", directory / "s", *STORES[real], program=real)
    for _ in range(3):
        frontend = Frontend(str(directory / "s"))
        frontend.negotiate()
        frontend.close()
    assert service.stop() == 0


def test_connected_socket_is_served_and_its_end_is_the_programs(start, pair, real):
    service = start("--fd", pair[1].fileno(), *STORES[real], pass_fds=[pair[1].fileno()],
                    program=real)
    pair[1].close()
    frontend = HandedIn(pair[0])
    frontend.negotiate()
    frontend.close()
    assert service.wait() == 0
    assert "its only frontend is gone" in service.text()


def test_connected_frontend_that_breaks_a_rule_is_dropped_and_the_program_ends(start, pair):
    service = start("--fd", pair[1].fileno(), *STORES[BLK], pass_fds=[pair[1].fileno()],
                    program=BLK)
    pair[1].close()
    frontend = HandedIn(pair[0])
    frontend.send_bytes(b"\xff" * 12)
    assert frontend.closed()
    assert service.wait() == 0


def test_a_frontend_that_left_before(start, pair):
    pair[0].close()
    service = start("--fd", pair[1].fileno(), *STORES[BLK], pass_fds=[pair[1].fileno()],
                    program=BLK, wait=None)
    assert service.wait() == 0


def test_a_signal_ends_it_with_a_connected_frontend_too(start, pair):
    service = start("--fd", pair[1].fileno(), *STORES[BLK], pass_fds=[pair[1].fileno()],
                    program=BLK)
    pair[1].close()
    frontend = HandedIn(pair[0])
    frontend.negotiate()
    assert service.stop() == 0
    assert frontend.closed()


def test_listening_socket_serves_one_frontend_after_the_other(start, directory):
    with listening(directory / "s") as sock:
        service = start("--fd", sock.fileno(), *STORES[BLK], pass_fds=[sock.fileno()],
                        program=BLK)
        for _ in range(3):
            frontend = Frontend(str(directory / "s"))
            frontend.negotiate()
            frontend.close()
        assert service.stop() == 0
        assert (directory / "s").is_socket()


@pytest.mark.parametrize("make, part", [
    (lambda: os.open("/dev/null", os.O_RDONLY), "fd: "),
    (lambda: socket.socket(socket.AF_UNIX).detach(), "neither listening nor connected"),
    (lambda: socket.socket(socket.AF_INET).detach(), "not an AF_UNIX stream socket"),
])
def test_what_cannot_be_served_is_named(ended, make, part):
    fd = make()
    status, _, log = ended("--fd", fd, *STORES[BLK], pass_fds=[fd], program=BLK)
    os.close(fd)
    assert status in (1, 2) and part in log


def test_a_descriptor_that_is_not_open(ended):
    status, _, log = ended("--fd", "777", *STORES[BLK], program=BLK)
    assert status == 1 and "777" in log


@needs_root
def test_mode_and_group_of_the_socket(start, directory):
    service = start("--socket-path", directory / "s", "--socket-mode", "0620", "--socket-group",
                    "54321", *STORES[BLK], program=BLK)
    status = (directory / "s").stat()
    assert stat.S_IMODE(status.st_mode) == 0o620 and status.st_gid == 54321
    assert service.stop() == 0


def test_a_socket_of_another_program_is_left_alone(ended, directory):
    with listening(directory / "s"):
        status, _, log = ended("--socket-path", directory / "s", *STORES[BLK], program=BLK)
    assert status == 1 and "somebody is listening there" in log
    assert (directory / "s").is_socket()


def test_a_stale_socket_is_replaced(start, directory):
    listening(directory / "s").close()
    service = start("--socket-path", directory / "s", *STORES[BLK], program=BLK)
    Frontend(str(directory / "s")).negotiate()
    assert service.stop() == 0


# -- socket activation (sd_listen_fds(3)) -----------------------------------


class Activation:
    """Runs a program below a shell that sets LISTEN_PID, as nothing in Python can do late
    enough."""

    def __init__(self, directory, program, names):
        self.path = directory / "activate"
        fdnames = f"LISTEN_FDNAMES={names} " if names else ""
        self.path.write_text(f'#!/bin/sh\nexec env {fdnames}LISTEN_FDS=1 LISTEN_PID=$$ '
                             f'"{program}" "$@"\n')
        self.path.chmod(0o700)


@pytest.mark.parametrize("names", [None, "block0"])
def test_socket_activation(start, build, directory, names):
    with listening(directory / "s") as sock:
        script = Activation(directory, f"{build}/{BLK}", names)
        service = start("--store", "ram:1M", program=script.path.name, top=directory,
                        preexec=lambda: os.dup2(sock.fileno(), 3, inheritable=True),
                        pass_fds=[3])
        frontend = Frontend(str(directory / "s"))
        frontend.negotiate()
        frontend.close()
        assert service.stop() == 0
    assert (directory / "s").is_socket()


def test_an_activated_socket_that_no_device_needs(ended, build, directory):
    with listening(directory / "s") as sock:
        script = Activation(directory, f"{build}/{BLK}", "x")
        status, _, log = ended("--store", "ram:1M", "--socket-path", directory / "other",
                               program=script.path.name, top=directory, pass_fds=[3],
                               preexec=lambda: os.dup2(sock.fileno(), 3, inheritable=True))
    assert status == 2 and "no device needs one" in log
