# SPDX-License-Identifier: BSD-3-Clause
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness import images, logs, qemu as qemus  # noqa: E402

# A boot takes seconds on a quiet machine and a minute on a busy one.
TIMEOUT = 300


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Logs of every VM that is there when a test fails, also of those that others use too."""
    report = (yield).get_result()
    if not report.failed:
        return
    kept = [str(machines.keep(item.nodeid)) for machines in logs.OPEN]
    if kept:
        report.sections.append(("logs of the virtual machines", kept[0]))


def machines_for(request):
    target = logs.directory_for(request.node.nodeid)
    shutil.rmtree(target, ignore_errors=True)
    return logs.Machines(request.node.nodeid)


@pytest.fixture
def machines(request):
    """Ends the VMs of one test, which fails if one of their kernels has complained."""
    with machines_for(request) as found:
        yield found


@pytest.fixture(scope="module")
def module_machines(request):
    """The same for VMs that all tests of a module share."""
    with machines_for(request) as found:
        yield found


@pytest.fixture(scope="session")
def net_image():
    return images.net()


@pytest.fixture(scope="session")
def frontend_qemu():
    return qemus.frontend()


@pytest.fixture(scope="session")
def backend_qemu():
    """The QEMU with the device. Not skipped where there is none: the tier exists for it."""
    found = qemus.backend()
    if found is None:
        pytest.fail("VVU_QEMU does not name a QEMU with virtio-vhost-user-pci")
    if not found.has_device("virtio-vhost-user-pci"):
        pytest.fail(f"{found.path} has no device virtio-vhost-user-pci")
    return found
