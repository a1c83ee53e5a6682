# SPDX-License-Identifier: BSD-3-Clause
"""From samples of disks to figures: medians, spread, ratios, tables, plots."""
from blk_backends import OURS, PEER
from figures import ratio, spread

FIGURES = ("iops", "bytes_per_s", "p50_us", "p99_us", "mean_us", "cpu_us_per_io", "cpu_cores",
           "kicks_per_io", "load_empty")
# Looks at the rings that found nothing, below which the load is what limits the rate.
LOAD_LIMITS = 0.1


def spreads(samples):
    return {figure: spread([sample[figure] for sample in samples]) for figure in FIGURES}


def fastest(kinds, figure, of):
    """The kind with the best median."""
    def median(kind):
        return of[kind.name][figure]["median"]
    return min(kinds, key=median) if figure == "p50_us" else max(kinds, key=median)


def summarize(samples, kinds, cells):
    """One row per store and cell. The ratio of each way of ours is to the peer's best way."""
    rows = []
    for store in kinds:
        for cell, _, what, target in cells:
            mine = [s for s in samples if (s["store"], s["cell"]) == (store, cell)]
            by_kind = {kind.name: [s for s in mine if s["kind"] == kind.name]
                       for kind in kinds[store]}
            of = {name: spreads(some) for name, some in by_kind.items()}
            figure = "p50_us" if what == "latency" else "iops"
            best = fastest([k for k in kinds[store] if k.program == PEER], figure, of)
            row = {"store": store, "cell": cell, "ratio_of": what, "target": target,
                   "peer": best.name, "kinds": []}
            for kind in kinds[store]:
                entry = {"program": kind.program, "kind": kind.name, **of[kind.name]}
                if kind.program == OURS:
                    entry["ratio"] = ratio(of[kind.name][figure]["median"],
                                           of[best.name][figure]["median"])
                    entry["cpu_ratio"] = ratio(of[kind.name]["cpu_us_per_io"]["median"],
                                               of[best.name]["cpu_us_per_io"]["median"])
                    entry["ratios_by_round"] = [
                        ratio(a[figure], b[figure])
                        for a, b in zip(by_kind[kind.name], by_kind[best.name])]
                row["kinds"].append(entry)
            rows.append(row)
    return rows


def summarize_disks(samples):
    rows = []
    for disks, program, kind in dict.fromkeys((s["disks"], s["program"], s["kind"])
                                              for s in samples):
        some = [s for s in samples if (s["disks"], s["kind"]) == (disks, kind)]
        rows.append({"disks": disks, "program": program, "kind": kind, **spreads(some)})
    return sorted(rows, key=lambda row: (row["program"] != OURS, row["disks"]))


def cell_text(figure, digits=1, unit=1):
    median, least, most = (figure[key] / unit for key in ("median", "min", "max"))
    return f"{median:,.{digits}f} ({least:,.{digits}f} .. {most:,.{digits}f})"


def print_rows(rows):
    print(f"\nMedians (least .. greatest). Ratios are {OURS} / the best way of {PEER} (marked *):")
    print("of the median latency at depth 1, else of IOPS; CPU is what the back-end used for a "
          "request")
    head = (f"  {'':<34} {'1000 IOPS':>26} {'latency, us: p50':>24} {'p99':>9} "
            f"{'CPU, us':>20} {'ratio':>6} {'target':>7} {'CPU':>6}")
    for row in rows:
        print(f"\n{row['store']}, {row['cell']}\n{head}")
        for entry in row["kinds"]:
            star = "*" if entry["kind"] == row["peer"] else " "
            line = (f"  {entry['program'] + ', ' + entry['kind'] + star:<34} "
                    f"{cell_text(entry['iops'], unit=1000):>26} "
                    f"{cell_text(entry['p50_us']):>24} "
                    f"{entry['p99_us']['median']:>9.1f} "
                    f"{cell_text(entry['cpu_us_per_io'], 2):>20}")
            if "ratio" in entry:
                line += (f" {shown(entry['ratio']):>6} {row['target']:>7} "
                         f"{shown(entry['cpu_ratio']):>6}")
            print(line)
    print_limits(rows)


def print_limits(rows):
    """Where the load had no time to wait, more than was measured would have been possible."""
    limited = [f"{row['store']}, {row['cell']}: {entry['program']}, {entry['kind']}"
               for row in rows for entry in row["kinds"]
               if entry["load_empty"]["median"] < LOAD_LIMITS]
    if limited:
        print("\nLimited by the load, which hardly ever found nothing to do:")
        for line in limited:
            print(f"  {line}")


