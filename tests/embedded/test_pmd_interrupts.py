# SPDX-License-Identifier: BSD-3-Clause
"""Receive interrupts: when there is an event, when the frontend need not kick, and that no
event is lost."""
import struct

import pytest

import dpdk
import exerciser
from dpdk import Driver, frame
from vhost_user import F_EVENT_IDX

NO_NOTIFY = 1
# Long enough for an event that must come, short for one that must not.
SOON, SHORT = 30000, 150
# Round trips of the race; each is a sleep and a wake-up.
ROUNDS = 3000


@pytest.fixture(scope="module")
def port():
    with exerciser.exerciser("intr", "--interrupts", 1) as process:
        process.ask("watch 0 0")
        yield process


def connect(port, event_idx=False):
    driver = Driver()
    driver.connect(port.pmd.socket(), without=[] if event_idx else [F_EVENT_IDX])
    dpdk.wait_for("link", lambda: port.number("link-state 0") == 1)
    return driver


@pytest.fixture
def driver(port):
    device = connect(port)
    yield device
    port.ask("disable 0 0")
    device.close()
    dpdk.wait_for("no link", lambda: port.number("link-state 0") == 0)
    # What is left of events.
    while port.number("wait 0"):
        pass


def wants_kick(driver):
    return not struct.unpack("<H", driver.guest.read(driver.tx.used, 2))[0] & NO_NOTIFY


def send(driver, number=0):
    """A frame, and a kick where the backend wants one, as virtio 1.3, 2.7.10 says."""
    driver.post_frame(frame(60, number))
    if wants_kick(driver):
        driver.tx.notify()


def drain(port):
    while port.number("wait 0"):
        pass


def test_frame_wakes_who_waits(port, driver):
    port.ask("enable 0 0")
    drain(port)
    assert wants_kick(driver)
    assert port.number(f"wait {SHORT}") == 0
    send(driver)
    assert port.number(f"wait {SOON}") == 1
    assert port.number("recv 0 0") == 1


def test_without_interrupts_the_frontend_need_not_kick(port, driver):
    port.ask("enable 0 0")
    port.ask("disable 0 0")
    drain(port)
    assert not wants_kick(driver)
    send(driver)
    assert port.number(f"wait {SHORT}") == 0
    assert port.number("recv 0 0") == 1


def test_frame_that_came_before_is_told_when_enabled(port, driver):
    drain(port)
    send(driver)
    assert port.number(f"wait {SHORT}") == 0
    port.ask("enable 0 0")
    assert port.number(f"wait {SOON}") == 1
    # And again, as long as it is not received.
    port.ask("enable 0 0")
    assert port.number(f"wait {SOON}") == 1
    assert port.number("recv 0 0") == 1
    port.ask("enable 0 0")
    assert port.number(f"wait {SHORT}") == 0


def test_event_index_asks_for_the_next_entry(port):
    driver = connect(port, event_idx=True)
    for number in range(3):
        driver.post_frame(frame(60, number))
    assert port.number("recv 0 0") == 3
    port.ask("enable 0 0")
    drain(port)
    # avail_event, behind the used ring (virtio 1.3, 2.7.8): a kick for entry 3.
    at = driver.tx.used + 4 + 8 * driver.tx.size
    assert struct.unpack("<H", driver.guest.read(at, 2)) == (3,)
    driver.post_frame(frame(60, 3))
    driver.tx.notify()
    assert port.number(f"wait {SOON}") == 1
    assert port.number("recv 0 0") == 1
    port.ask("disable 0 0")
    driver.close()
    dpdk.wait_for("no link", lambda: port.number("link-state 0") == 0)


def test_wish_outlives_the_frontend(port):
    """Who sleeps while a frontend goes is woken by the next one's first frame."""
    port.ask("enable 0 0")
    for _ in range(3):
        driver = connect(port)
        drain(port)
        assert wants_kick(driver)
        send(driver)
        assert port.number(f"wait {SOON}") == 1
        assert port.number("recv 0 0") == 1
        port.ask("enable 0 0")
        driver.close()
        dpdk.wait_for("no link", lambda: port.number("link-state 0") == 0)
    port.ask("disable 0 0")


def test_frame_that_is_there_when_the_ring_starts_is_told(port, driver):
    port.ask("enable 0 0")
    bases = [struct.unpack("=II", driver.frontend.ask(
        "GET_VRING_BASE", struct.pack("=II", ring.index, 0)).payload)[1]
        for ring in (driver.rx, driver.tx)]
    drain(port)
    # No kick: the frontend has not seen what the backend wishes now.
    driver.post_frame(frame(60))
    avail = driver.tx.avail_idx
    driver.restart(driver.frontend, bases)
    assert driver.tx.avail_idx == avail
    assert port.number(f"wait {SOON}") >= 1
    assert port.number("recv 0 0") == 1


