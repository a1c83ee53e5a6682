# SPDX-License-Identifier: BSD-3-Clause
"""Every message of the embedded tier's frontends, right and wrong, on the device in QEMU.

The tests are those of tests/embedded/messages, one class for each of its modules. Theirs is
one program for each test; here one serves them all, and none may end it.
"""
import importlib
import pathlib
import shutil
import tempfile

import pytest

from harness import pair
from harness.testd import Programs

MESSAGES = pathlib.Path(__file__).resolve().parents[1] / "embedded" / "messages"
DEVICE = "/machine/peripheral/dev0/virtio-backend"


def test_class(module):
    """A class of a module's tests and fixtures, for pytest to collect."""
    members = {name: staticmethod(value) for name, value in vars(module).items()
               if name.startswith("test_") or hasattr(value, "_pytestfixturefunction")}
    return type("Test" + module.__name__.split(".test_")[1].title().replace("_", ""), (), members)


test_class.__test__ = False
for path in sorted(MESSAGES.glob("test_*.py")):
    found = test_class(importlib.import_module(f"messages.{path.stem}"))
    globals()[found.__name__] = found


@pytest.fixture(scope="module")
def backend(module_machines, backend_qemu, net_image):
    """A VM whose window has to hold two scripted guests of a few MiB."""
    socket = module_machines.dir / "vvu.sock"
    vm = module_machines.add(pair.backend_vm(socket, shm_size="64M", hugepages=0)).start()
    vm.socket, vm.address = socket, pair.bind_vvu(vm)
    return vm


@pytest.fixture(scope="module")
def programs(backend):
    running = Programs(backend, (DEVICE, backend.address, backend.socket))
    yield running
    assert running.stop() == 0


@pytest.fixture
def testd_options():
    return importlib.import_module("messages.conftest").OPTIONS


@pytest.fixture
def testd(programs, testd_options):
    program = programs.get(testd_options)
    yield program
    assert program.vm.alive() and not programs.ended(), program.text()


@pytest.fixture
def frontend(testd):
    return testd.frontend()


@pytest.fixture
def net():
    device = importlib.import_module("net").Net()
    yield device
    device.close()


@pytest.fixture
def directory():
    made = pathlib.Path(tempfile.mkdtemp(prefix="vvu-"))
    yield made
    shutil.rmtree(made)
