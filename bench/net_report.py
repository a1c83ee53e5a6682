# SPDX-License-Identifier: BSD-3-Clause
"""What bench net found: tables for people, the same for the manual, and a picture."""
import statistics

import matrix
import verdict

OURS, PEER, ZERO_COPY = "net_vvu", "net_vhost", "zero-copy"


def shape_of(row):
    return matrix.Shape(row["ring"], row["mrg"], row["in_order"])


def label(row):
    return (f"{matrix.name(shape_of(row))} {row['size']:>4} {row['direction']:<11} "
            f"x{row['frontends']}")


def shown(value, form="{:.2f}"):
    return form.format(value) if value is not None else "-"


def plain(rows):
    """One frontend, or two where frames are forwarded: the matrix itself."""
    return [row for row in rows
            if row["frontends"] == (2 if row["direction"] == "forward" else 1)]


def steady_ratio(row):
    """Of samples in one state of the machine where there are such: medians mix them. Of a
    cell, or of zero copy in it."""
    paired = row["same_state_ratio"]
    return paired["median"] if paired else row["ratio"]


def some(rows):
    values = [steady_ratio(row) for row in rows]
    return {"cells": len(values), "median": round(statistics.median(values), 4),
            "worst": min(values)} if values else None


def overall(rows):
    """What a reader asks first of so many cells."""
    known = [row for row in rows if steady_ratio(row) is not None]
    if not known:
        return None
    worst = min(known, key=steady_ratio)
    verdicts = {what: [label(row) for row in known if row["verdict"] == what]
                for what in (verdict.ABOVE, verdict.BELOW, None)}
    return {
        "cells": len(known), "worst": label(worst), "worst_ratio": steady_ratio(worst),
        "median_ratio": some(known)["median"],
        "below_one": [label(row) for row in known if steady_ratio(row) < 1],
        "settled_above_one": len(verdicts[verdict.ABOVE]),
        "settled_below_one": verdicts[verdict.BELOW], "not_settled": verdicts[None],
        "by_direction_and_ring": {
            f"{way} {ring}": some([row for row in known if
                                   (row["direction"], row["ring"]) == (way, ring)])
            for way in matrix.DIRECTIONS for ring in matrix.RINGS},
        "frontend_is_not_the_limit": some([row for row in known if
                                           row[OURS]["limit"] == "backend"]),
    }


def show_rates(rows):
    print("\nMpps that arrived: median (quartiles); the ratio of the medians; the median of the\n"
          "ratios of rounds in which both samples were in the same state, with a ? where it is not "
          "settled\nwhether it is above or below 1; the end that the other waited "
          f"for with {OURS} and with {PEER}")
    print(f"{'':<48} {OURS:<22} {PEER:<22} {'ratio':>5} {'same state':>12}  limit")
    for row in rows:
        cells = ["{median:6.2f} ({lower_quartile:.2f} {upper_quartile:.2f})".format(**row[kind])
                 for kind in (OURS, PEER)]
        paired = row["same_state_ratio"]
        together = f"{paired['median']:.2f} of {paired['samples']}" if paired else "-"
        if not row["verdict"]:
            together += " ?"
        print(f"{label(row):<48} {cells[0]:<22} {cells[1]:<22} {shown(row['ratio']):>5} "
              f"{together:>12}  {row[OURS]['limit']}, {row[PEER]['limit']}")


def show_cycles(rows):
    """Only where the back-end is what the other end waits for do its cycles make the rate."""
    chosen = [row for row in rows if row[OURS]["limit"] == "backend" and
              row[PEER]["limit"] == "backend"]
    print("\nTime stamp cycles of the back-end's calls per packet, where it is the limit with both"
          f"\n{'':<48} {'':>5} {OURS:>9} {PEER:>9}")
    for row in chosen:
        for way in ("rx", "tx"):
            ours, peer = (row[kind]["backend"][f"{way}_cycles"] for kind in (OURS, PEER))
            if ours is not None and peer is not None:
                print(f"{label(row):<48} {way:>5} {ours:>9.1f} {peer:>9.1f}")
    if not chosen:
        print("  nowhere")


