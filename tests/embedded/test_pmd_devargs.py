# SPDX-License-Identifier: BSD-3-Clause
"""Options of a net_vvu port: a wrong one is refused, naming key, value and what is allowed."""
import os
import stat

import pytest

import dpdk

WRONG = {
    "no socket": ("queues=1", ["socket=", "missing", "path"]),
    "unknown key": ("socket=S,frobnicate=1", ["unknown option frobnicate", "queues"]),
    "twice": ("socket=S,queues=1,queues=2", ["queues=1", "2 times", "once"]),
    "key alone": ("socket=S,queues", ["queues=", "1 to 128"]),
    "empty value": ("socket=", ["socket=", "1 to 107 bytes"]),
    "path too long": ("socket=/tmp/" + "x" * 110, ["socket=/tmp/xxx", "1 to 107 bytes"]),
    "directory missing": ("socket=/nonexistent/s.sock", ["/nonexistent/s.sock"]),
    "server": ("socket=S,server=yes", ["server=yes", "1 (listen) or 0 (connect)"]),
    "queues 0": ("socket=S,queues=0", ["queues=0", "1 to 128"]),
    "queues 129": ("socket=S,queues=129", ["queues=129", "1 to 128"]),
    "queues -1": ("socket=S,queues=-1", ["queues=-1", "1 to 128"]),
    "queues 2x": ("socket=S,queues=2x", ["queues=2x", "1 to 128"]),
    "queues huge": ("socket=S,queues=99999999999999999999", ["queues=999", "1 to 128"]),
    "ring 100": ("socket=S,max-ring-size=100", ["max-ring-size=100", "power of two"]),
    "ring 65536": ("socket=S,max-ring-size=65536", ["max-ring-size=65536", "64 to 32768"]),
    "mac short": ("socket=S,mac=00:11:22", ["mac=00:11:22", "unicast"]),
    "mac multicast": ("socket=S,mac=01:00:00:00:00:01", ["mac=01:00", "unicast"]),
    "mac zero": ("socket=S,mac=00:00:00:00:00:00", ["mac=00:00", "unicast"]),
    "mtu 67": ("socket=S,mtu=67", ["mtu=67", "68 to 65513"]),
    "mtu 65514": ("socket=S,mtu=65514", ["mtu=65514", "68 to 65513"]),
    "mrg_rxbuf": ("socket=S,mrg_rxbuf=2", ["mrg_rxbuf=2", "0 or 1"]),
    "indirect": ("socket=S,indirect=on", ["indirect=on", "0 or 1"]),
    "event_idx": ("socket=S,event_idx=", ["event_idx=", "0 or 1"]),
    "in_order": ("socket=S,in_order=x", ["in_order=x", "0 or 1"]),
    "packed": ("socket=S,packed=2", ["packed=2", "0 or 1"]),
    "csum": ("socket=S,csum=2", ["csum=2", "0 or 1"]),
    "tso": ("socket=S,tso=on", ["tso=on", "0 or 1"]),
    "ufo": ("socket=S,ufo=", ["ufo=", "0 or 1"]),
    "uso": ("socket=S,uso=x", ["uso=x", "0 or 1"]),
    "ufo and uso": ("socket=S,ufo=1,uso=1", ["ufo=1", "uso=1", "one of them"]),
    "speed": ("socket=S,speed=-1", ["speed=-1", "0 to 2147483647"]),
    "zero-copy": ("socket=S,zero-copy=2", ["zero-copy=2", "0 or 1"]),
    "zero-copy-min": ("socket=S,zero-copy-min=13", ["zero-copy-min=13", "14 to 65535"]),
    "zero-copy-wait": ("socket=S,zero-copy-wait=10001", ["zero-copy-wait=10001", "0 to 10000"]),
    "virtio-id": ("socket=S,virtio-id=64", ["virtio-id=64", "1 to 63"]),
    "layout": ("socket=S,layout=upward", ["layout=upward", "sum or draft"]),
    "layout of PCI": ("socket=S,layout=offset", ["layout=offset", "sum or draft"]),
    "shm-size 3M": ("socket=S,shm-size=3M", ["shm-size=3M", "power of two"]),
    "shm-size 1M": ("socket=S,shm-size=1M", ["shm-size=1M", "from 4M"]),
    "shm-size suffix": ("socket=S,shm-size=1Gi", ["shm-size=1Gi", "K, M, G or T"]),
    "shm-size wraps": ("socket=S,shm-size=16777216T", ["shm-size=16777216T", "64T"]),
    "uuid": ("socket=S,uuid=1234", ["uuid=1234", "8-4-4-4-12"]),
    "socket-mode": ("socket=S,socket-mode=888", ["socket-mode=888", "octal"]),
}


@pytest.fixture(scope="module")
def testpmd():
    with dpdk.pmd("devargs") as pmd:
        # Something to attach to: testpmd wants a port.
        backend = pmd.backend("net_null0")
        backend.pmd = pmd
        yield backend


@pytest.mark.parametrize("case", WRONG)
def test_wrong_option_is_refused_with_a_reason(testpmd, case):
    options, words = WRONG[case]
    options = options.replace("socket=S", f"socket={testpmd.pmd.socket(0)}")
    text = testpmd.do(f"port attach net_vvu9,{options}", r"Failed to attach port|Port \d+ is att",
                      seconds=20)
    assert "Failed to attach" in text
    reason = next(line for line in text.splitlines() if "net_vvu: net_vvu9:" in line)
    assert all(word in reason for word in words), reason
    assert not os.path.exists(testpmd.pmd.socket(0))


def test_all_options_together_are_accepted_and_shown(testpmd):
    path = testpmd.pmd.socket(1)
    text = testpmd.do(
        f"port attach net_vvu1,socket={path},server=1,queues=3,max-ring-size=256,"
        "mac=02:11:22:33:44:55,mtu=9000,mrg_rxbuf=0,indirect=0,event_idx=0,in_order=0,"
        "packed=0,csum=1,tso=1,ufo=0,uso=1,speed=25000,zero-copy=1,zero-copy-min=600,"
        "zero-copy-wait=50,virtio-id=53,layout=draft,shm-size=4G,"
        "uuid=00112233-4455-6677-8899-AABBCCDDEEFF,socket-mode=600",
        r"Failed to attach port|Port \d+ is attached")
    assert "Port 1 is attached" in text
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    text = testpmd.do("show port info 1", "Device error handling mode")
    for line in ("MAC address: 02:11:22:33:44:55", "Max possible RX queues: 3",
                 "Max possible TX queues: 3", "Max possible number of RXDs per queue: 256",
                 "Maximum configurable length of RX packet: 9022",
                 "Link speed: 25 Gbps"):
        assert line in text
    testpmd.do("port close 1", "Port 1 is closed|Done")
    assert not os.path.exists(path)
