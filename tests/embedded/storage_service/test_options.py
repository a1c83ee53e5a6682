# SPDX-License-Identifier: BSD-3-Clause
"""Options and the configuration file of a real process: what it does with right ones, and that
wrong ones are named and end it with status 2."""
import json

import pytest

from .service import BLK, FAKE, SCSI

WRONG_VALUES = [
    ("--threads", "0"), ("--threads", "65"), ("--threads", "x"), ("--threads", "-1"),
    ("--cpus", "x"), ("--cpus", "1-0"), ("--cpus", "4096"), ("--mode", "fast"),
    ("--poll-us", "0"), ("--queues", "0"), ("--queues", "257"), ("--map", "1"),
    ("--socket-mode", "0999"), ("--socket-mode", "1777"), ("--socket-group", "no-such-group"),
    ("--name", "a b"), ("--rpc-mode", "x"), ("--user", "no-such-user"),
    ("--group", "no-such-group"), ("--log-level", "loud"),
]


@pytest.mark.parametrize("option, value", WRONG_VALUES,
                         ids=[f"{option[2:]}={value}" for option, value in WRONG_VALUES])
def test_a_wrong_value_is_named(ended, directory, option, value):
    status, output, log = ended("--socket-path", directory / "s", option, value)
    assert (status, output) == (2, "")
    assert option[2:] in log or value in log
    assert not (directory / "s").exists()


@pytest.mark.parametrize("options, part", [
    (["--unheard-of"], "--unheard-of"),
    (["--socket-path"], "--socket-path: needs a value"),
    (["--packed=1"], "--packed=1: takes no value"),
    (["more"], "no such argument: more"),
    ([], "no device"),
    (["--word", "x"], "needs one of socket-path, fd and device"),
    (["--socket-path", "/a", "--fd", "3"], "more than one"),
    (["--device", "05.0"], "neither a PCI address nor a uuid"),
    (["--fd", "3", "--socket-mode", "0600"], "socket-mode is for socket-path only"),
])
def test_wrong_options_are_named(ended, options, part):
    status, output, log = ended(*options)
    assert (status, output) == (2, "")
    assert part in log


def test_no_function_with_the_uuid(ended):
    status, _, log = ended("--device", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6")
    assert status == 1
    assert "no function has uuid f81d4fae-7dec-11d0-a765-00a0c91e6bf6" in log


def test_a_function_that_is_not_there(ended):
    status, _, log = ended("--device", "ffff:ff:1f.7", "--store", "ram:1M", program=BLK)
    assert status == 1
    assert "ffff:ff:1f.7" in log


def test_what_cannot_be_opened_ends_it_with_1(ended, directory):
    status, _, log = ended("--socket-path", directory / "s", "--word", "broken")
    assert status == 1 and "is broken" in log
    status, _, log = ended("--socket-path", "/nonexistent/s", "--store", "ram:1M", program=BLK)
    assert status == 1 and "/nonexistent/s" in log


@pytest.mark.parametrize("program, expected", [
    (FAKE, {"type": "fake", "features": ["word", "shout"]}),
    (BLK, {"type": "block", "features": ["read-only", "blk-file"]}),
    (SCSI, {"type": "scsi"}),
])
def test_capabilities_are_printed_whatever_else_is_there(ended, program, expected):
    for options in [], ["--unheard-of", "--threads", "0"]:
        status, output, log = ended(*options, "--print-capabilities", program=program)
        assert (status, log) == (0, "")
        assert json.loads(output) == expected


@pytest.mark.parametrize("program", [BLK, SCSI])
def test_each_capability_is_an_option(ended, program):
    _, output, _ = ended("--print-capabilities", program=program)
    _, help_text, _ = ended("--help", program=program)
    for feature in json.loads(output).get("features", []):
        assert f"--{feature}" in help_text


def test_help_names_every_option_and_version_the_program(ended, program):
    status, output, log = ended("--help", program=program)
    assert (status, log) == (0, "")
    for name in ("socket-path", "fd", "device", "name", "queues", "map", "packed", "socket-mode",
                 "socket-group", "config", "threads", "cpus", "mode", "poll-us", "rpc-socket",
                 "rpc-mode", "user", "group", "no-sandbox", "log-level", "print-capabilities",
                 "help", "version"):
        assert f"--{name}" in output
    status, output, _ = ended("--version", program=program)
    assert status == 0 and output.startswith(program.split("/")[-1] + " ")


def test_options_reach_the_device_and_the_workers(start, directory):
    service = start("--socket-path", directory / "s", "--rpc-socket", directory / "rpc",
                    "--threads", "2", "--map", "1,0", "--queues", "3", "--packed", "--name", "it",
                    "--number", "7", "--shout", "--word", "aloud", "--also", "a", "--also", "b",
                    "--mode", "interrupt", "--cpus", "0,0", "--socket-mode", "0600")
    client = service.client()
    (device,) = client.ask("device.list")
    assert device["name"] == "it" and device["state"] == "serving"
    assert device["target"]["queues"] == 3 and device["target"]["map"] == [1, 0, 1]
    assert device["target"]["packed"] and device["target"]["mode"] == 0o600
    assert device["device"] == {"word": "ALOUD", "number": 7, "shout": True,
                                "words": ["a", "b"], "stats": {"requests": 0}}
    assert client.ask("worker.list") == [{"index": i, "mode": "interrupt", "cpu": 0}
                                         for i in range(2)]
    assert service.stop() == 0


def test_configuration_file_with_several_devices(start, directory):
    config = {"threads": 2, "rpc-socket": str(directory / "rpc"), "log-level": "debug",
              "devices": [{"name": f"d{i}", "socket-path": str(directory / f"s{i}"),
                           "store": "ram:1M"} for i in range(3)]}
    (directory / "c.json").write_text(json.dumps(config))
    service = start("--config", directory / "c.json", program=BLK)
    client = service.client()
    assert [device["name"] for device in client.ask("device.list")] == ["d0", "d1", "d2"]
    assert client.ask("log.level") == {"level": "debug"}
    assert all((directory / f"s{i}").is_socket() for i in range(3))
    assert service.stop() == 0
    assert not any((directory / f"s{i}").exists() for i in range(3))


@pytest.mark.parametrize("text, part", [
    ('{"thread": 1}', 'unknown key "thread"'),
    ('{"devices": [{"socket-path": "S", "word2": "x"}]}', "word2"),
    ('{"devices": [{"socket-path": 5}]}', "socket-path: not a string"),
    ('{"devices": [{"socket-path": "S", "name": "x"}, {"socket-path": "T", "name": "x"}]}',
     'there is a device "x" already'),
    ('{"devices": [}', "line 1"),
    ('[]', "not a JSON object"),
])
def test_a_wrong_configuration_is_named(ended, directory, text, part):
    (directory / "c.json").write_text(text.replace('"S"', f'"{directory}/s"')
                                      .replace('"T"', f'"{directory}/t"'))
    status, _, log = ended("--config", directory / "c.json")
    assert status == 2 and part in log
    assert not (directory / "s").exists()


def test_a_configuration_that_is_not_there(ended):
    status, _, log = ended("--config", "/nonexistent/c.json")
    assert status == 2 and "/nonexistent/c.json" in log