def show_zero_copy(rows):
    chosen = [row for row in rows if ZERO_COPY in row]
    if not chosen:
        return
    print(f"\nForwarding between two frontends with zero copy, Mpps, and its ratio to {OURS} "
          "without, in the same state where known")
    for row in chosen:
        print(f"{label(row):<48} {row[ZERO_COPY]['median']:6.2f} {row[OURS]['median']:6.2f} "
              f"{shown(steady_ratio(row[ZERO_COPY])):>6}")


def show_instructions(counted):
    print("\nInstructions per packet of the back-end's burst functions (callgrind)")
    if "why" in counted:
        print(f"  not counted: {counted['why']}")
        return
    print(f"{'':<48} {OURS:>9} {PEER:>9} {'ratio':>6}")
    for row in counted["rows"]:
        print(f"{matrix.name(shape_of(row))} {row['size']:>4} {row['way']:<13} "
              f"{shown(row[OURS], '{:.1f}'):>9} {shown(row[PEER], '{:.1f}'):>9} "
              f"{shown(row['ratio']):>6}")


def show(rows, counted):
    show_rates(rows)
    show_cycles(rows)
    show_zero_copy(rows)
    show_instructions(counted)
    total = overall(rows)
    if not total:
        return
    print(f"\nratio {OURS} / {PEER}, in the same state where known: median of {total['cells']} "
          f"cells {total['median_ratio']:.2f}; worst {total['worst_ratio']:.2f}: "
          f"{total['worst']}; below 1: {len(total['below_one'])}\n"
          f"  settled (sign test, {verdict.ERROR:.0%}): {total['settled_above_one']} above 1, "
          f"{len(total['settled_below_one'])} below; {len(total['not_settled'])} are open")
    for name in total["settled_below_one"]:
        print(f"  below 1: {name}")
    for what, some in total["by_direction_and_ring"].items():
        if some:
            print(f"  {what:<20} median {some['median']:.2f}, worst {some['worst']:.2f} of "
                  f"{some['cells']}")
    if total["frontend_is_not_the_limit"]:
        print("  where the frontend waits for {1}: median {0[median]:.2f}, worst {0[worst]:.2f} "
              "of {0[cells]}".format(total["frontend_is_not_the_limit"], OURS))


def table(head, lines):
    rule = ["---"] * len(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *lines]) + "\n"


def cell_text(row):
    return (f"{row[OURS]['median']:.2f} / {row[PEER]['median']:.2f}, "
            f"**{shown(steady_ratio(row))}**")


def markdown(rows, counted):
    """The tables of docs/benchmark.md."""
    parts = [f"Mpps, medians of {OURS} / {PEER}, and the ratio, in the same state where known:\n"]
    sizes = [size for size in matrix.SIZES if any(row["size"] == size for row in plain(rows))]
    found = {(row["direction"], shape_of(row), row["size"]): row for row in plain(rows)}
    lines = []
    for way in matrix.DIRECTIONS:
        for shape in matrix.SHAPES:
            of = [found.get((way, shape, size)) for size in sizes]
            if any(of):
                lines.append([way, shape.ring, matrix.on(shape.mrg), matrix.on(shape.in_order),
                              *(cell_text(row) if row else "" for row in of)])
    parts.append(table(["direction", "ring", "mergeable", "in order",
                        *(str(size) for size in sizes)], lines))
    several = [row for row in rows if row not in plain(rows)]
    if several:
        parts.append("Frontends of one back-end process, mergeable and in order, all together:\n")
        parts.append(table(["frontends", "direction", "ring", "bytes", "Mpps"],
                           [[str(row["frontends"]), row["direction"], row["ring"],
                             str(row["size"]), cell_text(row)] for row in several]))
    copied = [row for row in rows if ZERO_COPY in row]
    if copied:
        parts.append("Forwarding, Mpps with zero copy / without, and the ratio, in the same state "
                     "where known:\n")
        parts.append(table(["ring", "mergeable", "in order", "bytes", "Mpps"],
                           [[row["ring"], matrix.on(row["mrg"]), matrix.on(row["in_order"]),
                             str(row["size"]), f"{row[ZERO_COPY]['median']:.2f} / "
                             f"{row[OURS]['median']:.2f}, "
                             f"**{shown(steady_ratio(row[ZERO_COPY]))}**"]
                            for row in copied]))
    if "rows" in counted:
        parts.append("Instructions per packet of the burst functions:\n")
        parts.append(instructions_table(counted))
    return "\n".join(parts)


