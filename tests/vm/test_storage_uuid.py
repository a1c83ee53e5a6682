# SPDX-License-Identifier: BSD-3-Clause
"""A storage program finds its function in a backend VM by the uuid that the VMM gave it."""
from harness import pair, storage

UUIDS = ("f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "0b5cf1a6-93c1-4f5c-9d8a-7c0f5b1a2e3d")


def test_device_by_uuid(machines, backend_qemu):
    sockets = [machines.dir / f"{index}.sock" for index in range(2)]
    devices = pair.vvu_function(sockets[1], 1, f"uuid={UUIDS[1]}")
    vm = machines.add(storage.backend_vm(sockets[0], options=f"uuid={UUIDS[0]}",
                                         devices=devices)).start()
    addresses = [pair.bind_vvu(vm, index) for index in range(2)]
    command = vm.spawn(f"exec vhost-blk --device {UUIDS[1]} --store ram:1M")
    vm.wait_for("ls -l /proc/$(pidof vhost-blk)/fd | grep -q vfio/")
    status = [lambda index=index: vm.qmp(
        "x-query-virtio-vhost-user", path=f"/machine/peripheral/dev{index}/virtio-backend")
        for index in range(2)]
    vm.wait_for("sleep 2")
    assert status[1]()["backend-up"] and not status[0]()["backend-up"], addresses
    assert command.stop().code == 0
    refused = vm.run("vhost-blk --device 11111111-2222-3333-4444-555555555555 --store ram:1M",
                     check=False)
    assert refused.code == 1 and UUIDS[0].encode() in refused.err, refused.err
