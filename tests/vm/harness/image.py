# SPDX-License-Identifier: BSD-3-Clause
"""Builds an initramfs from files of this host: programs, their libraries, kernel modules.

An image is described first and written only if none with the same content is in the cache.
"""
import hashlib
import os
import pathlib
import posixpath
import re
import subprocess
import tempfile
import time

from . import kernel as kernels
from .cpio import Cpio

MERGED = ("bin", "sbin", "lib", "lib64")
DIRECTORIES = ("dev", "etc", "mnt", "opt", "proc", "root", "run", "sys", "tmp", "var",
               "usr/bin", "usr/lib", "usr/lib64")
KEPT_SECONDS = 24 * 3600
# Where the dynamic linker looks by itself.
SEARCHED = ("usr/lib/x86_64-linux-gnu", "usr/lib", "usr/lib64")
DEPMOD = "/usr/sbin/depmod" if os.path.exists("/usr/sbin/depmod") else "/sbin/depmod"


def guest_path(path):
    """Where a file of the host is in a guest: /usr is merged there, and sbin is bin."""
    path = posixpath.normpath(str(path)).lstrip("/")
    if path.split("/")[0] in MERGED:
        path = f"usr/{path}"
    return re.sub(r"^usr/sbin(?=/|$)", "usr/bin", path)


def shared_libraries(paths):
    """What the dynamic linker loads for the programs and libraries."""
    result = subprocess.run(["ldd", *map(str, paths)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, check=False)
    missing = re.findall(r"(\S+) => not found", result.stdout)
    if missing:
        raise RuntimeError(f"shared libraries not found: {', '.join(sorted(set(missing)))}")
    return sorted(set(re.findall(r"(?:=>\s+|^\s+)(/\S+) \(0x", result.stdout, re.M)))


class Image:
    """What an initramfs has: paths without a leading slash -> bytes, a host path or a link."""

    def __init__(self):
        self.files, self.links = {}, {}
        self.kernel, self.modules = None, ()

    def file(self, name, content):
        """content: bytes, or the path of a file of the host."""
        self.links.pop(name, None)
        self.files[name] = content

    def link(self, name, target):
        if name not in self.files:
            self.links[name] = target

    def host_file(self, path):
        """A file of the host under its real name, once, and its other names as links: two
        copies of one shared library are two libraries to the dynamic linker."""
        real = os.path.realpath(path)
        if not os.path.isfile(real):
            raise RuntimeError(f"{path} is not on this machine")
        name, real_name = guest_path(path), guest_path(real)
        self.file(real_name, real)
        if name != real_name:
            self.link(name, "/" + real_name)
        return real

    def programs(self, *paths):
        """Programs or plug-ins of the host, with the shared libraries that they need."""
        self.libraries_of([self.host_file(path) for path in paths])

    def program_as(self, name, path):
        """A program or plug-in that has another place in the guest than here."""
        self.file(name, path)
        self.libraries_of([path])

    def libraries_of(self, paths):
        for library in shared_libraries(paths):
            real = self.host_file(library)
            directory = posixpath.dirname(guest_path(library))
            if directory not in SEARCHED:
                # The host's linker is configured to look there, a guest's is not.
                self.link(f"{SEARCHED[0]}/{os.path.basename(library)}", "/" + guest_path(real))

    def busybox(self):
        """For all that no real program is named for; the programs come first."""
        path = "/bin/busybox"
        self.host_file(path)
        applets = subprocess.run([path, "--list"], check=True, stdout=subprocess.PIPE,
                                 text=True).stdout.split()
        for applet in applets:
            if f"usr/bin/{applet}" not in self.links:
                self.link(f"usr/bin/{applet}", "busybox")

    def kernel_modules(self, kernel, names):
        self.kernel, self.modules = kernel, tuple(names)

    def key(self):
        """Changes whenever the written image would."""
        digest = hashlib.sha256()
        for source in ("kernel.py", "cpio.py", "image.py"):
            digest.update((pathlib.Path(__file__).parent / source).read_bytes())
        for name, content in sorted(self.files.items()):
            if isinstance(content, bytes):
                what = hashlib.sha256(content).hexdigest()
            else:
                status = os.stat(content)
                what = f"{content} {status.st_size} {status.st_mtime_ns} {status.st_mode}"
            digest.update(f"{name}\0{what}\0".encode())
        digest.update(repr(sorted(self.links.items())).encode())
        if self.kernel:
            status = os.stat(self.kernel.vmlinux)
            digest.update(repr((self.kernel.release, str(self.kernel.modules), status.st_mtime_ns,
                                self.modules)).encode())
        return digest.hexdigest()[:16]

    def write(self, cache, name):
        """Path of the archive."""
        target = pathlib.Path(cache) / f"{name}-{self.key()}.cpio"
        if target.exists():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        for old in target.parent.glob(f"{name}-????????????????.cpio"):
            # A younger one may be another test run's, which is about to boot it.
            if time.time() - old.stat().st_mtime > KEPT_SECONDS:
                old.unlink(missing_ok=True)
        files = dict(self.files)
        if self.kernel:
            files.update(module_tree(self.kernel, self.modules))
        temporary = pathlib.Path(f"{target}.{os.getpid()}")
        with open(temporary, "wb") as out:
            write_archive(Cpio(out), files, self.links)
        temporary.rename(target)
        return target


def write_archive(cpio, files, links):
    made = set()

    def directory(name):
        if name and name not in made:
            directory(posixpath.dirname(name))
            made.add(name)
            cpio.directory(name)

    for name in DIRECTORIES:
        directory(name)
    cpio.link("usr/sbin", "bin")
    for name in MERGED:
        cpio.link(name, f"usr/{name}")
    for name, content in sorted(files.items()):
        directory(posixpath.dirname(name))
        cpio.add(name, content if isinstance(content, bytes)
                 else pathlib.Path(content).read_bytes())
    for name, link in sorted(links.items()):
        directory(posixpath.dirname(name))
        cpio.link(name, link)
    cpio.finish()


def module_tree(kernel, names):
    """The modules and the tables that modprobe reads, made by depmod for just these."""
    base = f"usr/lib/modules/{kernel.release}"
    with tempfile.TemporaryDirectory(prefix="vvu-modules-") as scratch:
        root = pathlib.Path(scratch) / "lib/modules" / kernel.release
        root.mkdir(parents=True)
        for relative, data in kernels.module_closure(kernel, names).items():
            path = root / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        for table in ("modules.builtin", "modules.order", "modules.builtin.modinfo"):
            source = kernel.modules / table
            if source.exists():
                (root / table).write_bytes(source.read_bytes())
        subprocess.run([DEPMOD, "-b", scratch, kernel.release], check=True,
                       stderr=subprocess.PIPE)
        return {f"{base}/{path.relative_to(root)}": path.read_bytes()
                for path in root.rglob("*") if path.is_file()}
