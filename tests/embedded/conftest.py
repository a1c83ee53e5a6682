# SPDX-License-Identifier: BSD-3-Clause
import os
import pathlib
import shutil
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))

from testd import Testd  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "defect: shows that a defect of an earlier device of "
                                       "this kind is not in ours")


@pytest.fixture(scope="session")
def build():
    """Build directory of the programs under test, sanitized where the test command says so."""
    path = ROOT / os.environ.get("VVU_BUILD", "build/asan")
    if not (path / "tests/support/vvu-testd").exists():
        pytest.fail(f"{path}/tests/support/vvu-testd is not built; run './run build'")
    return str(path)


@pytest.fixture
def directory():
    """A short path: AF_UNIX has room for 107 bytes only."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="vvu-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def testd_options():
    return ()


@pytest.fixture
def testd(build, directory, testd_options):
    program = Testd(build, directory, *testd_options)
    yield program
    code = program.finish() if program.process.poll() is None else program.process.returncode
    assert code == 0, f"vvu-testd ended with {code}:\n{program.log_path.read_text()}"


@pytest.fixture
def frontend(testd):
    return testd.frontend()
