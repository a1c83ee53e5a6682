# SPDX-License-Identifier: BSD-3-Clause
"""A frontend that comes again and again, whatever the driver does to the device meanwhile."""
import os
import threading

from guest import Guest
from vhost_user import (F_VERSION_1, FRONTEND, REPLY, Closed, Frontend, bit, eventfd, u64)

# Seconds that it waits for an answer: mostly too few, so that many visit; now and then enough
# on any machine.
VISIT, LONG_VISIT = 0.05, 5
END_TIMEOUT = 120


class Visitor(threading.Thread):
    """Connects again and again, shares memory and a kick, and asks for the features; says
    SET_OWNER when it is told."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.stopping = threading.Event()
        self.visits = self.answers = 0
        self.failure = None

    def run(self):
        guest, kick = Guest(), eventfd(1)
        try:
            while not self.stopping.is_set():
                self.visit(guest, kick)
        except Exception as error:  # told to the test, which fails with it
            self.failure = error
        finally:
            os.close(kick)
            guest.close()

    def visit(self, guest, kick):
        try:
            frontend = Frontend(self.path, timeout=VISIT)
        except (FileNotFoundError, ConnectionRefusedError):
            return  # not there yet, or gone
        if self.visits % 8 == 7:
            frontend.timeout = LONG_VISIT
        try:
            frontend.send("GET_FEATURES")
            frontend.send("SET_MEM_TABLE", guest.table(), guest.fds())
            frontend.send("SET_VRING_KICK", u64(0), [kick])
            os.eventfd_write(kick, 1)
            self.visits += 1
            message = frontend.recv()
            if (message.request, message.flags & REPLY) == (FRONTEND["GET_FEATURES"], REPLY):
                self.answers += bool(message.u64 & bit(F_VERSION_1))
                frontend.send("SET_OWNER")
                frontend.closed()
        except (Closed, TimeoutError):
            pass  # what the driver did made the device let go, or nobody answered
        finally:
            frontend.close()

    def finish(self):
        self.stopping.set()
        self.join(END_TIMEOUT)
        assert not self.is_alive()
        assert self.failure is None, self.failure
