# SPDX-License-Identifier: BSD-3-Clause
"""A VM with RDMA in software and an iSER target in it, and the stores that use it."""
import json
import shlex
import signal
import time

from . import images
from .agent import text

ADDRESS = "192.0.2.1"
TARGET = "iqn.2024-01.test:target"
INITIATOR = "iqn.2024-01.io.vhost-relay:initiator"
DISK = "/root/disk"
SIZE = 16 << 20
COUNTERS = "/sys/class/infiniband/rxe0/ports/1/hw_counters"
SOCKET = "/var/run/tgtd/socket.1"
SECONDS = 60


def set_up_rdma(vm):
    """An RDMA device on an interface that leads nowhere: it reaches itself."""
    vm.run(f"modprobe -a {' '.join(images.RDMA_MODULES)}")
    vm.run(f"ip link add d0 type dummy && ip address add {ADDRESS}/24 dev d0 && "
           "ip link set d0 up && rdma link add rxe0 type rxe netdev d0")
    vm.wait_for("rdma link | grep -q 'state ACTIVE'")


def packets(vm):
    """That the RDMA device has sent."""
    return int(vm.text(f"cat {COUNTERS}/sent_pkts"))


def uri(target=TARGET, lun=1):
    return f"iser://{ADDRESS}/{target}/{lun}"


class Target:
    """tgtd with one logical unit, 1, that is a file of the VM."""

    def __init__(self, vm):
        self.vm, self.command = vm, None
        vm.run("mkdir -p /var/run/tgtd")
        self.set_size(SIZE)
        self.start()

    def start(self):
        self.vm.run(f"rm -f {SOCKET} {SOCKET}.lock")
        # The smallest pool that it takes.
        self.command = self.vm.spawn("exec tgtd -f -C 1 --iser pool_sz_mb=128")
        self.vm.wait_for("tgtadm -C 1 --op show --mode sys >/dev/null 2>&1")
        for words in (f"new --mode target --tid 1 -T {TARGET}",
                      f"new --mode logicalunit --tid 1 --lun 1 -b {DISK}",
                      # Its iSER wants to be told of both, where its iSCSI is content with one.
                      "bind --mode target --tid 1 -I ALL",
                      f"bind --mode target --tid 1 -Q {INITIATOR}"):
            self.vm.run(f"tgtadm -C 1 --lld iser --op {words}")

    def set_size(self, size):
        """Of the unit, while the target does not run."""
        self.vm.run(f"truncate -s {size} {DISK}")

    def kill(self):
        assert self.command.stop(signal.SIGKILL).code == -signal.SIGKILL

    def restart(self):
        self.kill()
        self.start()


class Exerciser:
    """tests/support/store-exerciser in the VM; what is in heap memory that is not set, or was
    freed, is nothing that anybody could use."""

    def __init__(self, vm, store):
        store = store if isinstance(store, str) else json.dumps(store)
        self.vm, self.read = vm, 0
        self.command = vm.spawn(f"MALLOC_PERTURB_=165 exec store-exerciser {shlex.quote(store)}")
        self.opened = self.answer()

    def answer(self, seconds=SECONDS):
        line = self.command.expect(r".*\n", seconds, self.read)[0]
        self.read += len(line)
        return json.loads(line)

    def send(self, *words):
        self.command.send(" ".join(map(str, words)) + "\n")

    def ask(self, *words, seconds=SECONDS):
        self.send(*words)
        return self.answer(seconds)

    def wait_connected(self, connections):
        """Until so many connections have been made, of which the last one is there."""
        deadline = time.monotonic() + SECONDS
        while True:
            state = self.ask("describe")
            if state["state"] == "connected" and state["connections"] >= connections:
                return state
            assert time.monotonic() < deadline, state
            time.sleep(0.1)

    def descriptors(self):
        return int(self.vm.text("ls /proc/$(pidof store-exerciser)/fd | wc -l"))

    def close(self):
        self.send("quit")
        result = self.command.wait(SECONDS)
        assert result.code == 0, text(result.err)
