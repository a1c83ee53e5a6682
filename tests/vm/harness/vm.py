# SPDX-License-Identifier: BSD-3-Clause
"""One virtual machine: starting it, running commands in it, ending it."""
import ctypes
import pathlib
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

from . import accel as accels
from . import kernel_log
from .agent import Agent, GuestError, GuestGone, GuestTimeout, text
from .qmp import Qmp, QmpError

BOOT_TIMEOUT = 240
COMMAND_TIMEOUT = 60
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """In the child before exec: no VM outlives a test run that was killed."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class VM:
    """A VM that boots an image and answers through the agent in it.

    memory is in MiB; hugepages (of 2 MiB) are the guest's. shared: the memory is a memfd, as a
    vhost-user frontend needs. devices are further options of QEMU's command line.
    detachable: it survives this process (see detach()).
    """

    def __init__(self, name, qemu, image, *, memory=512, shared=False, viommu=False, hugepages=0,
                 smp="1,maxcpus=2", devices=(), append="", accel=None, detachable=False):
        self.name, self.qemu, self.image = name, qemu, image
        self.memory, self.shared, self.viommu = memory, shared, viommu
        self.hugepages, self.smp, self.append = hugepages, smp, append
        self.devices = [str(option) for option in devices]
        self.accel = accel or accels.choose(qemu)
        self.detachable = detachable
        # Short: a socket's path has at most 107 bytes.
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"vvu-{name}-"))
        self.process = self.agent = self._qmp = None
        self.log = open(self.dir / "harness.log", "a", encoding="utf-8")
        self.begun = time.monotonic()

    # Starting

    def command(self):
        kernel, initrd = self.image
        machine = "q35" + (",kernel-irqchip=split" if self.viommu else "") + \
            (",memory-backend=ram" if self.shared else "")
        append = ["console=ttyS0", "panic=-1", "quiet", "no_timer_check"]
        if self.viommu:
            append += ["intel_iommu=on", "iommu=pt"]
        if self.hugepages:
            append.append(f"hugepages={self.hugepages}")
        command = [self.qemu.path, *self.qemu.firmware, "-name", self.name, "-M", machine,
                   *accels.options(self.accel), "-smp", self.smp, "-m", str(self.memory),
                   "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                   "-kernel", str(kernel.vmlinux), "-initrd", str(initrd),
                   "-append", " ".join([*append, self.append]).strip(),
                   "-chardev", f"file,id=serial,path={self.dir}/serial.log,append=on",
                   "-serial", "chardev:serial",
                   "-qmp", f"unix:{self.dir}/qmp.sock,server=on,wait=off"]
        if self.shared:
            command += ["-object", f"memory-backend-memfd,id=ram,size={self.memory}M,share=on"]
        if self.viommu:
            command += ["-device", "intel-iommu,intremap=on,device-iotlb=on"]
        command += ["-chardev", f"socket,id=agent,path={self.dir}/agent.sock,server=on,wait=off",
                    "-device", "virtio-serial-pci,id=serial0,disable-legacy=on,addr=1e",
                    "-device", "virtserialport,bus=serial0.0,chardev=agent,name=agent"]
        return command + self.devices

    def launch(self):
        """Start QEMU; wait_up() is the other half. Several VMs boot at once that way."""
        command = self.command()
        self.note(f"start: {shlex.join(command)}")
        for name in ("agent.sock", "qmp.sock"):
            (self.dir / name).unlink(missing_ok=True)
        with open(self.dir / "qemu.log", "ab") as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=self.detachable,
                preexec_fn=None if self.detachable else die_with_parent)
        return self

    def wait_up(self, timeout=BOOT_TIMEOUT):
        """Wait for the agent. A boot is tried twice: on a machine that is busy, a timer
        calibration of the kernel may starve."""
        try:
            self._wait_up(timeout)
        except GuestError as error:
            ended_by_itself = self.process.poll() is not None
            panicked = "Kernel panic" in self.serial()
            if ended_by_itself and not panicked:
                raise GuestError(f"{error}\n{self.tail()}") from error
            self.note(f"no boot, one more try: {error}")
            self._end_process()
            self.launch()
            try:
                self._wait_up(timeout)
            except GuestError as again:
                raise GuestError(f"{again}; the second boot\n{self.tail()}") from again
        return self

    def _wait_up(self, timeout):
        deadline = time.monotonic() + timeout
        while self.agent is None:
            try:
                self.agent = Agent(self.name, self.dir / "agent.sock")
            except (FileNotFoundError, ConnectionRefusedError):
                if not self.alive():
                    raise GuestGone(f"{self.name}: QEMU ended with "
                                    f"{self.process.returncode}") from None
                if time.monotonic() > deadline:
                    raise GuestTimeout(f"{self.name}: QEMU made no socket") from None
                time.sleep(0.02)
        self.agent.wait_hello(max(1, deadline - time.monotonic()), alive=self.alive)
        self.note("up")

    def start(self, timeout=BOOT_TIMEOUT):
        return self.launch().wait_up(timeout)

    # Commands

    def spawn(self, line, terminal=False):
        """Start a shell command line in the guest; see agent.Command."""
        self.note(f"spawn: {line}")
        return self.agent.spawn(line, terminal)

    def run(self, line, timeout=COMMAND_TIMEOUT, check=True, stdin=b""):
        """Run a shell command line; (code, out, err). check: GuestError unless code is 0."""
        begun = time.monotonic()
        command = self.agent.spawn(line)
        try:
            if stdin:
                command.send(stdin)
            command.end_input()
            result = command.wait(timeout)
        except GuestError as error:
            self.note(f"run: {line}: {error}")
            raise
        self.note(f"run ({time.monotonic() - begun:.2f} s): {line}: {result.code} "
                  f"{text(result.out)[-400:]!r} {text(result.err)[-400:]!r}")
        if check and result.code != 0:
            raise GuestError(f"{self.name}: {line!r} ended with {result.code}\n"
                             f"stdout: {text(result.out)[-3000:]}\n"
                             f"stderr: {text(result.err)[-3000:]}")
        return result

    def text(self, line, **options):
        """Standard output of a command, as text without the last newline."""
        return text(self.run(line, **options).out).rstrip("\n")

    def push(self, source, target, mode=0o644, timeout=COMMAND_TIMEOUT):
        """Copy bytes, or a file of the host by its path, into a file of the guest."""
        data = source if isinstance(source, (bytes, bytearray)) else \
            pathlib.Path(source).read_bytes()
        name = shlex.quote(str(target))
        self.run(f"cat >{name} && chmod {mode:o} {name}", timeout, stdin=bytes(data))

    def pull(self, source, timeout=COMMAND_TIMEOUT):
        """The bytes of a file of the guest."""
        return self.run(f"cat {shlex.quote(str(source))}", timeout).out

    def wait_for(self, line, timeout=COMMAND_TIMEOUT, pause=0.2):
        """Repeat a command until it succeeds; its result."""
        deadline = time.monotonic() + timeout
        while True:
            result = self.run(line, check=False)
            if result.code == 0:
                return result
            if time.monotonic() > deadline:
                raise GuestTimeout(f"{self.name}: {line!r} does not succeed within {timeout:g} s"
                                   f"\nstdout: {text(result.out)[-2000:]}"
                                   f"\nstderr: {text(result.err)[-2000:]}")
            time.sleep(pause)

    # The machine

    @property
    def qmp(self):
        if self._qmp is None:
            self._qmp = Qmp(self.dir / "qmp.sock")
        return self._qmp

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def wait_end(self, timeout=60):
        """QEMU's exit status, negative for a signal."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise GuestTimeout(f"{self.name}: QEMU still runs after {timeout:g} s") from None
        self._disconnect()
        self.note(f"QEMU ended with {code}")
        return code

    def kill(self):
        """SIGKILL, as a crash of the host's process would be."""
        self.process.send_signal(signal.SIGKILL)
        return self.wait_end()

    def poweroff(self, timeout=60):
        """The guest turns itself off; QEMU's exit status."""
        self.agent.spawn("poweroff -f")
        return self.wait_end(timeout)

    def reset(self, timeout=BOOT_TIMEOUT):
        """The reset button."""
        self._restart(lambda: self.qmp("system_reset"), timeout)

    def reboot(self, timeout=BOOT_TIMEOUT):
        """The guest restarts itself."""
        self._restart(lambda: self.agent.spawn("reboot -f"), timeout)

    def _restart(self, trigger, timeout):
        count = len(self.agent.boots) + 1
        self.qmp("set-action", reboot="reset")
        trigger()
        self.agent.wait_hello(timeout, count, self.alive)
        self.qmp("set-action", reboot="shutdown")
        self.note("up again")

    def pci_function(self, vendor, device):
        """The one function with these ids, for example '0000:00:05.0'."""
        found = self.text(f"lspci -Dn -d {vendor}:{device}").split("\n")
        if len(found) != 1 or not found[0]:
            raise GuestError(f"{self.name}: not one PCI function {vendor}:{device}: {found}")
        return found[0].split()[0]

    # What is left behind

    def note(self, line):
        self.log.write(f"[{time.monotonic() - self.begun:8.3f}] {line}\n")
        self.log.flush()

    def _read(self, name):
        path = self.dir / name
        return path.read_text(errors="replace") if path.exists() else ""

    def serial(self):
        return self._read("serial.log")

    def tail(self):
        return (f"{self.name}: end of its console:\n{self.serial()[-3000:]}\n"
                f"{self.name}: QEMU wrote:\n{self._read('qemu.log')[-3000:]}")

    def check_kernel(self):
        """GuestError when the guest's kernel has complained."""
        log = text(self.run("dmesg").out)
        (self.dir / "dmesg.log").write_text(log)
        found = kernel_log.complaints(log)
        if found:
            raise GuestError(f"{self.name}: its kernel complains:\n" + "\n".join(found[:20]))

    def check_console(self):
        """The same of a VM that is gone, by what it printed."""
        found = kernel_log.complaints(self.serial())
        if found:
            raise GuestError(f"{self.name}: on its console:\n" + "\n".join(found[:20]))

    def keep_logs(self, directory):
        target = pathlib.Path(directory) / self.name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for path in self.dir.glob("*.log"):
            shutil.copy(path, target)

    # Ending

    def _disconnect(self):
        if self.agent is not None:
            self.agent.close()
            self.agent = None
        if self._qmp is not None:
            self._qmp.close()
            self._qmp = None

    def _end_process(self):
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._disconnect()

    def detach(self):
        """Leave it running; another process can attach to its sockets."""
        if not self.detachable:
            raise ValueError(f"{self.name} was not started as detachable")
        self._disconnect()
        self.log.close()

    def close(self):
        """End it if it runs, and remove its directory."""
        self._end_process()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
        return False


def start_all(machines):
    """Boot them at the same time."""
    for machine in machines:
        machine.launch()
    for machine in machines:
        machine.wait_up()


__all__ = ["VM", "start_all", "GuestError", "GuestGone", "GuestTimeout", "QmpError", "text"]
