# SPDX-License-Identifier: BSD-3-Clause
from messages.checks import Message, huge_size, out_of_order, wrong_fds, wrong_size
from vhost_user import bit, bits

MESSAGE = Message("GET_PROTOCOL_FEATURES", reply=True,
                  prepare=lambda frontend: None, first="closed")

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)


def test_right(frontend):
    frontend.ask("GET_FEATURES")
    offered = frontend.ask("GET_PROTOCOL_FEATURES").u64
    assert offered & bits("MQ", "REPLY_ACK") == bits("MQ", "REPLY_ACK")


def test_nothing_that_a_device_cannot_carry_is_offered(frontend):
    frontend.ask("GET_FEATURES")
    masked = bits("CROSS_ENDIAN", "CRYPTO_SESSION", "PAGEFAULT", "BACKEND_SEND_FD",
                  "HOST_NOTIFIER", "INBAND_NOTIFICATIONS", "XEN_MMAP", "SHARED_OBJECT",
                  "DEVICE_STATE", "SHMEM_MAP") | sum(bit(b) for b in range(23, 64))
    assert frontend.ask("GET_PROTOCOL_FEATURES").u64 & masked == 0


def test_twice(frontend):
    frontend.ask("GET_FEATURES")
    first = frontend.ask("GET_PROTOCOL_FEATURES").u64
    assert frontend.ask("GET_PROTOCOL_FEATURES").u64 == first
