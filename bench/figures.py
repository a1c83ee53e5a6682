# SPDX-License-Identifier: BSD-3-Clause
"""From samples to figures: medians, spread, ratios, a table, a plot."""
import statistics

import states


def spread(values):
    ordered = sorted(values)
    quartiles = (statistics.quantiles(ordered, n=4, method="inclusive")
                 if len(ordered) > 1 else ordered * 3)
    return {"median": round(statistics.median(ordered), 4), "min": round(ordered[0], 4),
            "lower_quartile": round(quartiles[0], 4), "upper_quartile": round(quartiles[2], 4),
            "max": round(ordered[-1], 4), "samples": len(ordered)}


def ratio(a, b):
    return round(a / b, 4) if b else None


def summarize(samples, ours, peer):
    """One row per (direction, size), in the order they were first sampled."""
    cases = list(dict.fromkeys((s["direction"], s["size"]) for s in samples))
    rows = []
    for direction, size in cases:
        of = [s for s in samples if (s["direction"], s["size"]) == (direction, size)]
        mpps = {kind: [s["mpps"] for s in of if s["backend"] == kind] for kind in (ours, peer)}
        row = {"direction": direction, "size": size,
               **{kind: spread(values) for kind, values in mpps.items()}}
        row["ratio"] = ratio(row[ours]["median"], row[peer]["median"])
        row["ratios_by_round"] = [ratio(a, b) for a, b in zip(mpps[ours], mpps[peer])]
        paired = states.paired_ratios(of, ours, peer)
        together = [value for values in paired.values() for value in values]
        row["same_state_ratio"] = spread(together) if together else None
        row["states"] = [state_row(of, paired, state, ours, peer)
                         for state in sorted({s["state"] for s in of}, key=state_order)]
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


def shown_ratio(value):
    return f"{value:.2f}" if value is not None else "-"


def shown_paired(values):
    return f"{values['median']:.2f} of {values['samples']}" if values else "-"


def print_rates(rows, ours, peer):
    print(f"\nMpps that arrived: median (min, quartiles, max); ratio of medians {ours} / {peer};\n"
          "median of the ratios of the rounds in which both samples were in the same state")
    print(f"{'direction':<12} {'bytes':>5}   {ours:<34} {peer:<34} {'ratio':>6} {'same state':>12}")
    for row in rows:
        cells = ["{median:6.2f} ({min:.2f} {lower_quartile:.2f} {upper_quartile:.2f} {max:.2f})"
                 .format(**row[kind]) for kind in (ours, peer)]
        print(f"{row['direction']:<12} {row['size']:>5}   {cells[0]:<34} {cells[1]:<34} "
              f"{shown_ratio(row['ratio']):>6} {shown_paired(row['same_state_ratio']):>12}")


def print_states(rows, ours, peer):
    print("\nThe same by state, which is the time of a cache line from core to core: medians")
    print(f"{'direction':<12} {'bytes':>5} {'state':>8}   {ours:<14} {peer:<14} {'ratio':>6} "
          f"{'same state':>12}")
    for row in rows:
        for of in row["states"]:
            cells = ["{median:6.2f} of {samples}".format(**of[kind]) if of[kind] else "     -"
                     for kind in (ours, peer)]
            print(f"{row['direction']:<12} {row['size']:>5} {of['state']:>8}   {cells[0]:<14} "
                  f"{cells[1]:<14} {shown_ratio(of['ratio']):>6} "
                  f"{shown_paired(of['same_state_ratio']):>12}")


def print_instructions(counted, ours, peer):
    print("\nInstructions per packet in the back-end's driver (callgrind)")
    if "why" in counted:
        print(f"  not counted: {counted['why']}")
        return
    print(f"{'direction':<12} {'bytes':>5} {ours:>10} {peer:>10} {'ratio':>6}")
    for row in counted["rows"]:
        cells = [row[kind] if row[kind] is not None else "-" for kind in (ours, peer)]
        shown = row["ratio"] if row["ratio"] is not None else "-"
        print(f"{row['direction']:<12} {row['size']:>5} {cells[0]:>10} {cells[1]:>10} {shown:>6}")


def plot(path, rows, ours, peer):
    """Medians with the range between the quartiles. Needs matplotlib."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(1.6 * len(rows) + 2, 4))
    for offset, kind in ((-0.2, ours), (0.2, peer)):
        medians = [row[kind]["median"] for row in rows]
        low = [row[kind]["median"] - row[kind]["lower_quartile"] for row in rows]
        high = [row[kind]["upper_quartile"] - row[kind]["median"] for row in rows]
        axes.bar([i + offset for i in range(len(rows))], medians, 0.4, label=kind,
                 yerr=[low, high], capsize=4)
    axes.set_xticks(range(len(rows)),
                    [f"{row['direction']}\n{row['size']} B" for row in rows])
    axes.set_ylabel("Mpps (median, quartiles)")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)
