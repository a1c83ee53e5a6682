/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * /vvu/list, /vvu/info, /vvu/rings, /vvu/memory and /vvu/latency of DPDK's telemetry: what a
 * port, its rings and its frontend are doing, and why the last frontend was refused.
 *
 * Telemetry cuts an answer at 16 KiB, so lists come in pages: the second parameter is the
 * first element wanted, "next" in the answer the one after the last that is shown.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <rte_string_fns.h>

#include "vvu-device/device.h"
#include "vvu-device/embedded/embedded.h"

#include "vvu_compat.h"
#include "vvu_control.h"
#include "vvu_header.h"
#include "vvu_numa.h"
#include "vvu_port.h"
#include "vvu_registers.h"

#define PAGE_ENTRIES 32u

struct request {
	struct rte_tel_data *data;
	unsigned int first;
	int error;
};

static const struct {
	unsigned int bit;
	const char *name;
} feature_names[] = {
	{ VIRTIO_NET_F_CSUM, "VIRTIO_NET_F_CSUM" },
	{ VIRTIO_NET_F_GUEST_CSUM, "VIRTIO_NET_F_GUEST_CSUM" },
	{ VIRTIO_NET_F_MTU, "VIRTIO_NET_F_MTU" },
	{ VIRTIO_NET_F_GUEST_TSO4, "VIRTIO_NET_F_GUEST_TSO4" },
	{ VIRTIO_NET_F_GUEST_TSO6, "VIRTIO_NET_F_GUEST_TSO6" },
	{ VIRTIO_NET_F_GUEST_ECN, "VIRTIO_NET_F_GUEST_ECN" },
	{ VIRTIO_NET_F_GUEST_UFO, "VIRTIO_NET_F_GUEST_UFO" },
	{ VIRTIO_NET_F_HOST_TSO4, "VIRTIO_NET_F_HOST_TSO4" },
	{ VIRTIO_NET_F_HOST_TSO6, "VIRTIO_NET_F_HOST_TSO6" },
	{ VIRTIO_NET_F_HOST_ECN, "VIRTIO_NET_F_HOST_ECN" },
	{ VIRTIO_NET_F_HOST_UFO, "VIRTIO_NET_F_HOST_UFO" },
	{ VIRTIO_NET_F_MRG_RXBUF, "VIRTIO_NET_F_MRG_RXBUF" },
	{ VIRTIO_NET_F_CTRL_VQ, "VIRTIO_NET_F_CTRL_VQ" },
	{ VIRTIO_NET_F_CTRL_RX, "VIRTIO_NET_F_CTRL_RX" },
	{ VIRTIO_NET_F_GUEST_ANNOUNCE, "VIRTIO_NET_F_GUEST_ANNOUNCE" },
	{ VIRTIO_NET_F_MQ, "VIRTIO_NET_F_MQ" },
	{ VIRTIO_RING_F_INDIRECT_DESC, "VIRTIO_F_INDIRECT_DESC" },
	{ VIRTIO_RING_F_EVENT_IDX, "VIRTIO_F_EVENT_IDX" },
	{ 30, "VHOST_USER_F_PROTOCOL_FEATURES" },
	{ VIRTIO_F_VERSION_1, "VIRTIO_F_VERSION_1" },
	{ VIRTIO_F_IN_ORDER, "VIRTIO_F_IN_ORDER" },
	{ VVU_NET_F_GUEST_USO4, "VIRTIO_NET_F_GUEST_USO4" },
	{ VVU_NET_F_GUEST_USO6, "VIRTIO_NET_F_GUEST_USO6" },
	{ VVU_NET_F_HOST_USO, "VIRTIO_NET_F_HOST_USO" },
	{ VIRTIO_NET_F_SPEED_DUPLEX, "VIRTIO_NET_F_SPEED_DUPLEX" },
};

/* Strings of telemetry are of limited length; a longer one would be refused. */
static void
add_string(struct rte_tel_data *dict, const char *name, const char *text)
{
	char cut[RTE_TEL_MAX_STRING_LEN];

	rte_strscpy(cut, text, sizeof(cut));
	rte_tel_data_add_dict_string(dict, name, cut);
}

