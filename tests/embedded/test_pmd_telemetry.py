# SPDX-License-Identifier: BSD-3-Clause
"""What net_vvu tells over DPDK's telemetry, and whether it is true."""
import pathlib

import pytest

import dpdk
from dpdk import Driver, frame, telemetry
from vhost_user import vring_state


@pytest.fixture(scope="module")
def backend():
    with dpdk.pmd("telemetry") as pmd:
        process = pmd.backend(pmd.vdev(0), pmd.vdev(1, ",queues=40"), telemetry=True,
                              app=["--port-topology=loop"])
        process.pmd = pmd
        process.do("set fwd io")
        process.do("start", "orwarding packets/burst")
        yield process


@pytest.fixture
def driver(backend):
    device = Driver().connect(backend.pmd.socket(0))
    assert device.exchange(frame(100)) == frame(100)
    yield device
    device.close()


def wait_info(backend, condition, port=0):
    last = {}

    def look():
        last.clear()
        last.update(telemetry(backend, f"/vvu/info,{port}"))
        return condition(last)
    dpdk.wait_for("info", look)
    return dict(last)


def test_list_names_every_port(backend):
    assert telemetry(backend, "/vvu/list") == [0, 1]


def test_info_tells_the_frontend_and_what_was_negotiated(backend, driver):
    info = wait_info(backend, lambda x: x["state"] == "link up")
    assert info["name"] == "net_vvu0"
    assert backend.pmd.socket(0) in info["bus"]
    assert int(info["features"], 16) == driver.frontend.features
    assert int(info["protocol_features"], 16) == driver.frontend.protocol_features
    assert "VIRTIO_NET_F_MRG_RXBUF" in info["feature_names"]
    assert "REPLY_ACK" in info["protocol_feature_names"]
    assert (info["regions"], info["rings_started"], info["rings_ready"]) == (2, 2, 2)
    assert info["connections"] >= 1 and info["epoch"] == info["connections"]
    assert info["messages"] > 10
    assert 0 < info["last_message_ns"] <= info["max_message_ns"] < 10**10
    assert (info["window_cached"], info["window_page_backed"]) == (1, 1)
    device = info["device"]
    assert (device["backend_up"], device["frontend_up"]) == (1, 1)
    assert device["window_used_bytes"] == sum(r.size for r in driver.guest.regions)


def test_rings_tell_size_progress_and_direction(backend, driver):
    rings = telemetry(backend, "/vvu/rings,0")
    assert (rings["num"], rings["next"]) == (2, 2)
    tx, rx = rings["rings"]["ring_0"], rings["rings"]["ring_1"]
    assert (tx["direction"], rx["direction"]) == ("tx", "rx")
    for ring in (tx, rx):
        assert [ring[name] for name in ("running", "started", "enabled", "ready", "broken",
                                        "size", "last_avail", "used_idx", "kicks_wanted")] == \
            [1, 1, 1, 1, 0, 64, 1, 1, 0]


def test_memory_lists_the_regions(backend, driver):
    memory = telemetry(backend, "/vvu/memory,0")
    assert (memory["num"], memory["next"]) == (2, 2)
    for i, region in enumerate(driver.guest.regions):
        shown = memory["regions"][f"region_{i}"]
        assert int(shown["guest_addr"], 16) == region.gpa
        assert int(shown["user_addr"], 16) == region.uva
        assert shown["size"] == region.size


def test_info_tells_which_function_it_is(backend):
    function = telemetry(backend, "/vvu/info,1")["function"]
    assert (function["pci_vendor"], function["pci_device"]) == ("0x1af4", "0x106b")
    assert function["uuid"] == "00000000-0000-0000-0000-000000000000"
    assert function["max_vhost_queues"] == 80
    # Configuration, rxq, txq, and one for each ring.
    assert (function["vectors"], function["kick_vectors"]) == (83, 80)


def test_memory_tells_its_node(backend, driver):
    node = telemetry(backend, "/vvu/memory,0")["regions"]["region_0"]["numa_node"]
    nodes = {int(path.name[4:]) for path in
             pathlib.Path("/sys/devices/system/node").glob("node[0-9]*")}
    assert node in nodes | {-1}


def test_rings_have_vectors_of_their_own_and_no_interrupt_unless_asked_for(backend):
    rings = telemetry(backend, "/vvu/rings,1")["rings"]
    assert len({ring["kick_fd"] for ring in rings.values()}) == len(rings)
    assert all(ring["kick_fd"] >= 0 and ring["interrupt_enabled"] == 0 for ring in rings.values())


def test_latency_of_messages_is_a_distribution_of_all_of_them(backend, driver):
    driver.frontend.barrier()
    info, latency = telemetry(backend, "/vvu/info,0"), telemetry(backend, "/vvu/latency,0")
    counts = {int(name.rsplit("_", 1)[1]): count
              for name, count in latency["distribution"].items()}
    assert latency["messages"] == sum(counts.values()) == info["messages"]
    assert latency["max_ns"] == info["max_message_ns"]
    slowest = max(counts)
    assert slowest / 2 <= latency["max_ns"] < slowest
    assert latency["p50_below_ns"] in counts
    assert latency["p50_below_ns"] <= latency["p90_below_ns"] <= latency["p99_below_ns"] <= slowest
    # Of half of them it is true.
    below = sum(count for limit, count in counts.items() if limit <= latency["p50_below_ns"])
    assert 2 * below >= latency["messages"]


def test_broken_ring_tells_its_reason(backend):
    driver = Driver().connect(backend.pmd.socket(0))
    driver.tx.post(0x4321)
    info = wait_info(backend, lambda x: "broken" in x["last_error"])
    assert "17185" in info["last_error"]
    ring = telemetry(backend, "/vvu/rings,0")["rings"]["ring_1"]
    assert (ring["broken"], ring["ready"]) == (1, 0)
    assert "descriptor 17185, ring of 64" in ring["broken_reason"]
    driver.close()


def test_refused_frontend_leaves_its_reason(backend):
    refused = telemetry(backend, "/vvu/info,0")["refused"]
    frontend = dpdk.negotiated(backend.pmd.socket(0))
    frontend.send("SET_VRING_NUM", vring_state(0, 100))
    assert frontend.closed()
    frontend.close()
    info = wait_info(backend, lambda x: x["refused"] > refused)
    assert all(word in info["last_error"] for word in ("SET_VRING_NUM", "100")), info["last_error"]


def test_long_lists_come_in_pages(backend):
    first = telemetry(backend, "/vvu/rings,1")
    assert (first["num"], first["next"], len(first["rings"])) == (80, 32, 32)
    last = telemetry(backend, "/vvu/rings,1,64")
    assert (last["num"], last["next"]) == (80, 80)
    assert set(last["rings"]) == {f"ring_{i}" for i in range(64, 80)}


@pytest.mark.parametrize("parameters", ["", ",", ",x", ",99", ",0,x", ",-1", ",0,"])
def test_wrong_parameters_are_refused(backend, parameters):
    for command in ("info", "rings", "memory", "latency"):
        assert telemetry(backend, f"/vvu/{command}{parameters}") is None
