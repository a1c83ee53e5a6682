# SPDX-License-Identifier: BSD-3-Clause
"""The images that tests boot."""
import functools
import glob
import os
import pathlib

from . import kernel as kernels
from .image import Image

ROOT = pathlib.Path(__file__).resolve().parents[3]
GUEST = pathlib.Path(__file__).resolve().parents[1] / "guest"
CACHE = ROOT / "build" / "guest"

# Loaded on demand, except for the serial port's; virtio-vhost-user has no kernel driver.
NET_MODULES = ("virtio_pci", "virtio_console", "virtio_net", "virtio_blk", "virtio_scsi", "sd_mod",
               "vfio_pci", "vfio_iommu_type1", "irqbypass", "uio_pci_generic", "tun", "af_packet",
               "act_mirred", "act_gact", "cls_u32", "cls_flower", "sch_ingress", "sch_multiq")
NET_PROGRAMS = ("/usr/bin/kmod", "/sbin/modprobe", "/sbin/insmod", "/sbin/rmmod", "/bin/lsmod",
                "/sbin/modinfo", "/usr/bin/dash", "/usr/bin/dpdk-testpmd", "/usr/bin/strace",
                "/usr/bin/lspci", "/bin/ip", "/sbin/ethtool", "/usr/bin/iperf3",
                "/usr/bin/tcpdump",
                "/usr/bin/stdbuf", "/usr/libexec/coreutils/libstdbuf.so",
                # The C library loads it when a thread is cancelled.
                "/lib/x86_64-linux-gnu/libgcc_s.so.1")
NET_PMDS = ("bus_pci", "bus_vdev", "mempool_ring", "mempool_stack", "net_virtio", "net_null",
            "net_ring", "net_tap", "net_af_packet")
# ext4 asks for crc32c by an alias of those that have it.
BLK_MODULES = ("virtio_pci", "virtio_console", "virtio_blk", "virtio_scsi", "sd_mod", "sg", "ext4",
               "crc32c_generic", "crc32c_intel")
KMOD_PROGRAMS = ("/usr/bin/kmod", "/sbin/modprobe", "/sbin/rmmod")
BLK_PROGRAMS = (*KMOD_PROGRAMS, "/bin/dd", "/usr/bin/fio", "/sbin/mke2fs", "/sbin/mkfs.ext4",
                "/sbin/e2fsck", "/sbin/sfdisk", "/sbin/blkdiscard", "/sbin/blockdev",
                "/bin/lsblk", "/usr/bin/iscsi-test-cu", "/etc/mke2fs.conf")
SG_PROGRAMS = ("sg_inq", "sg_vpd", "sg_unmap", "sg_write_same", "sg_persist", "sg_reset",
               "sg_verify", "sg_luns", "sg_readcap", "sg_modes", "sg_sync", "sg_requests",
               "sg_turs", "sg_compare_and_write", "sg_get_lba_status", "sg_opcodes", "sg_dd",
               "sg_raw", "sg_start", "sg_rtpg")
BUILT_PROGRAMS = ("examples/vhost-net/vhost-net", "tools/vvu-pkt/vvu-pkt",
                  "tools/vvuctl", "tests/support/vvu-testd", "tests/support/vvu-hostile",
                  "tests/support/pmd-exerciser")
# RDMA in software; crc32 is what its packets end with.
RDMA_MODULES = ("rdma_rxe", "ib_uverbs", "rdma_ucm", "crc32_generic", "dummy")
RDMA_PROGRAMS = ("/usr/bin/setpriv", "/bin/rdma", "/bin/ip", "/usr/sbin/tgtd", "/usr/sbin/tgtadm")
RDMA_PROVIDER = "/usr/lib/*/libibverbs/librxe-*.so"
ISER_PROGRAMS = ("examples/vhost-blk/vhost-blk", "tests/support/store-exerciser")
STORAGE_PROGRAMS = ("examples/vhost-blk/vhost-blk", "examples/vhost-scsi/vhost-scsi")
AGENT = "tests/vm/vm-agent"
IOCHECK = "tests/vm/vvu-iocheck"
NET_VVU = "drivers/vvu_pmd/librte_net_vvu.so"
# Where the driver is in a guest.
NET_VVU_GUEST = "/usr/lib/vvu/librte_net_vvu.so"


def build_dir():
    return ROOT / os.environ.get("VVU_BUILD_PLAIN", "build/plain")


def built(relative):
    path = build_dir() / relative
    if not path.exists():
        raise RuntimeError(f"{path} is not built; run './run build'")
    return path


