# SPDX-License-Identifier: BSD-3-Clause
"""What the harness decides by itself: accelerator, images, options by version."""
import json

import pytest

from harness import accel, images, kernel, pair
from harness.image import Image, guest_path
from harness.qemu import Qemu


class OtherQemu(Qemu):
    def __init__(self, version):
        self.path, self.version = f"/qemu/{version}", version


def test_a_guest_boots_with_tcg_and_the_time_limit_counts(frontend_qemu):
    assert accel.boots(frontend_qemu, "tcg", 60)
    assert not accel.boots(frontend_qemu, "tcg", 0.2)


def test_the_choice_is_kept_and_made_again_after_a_boot(frontend_qemu, tmp_path, monkeypatch):
    monkeypatch.delenv("VVU_ACCEL", raising=False)
    monkeypatch.setattr(images, "CACHE", tmp_path)
    monkeypatch.setattr(accel, "BOOT_ID", tmp_path / "boot_id")
    tries = []
    monkeypatch.setattr(accel, "boots", lambda *arguments: tries.append(arguments) or True)
    for boot, expected in (("a" * 36, 1), ("a" * 36, 1), ("b" * 36, 2)):
        (tmp_path / "boot_id").write_text(boot + "\n")
        assert accel.choose(frontend_qemu) == "kvm" and len(tries) == expected
    assert len(json.loads((tmp_path / "accelerator.json").read_text())) == 1
    monkeypatch.setattr(accel, "boots", lambda *arguments: False)
    (tmp_path / "boot_id").write_text("c" * 36)
    assert accel.choose(frontend_qemu) == "tcg"


def test_the_choice_can_be_overridden(frontend_qemu, monkeypatch):
    for name in ("tcg", "kvm"):
        monkeypatch.setenv("VVU_ACCEL", name)
        assert accel.choose(frontend_qemu) == name
    monkeypatch.setenv("VVU_ACCEL", "magic")
    with pytest.raises(ValueError, match="magic"):
        accel.choose(frontend_qemu)


@pytest.mark.parametrize("version, accelerator, vectors", [
    ((7, 2, 22), "tcg", ",vectors=0"), ((7, 2, 22), "kvm", ""), ((10, 0, 13), "tcg", "")])
def test_no_vectors_where_qemu_would_crash(version, accelerator, vectors):
    qemu = OtherQemu(version)
    assert qemu.vhost_user_net_vectors(accelerator) == vectors
    assert vectors in pair.vhost_user_net(qemu, accelerator, "/s")[-1]


def test_reconnect_is_spelled_by_version():
    assert pair.reconnect_option(OtherQemu((7, 2))) == "reconnect=1"
    assert pair.reconnect_option(OtherQemu((10, 0))).startswith("reconnect-ms=")


@pytest.mark.parametrize("path, there", [
    ("/bin/sh", "usr/bin/sh"), ("/sbin/modprobe", "usr/bin/modprobe"),
    ("/usr/sbin/ethtool", "usr/bin/ethtool"), ("/lib64/ld.so", "usr/lib64/ld.so"),
    ("/usr/lib/x", "usr/lib/x"), ("/etc/passwd", "etc/passwd")])
def test_places_in_a_guest(path, there):
    assert guest_path(path) == there


def test_a_library_is_there_once():
    image = Image()
    image.programs("/usr/bin/dpdk-testpmd", *images.pmd_files(["bus_pci", "net_virtio"]))
    copies = [name for name in image.files if "librte_bus_pci.so" in name]
    names = [name for name in image.links if "librte_bus_pci.so" in name]
    assert len(copies) == 1 and names
    assert all(image.links[name] == "/" + copies[0] for name in names)


def test_an_image_is_written_anew_only_when_it_changes(tmp_path):
    source = tmp_path / "source"
    source.write_text("one")
    image = Image()
    image.file("data", source)
    first = image.write(tmp_path, "x")
    stamp = first.stat().st_mtime_ns
    assert image.write(tmp_path, "x") == first and first.stat().st_mtime_ns == stamp
    source.write_text("other")
    second = image.write(tmp_path, "x")
    assert second != first and b"other" in second.read_bytes()


def test_modules_come_with_what_they_need():
    paths = kernel.module_closure(images.kernel(), ["vfio-pci"])
    names = {path.rsplit("/")[-1] for path in paths}
    assert {"vfio-pci.ko", "vfio-pci-core.ko", "vfio.ko"} <= names
    assert all(data.startswith(b"\x7fELF") for data in paths.values())


def test_a_module_that_is_not_there_is_an_error():
    with pytest.raises(RuntimeError, match="no module no_such"):
        kernel.module_closure(images.kernel(), ["no-such"])