static void
add_hex(struct rte_tel_data *dict, const char *name, uint64_t value)
{
	char text[sizeof("0x") + 16];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	rte_tel_data_add_dict_string(dict, name, text);
}

static void
add_feature_names(struct rte_tel_data *dict, uint64_t features)
{
	struct rte_tel_data *names = rte_tel_data_alloc();
	unsigned int i;

	if (names == NULL)
		return;
	rte_tel_data_start_array(names, RTE_TEL_STRING_VAL);
	for (i = 0; i < RTE_DIM(feature_names); i++) {
		if ((features & 1ull << feature_names[i].bit) != 0)
			rte_tel_data_add_array_string(names, feature_names[i].name);
	}
	rte_tel_data_add_dict_container(dict, "feature_names", names, 0);
}

static void
add_protocol_feature_names(struct rte_tel_data *dict, uint64_t features)
{
	const struct vhu_protocol_feature_info *info;
	struct rte_tel_data *names = rte_tel_data_alloc();
	unsigned int bit;

	if (names == NULL)
		return;
	rte_tel_data_start_array(names, RTE_TEL_STRING_VAL);
	for (bit = 0; bit < 64; bit++) {
		info = vhu_protocol_feature_info(bit);
		if (info != NULL && (features & 1ull << bit) != 0)
			rte_tel_data_add_array_string(names, info->name);
	}
	rte_tel_data_add_dict_container(dict, "protocol_feature_names", names, 0);
}

static const char *
state_name(const struct vvu_port *port, const struct vhr_status *status)
{
	if (port->failed)
		return "failed";
	if (!status->up)
		return "down";
	if (!status->connected)
		return "waiting";
	return vvu_port_link(port) ? "link up" : "connected";
}

/* What the device says of itself, where it is one of this process. */
static void
add_device(struct rte_tel_data *dict, const struct vvu_port *port)
{
	struct vvu_emb *emb = vhr_bus_embedded_device(vhr_session_bus(port->session));
	struct vvu_device_status status;
	struct rte_tel_data *device;

	if (emb == NULL)
		return;
	device = rte_tel_data_alloc();
	if (device == NULL)
		return;
	vvu_emb_query(emb, &status);
	rte_tel_data_start_dict(device);
	add_string(device, "state", status.state);
	rte_tel_data_add_dict_int(device, "backend_up",
				  (status.status & VVU_STATUS_BACKEND_UP) != 0);
	rte_tel_data_add_dict_int(device, "frontend_up",
				  (status.status & VVU_STATUS_FRONTEND_UP) != 0);
	vvu_tel_add_u64(device, "window_used_bytes", status.window_used);
	vvu_tel_add_u64(device, "outstanding_requests", status.outstanding);
	vvu_tel_add_u64(device, "connections", status.connections);
	vvu_tel_add_u64(device, "messages_from_frontend", status.messages_from_frontend);
	vvu_tel_add_u64(device, "messages_from_driver", status.messages_from_driver);
	add_string(device, "last_disconnect", status.last_disconnect.text);
	rte_tel_data_add_dict_container(dict, "device", device, 0);
}

/* What function it is, on either kind of bus. */
static void
add_function(struct rte_tel_data *dict, const struct vvu_port *port)
{
	struct rte_tel_data *function = rte_tel_data_alloc();
	struct vhr_device_info info;
	char uuid[VVU_UUID_TEXT];

	if (function == NULL)
		return;
	vhr_device_info(port->session, &info);
	vvu_uuid_text(info.uuid, uuid);
	rte_tel_data_start_dict(function);
	add_hex(function, "pci_vendor", info.pci_vendor);
	add_hex(function, "pci_device", info.pci_device);
	vvu_tel_add_u64(function, "pci_revision", info.pci_revision);
	add_string(function, "uuid", uuid);
	vvu_tel_add_u64(function, "max_vhost_queues", info.max_vhost_queues);
	vvu_tel_add_u64(function, "max_message_size", info.max_message_size);
	vvu_tel_add_u64(function, "vectors", info.vectors);
	vvu_tel_add_u64(function, "kick_vectors", info.kick_vectors);
	vvu_tel_add_u64(function, "window_size", info.window_size);
	rte_tel_data_add_dict_int(function, "numa_node", port->dev->data->numa_node);
	rte_tel_data_add_dict_container(dict, "function", function, 0);
}

