# SPDX-License-Identifier: BSD-3-Clause
"""From samples to figures: medians, spread, ratios, a table, a plot."""
import statistics


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
        rows.append(row)
    return rows


def print_rates(rows, ours, peer):
    print(f"\nMpps that arrived: median (min, quartiles, max); ratio of medians {ours} / {peer}")
    print(f"{'direction':<12} {'bytes':>5}   {ours:<34} {peer:<34} {'ratio':>6}")
    for row in rows:
        cells = ["{median:6.2f} ({min:.2f} {lower_quartile:.2f} {upper_quartile:.2f} {max:.2f})"
                 .format(**row[kind]) for kind in (ours, peer)]
        shown = f"{row['ratio']:6.2f}" if row["ratio"] is not None else "     -"
        print(f"{row['direction']:<12} {row['size']:>5}   {cells[0]:<34} {cells[1]:<34} {shown}")


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
