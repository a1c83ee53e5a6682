# SPDX-License-Identifier: BSD-3-Clause
"""What a guest's kernel complains of."""
import contextlib
import re

# A device that the IOMMU stops was told a wrong address by its driver, or works for one that
# is gone.
DMA_FAULT = r"DMAR: \[DMA (Read|Write)"
COMPLAINT = re.compile(r"\bBUG\b|\bWARNING\b|\bOops\b|Call Trace|general protection fault"
                       r"|Kernel panic|soft lockup|rcu_sched self-detected stall|" + DMA_FAULT)
# (pattern, why it says nothing about what is tested)
HARMLESS = [
    (r"WARNING: See https://kernel\.org/doc/html/latest/admin-guide/hw-vuln/",
     "about a flaw of the processor that the machine has or QEMU shows"),
    (r"WARNING: Unprivileged eBPF is enabled", "a setting of the distribution's kernel"),
]


def complaints(log):
    """The lines of a kernel log that tell of a defect."""
    return [line for line in log.splitlines()
            if COMPLAINT.search(line)
            and not any(re.search(pattern, line) for pattern, _ in HARMLESS)]


@contextlib.contextmanager
def harmless(pattern, why):
    """For tests that provoke such lines."""
    HARMLESS.append((pattern, why))
    try:
        yield
    finally:
        HARMLESS.remove((pattern, why))
