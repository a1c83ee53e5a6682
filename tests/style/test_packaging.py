# SPDX-License-Identifier: BSD-3-Clause
"""Files for service managers and management software are right, as configured by the build."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
import tree

BUILD = pathlib.Path(os.environ.get("VVU_BUILD_PLAIN", tree.ROOT / "build/plain"))
PACKAGING = BUILD / "packaging"
PROGRAMS = ["vhost-blk", "vhost-scsi"]
# QEMU's docs/interop/vhost-user.json, VhostUserBackend and VHostUserBackendType
MEMBERS = {"description": str, "type": str, "binary": str, "tags": list}
TYPES = {"vhost-blk": "block", "vhost-scsi": "scsi"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_units_are_what_systemd_understands(tmp_path, program):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    names = [f"{program}@x.service", f"{program}@x.socket"]
    for name in names:
        text = (PACKAGING / name.replace("@x", "@")).read_text()
        # Not installed: the program of the build stands in.
        text = re.sub(r"^ExecStart=\S+/", f"ExecStart={BUILD}/examples/{program}/", text,
                      flags=re.M)
        (tmp_path / name).write_text(text)
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *[tmp_path / name for name in names]],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    ours = [line for line in result.stdout.splitlines() if program in line]
    assert result.returncode == 0 and not ours, result.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_options_of_the_units_are_there(program):
    text = (PACKAGING / f"{program}@.service").read_text()
    options = re.findall(r"(?<=\s)--[a-z-]+", re.search(r"^ExecStart=(.*)$", text, re.M)[1])
    help_text = subprocess.run([BUILD / "examples" / program / program, "--help"], check=True,
                               stdout=subprocess.PIPE, text=True, timeout=60).stdout
    assert options
    assert not [option for option in options if f"  {option} " not in help_text]


@pytest.mark.parametrize("program", PROGRAMS)
def test_description_for_management_software(program):
    backend = json.loads((PACKAGING / f"50-{program}.json").read_text())
    assert {"description", "type", "binary"} <= backend.keys() <= MEMBERS.keys()
    assert all(isinstance(value, MEMBERS[name]) for name, value in backend.items())
    assert os.path.isabs(backend["binary"]) and backend["binary"].endswith("/" + program)
    printed = subprocess.run(
        [BUILD / "examples" / program / program, "--print-capabilities"], check=True,
        stdout=subprocess.PIPE, text=True, timeout=60).stdout
    assert backend["type"] == json.loads(printed)["type"] == TYPES[program]


def test_the_group_of_the_udev_rule_is_made():
    group = re.search(r'GROUP="(\w+)"', tree.read("packaging/udev/60-vhost-relay-vfio.rules"))[1]
    assert re.search(rf"^g {group} ", tree.read("packaging/sysusers/vhost-relay.conf"), re.M)
    unit = tree.read("packaging/systemd/vhost-storage@.service.in")
    assert f"SupplementaryGroups={group}\n" in unit
