# SPDX-License-Identifier: BSD-3-Clause
"""The demo and the benchmark of disks run and mean what they print. Of speed nothing is asked."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("VVU_BUILD_PLAIN", "build/plain")

pytestmark = [
    pytest.mark.skipif(not (BUILD / "examples/vhost-blk/vhost-blk").exists(),
                       reason=f"vhost-blk is not built in {BUILD}"),
    pytest.mark.timeout(300),
]


def run(script, *arguments):
    return subprocess.run(["/usr/bin/python3", ROOT / script, *map(str, arguments)],
                          env={**os.environ, "VVU_BUILD_PLAIN": str(BUILD)},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280,
                          check=False)


@pytest.mark.skipif(shutil.which("qemu-storage-daemon") is None, reason="no qemu-storage-daemon")
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two cores are needed")
def test_benchmark(directory):
    done = run("bench/blk.py", "--quick", "--seconds", 0.5, "--retries", 0, "--store", "null",
               "--cell", "randread", "--disks", 2, "--json", directory / "result.json")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((directory / "result.json").read_text())
    assert [row["cell"] for row in result["summary"]] == ["4K randread depth 1",
                                                          "4K randread depth 32"]
    for row in result["summary"]:
        kinds = {entry["kind"]: entry for entry in row["kinds"]}
        assert set(kinds) == {"adaptive", "poll", "null-co", "null-aio"}
        figure = "p50_us" if row["ratio_of"] == "latency" else "iops"
        assert kinds["adaptive"]["ratio"] == pytest.approx(
            kinds["adaptive"][figure]["median"] / kinds[row["peer"]][figure]["median"], rel=1e-3)
        for entry in row["kinds"]:
            # A machine that is busy may leave a process without a core for a whole sample.
            assert entry["iops"]["samples"] == 2 and entry["iops"]["median"] > 0
            assert entry["cpu_us_per_io"]["median"] > 0
            assert f"{entry['program']}, {entry['kind']}" in done.stdout
        assert row["target"] in done.stdout
    # Two rounds, and the order is turned round: A B B A.
    order = [s["kind"] for s in result["samples"] if s["cell"] == "4K randread depth 1"]
    assert order[:4] == order[:3:-1]
    assert {(row["program"], row["disks"]) for row in result["disks"]} == {
        ("vhost-blk", 2), ("qemu-storage-daemon", 2)}


@pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="no qemu-system-x86_64")
@pytest.mark.skipif(shutil.which("fio") is None, reason="no fio")
def test_demo(directory):
    done = run("examples/vhost-blk/demo.py", "--seconds", 4, "--json", directory / "result.json")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((directory / "result.json").read_text())
    assert result["wrong"] == [] and not result["kernel_complained"]
    assert result["check"]["checked_bytes"] == 64 << 20
    assert len(result["load"]) == 4
    for load in result["load"]:
        assert load["ios"] > 0 and load["iops"] > 0
        assert 0 < load["latency_us"]["p50"] <= load["latency_us"]["p99"]
        assert load["name"] in done.stdout


@pytest.mark.skipif(shutil.which("fio") is None, reason="no fio")
def test_demo_says_what_is_wrong(directory):
    done = run("examples/vhost-blk/demo.py", "--seconds", 1, "--store", f"file:{directory}/none",
               "--json", directory / "result.json")
    assert done.returncode == 1 and "No such file" in done.stderr
    assert not (directory / "result.json").exists()
