# SPDX-License-Identifier: BSD-3-Clause
"""What a program may no longer do once it serves: as /proc tells of each of its threads.

The programs are those of the build without sanitizers, which alone filters system calls."""
import os
import shutil
import subprocess

import pytest
from vhost_user import Frontend

from .service import BLK, SCSI, wait_for

NONE = "0000000000000000"
STORES = {BLK: ["--store", "ram:1M"], SCSI: ["--lun", "ram:1M"]}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="not root: nothing to give up")


@pytest.fixture(params=[BLK, SCSI], ids=["blk", "scsi"])
def started(request, start, directory, plain):
    def run(*options):
        return start("--socket-path", directory / "s", "--rpc-socket", directory / "rpc",
                     "--threads", "3", *STORES[request.param], *options, program=request.param,
                     top=plain)
    return run


def values(service, name):
    return {thread[name] for thread in service.threads()}


def test_every_thread_is_without_capabilities_and_filtered(started):
    service = started()
    # Main, three workers, a control thread
    assert len(service.threads()) == 5
    assert values(service, "CapEff") == values(service, "CapPrm") == {NONE}
    assert values(service, "NoNewPrivs") == {"1"} and values(service, "Seccomp") == {"2"}
    assert values(service, "Uid") == {"\t".join([str(os.getuid())] * 4)}
    assert service.stop() == 0


@needs_root
def test_user_and_group_are_those_asked_for_in_every_thread(started):
    service = started("--user", "54321", "--group", "54322")
    assert values(service, "Uid") == {"\t".join(["54321"] * 4)}
    assert values(service, "Gid") == {"\t".join(["54322"] * 4)}
    assert values(service, "Groups") == {""}
    assert values(service, "CapEff") == {NONE} and values(service, "Seccomp") == {"2"}
    assert service.stop() == 0


@needs_root
def test_a_user_by_name_brings_his_group(started):
    service = started("--user", "nobody")
    assert values(service, "Uid") == {"\t".join(["65534"] * 4)}
    assert values(service, "Gid") == {"\t".join(["65534"] * 4)}
    assert service.stop() == 0


@needs_root
def test_what_the_user_may_not_open_cannot_be_added(start, directory, plain):
    secret = directory / "secret"
    secret.write_bytes(b"\0" * 4096)
    secret.chmod(0o600)
    directory.chmod(0o777)
    service = start("--rpc-socket", directory / "rpc", "--user", "nobody", program=BLK, top=plain)
    client = service.client()
    error = client.error("device.add", **{"socket-path": str(directory / "s"),
                                          "store": f"file:{secret}"})
    assert error["code"] == -32013 and "secret" in error["message"]
    client.ask("device.add", **{"socket-path": str(directory / "s"), "store": "ram:1M"})
    assert service.stop() == 0


def test_devices_are_added_and_served_inside(start, directory, plain):
    disk = directory / "disk"
    disk.write_bytes(b"\0" * (1 << 20))
    service = start("--rpc-socket", directory / "rpc", program=BLK, top=plain)
    client = service.client()
    client.ask("device.add", **{"socket-path": str(directory / "s"), "store": f"file:{disk}"})
    frontend = Frontend(str(directory / "s"))
    frontend.negotiate()
    assert values(service, "CapEff") == {NONE} and values(service, "Seccomp") == {"2"}
    frontend.close()
    client.ask("device.remove", name="block0")
    assert service.stop() == 0


def test_without_the_sandbox_it_is_what_it_was_started_as(started):
    service = started("--no-sandbox")
    with open("/proc/self/status", encoding="ascii") as file:
        own = dict(line.split(":", 1) for line in file)
    for name in "CapEff", "NoNewPrivs", "Seccomp":
        assert values(service, name) == {own[name].strip()}
    assert service.stop() == 0


def test_a_sanitized_build_says_that_nothing_is_filtered(start, directory):
    service = start("--socket-path", directory / "s")
    assert "system calls are not filtered: this build has a sanitizer" in service.text()
    assert values(service, "CapEff") == {NONE} and values(service, "Seccomp") == {"0"}
    assert service.stop() == 0


def test_who_is_not_root_cannot_become_somebody_else(ended, directory):
    directory.chmod(0o777)
    status, _, log = ended("--socket-path", directory / "s", "--store", "ram:1M", "--user", "0",
                           "--group", "0", program=BLK,
                           preexec=(lambda: os.setresuid(65534, 65534, 65534))
                           if os.geteuid() == 0 else None)
    assert status == 1 and "group 0: Operation not permitted" in log
    assert not (directory / "s").exists()


@pytest.mark.skipif(shutil.which("nbdkit") is None, reason="no nbdkit")
def test_the_threads_of_stores_on_a_network_give_up_theirs_too(start, directory, plain):
    server = subprocess.Popen(["nbdkit", "-f", "-U", directory / "nbd", "memory", "1M"],
                              stdin=subprocess.DEVNULL)
    try:
        wait_for((directory / "nbd").is_socket, "the NBD server")
        store = f"nbd+unix:///?socket={directory}/nbd"
        service = start("--socket-path", directory / "s", "--store", store, "--rpc-socket",
                        directory / "rpc", program=BLK, top=plain)
        # One that is added later needs the resolver and sockets of the filter.
        service.client().ask("device.add", **{"socket-path": str(directory / "t"),
                                              "store": store})
        for path in "s", "t":
            frontend = Frontend(str(directory / path))
            frontend.negotiate()
            frontend.close()
        # Main, worker, and for each device a control thread and its store's
        assert len(service.threads()) >= 4
        assert values(service, "CapEff") == values(service, "CapPrm") == {NONE}
        assert values(service, "Seccomp") == {"2"}
        assert service.stop() == 0
    finally:
        server.kill()
        server.wait(60)
