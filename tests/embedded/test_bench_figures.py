# SPDX-License-Identifier: BSD-3-Clause
"""What the benchmarks make of their samples."""
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "examples" / "common")]
import figures  # noqa: E402
import net_report  # noqa: E402
import states  # noqa: E402
from verdict import ABOVE, BELOW, verdict  # noqa: E402

CELL = {"ring": "split", "mrg": True, "in_order": True, "size": 64, "direction": "both",
        "frontends": 1}
END = {"rx_cycles": 100.0, "tx_cycles": 100.0, "waits": 0.1}


def sample(number, backend, mpps, ns):
    return {**CELL, "round": number, "backend": backend, "mpps": mpps, "gbps": mpps,
            "limit": "backend", "transfer_ns": [ns, ns],
            "ends": {"backend": END, "frontend": END}}


def summary(samples):
    states.label(samples)
    return figures.summarize(samples, "net_vvu", "net_vhost")


@pytest.mark.parametrize("above, below, expected", [
    (0, 0, None), (4, 0, None), (5, 0, ABOVE), (0, 5, BELOW), (6, 1, None), (7, 1, ABOVE),
    (1, 7, BELOW), (8, 2, None), (9, 2, ABOVE), (9, 9, None), (15, 5, ABOVE), (14, 6, None)])
def test_sign_test(above, below, expected):
    assert verdict([1.2] * above + [0.7] * below) == expected
    assert verdict([1.0] * 10 + [1.001] * above + [0.999] * below) == expected


def test_ratio_of_the_same_state_is_not_biased_by_a_change_of_state():
    """The first is always a tenth faster; the machine was near for it in one round more."""
    rounds = [(26, 26), (26, 26), (26, 150), (150, 150), (150, 150)]
    samples = []
    for number, (first, second) in enumerate(rounds):
        samples.append(sample(number, "net_vvu", 44 if first == 26 else 22, first))
        samples.append(sample(number, "net_vhost", 40 if second == 26 else 20, second))
    row, = summary(samples)
    assert row["ratio"] == pytest.approx(2.2)
    assert row["same_state_ratio"]["median"] == pytest.approx(1.1)
    assert row["same_state_ratio"]["samples"] == 4
    assert row["verdict"] is None
    assert net_report.overall([row])["worst_ratio"] == pytest.approx(1.1)
    assert len(net_report.overall([row])["not_settled"]) == 1


def test_cells_are_settled_and_named():
    rows = summary([sample(number, backend, mpps, 26) for number in range(5)
                    for backend, mpps in (("net_vvu", 9 + number / 100), ("net_vhost", 10))])
    total = net_report.overall(rows)
    assert rows[0]["verdict"] == BELOW
    assert total["settled_below_one"] == total["below_one"] == [net_report.label(rows[0])]
    assert total["settled_above_one"] == 0 and total["not_settled"] == []
    assert total["frontend_is_not_the_limit"]["worst"] == pytest.approx(0.902)


def test_rounds_of_some_back_ends_only_count_for_these():
    samples = [sample(number, backend, mpps, 26) for number in range(6)
               for backend, mpps in (("net_vvu", 12), ("net_vhost", 10), ("zero-copy", 18))
               if number < 2 or backend != "zero-copy"]
    row, = summary(samples)
    assert row["same_state_ratio"]["samples"] == 6 and row["verdict"] == ABOVE
    assert row["zero-copy"]["same_state_ratio"]["samples"] == 2
    assert net_report.steady_ratio(row["zero-copy"]) == pytest.approx(1.5)
