# SPDX-License-Identifier: BSD-3-Clause
"""Disks served on the host, in a VM of the distribution's QEMU and Linux."""
import pathlib
import shutil
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(ROOT / "tests" / "vm"))

from harness import disks, images, logs, qemu as qemus  # noqa: E402
from harness.vm import VM  # noqa: E402
from programs import Storage  # noqa: E402

TIMEOUT = 300
PORTS = 6


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Logs of the VMs and of the programs, when a test fails."""
    report = (yield).get_result()
    if not report.failed or HERE not in item.path.parents:
        return
    target = logs.directory_for(item.nodeid)
    target.mkdir(parents=True, exist_ok=True)
    for machines in logs.OPEN:
        machines.keep(item.nodeid)
    for path in Programs.logs():
        shutil.copy(path, target)
        report.sections.append((path.name, path.read_text(errors="replace")[-3000:]))
    report.sections.append(("logs", str(target)))


@pytest.fixture(scope="session")
def machines():
    target = logs.directory_for("storage")
    shutil.rmtree(target, ignore_errors=True)
    with logs.Machines("storage") as found:
        yield found


def storage_vm(name, image, qemu=None, **options):
    qemu = qemu or qemus.frontend()
    return VM(name, qemu, image, shared=True, memory=768, devices=disks.ports(PORTS), **options)


class Guest:
    """One boot for all tests that leave the VM as it was, another after one that did not."""

    def __init__(self, machines):
        self.machines, self.vm = machines, None

    def get(self):
        if self.vm is None or not self.vm.alive():
            self.vm = self.machines.add(storage_vm("guest", images.blk(), smp="2,maxcpus=4"))
            self.vm.start()
            self.vm.run("modprobe -a virtio_blk virtio_scsi sd_mod sg ext4")
        return self.vm

    def discard(self):
        if self.vm is not None and self.vm.alive():
            self.vm.kill()
        self.vm = None


@pytest.fixture(scope="session")
def guest(machines):
    found = Guest(machines)
    yield found
    if found.vm is not None and found.vm.alive():
        assert found.vm.poweroff() == 0


@pytest.fixture
def vm(guest):
    yield guest.get()
    assert guest.vm is None or guest.vm.alive(), "QEMU has ended"


@pytest.fixture
def plug(guest, vm, programs):
    """plug(socket, driver, **options): a function in the VM until the test ends."""
    plugged = []

    def do(socket, driver="vhost-user-blk-pci", **options):
        found = disks.Plugged(vm, len(plugged), socket, driver, **options)
        plugged.append(found)
        return found

    yield do
    try:
        for found in reversed(plugged):
            if vm.alive() and found.there:
                found.unplug()
    except BaseException:
        guest.discard()
        raise


def storage_program(name):
    path = images.build_dir() / "examples" / name / name
    if not path.exists():
        pytest.fail(f"{path} is not built; run './run build'")
    return path


class Programs:
    """Each ends when the test does, after the disks that it serves, and has to end well."""

    current = None

    def __init__(self, directory):
        self.directory, self.started = directory, []
        Programs.current = self

    @classmethod
    def logs(cls):
        """Of the programs of the test that is being run."""
        directory = cls.current and cls.current.directory
        return sorted(directory.glob("*.log")) if directory and directory.exists() else []

    def add(self, program):
        self.started.append(program)
        return program

    def start(self, what, *options, **more):
        return self.add(Storage(storage_program(what), self.directory, *options, **more))

    def stop(self):
        # A server has its client until the end.
        codes = [(program.stop(), program) for program in reversed(self.started)
                 if program.alive()]
        for code, program in codes:
            assert code in program.ends_with, program.text()[-3000:]


@pytest.fixture
def programs(directory):
    found = Programs(directory)
    yield found
    found.stop()


@pytest.fixture
def vhost_blk(programs):
    return lambda *options, **more: programs.start("vhost-blk", *options, **more)


@pytest.fixture
def vhost_scsi(programs):
    return lambda *options, **more: programs.start("vhost-scsi", *options, **more)


@pytest.fixture
def image(directory):
    """A file of 64 MiB for a disk."""
    path = directory / "disk.img"
    with open(path, "wb") as file:
        file.truncate(64 << 20)
    return path
