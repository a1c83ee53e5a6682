# SPDX-License-Identifier: BSD-3-Clause
"""The benchmarks of net_vvu run and mean what they print. Of speed nothing is asked."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

import dpdk
from dpdk import dpdkrun

ROOT = pathlib.Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two cores are needed"),
    pytest.mark.timeout(300),
]


@pytest.fixture(autouse=True)
def needed():
    dpdk.require(dpdkrun.build_dir())


def run(script, *arguments):
    return subprocess.run(["/usr/bin/python3", ROOT / "bench" / script, *map(str, arguments)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280,
                          check=False)


def test_rates_of_both_backends_in_turn(directory):
    done = run("net.py", "--quick", "--ring", "split", "--size", 64, "--size", "imix",
               "--direction", "to_backend", "--direction", "forward", "--retries", 0,
               "--json", directory / "result.json", "--markdown", directory / "table.md")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((directory / "result.json").read_text())
    cells = [(row["size"], row["direction"], row["frontends"]) for row in result["summary"]]
    assert cells == [(size, direction, 2 if direction == "forward" else 1)
                     for size in (64, "imix")
                     for direction in ("to_backend", "forward")] + [(64, "to_backend", 2)]
    table = (directory / "table.md").read_text()
    for row in result["summary"]:
        ours, peer = row["net_vvu"], row["net_vhost"]
        assert ours["samples"] == peer["samples"] == 2
        # A machine that is busy may leave a process without a core for a whole sample.
        if peer["median"] > 0:
            assert row["ratio"] == pytest.approx(ours["median"] / peer["median"], rel=1e-2,
                                                 abs=1e-3)
        assert ours["limit"] in ("backend", "frontend")
        assert f"{ours['median']:.2f} / {peer['median']:.2f}" in table
    # Two rounds, and the order is turned round: A B B A.
    order = [sample["backend"] for sample in result["samples"]
             if (sample["size"], sample["direction"]) == ("imix", "forward")
             and sample["backend"] in ("net_vvu", "net_vhost")]
    assert order == ["net_vvu", "net_vhost", "net_vhost", "net_vvu"]
    # 64, 594 and 1514 bytes as 7:4:1 are 361.5 on the average.
    mixed = [sample for sample in result["samples"]
             if (sample["size"], sample["direction"]) == ("imix", "to_backend")]
    assert len(mixed) == 4
    for sample in mixed:
        if sample["mpps"] > 0.1:
            assert sample["gbps"] * 1e3 / 8 / sample["mpps"] == pytest.approx(361.5, rel=0.02)


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="no valgrind")
def test_instructions_are_the_same_in_each_run(directory):
    counts = []
    for name in ("first", "second"):
        path = directory / f"{name}.json"
        done = run("ring.py", "--ring", "split", "--size", 64, "--json", path)
        assert done.returncode == 0, done.stdout + done.stderr
        counts.append({(row["mrg"], row["in_order"], row["way"]):
                       (row["net_vvu"], row["net_vhost"])
                       for row in json.loads(path.read_text())["rows"]})
    assert len(counts[0]) == 8
    assert all(count > 0 for pair in counts[0].values() for count in pair)
    for case, pair in counts[0].items():
        # The path to a mempool's cache may differ by some instructions.
        assert counts[1][case] == pytest.approx(pair, rel=0.01)


def test_cells_that_are_not_settled_are_measured_again(directory):
    """Two rounds settle nothing: there are as many more as are allowed, or enough."""
    done = run("net.py", "--quick", "--ring", "split", "--size", 64, "--direction",
               "to_backend", "--frontends", 1, "--retries", 0, "--settle", 2,
               "--json", directory / "result.json")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((directory / "result.json").read_text())
    row, = result["summary"]
    assert row["net_vvu"]["samples"] == row["net_vhost"]["samples"] == 4
    assert row["verdict"] is None and done.stdout.count("not settled yet: 1 cells\n") == 2
    assert {sample["round"] for sample in result["samples"]} == {0, 1, 2, 3}


def test_filter_that_leaves_nothing_is_told():
    done = run("net.py", "--size", "65")
    assert done.returncode == 2 and "65 is not one of 64, 256, 1518, imix, 9000" in done.stderr
