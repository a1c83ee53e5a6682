# SPDX-License-Identifier: BSD-3-Clause
"""Summary and tables of what 'bench vm' measured."""
import statistics

import figures
import vm_bed
import vm_recovery

VM, VHOST, HOST = vm_bed.KINDS
# What a ratio compares. The first is the product of the other two.
RATIOS = {
    "vm/vhost": (VM, VHOST),
    "driver": (HOST, VHOST),
    "in a VM": (VM, HOST),
}


def median(values):
    values = [value for value in values if value is not None]
    return round(statistics.median(values), 4) if values else None


def summarize(samples):
    """One row per direction and size."""
    rows = []
    for direction, size in dict.fromkeys((s["direction"], s["size"]) for s in samples):
        of = {kind: [s for s in samples if (s["direction"], s["size"], s["backend"]) ==
                     (direction, size, kind)] for kind in vm_bed.KINDS}
        row = {"direction": direction, "size": size}
        for kind, found in of.items():
            row[kind] = {**figures.spread([s["mpps"] for s in found]), "cost": cost(found)}
        row["ratios"] = {name: figures.ratio(row[a]["median"], row[b]["median"])
                         for name, (a, b) in RATIOS.items()}
        row["ratios_by_round"] = [figures.ratio(a["mpps"], b["mpps"])
                                  for a, b in zip(of[VM], of[VHOST])]
        rows.append(row)
    return rows


def cost(samples):
    """Medians: CPU seconds of either end per million packets, and how often it was idle."""
    result = {}
    for end in ("backend", "frontend"):
        result[f"{end}_cpu_seconds_per_million"] = median(
            s["cpu_cores"][end] / s["mpps"] if s["mpps"] else None for s in samples)
        result[f"{end}_vcpu_share"] = median(
            s["cpu_cores"].get(f"{end}_vcpus", 0) / s["cpu_cores"][end]
            if s["cpu_cores"][end] else None for s in samples)
    for name in ("receiver_found_nothing_percent", "sender_found_no_room_percent"):
        result[name] = median(s[name] for s in samples)
    result["other_load_cores"] = median(s["other"] for s in samples)
    return result


def print_rates(rows):
    print("\nMpps that arrived: median (quartiles); ratios of medians. vm/vhost = driver x in a VM")
    print(f"{'direction':<12} {'bytes':>5}  " + "".join(f"{kind:<21}" for kind in vm_bed.KINDS)
          + "".join(f"{name:>9}" for name in RATIOS))
    for row in rows:
        cells = ["{median:6.3f} ({lower_quartile:.3f} {upper_quartile:.3f})".format(**row[kind])
                 for kind in vm_bed.KINDS]
        print(f"{row['direction']:<12} {row['size']:>5}  "
              + "".join(f"{cell:<21}" for cell in cells)
              + "".join(f"{shown(row['ratios'][name], 2):>9}" for name in RATIOS))


def shown(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"


def print_costs(rows):
    print("\nCPU seconds per million packets of either end (of that, in virtual CPUs), calls that "
          "moved\nnothing, and the load of everything else. An end that is idle polls: the one "
          "with few empty\ncalls is what limits the rate.")
    print(f"{'direction':<12} {'bytes':>5}  {'back-end':<15} {'CPU-s backend':>14} "
          f"{'CPU-s frontend':>15} {'rx empty':>9} {'tx full':>8} {'other':>6}")
    for row in rows:
        for kind in vm_bed.KINDS:
            of = row[kind]["cost"]
            cells = [f"{shown(of[end + '_cpu_seconds_per_million'], 2)} "
                     f"({shown(100 * (of[end + '_vcpu_share'] or 0), 0)} %)"
                     for end in ("backend", "frontend")]
            empty = [shown(of[name], 0) + " %" for name in
                     ("receiver_found_nothing_percent", "sender_found_no_room_percent")]
            print(f"{row['direction']:<12} {row['size']:>5}  {kind:<15} {cells[0]:>14} "
                  f"{cells[1]:>15} {empty[0]:>9} {empty[1]:>8} "
                  f"{shown(of['other_load_cores'], 2):>6}")


def print_profiles(profiles):
    if not profiles:
        return
    print("\nWhere the virtual CPUs' threads spend their time (perf, cpu-clock)")
    for found in profiles:
        where = f"  {found['backend']} {found['direction']} {found['size']} B, {found['end']} VM: "
        if "why" in found:
            print(where + found["why"])
            continue
        print(where + ", ".join(f"{name} {percent:.0f} %" for name, percent in sorted(
            found["percent"].items(), key=lambda item: -item[1])))
        largest = ", ".join("{symbol} {percent:.0f} %".format(**row)
                            for row in found["largest"][:4] if row["percent"] >= 1)
        if largest:
            print(f"      largest outside of translated code: {largest}")


def print_recovery(found):
    if not found:
        return
    print("\nSeconds until the backend VM's program has its first packet: median (min max)")
    for kind, parts in found["summary"].items():
        print(f"  {kind}")
        for part in vm_recovery.PARTS:
            print("    {:<30} {median:8.4f} ({min:.4f} {max:.4f}), {samples} times".format(
                part.replace("_", " "), **parts[part]))
    looks = found["milliseconds_between_looks"]
    print(f"  the frontend's QEMU tries to connect by {found['reconnect']} (seconds unless ms); "
          f"status was looked\n  at every {looks['median']:.1f} ms ({looks['max']:.1f} at most), "
          f"a line from the guest comes within {found['agent_echo_seconds'] * 1e3:.1f} ms")
