# SPDX-License-Identifier: BSD-3-Clause
from messages.checks import (Message, huge_size, not_negotiated, out_of_order, wrong_fds,
                             wrong_size)

MESSAGE = Message("RESET_DEVICE", gate="RESET_DEVICE", first="closed")

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)
test_not_negotiated = not_negotiated(MESSAGE)


def test_right(testd, frontend, net):
    net.start(frontend)
    testd.wait(lambda s: s["rings"][1]["ready"])
    assert frontend.ack("RESET_DEVICE") == 0
    status = testd.status()
    assert not any(r["started"] or r["enabled"] for r in status["rings"])
    assert len(status["memory"]) == 2, "the memory table stays"


def test_twice_and_start_again(testd, frontend, net):
    net.start(frontend)
    for _ in range(2):
        assert frontend.ack("RESET_DEVICE") == 0
    net.restart(frontend, [0, 0], fresh=True)
    assert net.send_frame(b"r" * 60) and net.receive_frame()