def test_port_and_queue_that_are_restarted_wake_for_what_came_meanwhile(port, driver):
    for stop, start in (("stop 0", "start 0"), ("rx-stop 0 0", "rx-start 0 0")):
        port.ask("enable 0 0")
        drain(port)
        port.ask(stop)
        send(driver)
        assert port.number(f"wait {SHORT}") == 0
        port.ask(start)
        assert port.number(f"wait {SOON}") == 1
        assert port.number("recv 0 0") == 1


def test_rarp_wakes(port, driver):
    port.ask("enable 0 0")
    drain(port)
    driver.frontend.send("SEND_RARP", bytes((2, 0, 0, 0, 0, 1)) + bytes(2))
    assert port.number(f"wait {SOON}") == 1
    assert port.number("recv 0 0") == 1


def test_broken_ring_wakes_nobody_for_ever(port, driver):
    port.ask("enable 0 0")
    driver.tx.set_avail_idx(0x7000)
    port.ask("enable 0 0")
    drain(port)
    port.ask("enable 0 0")
    assert port.number(f"wait {SHORT}") == 0
    assert port.number("recv 0 0") == 0


def test_port_that_is_reset_serves_interrupts_again(port):
    driver = connect(port)
    port.ask("reset 0")
    assert driver.frontend.closed()
    driver.close()
    # The registration ended with the reset.
    port.ask("watch 0 0")
    driver = connect(port)
    port.ask("enable 0 0")
    drain(port)
    send(driver)
    assert port.number(f"wait {SOON}") == 1
    assert port.number("recv 0 0") == 1
    port.ask("disable 0 0")
    driver.close()
    dpdk.wait_for("no link", lambda: port.number("link-state 0") == 0)


def test_port_that_was_not_configured_for_interrupts_says_so():
    with exerciser.exerciser("nointr") as port:
        for command in ("watch 0 0", "enable 0 0"):
            with pytest.raises(exerciser.dpdkrun.Failed):
                port.ask(command)


def test_queue_that_starts_late_wakes_for_what_waits():
    with exerciser.exerciser("late", "--interrupts", 1, "--queues", 2, "--deferred", 2,
                             vdev=",queues=2") as port:
        port.ask("watch 0 1")
        frontend, drivers = dpdk.connect_pairs(port.pmd.socket(), 2)
        port.ask("enable 0 1")
        drain(port)
        drivers[1].post_frame(frame(60))
        assert port.number(f"wait {SHORT}") == 0
        port.ask("rx-start 0 1")
        assert port.number(f"wait {SOON}") >= 1
        assert (port.number("recv 0 0"), port.number("recv 0 1")) == (0, 1)
        dpdk.close_pairs(frontend, drivers)


@pytest.mark.parametrize("queues", [1, 4])
@pytest.mark.parametrize("options", ["", ",packed_vq=1"], ids=["split", "packed"])
def test_no_wakeup_is_lost(queues, options):
    """A frontend that nobody here wrote sends frames one at a time, after pauses of any
    length, to a loop that goes to sleep as soon as it can."""
    with dpdk.pmd("race") as pmd:
        common = ["--queues", queues]
        pairs = f",queues={queues}" if queues > 1 else ""
        sleeper = exerciser.start(pmd, "sleeper", pmd.vdev(options=pairs),
                                  options=[*common, "--interrupts", 1])
        sleeper.ask("echo 1 20000")
        sender = exerciser.start(
            pmd, "sender", f"net_virtio_user0,path={pmd.socket()}{pairs}{options}", core=0,
            options=common)
        dpdk.wait_for("link", lambda: sleeper.number("link-state 0") == 1)
        sender.ask(f"ping 0 {ROUNDS} 60 15000", seconds=120)
        # Without traffic it sleeps until it is told to stop; one more frame does it.
        values = stop_echo(sleeper, sender)
        assert values["packets"] >= ROUNDS
        assert values["missed"] == 0
        assert values["sleeps"] > ROUNDS / 10
        assert sender.quit() == 0
        assert sleeper.quit() == 0


def stop_echo(sleeper, sender):
    """It looks whether it should stop when it wakes up."""
    begin = sleeper.tell("echo-stop")
    sender.ask("send 0 1 60 0")
    return {name: int(value) for name, value in
            (word.split("=") for word in sleeper.answer("echo-stop", begin).split())}
