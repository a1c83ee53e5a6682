# SPDX-License-Identifier: BSD-3-Clause
"""Data in every cell of the benchmark's matrix: frames that are numbered and have a checksum go
between net_vvu and DPDK's net_virtio_user, all kinds of rings in one pair of processes."""
import pathlib
import sys

import pytest

import dpdk

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Last: bench has a module net too.
sys.path += [str(ROOT / "bench"), str(ROOT / "examples" / "common")]
import dpdkrun  # noqa: E402
import matrix  # noqa: E402
import netload  # noqa: E402

# More than the 256 entries of a ring: it wraps.
FRAMES = 400
GROUPS = {group.name: group for group in matrix.groups()}
# Buffers that are lent come back in any order, so that is not offered with zero copy.
LENT = {group.name: group for group in
        matrix.groups([shape for shape in matrix.SHAPES if not shape.in_order], frontends=(1,))}


def wrong(cell, ports, sent, received):
    """What is wrong with the frames of a cell; empty: all arrived, once, intact and in order."""
    found = [f"{received['corrupted']} corrupted"] if received["corrupted"] else []
    flows = {flow["flow"]: flow for flow in received["flows"]}
    for index, port in enumerate(ports):
        flow = flows.get(port)
        out = next((flow["sent"] for flow in sent["flows"] if flow["flow"] == port), 0)
        # A pair of ports that forward: by the other one.
        there = ports[index ^ 1] if cell.direction == "forward" else port
        if not flow or (out, flow["received"], flow["next"]) != (FRAMES, FRAMES, FRAMES):
            found.append(f"port {port}: sent {out}, arrived {flow}")
        elif flow["duplicated"] or flow["reordered"] or flow["ports"] != [there]:
            found.append(f"port {port}: {flow}")
    return found


def check_group(group, backend, where):
    """(cells checked, {cell: what is wrong}) of a group with ports of this back-end."""
    cores = dpdkrun.cores()
    bad, checked = {}, []
    with dpdkrun.Runner("matrix", where, dpdk.ENVIRONMENT) as runner:
        two = netload.Pair(runner, backend, group, (cores[0], cores[-1]), huge=False)
        assert not two.refused, two.refused
        for cell in group.cells:
            sent, received = two.check(cell, FRAMES)
            found = wrong(cell, matrix.ports_of(group, cell), sent, received)
            if found:
                bad[cell] = found
            checked.append(cell)
        two.quit()
    return checked, bad


@pytest.fixture(params=["fast", "sanitized"])
def where(request):
    """Where the driver and vvu-netload are."""
    found = dpdk.BUILD if request.param == "sanitized" else dpdkrun.build_dir()
    dpdk.require(found)
    if not (found / "tools/vvu-netload/vvu-netload").exists():
        pytest.skip("vvu-netload is not built")
    return found


@pytest.mark.parametrize("name", GROUPS)
def test_every_frame_arrives_intact_once_and_in_order(name, where):
    group = GROUPS[name]
    checked, bad = check_group(group, netload.OURS, where)
    assert not bad
    assert checked == group.cells


@pytest.mark.parametrize("name", LENT)
def test_every_frame_arrives_with_zero_copy(name, where):
    group = LENT[name]
    checked, bad = check_group(group, netload.ZERO_COPY, where)
    assert not bad
    assert checked == group.cells


def test_the_matrix_has_every_combination_once():
    cells = [cell for group in matrix.groups() for cell in group.cells
             if group.name != "frontends"]
    wanted = {(ring, mrg, in_order, size, direction) for ring in ("split", "packed")
              for mrg in (False, True) for in_order in (False, True)
              for size in (64, 256, 1518, 9000, "imix")
              for direction in ("to_backend", "to_frontend", "both", "forward")}
    assert len(cells) == len(set(cells)) == len(wanted)
    assert {(*cell.shape, cell.size, cell.direction) for cell in cells} == wanted
