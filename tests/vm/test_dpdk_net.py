# SPDX-License-Identifier: BSD-3-Clause
"""DPDK's own virtio driver in the frontend VM, and net_vvu in the backend VM."""
import shlex
import time

import pytest

from harness import pair, testpmd

BURST_TIMEOUT = 120
FRAMES = 20000
FRONTEND_NIC = "0000:00:05.0"


@pytest.fixture(scope="module")
def vms(module_machines, frontend_qemu, backend_qemu, net_image):
    socket = module_machines.dir / "net.sock"
    backend = module_machines.add(pair.backend_vm(socket)).launch()
    frontend = module_machines.add(
        pair.frontend_vm(socket, queues=2, hugepages=96, memory=768)).launch()
    backend.wait_up()
    address = pair.bind_vvu(backend)
    # The frontend's QEMU waits for an answer before its guest boots.
    first = testpmd.Testpmd(backend, testpmd.eal(devices=[f"{address},queues=2"]))
    frontend.wait_up()
    frontend.run(f"bindto uio_pci_generic {FRONTEND_NIC}")
    assert first.quit().code == 0
    return frontend, backend, address


def wait_packets(program, count, timeout=60):
    """Until it has received so many."""
    deadline = time.monotonic() + timeout
    while (seen := program.stats().get("RX-packets", 0)) < count:
        assert time.monotonic() < deadline, f"{seen} of {count} packets"


@pytest.mark.parametrize("sender", ["frontend", "backend"])
def test_testpmd_to_testpmd(vms, sender):
    """Counted bursts one way: what one counts as sent the other has received."""
    frontend, backend, address = vms
    back = testpmd.Testpmd(backend, testpmd.eal(devices=[f"{address},queues=2"]),
                           "--rxq=2", "--txq=2")
    front = testpmd.Testpmd(frontend, testpmd.eal(devices=[FRONTEND_NIC]), "--rxq=2", "--txq=2")
    transmit, receive = (front, back) if sender == "frontend" else (back, front)
    receive.do("set fwd rxonly")
    receive.do("start")
    transmit.do("set fwd txonly")
    transmit.do("start")
    transmit.do("stop", r"Done\.", timeout=BURST_TIMEOUT)
    sent = transmit.stats()["TX-packets"]
    receive.do("stop", r"Done\.", timeout=BURST_TIMEOUT)
    received = receive.stats()["RX-packets"]
    assert sent > 0
    # What was still in the ring when reception stopped: a ring's length for every queue.
    assert 0 <= sent - received <= 2 * 1024, (sent, received)
    for program in (front, back):
        assert program.quit().code == 0


@pytest.mark.parametrize("size", ["64", "1514", "imix"])
def test_numbered_frames_both_ways(vms, size):
    """Every frame is checked for its contents and place: none is lost, damaged, repeated or
    out of order."""
    frontend, backend, address = vms
    programs = []
    for vm, device, own, peer in ((backend, f"{address},queues=2", 1, 2),
                                  (frontend, FRONTEND_NIC, 2, 1)):
        eal = " ".join(testpmd.eal(lcores="0@0", devices=[device]))
        programs.append(vm.spawn(
            f"exec vvu-pkt {eal} -- --own-mac 02:00:00:00:00:0{own} --queues 2 "
            f"--peer-mac 02:00:00:00:00:0{peer} --size {size} --count {FRAMES} --duration 60 "
            f"--timeout 60 --idle-us 50"))
    for program in programs:
        result = program.wait(180)
        assert result.code == 0, result.out[-2000:] + result.err[-2000:]


def test_mac_swap_there_and_back(vms):
    frontend, backend, address = vms
    back = testpmd.Testpmd(backend, testpmd.eal(devices=[f"{address},queues=2"]),
                           "--forward-mode=macswap", "--auto-start")
    front = testpmd.Testpmd(frontend, testpmd.eal(devices=[FRONTEND_NIC]),
                            "--forward-mode=flowgen", "--auto-start")
    wait_packets(front, 1000)
    assert front.link_up()
    for program in (front, back):
        assert program.quit().code == 0


def test_frontend_driver_restarts(vms):
    """The frontend's program ends and begins again on the same connection."""
    frontend, backend, address = vms
    back = testpmd.Testpmd(backend, testpmd.eal(devices=[f"{address},queues=2"]),
                           "--forward-mode=macswap", "--auto-start")
    for _ in range(2):
        front = testpmd.Testpmd(frontend, testpmd.eal(devices=[FRONTEND_NIC]),
                                "--forward-mode=flowgen", "--auto-start")
        wait_packets(front, 100)
        assert front.quit().code == 0
    assert back.quit().code == 0


class Exerciser:
    """pmd-exerciser in a guest: each line it is told is answered with one."""

    def __init__(self, vm, device, *options):
        line = shlex.join([*testpmd.eal(devices=[device]), "--", *options])
        self.command = vm.spawn(f"exec pmd-exerciser {line}")
        self.command.expect(r"(?m)^ready$", testpmd.START_TIMEOUT)

    def words(self, line, timeout=60):
        start = len(self.command.out)
        self.command.send(line + "\n")
        match = self.command.expect(r"(?m)^(ok|error)(.*)\n", timeout, start)
        assert match[1] == "ok", f"{line}: {match[2]}"
        return match[2].split()

    def ask(self, line, timeout=60):
        """An answer of NAME=NUMBER words."""
        return dict(word.split("=") for word in self.words(line, timeout))

    def quit(self, timeout=60):
        self.command.send("quit\n")
        return self.command.wait(timeout)


def test_port_that_sleeps_is_woken_by_every_frame(vms):
    """Its interrupts are MSI-X vectors, through VFIO. One frame at a time, after pauses."""
    frontend, backend, address = vms
    back = Exerciser(backend, f"{address},queues=2", "--interrupts", "1", "--queues", "2")
    back.ask("echo 4 4000")
    front = Exerciser(frontend, FRONTEND_NIC, "--queues", "2")
    assert front.ask("ping 0 300 20000 60000", 120)["round_count"] == "300"
    result = back.ask("echo-stop")
    assert int(result["packets"]) >= 300
    assert int(result["sleeps"]) >= 100
    assert result["missed"] == "0"
    for program in (front, back):
        assert program.quit().code == 0


def test_registers_of_the_function_are_whole(vms):
    """QEMU answers an access of four bytes with the first field there alone."""
    _, backend, address = vms
    back = Exerciser(backend, f"{address},queues=2", "--queues", "2")
    version, *words = (int(word, 16) for word in back.words("registers 0"))
    assert version == 0x106b0001
    # num_queues and device_status (virtio 1.3, 4.1.4.3): rxq and txq; all but FAILED and
    # NEEDS_RESET.
    assert (words[4] >> 16, words[5] & 0xff) == (2, 0xf)
    # Vector and notify_off of the selected queue are behind its size and enable.
    assert words[6] >> 16 != 0 and words[7] & 0xffff == 1
    assert back.quit().code == 0
