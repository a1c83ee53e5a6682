# SPDX-License-Identifier: BSD-3-Clause
"""libiscsi's conformance tests, in a Linux guest, on the sg node of a disk of vhost-scsi."""
import json
import pathlib
import re

import pytest

EXPECTED = pathlib.Path(__file__).resolve().parent / "scsi_skipped.txt"
RUN_TIMEOUT = 280
TESTS = 230


def expected_to_skip():
    lines = [line.split(maxsplit=2) for line in EXPECTED.read_text().splitlines()
             if not line.startswith("#")]
    return {(suite, test) for suite, test, _ in lines}


def results(output):
    """{(suite, test): the reasons why parts of it were skipped}, and the tests that failed."""
    skipped, failed, suite, test = {}, [], None, None
    for line in output.splitlines():
        if match := re.match(r"Suite: (\S+)", line):
            suite = match[1]
        elif match := re.match(r"  Test: (\S+) \.\.\.", line):
            test = (suite, match[1])
            skipped[test] = []
        if test and "[SKIPPED]" in line:
            skipped[test].append(line.split("[SKIPPED]")[1].strip())
        if test and ("FAILED" in line or re.match(r"\s+\d+\. ", line)):
            failed.append((test, line.strip()))
    return skipped, failed


def ram(image):
    return ["--lun", "ram:64M"]


def file(image):
    """Logical blocks as large as physical ones: GetLBAStatus.UnmapSingle asks for the status of
    one block, and expects that of the next physical one."""
    store = {"type": "file", "path": str(image), "block_bytes": 4096}
    return ["--lun", json.dumps({"store": store}), "--queues", 2, "--threads", 2]


@pytest.mark.timeout(RUN_TIMEOUT + 120)
@pytest.mark.parametrize("store", [ram, file])
def test_conformance(vm, vhost_scsi, plug, image, store):
    """Every test passes, and just the known ones skip something."""
    function = plug(vhost_scsi(*store(image)).socket, "vhost-user-scsi-pci")
    node = f"/dev/{function.wait_luns([0])[0][1]}"
    result = vm.run(f"iscsi-test-cu -v --dataloss --test=ALL {node}", RUN_TIMEOUT, check=False)
    output = result.out.decode(errors="replace")
    skipped, failed = results(output)
    assert not failed, failed
    assert result.code == 0, output[-3000:]
    summary = re.search(r"tests +(\d+) +(\d+) +(\d+) +(\d+) ", output)
    assert summary and summary.groups() == (str(TESTS), str(TESTS), str(TESTS), "0"), output[-500:]
    expected = expected_to_skip()
    surprising = {test: why for test, why in skipped.items()
                  if why and test not in expected and (test[0], "*") not in expected}
    assert not surprising
    # What is listed is skipped still.
    idle = {(suite, test) for suite, test in expected
            if not any(why for (a, b), why in skipped.items()
                       if a == suite and test in (b, "*"))}
    assert not idle
