# SPDX-License-Identifier: BSD-3-Clause
"""The burst functions that a port has for a width of vectors: which of them run is asked for, and
frames through them come back byte by byte. DPDK takes 512 bits only when told so.
"""
import pathlib

import pytest

import dpdk
from dpdk import SIZES, Driver, frame
from packed_net import PackedDriver

RING = 64
# Bits allowed: what the processor needs, and receive and transmit of each format of ring.
MODES = {
    64: ((), {"split": ("Scalar, split ring", "Scalar, split ring"),
              "packed": ("Scalar, packed ring", "Scalar, packed ring"),
              "in-order": ("Scalar, packed ring, in order", "Scalar, packed ring")}),
    256: (("avx2",),
          {"split": ("Scalar, split ring", "Scalar, split ring"),
           "packed": ("Vector AVX2, packed ring", "Scalar, packed ring"),
           "in-order": ("Vector AVX2, packed ring", "Scalar, packed ring")}),
    512: (("avx512f", "avx512bw", "avx512vl"),
          {"split": ("Vector AVX-512, split ring", "Vector AVX-512, split ring"),
           "packed": ("Vector AVX-512, packed ring", "Vector AVX-512, packed ring"),
           "in-order": ("Vector AVX-512, packed ring", "Vector AVX-512, packed ring")}),
}


def processor_flags():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("flags"):
            return set(line.split())
    return set()


@pytest.fixture(scope="module", params=MODES)
def echo(request):
    bits = request.param
    lacking = set(MODES[bits][0]) - processor_flags()
    if lacking:
        pytest.skip(f"the processor has no {', '.join(sorted(lacking))}")
    with dpdk.echo(f"simd{bits}", eal=[f"--force-max-simd-bitwidth={bits}"]) as backend:
        backend.bits = bits
        yield backend


def connect(path, ring):
    if ring == "split":
        return Driver(size=RING).connect(path)
    return PackedDriver(size=RING).connect(path, in_order=ring == "in-order")


@pytest.mark.parametrize("ring", ["split", "packed", "in-order"])
def test_frames_of_every_size_in_batches_of_every_length(echo, ring):
    driver = connect(echo.pmd.socket(), ring)
    assert driver.exchange(frame(60)) == frame(60)
    modes = dpdk.burst_mode(echo, "rx"), dpdk.burst_mode(echo, "tx")
    assert modes == MODES[echo.bits][1][ring]
    for turn, count in enumerate([*range(1, 10), len(SIZES), RING // 2 + 1, RING]):
        frames = [frame(SIZES[(turn + number) % len(SIZES)], number) for number in range(count)]
        driver.post_at_once(frames)
        for number, data in enumerate(frames):
            assert driver.receive() == data, (count, number, len(data))
            driver.taken()
    driver.close()
    dpdk.assert_no_errors(dpdk.xstats(echo))
