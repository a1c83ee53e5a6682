# SPDX-License-Identifier: BSD-3-Clause
"""The two machines: a frontend VM, unaware of all this, and the backend VM that serves it.

Both QEMUs meet at a UNIX socket, at which the backend's listens. QEMU builds a vhost-user
netdev only once the back-end has answered: a frontend VM begins to boot when the program in
the backend VM serves it. So: launch() both, wait_up() the backend VM, start the program,
wait_up() the frontend VM.
"""
from . import accel as accels
from . import images, qemu as qemus
from .vm import VM

VENDOR, DEVICE = "1af4", "106b"
FRONTEND_MAC = "52:54:00:12:34:56"


def reconnect_option(qemu):
    """A client's chardev that tries again when the server is not there, or goes."""
    return "reconnect-ms=200" if qemu.version >= (9, 2) else "reconnect=1"


def vhost_user_net(qemu, accel, socket, index=0, mac=FRONTEND_MAC, queues=1, options=""):
    """QEMU's options for a virtio-net function that is served at the socket."""
    name = f"vu{index}"
    multiqueue = f",queues={queues}" if queues > 1 else ""
    function = (f"virtio-net-pci,netdev={name},id=nic{index},mac={mac},disable-legacy=on,romfile=,"
                f"addr={5 + index:x}{qemu.vhost_user_net_vectors(accel)}")
    if queues > 1:
        function += ",mq=on"
    return ["-chardev", f"socket,id={name},path={socket},{reconnect_option(qemu)}",
            "-netdev", f"vhost-user,id={name},chardev={name}{multiqueue}",
            "-device", function + (f",{options}" if options else "")]


def frontend_vm(socket, name="frontend", *, qemu=None, image=None, accel=None, mac=FRONTEND_MAC,
                queues=1, options="", devices=(), memory=512, **machine):
    """A VM with one vhost-user NIC; options go to its virtio-net-pci. An empty socket leaves
    the NIC out."""
    qemu = qemu or qemus.steady_frontend()
    accel = accel or accels.choose(qemu)
    nic = vhost_user_net(qemu, accel, socket, 0, mac, queues, options) if socket else []
    return VM(name, qemu, image or images.net(), accel=accel, memory=memory, shared=True,
              devices=[*nic, *devices], **machine)


def vvu_function(socket, index=0, options="", shm_size="4G"):
    """QEMU's options for a virtio-vhost-user function that listens at the socket. A window of
    4 GiB: the guest's kernel may fill page tables for all of it at the first access."""
    name = f"vvu{index}"
    return ["-chardev", f"socket,id={name},path={socket},server=on,wait=off",
            "-device", f"virtio-vhost-user-pci,id=dev{index},chardev={name},iommu_platform=on,"
                       f"shm-size={shm_size},addr={5 + index:x}"
                       + (f",{options}" if options else "")]


def backend_vm(sockets, name="backend", *, qemu=None, image=None, options="", shm_size="4G",
               devices=(), memory=1024, hugepages=160, **machine):
    """A VM with a virtual IOMMU and a virtio-vhost-user function for each of the sockets, from
    0000:00:05.0 on."""
    qemu = qemu or qemus.backend()
    if qemu is None:
        raise RuntimeError("VVU_QEMU does not name a QEMU with virtio-vhost-user-pci")
    sockets = [sockets] if isinstance(sockets, (str, bytes)) or hasattr(sockets, "parts") \
        else list(sockets)
    functions = [option for index, socket in enumerate(sockets)
                 for option in vvu_function(socket, index, options, shm_size)]
    return VM(name, qemu, image or images.net(), memory=memory, viommu=True, hugepages=hugepages,
              devices=[*functions, *devices], **machine)


def bind_vvu(vm, index=0):
    """Give a virtio-vhost-user function to vfio-pci; its address."""
    lines = [line for line in vm.text(f"lspci -Dn -d {VENDOR}:{DEVICE}").split("\n") if line]
    if index >= len(lines):
        raise RuntimeError(f"{vm.name} shows {len(lines)} functions {VENDOR}:{DEVICE}")
    address = lines[index].split()[0]
    vm.run(f"bindto vfio-pci {address}")
    return address