@functools.lru_cache(maxsize=None)
def kernel(what=None):
    CACHE.mkdir(parents=True, exist_ok=True)
    return kernels.get(CACHE, what or os.environ.get("VVU_KERNEL"))


def pmd_files(names):
    found = []
    for name in names:
        paths = glob.glob(f"/usr/lib/*/dpdk/pmds-*/librte_{name}.so")
        if not paths:
            raise RuntimeError(f"DPDK's librte_{name}.so is not on this machine")
        found += paths
    return found


def base_image():
    """Boots to the agent; /bin/sh is dash, whose commands are those in PATH: busybox's own
    shell prefers its applets to the real programs."""
    image = Image()
    image.file("init", GUEST / "init")
    image.file("usr/bin/bindto", GUEST / "bindto")
    image.file("usr/bin/vm-agent", built(AGENT))
    image.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    image.file("etc/group", b"root:x:0:\n")
    image.file("etc/hosts", b"127.0.0.1 localhost\n")
    image.programs("/usr/bin/dash")
    image.link("usr/bin/sh", "dash")
    return image


def net_image(boot_kernel):
    """For both machines: DPDK, the project's programs, and Linux networking."""
    image = base_image()
    image.programs(*NET_PROGRAMS, *pmd_files(NET_PMDS))
    for program in BUILT_PROGRAMS:
        image.program_as(f"usr/bin/{os.path.basename(program)}", built(program))
    image.program_as(NET_VVU_GUEST.lstrip("/"), built(NET_VVU))
    image.busybox()
    image.kernel_modules(boot_kernel, NET_MODULES)
    return image


def iocheck_image(boot_kernel):
    """Boots quickly: just what writes to a disk."""
    image = base_image()
    image.programs(*KMOD_PROGRAMS)
    image.file("usr/bin/vvu-iocheck", built(IOCHECK))
    image.busybox()
    image.kernel_modules(boot_kernel, BLK_MODULES)
    return image


def blk_image(boot_kernel):
    """For a VM with disks: fio, file systems, SCSI commands."""
    image = iocheck_image(boot_kernel)
    image.programs(*BLK_PROGRAMS, *(f"/usr/bin/{name}" for name in SG_PROGRAMS))
    return image


def storage_image(boot_kernel):
    """For a VM that serves disks: the project's programs, beside what is for disks."""
    image = blk_image(boot_kernel)
    image.programs("/usr/bin/lspci", "/usr/bin/strace")
    for program in STORAGE_PROGRAMS:
        image.program_as(f"usr/bin/{os.path.basename(program)}", built(program))
    image.kernel_modules(boot_kernel, (*BLK_MODULES, "vfio_pci", "vfio_iommu_type1", "irqbypass"))
    return image


def iser_image(boot_kernel):
    """For a VM that has an iSER target too, and serves disks of it."""
    image = storage_image(boot_kernel)
    image.programs(*RDMA_PROGRAMS, *glob.glob(RDMA_PROVIDER))
    for program in ISER_PROGRAMS:
        image.program_as(f"usr/bin/{os.path.basename(program)}",
                         pathlib.Path(os.environ["VVU_BUILD_ISER"]) / program)
    # libibverbs loads the providers that are named here.
    image.file("etc/libibverbs.d/rxe.driver", "/etc/libibverbs.d/rxe.driver")
    image.kernel_modules(boot_kernel, (*image.modules, *RDMA_MODULES))
    return image


def bootable(name, make):
    """A function that returns (kernel, path of the initramfs) for a kernel, or the default."""
    @functools.lru_cache(maxsize=None)
    def found(boot_kernel=None):
        boot_kernel = boot_kernel or kernel()
        return boot_kernel, make(boot_kernel).write(CACHE, f"{name}-{boot_kernel.release}")
    return found


net = bootable("net", net_image)
iocheck = bootable("iocheck", iocheck_image)
blk = bootable("blk", blk_image)
storage = bootable("storage", storage_image)
iser = bootable("iser", iser_image)


def script(boot_kernel, name, modules, text, programs=()):
    """Path of an initramfs that loads the modules, runs the shell script and powers off, with
    no agent: its console is all that is seen of it. programs: of the host, beside busybox."""
    image = Image()
    lines = ["#!/bin/sh", "export PATH=/bin", "mount -t proc proc /proc", "mount -t sysfs sys /sys",
             "mount -t devtmpfs dev /dev"]
    lines += [f"modprobe {module} || echo FAILED {module}" for module in modules]
    lines += [text, "echo GUEST-DONE", "poweroff -f", ""]
    image.file("init", "\n".join(lines).encode())
    image.programs(*programs)
    image.busybox()
    image.kernel_modules(boot_kernel, modules)
    return image.write(CACHE, name)
