# SPDX-License-Identifier: BSD-3-Clause
"""JSON-RPC of a real process: its methods, and clients that are wrong or mean harm."""
import json
import socket
import subprocess
import time

import pytest
from vhost_user import Frontend

from .service import BLK, Client


def test_help_names_the_methods_of_the_program_and_of_its_type(service):
    methods = service.client().ask("help")
    assert {"help", "version", "device.list", "device.stats", "device.add", "device.remove",
            "device.pause", "device.resume", "device.drain", "device.disconnect", "log.level",
            "worker.list", "device.word"} <= set(methods)
    assert all(methods.values())


def test_a_method_of_the_type(service):
    client = service.client()
    assert client.ask("device.word", name="fake0") == "hello"
    assert client.error("device.word", name="other")["message"] == "there is no device \"other\""
    assert "name: is missing" in client.error("device.word")["message"]


@pytest.mark.parametrize("method, params, part", [
    ("device.remove", {}, "name"), ("device.remove", {"name": 5}, "string"),
    ("device.remove", {"name": "fake0", "force": True}, "force"),
    ("device.pause", {"names": "fake0"}, "name"), ("device.list", {"names": "x"}, "names"),
    ("version", {"x": 1}, "takes none"), ("help", {"x": 1}, "takes none"),
    ("worker.list", {"x": 1}, "takes none"), ("log.level", {"level": "loud"}, "loud"),
    ("device.add", {"fd": 3}, "fd: is for the command line"),
    ("device.add", {"socket-path": ""}, "socket-path: is empty"),
    ("device.add", {}, "needs one of"),
])
def test_wrong_parameters_are_named(service, method, params, part):
    error = service.client().error(method, **params)
    assert error["code"] == -32602 and part in error["message"]
    assert error["data"] == {"method": method, "errno": 22}


@pytest.mark.parametrize("method", ["device.list", "device.stats", "device.remove",
                                    "device.pause", "device.resume", "device.drain",
                                    "device.disconnect"])
def test_an_unknown_device_is_named(service, method):
    error = service.client().error(method, name="nobody")
    assert error["code"] == -32002 and "nobody" in error["message"]


def test_devices_are_added_and_removed(start, directory):
    service = start("--rpc-socket", directory / "rpc", program=BLK)
    client = service.client()
    assert client.ask("device.list") == []
    for i in range(5):
        added = client.ask("device.add", **{"socket-path": str(directory / f"s{i}"),
                                            "store": "ram:1M"})
        assert added["name"] == f"block{i}" and added["state"] == "serving"
    frontend = Frontend(str(directory / "s3"))
    frontend.negotiate()
    error = client.error("device.add", **{"socket-path": str(directory / "x"), "name": "block1",
                                          "store": "ram:1M"})
    assert error["code"] == -32017 and "block1" in error["message"]
    assert not (directory / "x").exists()
    for i in range(5):
        client.ask("device.remove", name=f"block{i}")
        assert not (directory / f"s{i}").exists()
    assert frontend.closed()
    assert client.ask("device.list") == []
    assert service.stop() == 0


def test_a_device_that_is_removed_slowly_holds_up_nobody(start, directory):
    service = start("--socket-path", directory / "s", "--slow-ms", "2000", "--rpc-socket",
                    directory / "rpc")
    first, second = service.client(), service.client()
    first.send("device.remove", "r", name="fake0")
    first.send("version", "v")
    assert first.answer()["id"] == "v"
    (device,) = second.ask("device.list")
    assert device == {"name": "fake0", "state": "removing"}
    assert "is being removed" in second.error("device.remove", name="fake0")["message"]
    assert "is being removed" in second.error("device.word", name="fake0")["message"]
    second.ask("device.add", **{"socket-path": str(directory / "t")})
    assert first.answer() == {"jsonrpc": "2.0", "result": None, "id": "r"}
    assert [device["name"] for device in second.ask("device.list")] == ["fake1"]
    assert service.stop() == 0


def test_a_device_that_is_made_slowly_holds_up_nobody(service, directory):
    first, second = service.client(), service.client()
    first.send("device.add", "a", **{"socket-path": str(directory / "t"), "start-ms": 2000})
    first.send("version", "v")
    assert first.answer()["id"] == "v"
    assert second.ask("device.list")[1] == {"name": "fake1", "state": "adding"}
    assert "is being added" in second.error("device.word", name="fake1")["message"]
    assert second.ask("device.word", name="fake0") == "hello"
    answer = first.answer()
    assert answer["id"] == "a" and answer["result"]["state"] == "serving"
    assert service.stop() == 0


def test_pause_resume_drain_and_disconnect(service):
    client = service.client()

    def device():
        return client.ask("device.list", name="fake0")[0]

    client.ask("device.pause", name="fake0")
    assert device()["state"] == "paused" and device()["target"]["pauses"] == 1
    assert client.error("device.pause", name="fake0")["message"] == "fake0 is paused"
    client.ask("device.resume", name="fake0")
    assert device()["state"] == "serving" and device()["target"]["pauses"] == 0
    assert client.error("device.resume", name="fake0")["message"] == "fake0 is not paused"
    client.ask("device.drain", name="fake0")
    assert device()["state"] == "serving" and device()["target"]["pauses"] == 0
    client.ask("device.disconnect", name="fake0")
    assert device()["target"]["disconnects"] == 1
    client.ask("device.pause", name="fake0")
    client.ask("device.remove", name="fake0")