static void
info_locked(struct vvu_port *port, struct rte_tel_data *dict)
{
	unsigned int flags = vhr_window_flags(port->session);
	struct vhr_status status;

	vhr_status(port->session, &status);
	rte_tel_data_start_dict(dict);
	add_string(dict, "name", port->name);
	add_string(dict, "bus", vhr_session_bus(port->session)->name);
	add_string(dict, "state", state_name(port, &status));
	vvu_tel_add_u64(dict, "queue_pairs", port->args.queues);
	vvu_tel_add_u64(dict, "epoch", status.epoch);
	add_hex(dict, "offered_features", vvu_port_features(port) |
		1ull << VIRTIO_F_VERSION_1 | 1ull << 30);
	add_hex(dict, "features", status.features);
	add_feature_names(dict, status.features);
	add_hex(dict, "protocol_features", status.protocol_features);
	add_protocol_feature_names(dict, status.protocol_features);
	add_hex(dict, "device_status", status.device_status);
	vvu_tel_add_u64(dict, "frontend_mtu", port->frontend_mtu);
	vvu_tel_add_u64(dict, "regions", status.regions);
	vvu_tel_add_u64(dict, "rings_started", status.rings_started);
	vvu_tel_add_u64(dict, "rings_ready", status.rings_ready);
	vvu_tel_add_u64(dict, "connections", status.connections);
	vvu_tel_add_u64(dict, "messages", status.messages);
	vvu_tel_add_u64(dict, "refused", status.refused);
	vvu_tel_add_u64(dict, "last_message_ns", status.last_message_ns);
	vvu_tel_add_u64(dict, "max_message_ns", status.max_message_ns);
	rte_tel_data_add_dict_int(dict, "window_cached", (flags & VHR_MAP_CACHED) != 0);
	rte_tel_data_add_dict_int(dict, "window_page_backed", (flags & VHR_MAP_PAGE_BACKED) != 0);
	add_string(dict, "last_error", vhr_last_error(port->session));
	add_function(dict, port);
	add_device(dict, port);
}

static void
add_ring(struct rte_tel_data *list, struct vvu_queue *q)
{
	struct rte_tel_data *dict = rte_tel_data_alloc();
	struct vhr_ring *ring = q->ring;
	char name[sizeof("ring_") + 3];

	if (dict == NULL)
		return;
	rte_tel_data_start_dict(dict);
	vvu_queue_lock(q);
	snprintf(name, sizeof(name), "ring_%u", ring->index);
	add_string(dict, "direction", q->rx ? "rx" : "tx");
	vvu_tel_add_u64(dict, "queue", q->queue_id);
	rte_tel_data_add_dict_int(dict, "running", q->running);
	rte_tel_data_add_dict_int(dict, "started", ring->started);
	rte_tel_data_add_dict_int(dict, "enabled", ring->enabled);
	rte_tel_data_add_dict_int(dict, "ready", ring->ready);
	rte_tel_data_add_dict_int(dict, "broken", ring->broken);
	if (ring->broken)
		add_string(dict, "broken_reason", ring->broken_reason.text);
	vvu_tel_add_u64(dict, "size", ring->size);
	vvu_tel_add_u64(dict, "last_avail", ring->last_avail);
	vvu_tel_add_u64(dict, "used_idx", ring->used_idx);
	rte_tel_data_add_dict_int(dict, "kicks_wanted", ring->kicks_wanted);
	rte_tel_data_add_dict_int(dict, "interrupt_enabled", q->interrupt);
	rte_tel_data_add_dict_int(dict, "kick_fd", ring->kick_fd);
	vvu_tel_add_u64(dict, "packets", q->stats.packets);
	vvu_tel_add_u64(dict, "calls", q->stats.calls);
	vvu_queue_unlock(q);
	rte_tel_data_add_dict_container(list, name, dict, 0);
}

