# SPDX-License-Identifier: BSD-3-Clause
"""Disks of a frontend VM: served at a vhost-user socket, plugged into it while it runs.

QEMU connects when the function is made, so that a back-end has to be there by then.
"""
import time

from .pair import reconnect_option

FIRST_PORT = 0x10
QUEUES = {"vhost-user-blk-pci": "num-queues", "vhost-user-scsi-pci": "num_queues"}
TIMEOUT = 240


def ports(count):
    """QEMU's options for so many places to plug something into."""
    return [option for index in range(count)
            for option in ("-device", f"pcie-root-port,id=rp{index},chassis={index + 1},"
                                      f"slot={index + 1},addr={FIRST_PORT + index:x},io-reserve=0")]


def vhost_user_disk(qemu, driver, socket, index=0, num_queues=1, **options):
    """QEMU's options for a disk or controller that is there from the start. Left alone, QEMU
    wants as many queues as there are processors."""
    name = f"disk{index}"
    given = "".join(f",{key.replace('_', '-')}={value}" for key, value in options.items())
    return ["-chardev", f"socket,id={name},path={socket},{reconnect_option(qemu)}",
            "-device", f"{driver},chardev={name},id=fn{index},addr={5 + index:x},"
                       f"{QUEUES[driver]}={num_queues}{given}"]


class Plugged:
    """A vhost-user function in a port of a VM: vhost-user-blk-pci or vhost-user-scsi-pci."""

    def __init__(self, vm, port, socket, driver="vhost-user-blk-pci", num_queues=1,
                 **options):
        self.vm, self.port, self.id = vm, port, f"fn{port}"
        self.there = False
        self.address = f"0000:00:{FIRST_PORT + port:02x}.0"
        data = {"addr": {"type": "unix", "data": {"path": str(socket)}}, "server": False}
        # QEMU 7 knows of no second connection for SCSI, and does not wait for the first one.
        if driver == "vhost-user-blk-pci" or vm.qemu.version >= (9,):
            key, value = reconnect_option(vm.qemu).split("=")
            data[key] = int(value)
        vm.qmp("chardev-add", id=self.id, backend={"type": "socket", "data": data})
        try:
            vm.qmp("device_add", TIMEOUT, driver=driver, id=self.id, bus=f"rp{port}",
                   chardev=self.id, exactly={QUEUES[driver]: num_queues}, **options)
        except Exception:
            vm.qmp("chardev-remove", id=self.id)
            raise
        self.there = True

    def _find(self, pattern):
        """Names below the function in sysfs."""
        path = f"/sys/bus/pci/devices/{self.address}/*/virtio*/{pattern}"
        return self.vm.wait_for(f"ls -d {path} 2>/dev/null", TIMEOUT).out.decode().split()

    @property
    def name(self):
        """Of the only disk of a virtio-blk function: "vda"."""
        return self._find("block/*")[0].rsplit("/", 1)[1]

    @property
    def path(self):
        return f"/dev/{self.name}"

    @property
    def host(self):
        """Number of the SCSI host of a virtio-scsi function."""
        return int(self._find("host*")[0].rsplit("/host", 1)[1])

    def luns(self):
        """Of a virtio-scsi function: {LUN: (name of its disk, name of its sg node)}, once Linux
        has made both of every one that it has found."""
        found = {}
        for line in self.vm.text(
                f"cd /sys/class/scsi_device && for d in {self.host}:*; do [ -d $d ] || continue; "
                "echo $d $(ls $d/device/block 2>/dev/null) x$(ls $d/device/scsi_generic)"
                "; done", check=False).splitlines():
            address, *names = line.split()
            disk = names[0] if len(names) == 2 else None
            found[int(address.split(":")[3])] = (disk, names[-1][1:])
        return found

    def wait_luns(self, wanted):
        """Until there are just these; the same as luns()."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            found = self.luns()
            if sorted(found) == sorted(wanted) and all(all(names) for names in found.values()):
                return found
            assert time.monotonic() < deadline, f"{found}, not {sorted(wanted)}"
            time.sleep(0.2)

    def attribute(self, name):
        """Of the block device, such as "queue/write_cache"."""
        return self.vm.text(f"cat /sys/block/{self.name}/{name}")

    def size(self):
        return int(self.vm.text(f"blockdev --getsize64 {self.path}"))

    def unplug(self):
        self.there = False
        self.vm.qmp("device_del", id=self.id)
        deadline = time.monotonic() + TIMEOUT
        while self.vm.qmp.wait_event("DEVICE_DELETED", TIMEOUT)["data"].get("device") != self.id:
            assert time.monotonic() < deadline
        self.vm.qmp("chardev-remove", id=self.id)
