# SPDX-License-Identifier: BSD-3-Clause
"""net_vvu against a frontend that nobody here wrote: DPDK's net_virtio_user in testpmd."""
import os
import re
import signal

import pytest

import dpdk
from dpdk import Driver, assert_no_errors, connect_pairs, frame, wait_link, wait_xstats, xstats

KILLS = 5


def start(testpmd, mode):
    testpmd.do(f"set fwd {mode}")
    testpmd.do("start", "packets/burst=")


def moving(testpmd, *names, by=1000, port=0):
    """Wait until these counters have grown by so much from what they are now."""
    before = xstats(testpmd, port)
    return wait_xstats(testpmd, lambda x: all(x[name] >= before[name] + by for name in names), port)


@pytest.mark.parametrize("ring", ["", ",packed_vq=1", ",packed_vq=1,in_order=0",
                                  ",packed_vq=1,mrg_rxbuf=0"])
def test_packets_pass_in_both_directions_without_an_error(ring):
    with dpdk.pmd("both") as pmd:
        backend = pmd.backend(pmd.vdev())
        start(backend, "macswap")
        frontend = pmd.virtio_user(pmd.socket(), options=ring,
                                   app=["--eth-peer=0,02:00:00:00:00:01"])
        # flowgen sends packets with checksums and receives what comes back.
        start(frontend, "flowgen")
        moving(backend, "rx_good_packets", "tx_good_packets", by=10000)
        frontend.do("stop", "Done")
        received, sent = (int(re.findall(rf"{way}-packets: (\d+)", frontend.text())[-1])
                          for way in ("RX", "TX"))
        assert sent >= 10000 and received >= 10000
        # The last of them may still be in the ring.
        values = wait_xstats(backend, lambda x: x["rx_good_packets"] >= sent)
        assert_no_errors(values)
        assert values["rx_good_packets"] == sent
        assert values["rx_good_bytes"] == 60 * sent
        # What it did not read yet, at most a ring.
        assert 0 <= values["tx_good_packets"] - received <= 256
        assert frontend.quit() == 0
        assert backend.quit() == 0


def test_eight_queue_pairs_all_carry_packets():
    # More than 8 pairs are too many for net_virtio_user of DPDK 22.11.
    pairs = 8
    with dpdk.pmd("queues") as pmd:
        mbufs = "--total-num-mbufs=16384"
        queues = [f"--rxq={pairs}", f"--txq={pairs}", "--rxd=256", "--txd=256"]
        backend = pmd.backend(pmd.vdev(options=f",queues={pairs}"), app=[*queues, mbufs])
        start(backend, "io")
        frontend = pmd.virtio_user(pmd.socket(), options=f",queues={pairs},queue_size=256",
                                   app=queues, mbufs=mbufs)
        start(frontend, "txonly")
        names = [f"{way}_q{i}_packets" for way in ("rx", "tx") for i in range(pairs)]
        values = wait_xstats(backend, lambda x: all(x[name] > 100 for name in names), seconds=60)
        assert_no_errors(values)
        assert values["rx_good_packets"] >= sum(values[name] for name in names[:pairs])
        assert frontend.quit() == 0
        assert backend.quit() == 0


def test_sixteen_queue_pairs_each_with_its_own_frames():
    pairs = 16
    with dpdk.pmd("sixteen") as pmd:
        backend = pmd.backend(pmd.vdev(options=f",queues={pairs}"),
                              app=[f"--rxq={pairs}", f"--txq={pairs}"])
        start(backend, "io")
        frontend, drivers = connect_pairs(pmd.socket(), pairs)
        wait_link(backend, True)
        for number in range(100):
            for pair, driver in enumerate(drivers):
                driver.post_frame(frame(64 + pair, number))
            for pair, driver in enumerate(drivers):
                assert driver.receive() == frame(64 + pair, number)
                driver.taken()
        values = xstats(backend)
        assert_no_errors(values)
        assert all(values[f"{way}_q{pair}_packets"] == 100
                   for way in ("rx", "tx") for pair in range(pairs))
        frontend.close()
        assert backend.quit() == 0


def test_port_restarts_while_the_frontend_sends():
    with dpdk.pmd("restart") as pmd:
        backend = pmd.backend(pmd.vdev())
        start(backend, "macswap")
        frontend = pmd.virtio_user(pmd.socket())
        start(frontend, "txonly")
        for _ in range(5):
            moving(backend, "rx_good_packets")
            backend.do("stop", "Done")
            backend.do("port stop 0", "Done")
            before = xstats(backend)
            dpdk.settle()
            # Stopped means stopped, and the frontend stays connected.
            assert xstats(backend)["rx_good_packets"] == before["rx_good_packets"]
            assert before["control_connections"] == 1
            wait_link(backend, True)
            backend.do("port start 0", "Done")
            start(backend, "macswap")
        values = moving(backend, "rx_good_packets")
        assert_no_errors(values)
        assert values["control_connections"] == 1
        assert frontend.quit() == 0


