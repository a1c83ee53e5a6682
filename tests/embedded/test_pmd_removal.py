# SPDX-License-Identifier: BSD-3-Clause
"""Ports that are reset or removed while a frontend is connected and sends, and what the log says
of frontends that come and go."""
import pytest

import dpdk
import exerciser
from dpdk import Driver, assert_no_errors, frame, wait_link, wait_xstats, xstats


def start(testpmd, mode):
    testpmd.do(f"set fwd {mode}")
    testpmd.do("start", "[Ff]orwarding packets/burst|packet forwarding packets")


def test_port_is_reset_again_and_again_while_the_frontend_sends():
    with dpdk.pmd("resets") as pmd:
        backend = pmd.backend(pmd.vdev())
        for _ in range(3):
            start(backend, "rxonly")
            frontend = pmd.virtio_user(pmd.socket())
            start(frontend, "txonly")
            wait_xstats(backend, lambda x: x["rx_q0_packets"] > 1000)
            assert_no_errors(xstats(backend))
            backend.do("stop", "Done")
            backend.do("port stop 0", "Done")
            backend.do("port reset 0", "Done")
            wait_link(backend, False)
            frontend.kill()
            backend.do("clear port xstats 0")
            backend.do("port start 0", "Done")
        assert backend.quit() == 0


def test_device_is_detached_while_its_frontend_sends():
    with dpdk.pmd("detach") as pmd:
        backend = pmd.backend("net_null0", pmd.vdev(1))
        backend.do("set portlist 1")
        start(backend, "io")
        bystander = Driver().connect(pmd.socket(1))
        for number in range(3):
            backend.do("stop", "Done")
            backend.do(f"port attach {pmd.vdev(2)}", "Port 2 is attached")
            backend.do("port start 2", "Done")
            backend.do("set portlist 2")
            start(backend, "rxonly")
            frontend = pmd.virtio_user(pmd.socket(2))
            start(frontend, "txonly")
            wait_xstats(backend, lambda x: x["rx_q0_packets"] > 1000, port=2)
            backend.do("stop", "Done")
            backend.do("port stop 2", "Done")
            # Straight from the bus, without a close before.
            backend.do("device detach net_vvu2", "Now total ports is 2|is detached")
            frontend.kill()
            backend.do("set portlist 1")
            start(backend, "io")
            wait_link(backend, True, port=1)
            assert bystander.exchange(frame(100, number)) == frame(100, number)
        bystander.close()
        assert backend.quit() == 0


def test_application_is_told_of_a_port_that_goes_with_its_device():
    with exerciser.exerciser("told", number=2) as port:
        driver = Driver().connect(port.pmd.socket())
        dpdk.wait_for("link", lambda: port.number("link-state 0") == 1)
        other = port.values("events 1")
        assert port.values("events 0")["destroy"] == 0
        port.ask("remove 0")
        assert driver.frontend.closed()
        assert port.values("events 0")["destroy"] == 1
        assert port.values("events 1") == other
        with pytest.raises(exerciser.dpdkrun.Failed, match="No such device"):
            port.ask("link-state 0")
        driver.close()


@pytest.mark.parametrize("interrupts", [0, 1])
def test_port_with_a_frontend_is_closed_at_the_end(interrupts):
    with exerciser.exerciser("end", "--interrupts", interrupts) as port:
        driver = Driver().connect(port.pmd.socket())
        if interrupts:
            port.ask("watch 0 0")
            port.ask("enable 0 0")
        driver.post_frame(frame(60))
        assert port.quit() == 0
        assert driver.frontend.closed()
        driver.close()


def test_frontend_is_told_of_once_in_the_log():
    with exerciser.exerciser("log", log="info") as port:
        for number in range(2):
            driver = Driver().connect(port.pmd.socket())
            dpdk.wait_for("link", lambda: port.number("link-state 0") == 1)
            driver.close()
            dpdk.wait_for("no link", lambda: port.number("link-state 0") == 0)
            text = port.text()
            assert text.count("frontend connected") == number + 1
            assert text.count(f"frontend connected, epoch {number + 1}") == 1
            assert text.count("frontend closed the connection") == number + 1
