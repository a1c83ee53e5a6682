# SPDX-License-Identifier: BSD-3-Clause
"""What Linux guests do with a network between them."""
import re
import time
from collections import namedtuple

# The first ring of a frontend appears while it boots.
LINK_TIMEOUT = 240
TRANSFER_TIMEOUT = 180
PORT = 5001

Ping = namedtuple("Ping", "sent received times output")
Transfer = namedtuple("Transfer", "sent received length seconds")


def bring_up(vm, address, interface="eth0", mtu=None):
    """Load virtio_net, give the interface its address ("ADDRESS/PREFIX"), wait for the link."""
    vm.run("modprobe virtio_net")
    vm.wait_for(f"test -e /sys/class/net/{interface}", LINK_TIMEOUT)
    vm.run(f"ip address replace {address} dev {interface}; ip link set {interface} up"
           + (f" mtu {mtu}" if mtu else ""))
    wait_carrier(vm, interface)


def wait_carrier(vm, interface="eth0", up=True, timeout=LINK_TIMEOUT):
    vm.wait_for(f"test \"$(cat /sys/class/net/{interface}/carrier)\" = {int(up)}", timeout)


def ping(vm, address, count=20, size=56, options=""):
    output = vm.text(f"ping -c {count} -i 0.1 -W 10 -s {size} {options} {address}", check=False)
    counts = re.search(r"(\d+) packets transmitted, (\d+) packets received", output)
    times = re.search(r"= ([\d./]+) ms", output)
    sent, received = map(int, counts.groups()) if counts else (0, 0)
    return Ping(sent, received, times[1] if times else "-", output)


def wait_ping(vm, address, timeout=60):
    """Until one ping is answered; the seconds that took."""
    begun = time.monotonic()
    vm.wait_for(f"ping -c 1 -W 1 {address}", timeout)
    return time.monotonic() - begun


def make_data(vm, size):
    """Random bytes in /tmp/data; their checksum."""
    return vm.text(f"head -c {size} /dev/urandom >/tmp/data && sha256sum </tmp/data",
                   timeout=TRANSFER_TIMEOUT).split()[0]


def listen(vm, port=PORT):
    """A TCP server that keeps what it gets in /tmp/received.PORT."""
    # Its standard input stays open: busybox's nc would close the connection at its end.
    server = vm.spawn(f"nc -l -p {port} >/tmp/received.{port}")
    vm.wait_for(f"netstat -ltn | grep -q ':{port} '")
    return server


def received(vm, port=PORT):
    """(bytes, checksum) of what listen() got."""
    length, checksum = vm.text(f"stat -c %s /tmp/received.{port}; "
                               f"sha256sum </tmp/received.{port}").split()[:2]
    return int(length), checksum


def transfer(sender, receiver, address, size, port=PORT):
    """Random bytes over one TCP connection; both ends tell the checksum of theirs."""
    sent = make_data(sender, size)
    server = listen(receiver, port)
    begun = time.monotonic()
    sender.run(f"nc {address} {port} </tmp/data", timeout=TRANSFER_TIMEOUT)
    server.wait(TRANSFER_TIMEOUT)
    seconds = time.monotonic() - begun
    length, checksum = received(receiver, port)
    return Transfer(sent, checksum, length, seconds)


def check_transfer(sender, receiver, address, size, port=PORT):
    """transfer(), and every byte arrived as it was sent."""
    result = transfer(sender, receiver, address, size, port)
    assert (result.length, result.received) == (size, result.sent)