def test_a_frontend_is_dropped_and_may_come_back(start, directory):
    service = start("--socket-path", directory / "s", "--store", "ram:1M", "--rpc-socket",
                    directory / "rpc", program=BLK)
    client = service.client()
    frontend = Frontend(str(directory / "s"))
    frontend.negotiate()
    client.ask("device.disconnect", name="block0")
    assert frontend.closed()
    Frontend(str(directory / "s")).negotiate()
    assert service.stop() == 0


def test_statistics_are_counted_per_ring(start, directory):
    service = start("--socket-path", directory / "s", "--store", "ram:1M", "--queues", "3",
                    "--rpc-socket", directory / "rpc", program=BLK)
    (stats,) = service.client().ask("device.stats")
    assert stats["name"] == "block0"
    assert [queue["index"] for queue in stats["queues"]] == [0, 1, 2]
    assert all(queue["requests"] == 0 for queue in stats["queues"])


def test_the_log_level_is_changed(service, directory):
    client = service.client()
    assert client.ask("log.level") == {"level": "info"}
    assert client.ask("log.level", level="error") == {"level": "error"}
    client.ask("device.add", **{"socket-path": str(directory / "unheard")})
    assert client.ask("log.level", level="info") == {"level": "info"}
    client.ask("device.add", **{"socket-path": str(directory / "heard")})
    service.wait_log("serves " + str(directory / "heard"))
    assert "unheard" not in service.text()


# -- clients that are wrong -------------------------------------------------


def hostile(service, data):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(60)
    sock.connect(str(service.directory / "rpc"))
    try:
        sock.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass
    return sock


@pytest.mark.parametrize("data", [
    b"garbage\n", b"\0" * 100, b"}" * 100, b"[" * 5000 + b"]" * 5000, b"{" * 100000,
    b'{"jsonrpc":"2.0","method":"version","id":', b'{"x":"' + b"\xff" * 100 + b'"}',
    b'{"jsonrpc":"2.0","method":"' + b"a" * 2_000_000, b"[" + b"1," * 500_000 + b"1]",
    b'{"a":"\\u0000"}', b" " * 3_000_000,
], ids=["words", "zeros", "brackets", "deep", "open", "half", "no-utf8", "oversize", "numbers",
        "nul", "blanks"])
def test_hostile_input_harms_nobody_else(service, data):
    with hostile(service, data):
        assert service.client().ask("device.word", name="fake0") == "hello"
    assert service.client().ask("version")["program"] == "vhost-fake"
    assert service.stop() == 0


def test_a_request_that_is_too_large_is_answered_and_ends_the_connection(service):
    sock = hostile(service, b'{"x":"' + b"a" * (1 << 20))
    received = b""
    while True:
        try:
            chunk = sock.recv(4096)
        except ConnectionResetError:
            break
        if not chunk:
            break
        received += chunk
    sock.close()
    assert json.loads(received)["error"]["code"] == -32600


def test_a_client_that_does_not_read_harms_nobody_else(service):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(service.directory / "rpc"))
    sock.setblocking(False)
    request = b'{"jsonrpc":"2.0","method":"help","id":1}' * 100
    deadline = time.monotonic() + 5
    blocked = 0
    while blocked < 5 and time.monotonic() < deadline:
        try:
            sock.send(request)
            blocked = 0
        except BlockingIOError:
            blocked += 1
            service.client().ask("version")
    assert blocked == 5, "it was read from without end"
    assert service.client().ask("device.word", name="fake0") == "hello"
    sock.close()
    assert service.stop() == 0


def test_many_clients(service):
    clients = [service.client() for _ in range(32)]
    for client in clients:
        assert client.ask("device.word", name="fake0") == "hello"
    late = Client(service.directory / "rpc")
    assert late.answer()["error"]["message"] == "too many clients"
    late.close()
    for client in clients:
        client.close()
    service.client().ask("version")


# -- tools/vvu-rpc ----------------------------------------------------------


@pytest.fixture
def vvu_rpc(build, service):
    def run(*arguments, path=service.directory / "rpc"):
        return subprocess.run([f"{build}/tools/vvu-rpc", path, *arguments], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                              check=False)
    return run


def test_tool_prints_the_result(vvu_rpc):
    done = vvu_rpc("version")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["program"] == "vhost-fake"


def test_tool_sends_parameters(vvu_rpc, directory):
    done = vvu_rpc("device.add", f"socket-path={directory}/t", "number:=7", '{"word": "w"}',
                   'words:=["a"]')
    device = json.loads(done.stdout)["device"]
    assert (device["number"], device["word"], device["words"]) == (7, "w", ["a"])


@pytest.mark.parametrize("arguments, part", [
    (["unheard"], "no such method"), (["device.word", "name=x"], "there is no device"),
])
def test_tool_prints_errors_and_fails(vvu_rpc, arguments, part):
    done = vvu_rpc(*arguments)
    assert (done.returncode, done.stdout) == (1, "") and part in done.stderr


@pytest.mark.parametrize("argument", ["x", "=x", "x:=", "x:={", "{", "x:=1 2"])
def test_tool_refuses_parameters_that_are_none(vvu_rpc, argument):
    done = vvu_rpc("version", argument)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr


def test_tool_without_a_program(vvu_rpc):
    done = vvu_rpc("version", path="/nonexistent/rpc")
    assert done.returncode == 1 and "/nonexistent/rpc" in done.stderr
