# SPDX-License-Identifier: BSD-3-Clause
"""Which accelerator works here, found out by booting a tiny guest.

/dev/kvm may be there and useless (nested virtualization, no permission): only a guest that
boots proves it. The answer is kept until this machine is booted again.
"""
import json
import os
import pathlib
import subprocess

from . import images

OPTIONS = {
    # A guest with a single possible CPU is translated without real atomics: always offer two.
    "tcg": ("-accel", "tcg,thread=multi", "-cpu", "max,la57=off"),
    "kvm": ("-accel", "kvm", "-cpu", "host"),
}
KVM_BOOT_SECONDS = 30
BOOT_ID = pathlib.Path("/proc/sys/kernel/random/boot_id")


def options(name):
    return list(OPTIONS[name])


def choose(qemu):
    """'kvm' or 'tcg'; the variable VVU_ACCEL overrides."""
    forced = os.environ.get("VVU_ACCEL")
    if forced:
        if forced not in OPTIONS:
            raise ValueError(f"VVU_ACCEL={forced}: not one of {', '.join(OPTIONS)}")
        return forced
    cache = images.CACHE / "accelerator.json"
    key = f"{BOOT_ID.read_text().strip()} {qemu.path} {qemu.version}"
    try:
        known = json.loads(cache.read_text())
    except (OSError, ValueError):
        known = {}
    if key not in known:
        known = {name: value for name, value in known.items() if name.startswith(key[:36])}
        known[key] = "kvm" if boots(qemu, "kvm", KVM_BOOT_SECONDS) else "tcg"
        cache.parent.mkdir(parents=True, exist_ok=True)
        temporary = cache.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(known, indent=2) + "\n")
        temporary.rename(cache)
    return known[key]


def boots(qemu, name, seconds):
    """Whether a Linux guest boots to its first process in that time, and turns itself off."""
    kernel = images.kernel()
    initrd = images.script(kernel, "tiny", (), "echo GUEST-UP")
    command = [qemu.path, *qemu.firmware, "-M", "q35", *options(name), "-smp", "1,maxcpus=2",
               "-m", "256", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
               "-kernel", str(kernel.vmlinux), "-initrd", str(initrd), "-serial", "stdio",
               "-append", "console=ttyS0 panic=-1 quiet no_timer_check"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and b"GUEST-UP" in done.stdout
