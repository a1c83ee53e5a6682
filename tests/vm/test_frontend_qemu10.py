# SPDX-License-Identifier: BSD-3-Clause
"""QEMU 10 as the frontend's too: with MSI-X in the frontend VM, and its own way of starting
rings. The device that it was patched for plays no part there."""
import pytest

from harness import linux, pair
from harness.switch import Switch

FRONTEND, BACKEND = "192.0.2.2", "192.0.2.1"


@pytest.fixture(scope="module")
def vms(module_machines, backend_qemu, net_image):
    socket = module_machines.dir / "net.sock"
    backend = module_machines.add(pair.backend_vm(socket, options="iothread=io0", devices=[
        "-object", "iothread,id=io0"])).launch()
    frontend = module_machines.add(pair.frontend_vm(socket, qemu=backend_qemu, queues=2)).launch()
    backend.wait_up()
    switch = Switch(backend, [pair.bind_vvu(backend)], tap=f"{BACKEND}/24", queues=2)
    frontend.wait_up()
    linux.bring_up(frontend, f"{FRONTEND}/24")
    yield frontend, backend, switch
    assert switch.stop() == 0


def test_interrupts_are_message_signalled(vms):
    frontend, _, _ = vms
    linux.wait_ping(frontend, BACKEND)
    lines = [line for line in frontend.text("cat /proc/interrupts").splitlines()
             if "-input." in line]
    assert lines and all("MSI" in line for line in lines), lines
    assert any(int(line.split()[1]) > 0 for line in lines), lines


@pytest.mark.parametrize("to_backend", [True, False], ids=["to_backend", "to_frontend"])
def test_tcp_keeps_every_byte(vms, to_backend):
    frontend, backend, _ = vms
    if to_backend:
        linux.check_transfer(frontend, backend, BACKEND, 8 << 20)
    else:
        linux.check_transfer(backend, frontend, FRONTEND, 8 << 20)


def test_reconnects_when_the_program_comes_back(vms):
    frontend, backend, switch = vms
    switch.kill()
    fresh = Switch(backend, [pair.bind_vvu(backend)], tap=f"{BACKEND}/24", queues=2)
    try:
        linux.wait_carrier(frontend)
        linux.wait_ping(frontend, BACKEND)
    finally:
        switch.command = fresh.command


def test_stop_and_continue_of_the_backend_vm(vms):
    """Paused, the backend answers nothing; nothing is lost of what was sent before."""
    frontend, backend, _ = vms
    traffic = frontend.spawn(f"ping -c 30 -i 0.2 -W 20 {BACKEND}")
    for _ in range(3):
        backend.qmp("stop")
        frontend.run("sleep 0.5")
        backend.qmp("cont")
        frontend.run("sleep 0.5")
    result = traffic.wait(60)
    assert b"30 packets transmitted, 30 packets received" in result.out, result.out
