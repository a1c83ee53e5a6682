# SPDX-License-Identifier: BSD-3-Clause
"""As many queue pairs as there can be, each with frames in both directions."""
import dpdk
import exerciser
from dpdk import assert_no_errors, close_pairs, connect_pairs, frame, telemetry, xstats

PAIRS = 128
# Of each ring a kick, a call and an error descriptor that the frontend sent, one or two of the
# device's, and for a receive queue one more.
DESCRIPTORS = 4096


def pairs_backend(pmd):
    queues = [f"--rxq={PAIRS}", f"--txq={PAIRS}"]
    process = pmd.backend(pmd.vdev(options=f",queues={PAIRS}"), app=queues, telemetry=True,
                          prefix=["prlimit", f"--nofile={DESCRIPTORS}"])
    process.do("set fwd io")
    process.do("start", "orwarding packets/burst")
    return process


def test_all_queue_pairs_carry_their_own_frames_both_ways():
    with dpdk.pmd("pairs") as pmd:
        backend = pairs_backend(pmd)
        frontend, drivers = connect_pairs(pmd.socket(), PAIRS, size=4, spread=0x2000)
        dpdk.wait_link(backend, True)
        rounds = 5
        for number in range(rounds):
            for pair, driver in enumerate(drivers):
                driver.post_frame(frame(60 + pair, number))
            for pair, driver in enumerate(drivers):
                assert driver.receive() == frame(60 + pair, number), pair
                driver.taken()
        values = xstats(backend)
        assert_no_errors(values)
        for way in ("rx", "tx"):
            assert [values[f"{way}_q{i}_packets"] for i in range(PAIRS)] == [rounds] * PAIRS
            assert [values[f"{way}_q{i}_bytes"] for i in range(PAIRS)] == \
                [rounds * (60 + i) for i in range(PAIRS)]
        assert values["rx_good_packets"] == values["tx_good_packets"] == rounds * PAIRS
        first, seen = 0, {}
        while first < 2 * PAIRS:
            page = telemetry(backend, f"/vvu/rings,0,{first}")
            assert page["num"] == 2 * PAIRS
            first = page["next"]
            seen.update(page["rings"])
        assert {name: ring["packets"] for name, ring in seen.items()} == \
            {f"ring_{i}": rounds for i in range(2 * PAIRS)}
        assert all(ring["ready"] == 1 for ring in seen.values())
        info = telemetry(backend, "/vvu/info,0")
        assert info["rings_ready"] == 2 * PAIRS
        assert info["function"]["kick_vectors"] == 2 * PAIRS
        close_pairs(frontend, drivers)
        dpdk.wait_link(backend, False)
        assert backend.quit() == 0


def test_every_queue_of_many_has_an_interrupt_of_its_own():
    with exerciser.exerciser("manyintr", "--interrupts", 1, "--queues", PAIRS,
                             vdev=f",queues={PAIRS}", limit=DESCRIPTORS) as port:
        frontend, drivers = connect_pairs(port.pmd.socket(), PAIRS, size=4, spread=0x2000)
        for pair in (0, 1, 77, PAIRS - 1):
            port.ask(f"watch 0 {pair}")
            port.ask(f"enable 0 {pair}")
            while port.number("wait 0"):
                pass
            drivers[pair].post_frame(frame(60))
            drivers[pair].tx.notify()
            assert port.number("wait 30000") == 1
            assert port.number(f"recv 0 {pair}") == 1
            port.ask(f"unwatch 0 {pair}")
        close_pairs(frontend, drivers)
