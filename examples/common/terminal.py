# SPDX-License-Identifier: BSD-3-Clause
"""What the demos print: a line that changes, and tables."""
import sys


def progress(text):
    """One line that is written over, where there is a terminal. None ends it."""
    if sys.stdout.isatty():
        print("" if text is None else f"\r{text}\033[K", end="\n" if text is None else "",
              flush=True)
    elif text is not None:
        print(text, flush=True)


def table(head, rows):
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths)))
