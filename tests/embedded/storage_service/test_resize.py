# SPDX-License-Identifier: BSD-3-Clause
"""device.resize of vhost-blk, of a disk at a server that may not answer."""
import os
import shutil
import signal
import subprocess

import pytest

from .service import BLK, wait_for

MEGABYTE = 1 << 20

pytestmark = pytest.mark.skipif(shutil.which("nbdkit") is None, reason="no nbdkit")


@pytest.fixture
def server(directory):
    """An export of a file of 1 MiB; its process."""
    (directory / "disk").write_bytes(bytes(MEGABYTE))
    process = subprocess.Popen(["nbdkit", "-f", "-U", directory / "nbd", "file",
                                directory / "disk"], stdin=subprocess.DEVNULL)
    try:
        wait_for((directory / "nbd").exists, "the server's socket")
        yield process
    finally:
        process.kill()
        process.wait(60)


def test_a_server_that_does_not_answer_holds_up_nobody(start, directory, server):
    service = start("--socket-path", directory / "s", "--store",
                    f"nbd+unix:///?socket={directory}/nbd", "--rpc-socket", directory / "rpc",
                    program=BLK)
    client, other = service.client(), service.client()
    os.truncate(directory / "disk", 2 * MEGABYTE)
    server.send_signal(signal.SIGSTOP)
    client.send("device.resize", "r", name="block0", size=0)
    client.send("version", "v")
    assert client.answer()["id"] == "v"
    assert other.ask("device.list")[0]["device"]["store"] == {"state": "resizing"}
    assert "is being changed" in other.error("device.resize", name="block0", size=0)["message"]
    server.send_signal(signal.SIGCONT)
    assert client.answer() == {"jsonrpc": "2.0", "result": None, "id": "r"}
    assert other.ask("device.list")[0]["device"]["size_bytes"] == 2 * MEGABYTE
    assert service.stop() == 0


@pytest.mark.parametrize("params, part", [
    ({"name": "block0"}, "size: has to be"), ({"name": "block0", "size": -1}, "size: has to be"),
    ({"name": "block0", "size": 1000}, "not whole blocks"), ({"size": 0}, "name"),
    ({"name": "none", "size": 0}, "none")])
def test_wrong_parameters_are_named(start, directory, params, part):
    service = start("--socket-path", directory / "s", "--store", "ram:1M", "--rpc-socket",
                    directory / "rpc", program=BLK)
    assert part in service.client().error("device.resize", **params)["message"]
    assert service.stop() == 0
