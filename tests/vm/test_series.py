# SPDX-License-Identifier: BSD-3-Clause
"""The patch series on QEMU's source: it applies and is what is built, compiles without a
warning, is written as QEMU wants it, and its own test passes. The checks of the patch files
alone are in tests/style/test_qemu_series.py."""
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ROOT / "build/qemu/src"
BUILD = ROOT / "build/qemu/build"
BINARY = BUILD / "qemu-system-x86_64"
QTEST = BUILD / "tests/qtest/virtio-vhost-user-test"
sys.path.insert(0, str(ROOT / "qemu-patches"))

import checks  # noqa: E402
import patchfile  # noqa: E402
import series  # noqa: E402

RULES = checks.Rules(ROOT / "qemu-patches/carried-files", ROOT)
SERIES = series.Series(ROOT / "qemu-patches/v10.0", SOURCE, RULES)
PATCHES = [(path, patchfile.read(path)) for path in SERIES.files()]
# Those with copies of lib/ are exempt: they are in the style of the kernel, with tabs, which
# QEMU's checker refuses, and are not to be changed there.
GLUE = [path for path, patch in PATCHES if not RULES.carries_copies(patch)]


def run(*command, **options):
    return subprocess.run(command, text=True, check=False, **options)


def test_it_applies_with_git_am_to_the_pristine_source(tmp_path):
    assert PATCHES
    clone = tmp_path / "clone"
    tip = SERIES.apply(clone)
    count = series.git(clone, "rev-list", "--count", f"{series.PRISTINE}..{tip}")
    assert int(count) == len(PATCHES)
    # What is in the source tree, and so what is built, is this and nothing else.
    assert not series.git(SOURCE, "status", "--porcelain")
    assert series.git(SOURCE, "rev-parse", "HEAD^{tree}") == \
        series.git(clone, "rev-parse", "HEAD^{tree}")


@pytest.mark.timeout(1800)
def test_it_builds():
    """What is up to date is not built again; that makes this quick after the first time."""
    result = run(ROOT / "run", "qemu", capture_output=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{BINARY}\n"
    version = run(BINARY, "--version", capture_output=True).stdout
    assert re.match(r"QEMU emulator version 10\.0\.\d+ ", version)


def test_the_device_is_there():
    result = run(BINARY, "-M", "none", "-device", "virtio-vhost-user-pci,help",
                 capture_output=True)
    assert result.returncode == 0, result.stderr
    assert "chardev=" in result.stdout


def test_every_source_of_the_series_was_compiled_with_warnings_as_errors():
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    compiled = {os.path.normpath(BUILD / entry["file"]): entry for entry in entries}
    # What takes the device's place in a build without it is not in this one.
    sources = {change.path for _, patch in PATCHES for change in patch.changes
               if change.path.endswith(".c") and not change.path.endswith("-stub.c")
               and not change.deleted}
    assert sources
    wrong = []
    for path in sorted(sources):
        entry = compiled.get(str(SOURCE / path))
        if not entry or not (BUILD / entry["output"]).is_file():
            wrong.append(f"{path} is not compiled")
        elif not {"-Werror", "-Wall"} <= set(entry["command"].split()):
            wrong.append(f"{path} is compiled without -Werror or -Wall")
        elif re.search(r" (-w|-Wno-error\S*)( |$)", entry["command"]):
            wrong.append(f"{path} is compiled with warnings allowed")
    assert not wrong


@pytest.mark.parametrize("path", GLUE, ids=lambda path: path.name)
def test_checkpatch(path):
    result = run("perl", "scripts/checkpatch.pl", "--strict", "--color=never", path, cwd=SOURCE,
                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout
    assert "total: 0 errors, 0 warnings," in result.stdout


def test_there_is_glue_to_check():
    assert GLUE


def test_qtest():
    assert QTEST.is_file(), "the series adds no tests/qtest/virtio-vhost-user-test"
    result = run(QTEST, "--tap", "-k", cwd=BUILD, timeout=100, stdout=subprocess.PIPE,
                 stderr=subprocess.STDOUT, env={**os.environ, "QTEST_QEMU_BINARY": str(BINARY)})
    assert result.returncode == 0, result.stdout
    assert re.search(r"^ok 1 ", result.stdout, re.M), result.stdout
    assert not re.search(r"^not ok ", result.stdout, re.M), result.stdout
    skipped = re.findall(r"^ok \d+ (\S+) # SKIP (.*)", result.stdout, re.M)
    # KVM is not on every machine; nothing else may be left out, and what is left out is told.
    assert all("/kvm/" in name for name, _ in skipped), skipped
    if skipped:
        pytest.skip(f"{len(skipped)} of its cases: {skipped[0][1]}")
