# SPDX-License-Identifier: BSD-3-Clause
"""The distribution's kernel for guests, taken from its package without installing it.

An ELF vmlinux boots in half the time of a compressed bzImage under software emulation.
"""
import dataclasses
import fcntl
import lzma
import pathlib
import re
import shutil
import struct
import subprocess

XZ_MAGIC = b"\xfd7zXZ\x00"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ELF_MAGIC = b"\x7fELF"
METAPACKAGE = "linux-image-amd64"


@dataclasses.dataclass(frozen=True)
class Kernel:
    release: str
    vmlinux: pathlib.Path
    modules: pathlib.Path       # .../lib/modules/RELEASE


def package(name=METAPACKAGE):
    """The package with the kernel: the one that a metapackage depends on now, or itself."""
    result = subprocess.run(["apt-cache", "depends", name], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"no package {name} in the package index: {result.stderr.strip()}")
    found = re.search(r"^ *Depends: (linux-image-[0-9]\S+)", result.stdout, re.M)
    if not found and name == METAPACKAGE:
        raise RuntimeError(f"{name} depends on no kernel; is the package index there?")
    return found.group(1) if found else name


def get(cache, what=None):
    """A kernel to boot: by package name (None: the distribution's), a .deb file, or a vmlinux
    that lies near the lib/modules directory of its release."""
    cache = pathlib.Path(cache)
    if what and pathlib.Path(what).is_file():
        path = pathlib.Path(what).resolve()
        return unpack(cache, path.stem, path) if path.suffix == ".deb" else from_vmlinux(path)
    return unpack(cache, package(what or METAPACKAGE))


def unpack(cache, name, deb=None):
    """Once per name; who comes while another process does it waits for that."""
    with open(cache / ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return unpack_locked(cache, name, deb)


def unpack_locked(cache, name, deb):
    root = cache / name
    if not (root / "done").exists():
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        if deb is None:
            # As root apt-get would change to a user of its own, who may not write here.
            subprocess.run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", name],
                           cwd=root, check=True)
            deb = next(root.glob("*.deb"))
        subprocess.run(["dpkg-deb", "-x", deb, root], check=True)
        for file in root.glob("*.deb"):
            file.unlink()
        (root / "done").touch()
    modules = module_directory(root)
    vmlinux = root / "vmlinux"
    if not vmlinux.exists():
        images = [*root.glob("boot/vmlinuz-*"), *root.glob("usr/lib/modules/*/vmlinuz")]
        if not images:
            raise RuntimeError(f"{name} has no kernel image")
        vmlinux.write_bytes(extract_elf(images[0].read_bytes()))
    return Kernel(modules.name, vmlinux, modules)


def module_directory(root, release="*"):
    for base in ("lib/modules", "usr/lib/modules"):
        for path in root.glob(f"{base}/{release}"):
            return path
    raise RuntimeError(f"no modules of release {release} below {root}")


def from_vmlinux(path):
    data = path.read_bytes()
    if not data.startswith(ELF_MAGIC):
        raise RuntimeError(f"{path} is not an ELF kernel, and not a .deb")
    release = re.search(rb"Linux version (\d\S+) ", data)
    if not release:
        raise RuntimeError(f"{path} does not tell its release")
    release = release.group(1).decode()
    for parent in path.parents[:-1]:
        try:
            return Kernel(release, path, module_directory(parent, release))
        except RuntimeError:
            continue
    raise RuntimeError(f"no lib/modules/{release} in a directory above {path}")


def extract_elf(image):
    """The ELF image inside a bzImage (Linux x86 boot protocol 2.08)."""
    setup_sects = image[0x1f1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sects + 1) * 512 + offset
    payload = image[start:start + length]
    if payload.startswith(XZ_MAGIC):
        data = lzma.LZMADecompressor().decompress(payload)
    elif payload.startswith(ZSTD_MAGIC):
        # The size of the image follows the compressed data: zstd complains after its work.
        data = subprocess.run(["zstd", "-dcq"], input=payload, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False).stdout
    else:
        raise RuntimeError(f"kernel payload starts with {payload[:6]!r}: unknown compression")
    if not data.startswith(ELF_MAGIC):
        raise RuntimeError("the kernel's payload is no ELF image")
    return data


def read_module(path):
    """A module as the kernel takes it; unpacking in an emulated guest would be slow."""
    raw = path.read_bytes()
    return lzma.decompress(raw) if path.suffix == ".xz" else raw


def needs(raw):
    """Names of the modules that this one depends on, or asks for before itself."""
    found = set()
    for key, split in ((rb"depends", rb","), (rb"softdep", rb"\s+")):
        for value in re.findall(rb"\0" + key + rb"=([^\0]*)\0", raw):
            before = value.split(b"post:")[0].removeprefix(b"pre:").strip()
            found.update(name.decode() for name in re.split(split, before) if name)
    return {name.replace("-", "_") for name in found}


def module_closure(kernel, names):
    """{path relative to the module directory, decompressed: content} of the named modules and
    all they need. What is built into this kernel is left out; what it does not have is an
    error."""
    paths = {path.name.split(".ko")[0].replace("-", "_"): path
             for path in kernel.modules.rglob("*.ko*")}
    builtin = {pathlib.Path(line).stem.replace("-", "_")
               for line in (kernel.modules / "modules.builtin").read_text().split()}
    closure, todo = {}, {name.replace("-", "_") for name in names}
    missing = todo - paths.keys() - builtin
    if missing:
        raise RuntimeError(f"kernel {kernel.release} has no module {', '.join(sorted(missing))}")
    seen = set()
    while todo:
        name = todo.pop()
        # A soft dependency may be on an alias, which nothing here resolves.
        if name in seen or name not in paths:
            continue
        seen.add(name)
        raw = read_module(paths[name])
        relative = str(paths[name].relative_to(kernel.modules)).removesuffix(".xz")
        closure[relative] = raw
        todo |= needs(raw)
    return closure
