# SPDX-License-Identifier: BSD-3-Clause
"""From samples to figures: medians, spread, ratios."""
import statistics

import states
import verdict

CELL = ("ring", "mrg", "in_order", "size", "direction", "frontends")
ENDS = ("backend", "frontend")


def spread(values):
    ordered = sorted(values)
    quartiles = (statistics.quantiles(ordered, n=4, method="inclusive")
                 if len(ordered) > 1 else ordered * 3)
    return {"median": round(statistics.median(ordered), 4), "min": round(ordered[0], 4),
            "lower_quartile": round(quartiles[0], 4), "upper_quartile": round(quartiles[2], 4),
            "max": round(ordered[-1], 4), "samples": len(ordered)}


def ratio(a, b):
    return round(a / b, 4) if b else None


def cell_of(sample):
    return tuple(sample[key] for key in CELL)


def median_of(samples, end, key):
    values = [s["ends"][end][key] for s in samples
              if s["ends"][end][key] is not None]
    return round(statistics.median(values), 4) if values else None


def of_backend(samples):
    """Rates of one back-end in one cell, the cycles of either end, and which of them the other
    one waited for in most samples."""
    limits = [s["limit"] for s in samples]
    return {**spread([s["mpps"] for s in samples]),
            "gbps": round(statistics.median(s["gbps"] for s in samples), 3),
            "limit": max(ENDS, key=limits.count),
            **{end: {key: median_of(samples, end, key)
                     for key in ("rx_cycles", "tx_cycles", "waits")} for end in ENDS}}


def flat(ratios_by_state):
    return [value for values in ratios_by_state.values() for value in values]


def summarize(samples, ours, peer):
    """One row per cell, in the order they were first sampled."""
    cells = {}
    for sample in samples:
        cells.setdefault(cell_of(sample), []).append(sample)
    rows = []
    for cell, of in cells.items():
        kinds = {}
        for sample in of:
            kinds.setdefault(sample["backend"], []).append(sample)
        row = {**dict(zip(CELL, cell)),
               **{kind: of_backend(found) for kind, found in kinds.items()}}
        row["ratio"] = ratio(row[ours]["median"], row[peer]["median"])
        row["ratios_by_round"] = [ratio(a["mpps"], b["mpps"])
                                  for a, b in zip(kinds[ours], kinds[peer])]
        paired = states.paired_ratios(of, ours, peer)
        together = flat(paired)
        row["same_state_ratio"] = spread(together) if together else None
        row["verdict"] = verdict.verdict(together)
        row["states"] = [state_row(of, paired, state, ours, peer)
                         for state in sorted({s["state"] for s in of}, key=state_order)]
        for kind in set(kinds) - {ours, peer}:
            row[kind]["ratio"] = ratio(row[kind]["median"], row[ours]["median"])
            own = flat(states.paired_ratios(of, kind, ours))
            row[kind]["same_state_ratio"] = spread(own) if own else None
        rows.append(row)
    return rows


def state_order(state):
    return (1, 0) if state == states.CHANGED else (0, float(state.split()[0]))


def state_row(samples, paired, state, ours, peer):
    row = {"state": state}
    for kind in (ours, peer):
        values = [s["mpps"] for s in samples if s["backend"] == kind and s["state"] == state]
        row[kind] = spread(values) if values else None
    both = row[ours] and row[peer]
    row["ratio"] = ratio(row[ours]["median"], row[peer]["median"]) if both else None
    row["same_state_ratio"] = spread(paired[state]) if state in paired else None
    return row