def test_queues_are_set_up_anew_and_stopped_one_by_one_under_traffic():
    with dpdk.pmd("requeue") as pmd:
        backend = pmd.backend(pmd.vdev(options=",queues=2"), app=["--rxq=2", "--txq=2"])
        start(backend, "io")
        frontend = pmd.virtio_user(pmd.socket(), options=",queues=2", app=["--rxq=2", "--txq=2"])
        start(frontend, "txonly")
        moving(backend, "rx_q0_packets", "rx_q1_packets")
        # testpmd does this to a queue of a started port, while it does not forward.
        backend.do("stop", "Done")
        backend.do("port 0 rxq 1 stop")
        start(backend, "io")
        before = xstats(backend)["rx_q1_packets"]
        moving(backend, "rx_q0_packets")
        assert xstats(backend)["rx_q1_packets"] == before
        backend.do("stop", "Done")
        backend.do("port 0 rxq 1 setup")
        backend.do("port 0 rxq 1 start")
        start(backend, "io")
        moving(backend, "rx_q0_packets", "rx_q1_packets")
        # Fewer queues than the frontend has: its other rings stay unserved.
        backend.do("stop", "Done")
        backend.do("port stop 0", "Done")
        backend.do("port config all rxq 1")
        backend.do("port config all txq 1")
        backend.do("port start 0", "Done")
        start(backend, "io")
        moving(backend, "rx_q0_packets")
        assert "rx_q1_packets" not in xstats(backend)
        assert_no_errors(xstats(backend))


def test_frontend_killed_under_traffic_and_the_next_is_served():
    with dpdk.pmd("kill") as pmd:
        backend = pmd.backend(pmd.vdev(0), pmd.vdev(1), app=["--port-topology=loop"])
        start(backend, "io")
        # Another frontend on another port, which must not notice.
        driver = Driver().connect(pmd.socket(1))
        for number in range(KILLS):
            frontend = pmd.virtio_user(pmd.socket(0))
            start(frontend, "txonly")
            moving(backend, "rx_good_packets")
            frontend.kill()
            wait_link(backend, False)
            assert driver.exchange(frame(200, number)) == frame(200, number)
        values = wait_xstats(backend, lambda x: x["control_connections"] == KILLS)
        assert_no_errors(values)
        assert_no_errors(xstats(backend, 1))
        driver.close()
        assert backend.text().count("net_vvu0: link down") == KILLS
        # A killed process gives its answer by the signal, the others by their status.
        assert all(process.popen.returncode == -signal.SIGKILL
                   for process in pmd.runner.processes[1:])
        assert backend.quit() == 0


@pytest.mark.defect
def test_defect_no_more_than_eight_ports():
    """A driver of this kind had room for eight devices in one process."""
    ports = 12
    with dpdk.pmd("twelve") as pmd:
        backend = pmd.backend(*[pmd.vdev(i) for i in range(ports)])
        # Pairs: 0 and 1, 2 and 3, ...
        start(backend, "io")
        drivers = [Driver().connect(pmd.socket(i)) for i in range(ports)]
        for number in range(50):
            for i, driver in enumerate(drivers):
                driver.post_frame(frame(100 + i, number))
            for i, driver in enumerate(drivers):
                assert driver.receive() == frame(100 + (i ^ 1), number)
                driver.taken()
        for i, driver in enumerate(drivers):
            assert_no_errors(xstats(backend, i))
            driver.close()
        assert backend.quit() == 0


def test_port_is_closed_and_attached_again_while_connected():
    with dpdk.pmd("close") as pmd:
        backend = pmd.backend("net_null0")
        for number in range(3):
            backend.do(f"port attach {pmd.vdev()}", "Port 1 is attached")
            backend.do("port start 1", "Done")
            backend.do("set fwd io")
            backend.do("set portlist 1")
            start(backend, "io")
            driver = Driver().connect(pmd.socket())
            assert driver.exchange(frame(100, number)) == frame(100, number)
            backend.do("stop", "Done")
            backend.do("port stop 1", "Done")
            backend.do("port close 1", "Port 1 is closed")
            backend.do("device detach net_vvu0", "Device.*detached|Failed|is not|Invalid")
            assert driver.frontend.closed()
            driver.close()
        assert backend.quit() == 0


def test_reset_port_serves_again():
    with dpdk.pmd("reset") as pmd:
        backend = pmd.backend(pmd.vdev())
        start(backend, "io")
        driver = Driver().connect(pmd.socket())
        assert driver.exchange(frame(100)) == frame(100)
        backend.do("stop", "Done")
        backend.do("port stop 0", "Done")
        backend.do("port reset 0", "Done")
        assert driver.frontend.closed()
        driver.close()
        backend.do("port start 0", "Done")
        start(backend, "io")
        driver = Driver().connect(pmd.socket())
        assert driver.exchange(frame(100, 1)) == frame(100, 1)
        driver.close()
        assert backend.quit() == 0


def test_link_and_queue_state_events_are_raised():
    with dpdk.pmd("events") as pmd:
        backend = pmd.backend(pmd.vdev())
        start(backend, "io")
        driver = Driver().connect(pmd.socket())
        wait_link(backend, True)
        driver.close()
        wait_link(backend, False)
        dpdk.wait_for("events", lambda: backend.text().count("link state change event") == 2 and
                      backend.text().count("queue state event") >= 4)
        assert backend.quit() == 0


def test_port_as_client_reconnects_to_a_frontend_that_listens():
    with dpdk.pmd("client") as pmd:
        backend = pmd.backend(pmd.vdev(options=",server=0"))
        start(backend, "io")
        for _ in range(2):
            frontend = pmd.virtio_user(pmd.socket(), options=",server=1")
            start(frontend, "txonly")
            moving(backend, "rx_good_packets")
            frontend.kill()
            wait_link(backend, False)
            # A server that is killed leaves its socket, and this one does not replace it.
            os.unlink(pmd.socket())
        assert_no_errors(xstats(backend))
        assert backend.quit() == 0
