# SPDX-License-Identifier: BSD-3-Clause
"""Builds a Linux guest from distribution packages: an ELF kernel and an initramfs.

The kernel is the distribution's own, taken from its package without installing it. An ELF
vmlinux and an uncompressed initramfs boot in half the time of the compressed ones under
software emulation.
"""
import io
import lzma
import os
import pathlib
import re
import shutil
import stat
import struct
import subprocess

XZ_MAGIC = b"\xfd7zXZ\x00"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def kernel_package():
    """Name of the package that the distribution's kernel metapackage depends on now."""
    text = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    found = re.search(r"Depends: (linux-image-[0-9]\S+)", text)
    if not found:
        raise RuntimeError("linux-image-amd64 depends on no kernel; is the package index there?")
    return found.group(1)


def unpack_kernel(directory):
    """Download and unpack the kernel package below directory, once per version."""
    package = kernel_package()
    root = pathlib.Path(directory) / package
    if not (root / "done").exists():
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        subprocess.run(["apt-get", "download", "-qq", package], cwd=root, check=True)
        for deb in root.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", deb, root], check=True)
            deb.unlink()
        (root / "done").touch()
    return root


def vmlinux(root):
    """The ELF image inside the package's bzImage (Linux x86 boot protocol 2.08)."""
    target = root / "vmlinux"
    if target.exists():
        return target
    image = next((root / "boot").glob("vmlinuz-*")).read_bytes()
    setup_sects = image[0x1f1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sects + 1) * 512 + offset
    payload = image[start:start + length]
    if payload.startswith(XZ_MAGIC):
        data = lzma.LZMADecompressor().decompress(payload)
    elif payload.startswith(ZSTD_MAGIC):
        data = subprocess.run(["zstd", "-dcq"], input=payload, stdout=subprocess.PIPE,
                              check=False).stdout
    else:
        raise RuntimeError(f"kernel payload starts with {payload[:6]!r}: unknown compression")
    if not data.startswith(b"\x7fELF"):
        raise RuntimeError("the kernel's payload is no ELF image")
    target.write_bytes(data)
    return target


def module_closure(root, names):
    """Paths of the named modules and all they need, in loading order."""
    modules = next(iter((root / "lib" / "modules").glob("*")), None) or \
        next(iter((root / "usr/lib/modules").glob("*")))
    paths = {}
    for path in modules.rglob("*.ko*"):
        paths[path.name.split(".ko")[0].replace("-", "_")] = path
    order = []

    def add(name):
        if name in order or name not in paths:
            return  # built into the kernel
        raw = paths[name].read_bytes()
        if paths[name].suffix == ".xz":
            raw = lzma.decompress(raw)
        depends = re.search(rb"\0depends=([^\0]*)\0", raw)
        for other in filter(None, (depends.group(1) if depends else b"").decode().split(",")):
            add(other.replace("-", "_"))
        order.append(name)
        contents[name] = raw

    contents = {}
    for name in names:
        add(name)
    return [(name, contents[name]) for name in order]


class Cpio:
    """Writer of the "newc" archive that the kernel unpacks; no device nodes, so no root."""

    def __init__(self):
        self.out, self.inode = io.BytesIO(), 0

    def add(self, name, data=b"", mode=stat.S_IFREG | 0o755):
        self.inode += 1
        encoded = name.encode() + b"\0"
        fields = [self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0]
        self._write(b"070701" + b"".join(b"%08x" % f for f in fields) + encoded)
        self._write(data)

    def directory(self, name):
        self.add(name, mode=stat.S_IFDIR | 0o755)

    def link(self, name, target):
        self.add(name, target.encode(), stat.S_IFLNK | 0o777)

    def _write(self, data):
        self.out.write(data)
        self.out.write(bytes(-len(data) % 4))

    def finish(self):
        self.add("TRAILER!!!", mode=0)
        return self.out.getvalue()


def initramfs(root, target, modules, script):
    """An initramfs that loads the modules, runs the shell script and powers off."""
    cpio = Cpio()
    for name in ("bin", "dev", "proc", "sys", "modules"):
        cpio.directory(name)
    cpio.add("bin/busybox", pathlib.Path("/bin/busybox").read_bytes())
    for applet in ("sh", "mount", "insmod", "ip", "ping", "poweroff", "sleep", "cat", "echo",
                   "nc", "md5sum", "dd", "ls", "dmesg", "grep"):
        cpio.link(f"bin/{applet}", "busybox")
    load = ""
    for name, data in module_closure(root, modules):
        cpio.add(f"modules/{name}.ko", data)
        load += f"insmod /modules/{name}.ko || echo FAILED {name}\n"
    cpio.add("init", ("#!/bin/sh\nexport PATH=/bin\n"
                      "mount -t proc proc /proc\nmount -t sysfs sys /sys\n"
                      "mount -t devtmpfs dev /dev\n" + load + script +
                      "\necho GUEST-DONE\npoweroff -f\n").encode())
    temporary = pathlib.Path(f"{target}.{os.getpid()}")
    temporary.write_bytes(cpio.finish())
    temporary.rename(target)
    return target