static void
rings_locked(struct vvu_port *port, struct request *request)
{
	struct rte_tel_data *list = rte_tel_data_alloc();
	unsigned int i, end;

	if (list == NULL)
		return;
	end = RTE_MIN(request->first + PAGE_ENTRIES, port->num_rings);
	rte_tel_data_start_dict(list);
	for (i = request->first; i < end; i++)
		add_ring(list, &port->queues[i]);
	rte_tel_data_start_dict(request->data);
	vvu_tel_add_u64(request->data, "num", port->num_rings);
	vvu_tel_add_u64(request->data, "next", RTE_MAX(request->first, end));
	rte_tel_data_add_dict_container(request->data, "rings", list, 0);
}

static void
add_region(struct rte_tel_data *list, const struct vhr_region *region, unsigned int i)
{
	struct rte_tel_data *dict = rte_tel_data_alloc();
	char name[sizeof("region_") + 3];

	if (dict == NULL)
		return;
	snprintf(name, sizeof(name), "region_%u", i % 1000);
	rte_tel_data_start_dict(dict);
	add_hex(dict, "guest_addr", region->gpa);
	add_hex(dict, "user_addr", region->uva);
	vvu_tel_add_u64(dict, "size", region->size);
	add_hex(dict, "window_offset", region->offset);
	rte_tel_data_add_dict_int(dict, "numa_node", vvu_numa_node(region->va, region->size));
	rte_tel_data_add_dict_container(list, name, dict, 0);
}

/* All rings share one table, which the port's lock keeps in place. */
static void
memory_locked(struct vvu_port *port, struct request *request)
{
	const struct vhr_memory *memory = vhr_ring(port->session, 0)->memory;
	struct rte_tel_data *list = rte_tel_data_alloc();
	unsigned int num = memory != NULL ? memory->num : 0;
	unsigned int i, end;

	if (list == NULL)
		return;
	end = RTE_MIN(request->first + PAGE_ENTRIES, num);
	rte_tel_data_start_dict(list);
	for (i = request->first; i < end; i++)
		add_region(list, &memory->region[i], i);
	rte_tel_data_start_dict(request->data);
	vvu_tel_add_u64(request->data, "num", num);
	vvu_tel_add_u64(request->data, "next", RTE_MAX(request->first, end));
	rte_tel_data_add_dict_container(request->data, "regions", list, 0);
}

/* The time that so many thousandths of all messages did not exceed, as far as it is known. */
static uint64_t
within_ns(const uint64_t *times, uint64_t total, unsigned int per_mille)
{
	uint64_t seen = 0;
	unsigned int i;

	for (i = 0; i < VHR_MESSAGE_TIMES - 1; i++) {
		seen += times[i];
		if (seen * 1000 >= total * per_mille)
			break;
	}
	return total == 0 ? 0 : 1ull << i;
}

static void
latency_locked(struct vvu_port *port, struct rte_tel_data *dict)
{
	const uint64_t *times = vhr_message_times(port->session);
	struct rte_tel_data *below = rte_tel_data_alloc();
	char name[sizeof("below_ns_") + 20];
	struct vhr_status status;
	uint64_t total = 0;
	unsigned int i;

	if (below == NULL)
		return;
	vhr_status(port->session, &status);
	rte_tel_data_start_dict(below);
	for (i = 0; i < VHR_MESSAGE_TIMES; i++) {
		total += times[i];
		if (times[i] == 0)
			continue;
		snprintf(name, sizeof(name), "below_ns_%" PRIu64, UINT64_C(1) << i);
		vvu_tel_add_u64(below, name, times[i]);
	}
	rte_tel_data_start_dict(dict);
	vvu_tel_add_u64(dict, "messages", total);
	vvu_tel_add_u64(dict, "last_ns", status.last_message_ns);
	vvu_tel_add_u64(dict, "p50_below_ns", within_ns(times, total, 500));
	vvu_tel_add_u64(dict, "p90_below_ns", within_ns(times, total, 900));
	vvu_tel_add_u64(dict, "p99_below_ns", within_ns(times, total, 990));
	vvu_tel_add_u64(dict, "max_ns", status.max_message_ns);
	rte_tel_data_add_dict_container(dict, "distribution", below, 0);
}