def instructions_table(counted):
    return table(["ring", "mergeable", "in order", "bytes", "way", OURS, PEER, "ratio"],
                 [[row["ring"], matrix.on(row["mrg"]), matrix.on(row["in_order"]),
                   str(row["size"]), row["way"], shown(row[OURS], "{:.1f}"),
                   shown(row[PEER], "{:.1f}"), f"**{shown(row['ratio'])}**"]
                  for row in counted["rows"]])


def plot(path, rows):
    """The ratio in every cell as a map, and the rates of several frontends. Needs matplotlib."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    several = [row for row in rows if row not in plain(rows)]
    figure, axes = pyplot.subplots(1, 2 if several else 1, squeeze=False,
                                   figsize=(18 if several else 9, 12))
    draw_map(axes[0][0], plain(rows))
    if several:
        draw_frontends(axes[0][1], rows)
    figure.tight_layout()
    figure.savefig(path)


def draw_map(axes, rows):
    from matplotlib import colors

    sizes = [size for size in matrix.SIZES if any(row["size"] == size for row in rows)]
    lines = list(dict.fromkeys((row["direction"], shape_of(row)) for row in rows))
    lines.sort(key=lambda line: (matrix.DIRECTIONS.index(line[0]), matrix.SHAPES.index(line[1])))
    values = [[float("nan")] * len(sizes) for _ in lines]
    for row in rows:
        y, x = lines.index((row["direction"], shape_of(row))), sizes.index(row["size"])
        if steady_ratio(row) is not None:
            values[y][x] = steady_ratio(row)
        axes.text(x, y, f"{shown(steady_ratio(row))}\n{row[OURS]['median']:.1f} Mpps", ha="center",
                  va="center", fontsize=6)
    axes.imshow(values, aspect="auto", cmap="RdYlGn",
                norm=colors.TwoSlopeNorm(1.0, vmin=0.5, vmax=2.5))
    axes.set_xticks(range(len(sizes)), [f"{size} B" if size != "imix" else "IMIX"
                                        for size in sizes])
    axes.set_yticks(range(len(lines)), [f"{way} {matrix.name(shape)}" for way, shape in lines],
                    fontsize=7, family="monospace")
    axes.set_title(f"{OURS} / {PEER}, in the same state where known, and Mpps of {OURS}; medians")


def draw_frontends(axes, rows):
    """Bars with the range between the quartiles."""
    chosen = [row for row in rows if row["direction"] in matrix.FRONTENDS_DIRECTIONS and
              row["size"] in matrix.FRONTENDS_SIZES and shape_of(row) in matrix.USUAL]
    chosen.sort(key=lambda row: (row["direction"], row["ring"], row["size"], row["frontends"]))
    for offset, kind in ((-0.2, OURS), (0.2, PEER)):
        medians = [row[kind]["median"] for row in chosen]
        low = [row[kind]["median"] - row[kind]["lower_quartile"] for row in chosen]
        high = [row[kind]["upper_quartile"] - row[kind]["median"] for row in chosen]
        axes.barh([i + offset for i in range(len(chosen))], medians, 0.4, label=kind,
                  xerr=[low, high], capsize=2)
    axes.set_yticks(range(len(chosen)),
                    [f"{row['direction']} {row['ring']} {row['size']} B x{row['frontends']}"
                     for row in chosen], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("Mpps of all frontends together (median, quartiles)")
    axes.legend()