def shown(value):
    return "-" if value is None else f"{value:.2f}"


def print_disks(rows, workload):
    if not rows:
        return
    print(f"\nDisks in one process on one core: null stores, 4K {workload['rw']}, "
          f"{workload['iodepth']} in flight on each disk")
    print(f"  {'':<34} {'disks':>5} {'1000 IOPS':>26} {'of 1 disk':>9} "
          f"{'latency, us: p50':>24} "
          f"{'CPU, us':>20} {'cores':>6}")
    first = {}
    for row in rows:
        one = first.setdefault(row["kind"], row["iops"]["median"])
        print(f"  {row['program'] + ', ' + row['kind']:<34} {row['disks']:>5} "
              f"{cell_text(row['iops'], unit=1000):>26} "
              f"{shown(ratio(row['iops']['median'], one)):>9} "
              f"{cell_text(row['p50_us']):>24} {cell_text(row['cpu_us_per_io'], 2):>20} "
              f"{row['cpu_cores']['median']:>6.2f}")


def print_guest(rows, machine):
    if not rows:
        return
    print(f"\nA Linux guest (QEMU {machine['qemu']}, {machine['accelerator']}) with a disk of "
          f"each, null stores; ratios {OURS} / {PEER}")
    if machine["accelerator"] == "tcg":
        print("The guest's CPU is emulated, and limits both: this says little of the back-ends' "
              "rates")
    print(f"  {'':<34} {'IOPS':>26} {'latency, us: p50':>24} {'p99':>9} {'CPU, us':>22}")
    for row in rows:
        print(f"{row['cell']}: IOPS {shown(row['iops_ratio'])}, latency "
              f"{shown(row['latency_ratio'])}")
        for entry in row["kinds"]:
            print(f"  {entry['program'] + ', ' + entry['kind']:<34} "
                  f"{cell_text(entry['iops'], 0):>26} {cell_text(entry['p50_us']):>24} "
                  f"{entry['p99_us']['median']:>9.1f} "
                  f"{cell_text(entry['cpu_us_per_io']):>22}")


def bars(axes, rows, figure, label):
    for offset, row in enumerate(rows):
        for i, entry in enumerate(row["kinds"]):
            width = 0.8 / len(row["kinds"])
            spread_ = entry[figure]
            axes.bar(offset - 0.4 + (i + 0.5) * width, spread_["median"], width,
                     color=f"C{i}", label=f"{entry['program']}, {entry['kind']}"
                     if offset == 0 else None, capsize=2,
                     yerr=[[spread_["median"] - spread_["lower_quartile"]],
                           [spread_["upper_quartile"] - spread_["median"]]])
    axes.set_xticks(range(len(rows)), [row["cell"].replace(" depth", "\ndepth") for row in rows],
                    fontsize=8)
    axes.set_ylabel(label)
    axes.set_yscale("log")


def plot(path, rows, disk_rows):
    """Medians with the range between the quartiles. Needs matplotlib."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    stores = list(dict.fromkeys(row["store"] for row in rows))
    lines = len(stores) + bool(disk_rows)
    figure, axes = pyplot.subplots(lines, 2, figsize=(14, 4 * lines), squeeze=False)
    for line, store in enumerate(stores):
        some = [row for row in rows if row["store"] == store]
        bars(axes[line][0], some, "iops", f"{store}: IOPS (median, quartiles)")
        bars(axes[line][1], some, "cpu_us_per_io", f"{store}: us of the back-end's CPU")
        axes[line][0].legend(fontsize=7)
    for kind in dict.fromkeys(row["kind"] for row in disk_rows):
        some = [row for row in disk_rows if row["kind"] == kind]
        name = f"{some[0]['program']}, {kind}"
        for side, what in ((0, "iops"), (1, "cpu_us_per_io")):
            axes[-1][side].plot([row["disks"] for row in some],
                                [row[what]["median"] for row in some], marker="o", label=name)
    if disk_rows:
        for side in (0, 1):
            axes[-1][side].set_xlabel("disks in one process")
            axes[-1][side].set_ylim(bottom=0)
        axes[-1][0].set_ylabel("IOPS of all")
        axes[-1][1].set_ylabel("us of the back-end's CPU")
        axes[-1][0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path)