static void
visit_latency(struct vvu_port *port, void *arg)
{
	struct request *request = arg;

	pthread_mutex_lock(&port->lock);
	if (port->session != NULL) {
		latency_locked(port, request->data);
		request->error = 0;
	}
	pthread_mutex_unlock(&port->lock);
}

static void
visit_info(struct vvu_port *port, void *arg)
{
	struct request *request = arg;

	pthread_mutex_lock(&port->lock);
	if (port->session != NULL) {
		info_locked(port, request->data);
		request->error = 0;
	}
	pthread_mutex_unlock(&port->lock);
}

static void
visit_rings(struct vvu_port *port, void *arg)
{
	struct request *request = arg;

	pthread_mutex_lock(&port->lock);
	if (port->session != NULL) {
		rings_locked(port, request);
		request->error = 0;
	}
	pthread_mutex_unlock(&port->lock);
}

static void
visit_memory(struct vvu_port *port, void *arg)
{
	struct request *request = arg;

	pthread_mutex_lock(&port->lock);
	if (port->session != NULL) {
		memory_locked(port, request);
		request->error = 0;
	}
	pthread_mutex_unlock(&port->lock);
}

static void
visit_list(struct vvu_port *port, void *arg)
{
	struct rte_tel_data *data = arg;

	rte_tel_data_add_array_int(data, port->port_id);
}

/* "PORT" or "PORT,FIRST" */
static int
parse_params(const char *params, uint16_t *port_id, unsigned int *first)
{
	unsigned long number;
	char *end;

	*first = 0;
	if (params == NULL || params[0] < '0' || params[0] > '9')
		return -EINVAL;
	number = strtoul(params, &end, 10);
	if (number >= RTE_MAX_ETHPORTS || (*end != '\0' && *end != ','))
		return -EINVAL;
	*port_id = number;
	if (*end == '\0')
		return 0;
	params = end + 1;
	if (params[0] < '0' || params[0] > '9')
		return -EINVAL;
	number = strtoul(params, &end, 10);
	if (number > VHR_MAX_REGIONS || *end != '\0')
		return -EINVAL;
	*first = number;
	return 0;
}

static int
answer(const char *params, struct rte_tel_data *data, void (*visit)(struct vvu_port *, void *))
{
	struct request request = { .data = data, .error = -ENODEV };
	uint16_t port_id;

	if (parse_params(params, &port_id, &request.first) != 0)
		return -EINVAL;
	vvu_control_visit(port_id, visit, &request);
	return request.error;
}

static int
handle_list(const char *cmd, const char *params, struct rte_tel_data *data)
{
	RTE_SET_USED(cmd);
	RTE_SET_USED(params);
	rte_tel_data_start_array(data, RTE_TEL_INT_VAL);
	vvu_control_visit(UINT16_MAX, visit_list, data);
	return 0;
}

static int
handle_info(const char *cmd, const char *params, struct rte_tel_data *data)
{
	RTE_SET_USED(cmd);
	return answer(params, data, visit_info);
}

static int
handle_rings(const char *cmd, const char *params, struct rte_tel_data *data)
{
	RTE_SET_USED(cmd);
	return answer(params, data, visit_rings);
}

static int
handle_memory(const char *cmd, const char *params, struct rte_tel_data *data)
{
	RTE_SET_USED(cmd);
	return answer(params, data, visit_memory);
}

static int
handle_latency(const char *cmd, const char *params, struct rte_tel_data *data)
{
	RTE_SET_USED(cmd);
	return answer(params, data, visit_latency);
}

RTE_INIT(vvu_telemetry_init)
{
	rte_telemetry_register_cmd("/vvu/list", handle_list,
				   "Port ids of net_vvu ports. No parameter");
	rte_telemetry_register_cmd("/vvu/info", handle_info,
				   "State, frontend and counters of a port. Parameter: port id");
	rte_telemetry_register_cmd("/vvu/rings", handle_rings,
				   "Rings of a port. Parameters: port id, first ring (optional)");
	rte_telemetry_register_cmd("/vvu/memory", handle_memory,
				   "Frontend memory regions of a port. "
				   "Parameters: port id, first region (optional)");
	rte_telemetry_register_cmd("/vvu/latency", handle_latency,
				   "How long a port's control messages took. Parameter: port id");
}
