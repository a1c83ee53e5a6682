# SPDX-License-Identifier: BSD-3-Clause
"""Whether enough was measured to say which of two is the faster: the sign test."""
import math

ABOVE, BELOW = "above", "below"
# How often chance alone would say so, where the two are equally fast.
ERROR = 0.05


def chance(times, of):
    """That of so many throws of a coin so many or more show one given side."""
    return sum(math.comb(of, n) for n in range(times, of + 1)) / 2 ** of


def verdict(ratios):
    """ABOVE or BELOW, of 1, or None: not known. Ratios of 1 say nothing."""
    above = sum(ratio > 1 for ratio in ratios)
    below = sum(ratio < 1 for ratio in ratios)
    if chance(max(above, below), above + below) > ERROR:
        return None
    return ABOVE if above > below else BELOW
