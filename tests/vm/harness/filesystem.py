# SPDX-License-Identifier: BSD-3-Clause
"""A partition and a file system on a disk of a guest, and files that have to come back."""

TIMEOUT = 180
MOUNT = "/mnt"


def partition(vm, path):
    """One partition that takes the whole disk; its path."""
    vm.run(f"echo ',,L' | sfdisk -q {path}", TIMEOUT)
    name = f"{path}1"
    vm.wait_for(f"test -b {name}", TIMEOUT)
    return name


def fill_and_check(vm, path, megabytes=16):
    """Make a file system, write files to it, mount it anew, compare checksums, and have
    e2fsck find nothing."""
    vm.run(f"mkfs.ext4 -q -F {path}", TIMEOUT)
    vm.run(f"mount -t ext4 {path} {MOUNT}")
    try:
        vm.run(f"cp -r /etc /usr/lib/modules {MOUNT}/ && "
               f"head -c {megabytes << 20} /dev/urandom >{MOUNT}/random && sync", TIMEOUT)
        sums = vm.text(f"cd {MOUNT} && find . -type f | sort | xargs sha256sum", timeout=TIMEOUT)
    finally:
        vm.run(f"umount {MOUNT}", TIMEOUT)
    check(vm, path, sums)
    return sums


def check(vm, path, sums):
    # What is mounted next reads the disk: umount has thrown away what was cached of it.
    vm.run(f"echo 3 >/proc/sys/vm/drop_caches; e2fsck -f -n {path}", TIMEOUT)
    vm.run(f"mount -t ext4 -o ro {path} {MOUNT}")
    try:
        again = vm.text(f"cd {MOUNT} && find . -type f | sort | xargs sha256sum", timeout=TIMEOUT)
    finally:
        vm.run(f"umount {MOUNT}", TIMEOUT)
    assert again == sums
    assert len(sums.splitlines()) > 10
