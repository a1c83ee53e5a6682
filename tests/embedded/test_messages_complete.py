# SPDX-License-Identifier: BSD-3-Clause
"""Every message of the protocol has its module, with every kind of check."""
import importlib

import pytest

from vhost_user import FRONTEND


@pytest.mark.parametrize("name", sorted(FRONTEND, key=FRONTEND.get))
def test_module(name):
    module = importlib.import_module(f"messages.test_{name.lower()}")
    tests = {test for test in vars(module) if test.startswith("test_")}
    assert module.MESSAGE.name == name
    assert {"test_wrong_size", "test_wrong_fds", "test_huge_size"} <= tests
    assert any(test.startswith("test_right") for test in tests)
    if module.MESSAGE.served:
        assert "test_out_of_order" in tests
        assert any(test.startswith("test_twice") for test in tests)
