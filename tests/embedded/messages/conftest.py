# SPDX-License-Identifier: BSD-3-Clause
import pytest

from net import Net

# Everything the program can serve, so that every message has its feature.
OPTIONS = ("--queues", "2", "--config-size", "64")


@pytest.fixture
def testd_options():
    return OPTIONS


@pytest.fixture
def net():
    device = Net()
    yield device
    device.close()
