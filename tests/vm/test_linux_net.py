# SPDX-License-Identifier: BSD-3-Clause
"""A Linux guest with an ordinary virtio-net function, served by the switch in another VM."""
import pytest

from harness import linux, pair
from harness.switch import Switch

FRONTEND, BACKEND = "192.0.2.2", "192.0.2.1"
QUEUES = 2


@pytest.fixture(scope="module")
def vms(module_machines, frontend_qemu, backend_qemu, net_image):
    socket = module_machines.dir / "net.sock"
    backend = module_machines.add(pair.backend_vm(socket)).launch()
    # The distribution's own: its backend does not go away here.
    frontend = module_machines.add(pair.frontend_vm(socket, qemu=frontend_qemu, queues=QUEUES,
                                                    smp="2")).launch()
    backend.wait_up()
    switch = Switch(backend, [pair.bind_vvu(backend)], tap=f"{BACKEND}/24", queues=QUEUES)
    frontend.wait_up()
    linux.bring_up(frontend, f"{FRONTEND}/24")
    yield frontend, backend, switch
    frontend.check_kernel()
    assert frontend.poweroff() == 0
    assert switch.stop() == 0


def test_the_frontend_sees_an_ordinary_device(vms):
    frontend, _, _ = vms
    assert "driver: virtio_net" in frontend.text("ethtool -i eth0")
    assert frontend.text("lspci -Dnd 1af4:1041")
    assert "vvu" not in frontend.text("cat /proc/modules")


@pytest.mark.parametrize("size", [56, 1000, 1472])
def test_ping(vms, size):
    frontend, backend, _ = vms
    result = linux.ping(frontend, BACKEND, size=size)
    assert (result.sent, result.received) == (20, 20), result.output
    result = linux.ping(backend, FRONTEND, size=size)
    assert (result.sent, result.received) == (20, 20), result.output


def test_ping_in_fragments(vms):
    frontend, _, _ = vms
    result = linux.ping(frontend, BACKEND, size=9000)
    assert (result.sent, result.received) == (20, 20), result.output


@pytest.mark.parametrize("to_backend", [True, False], ids=["to_backend", "to_frontend"])
def test_tcp_keeps_every_byte(vms, to_backend):
    frontend, backend, _ = vms
    if to_backend:
        linux.check_transfer(frontend, backend, BACKEND, 16 << 20)
    else:
        linux.check_transfer(backend, frontend, FRONTEND, 16 << 20)


def test_several_queues(vms):
    """Both queue pairs of the function carry packets of parallel connections."""
    frontend, backend, switch = vms
    frontend.run(f"ethtool -L eth0 combined {QUEUES}")
    try:
        before = queue_packets(frontend)
        senders = []
        sent = linux.make_data(frontend, 2 << 20)
        for port in range(5100, 5108):
            server = linux.listen(backend, port)
            sender = frontend.spawn(f"taskset {1 + port % 2} nc {BACKEND} {port} </tmp/data")
            senders.append((port, server, sender))
        for port, server, sender in senders:
            assert sender.wait(linux.TRANSFER_TIMEOUT).code == 0
            server.wait(linux.TRANSFER_TIMEOUT)
            assert linux.received(backend, port) == (2 << 20, sent)
        used = [after - earlier for after, earlier in zip(queue_packets(frontend), before)]
        assert len(used) == QUEUES and min(used) > 0, used
    finally:
        frontend.run("ethtool -L eth0 combined 1")


def queue_packets(vm):
    """Packets sent through each queue so far."""
    lines = vm.text("ethtool -S eth0").splitlines()
    return [int(line.split(":")[1]) for line in lines
            if line.strip().startswith("tx") and line.split(":")[0].endswith("_packets")]


def test_mtu(vms):
    """Linux may lower it; what is longer goes in pieces."""
    frontend, backend, _ = vms
    frontend.run("ip link set eth0 mtu 600")
    try:
        result = linux.ping(frontend, BACKEND, count=5, size=1400)
        assert result.received == 5, result.output
        linux.check_transfer(frontend, backend, BACKEND, 1 << 20, 5200)
    finally:
        frontend.run("ip link set eth0 mtu 1500")


def test_interface_down_and_up(vms):
    """The driver resets its rings; the port follows."""
    frontend, _, switch = vms
    for _ in range(3):
        frontend.run("ip link set eth0 down")
        frontend.run("ip link set eth0 up")
        linux.wait_carrier(frontend)
        linux.wait_ping(frontend, BACKEND)
    assert switch.port()["up"]


def test_driver_unloaded_and_loaded(vms):
    frontend, _, _ = vms
    frontend.run("modprobe -r virtio_net")
    linux.bring_up(frontend, f"{FRONTEND}/24")
    linux.wait_ping(frontend, BACKEND)


def test_query_tells_of_the_connection(vms):
    _, backend, _ = vms
    status = backend.qmp("x-query-virtio-vhost-user",
                         path="/machine/peripheral/dev0/virtio-backend")
    assert status["state"] == "connected"
    assert status["frontend-up"] and status["backend-up"] and status["peer"]
    assert status["regions"] >= 1
    assert status["features"] & 1 << 32
    assert status["window-used"] >= 512 << 20
    assert status["messages-from-frontend"] > 0


def test_migration_of_the_backend_vm_is_blocked(vms):
    _, backend, _ = vms
    answer = backend.qmp.hmp("migrate exec:true")
    assert "memory of another VM" in answer
