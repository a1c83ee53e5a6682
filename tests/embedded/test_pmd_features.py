# SPDX-License-Identifier: BSD-3-Clause
"""drivers/vvu_pmd/vvu.ini against the driver: a line is there if, and only if, the driver says
by its operations, flags and capabilities that it has the feature."""
import configparser
import pathlib
import platform
import re

import pytest

import exerciser
from dpdk import Driver

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What no driver can be asked for: other tests show it.
ELSEWHERE = {
    "Queue status event": "test_pmd_testpmd.py",
    "Linux": None,
    "x86-64": None,
    "Usage doc": None,
}
LINE = re.compile(r"^[A-Z][\w /-]+$|^x86-64$|^x86-32$")


def matrix():
    parser = configparser.ConfigParser(delimiters="=", comment_prefixes=";")
    parser.optionxform = str
    parser.read(ROOT / "drivers/vvu_pmd/vvu.ini")
    return dict(parser["Features"])


@pytest.fixture(scope="module")
def driver_says():
    with exerciser.exerciser("features") as port:
        words = port.ask("features 0").split(";")[1:]
        return {name.strip(): value.strip() == "Y"
                for name, value in (word.split("=") for word in words)}


def test_matrix_is_what_the_driver_says(driver_says):
    said = {name for name, has in driver_says.items() if has}
    written = {name for name, value in matrix().items() if value == "Y"} - set(ELSEWHERE)
    partly = {name for name, value in matrix().items() if value == "P"}
    assert written - said == set(), "in vvu.ini, but not in the driver"
    assert said - written - partly == set(), "in the driver, but not in vvu.ini"


def test_matrix_has_no_line_that_nothing_looks_at(driver_says):
    assert set(matrix()) - set(driver_says) - set(ELSEWHERE) == set()
    assert all(LINE.match(name) and value in ("Y", "P") for name, value in matrix().items())


def test_lines_about_the_surroundings_are_true():
    lines = matrix()
    assert platform.system() == "Linux" and "Linux" in lines
    assert platform.machine() != "x86_64" or "x86-64" in lines
    assert (ROOT / "docs/pmd.md").exists() and "Usage doc" in lines
    test = ROOT / "tests/embedded" / ELSEWHERE["Queue status event"]
    assert "queue state event" in test.read_text()


def test_firmware_version_tells_the_device_and_its_uuid():
    uuid = "01234567-89ab-cdef-0123-456789abcdef"
    with exerciser.exerciser("firmware", vdev=f",uuid={uuid}") as port:
        assert port.ask("firmware 0") == f"1af4:106b rev 1 uuid {uuid}"


def test_registers_are_the_device_s_and_the_rings():
    options = ",queues=2,uuid=01020304-0506-0708-090a-0b0c0d0e0f10"
    with exerciser.exerciser("registers", vdev=options) as port:
        driver = Driver().connect(port.pmd.socket())
        port.ask("link-state 0")
        driver.post_frame(bytes(60))
        driver.frontend.barrier()
        assert port.number("recv 0 0") == 1
        version, *words = (int(word, 16) for word in port.ask("registers 0").split())
        assert version == 0x106b0001
        # Common configuration: num_queues and device_status in words 4 and 5 (virtio 1.3,
        # 4.1.4.3): rxq and txq, and ACKNOWLEDGE, DRIVER, DRIVER_OK and FEATURES_OK.
        assert words[4] >> 16 == 2
        assert words[5] & 0xff == 0xf
        config = words[14:22]
        # Status: both sides up. Queues, uuid in the order of its bytes, one connection.
        assert config[:2] == [3, 4]
        assert config[2:6] == [0x04030201, 0x08070605, 0x0c0b0a09, 0x100f0e0d]
        assert config[7] == 1
        rings = [words[22 + 8 * i:30 + 8 * i] for i in range(4)]
        assert len(words) == 22 + 4 * 8
        # Started, enabled, ready, runs (event indices were offered, and taken).
        assert [ring[0] & 0x8f for ring in rings] == [0x87, 0x87, 0x00, 0x00]
        assert [ring[1] for ring in rings] == [64, 64, 0, 0]
        assert [ring[2:4] for ring in rings[:2]] == [[0, 0], [1, 1]]
        assert [ring[6] for ring in rings[:2]] == [0, 1]
        driver.close()
