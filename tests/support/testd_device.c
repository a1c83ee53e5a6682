/* SPDX-License-Identifier: BSD-3-Clause */
/* The session's callbacks: record, and tell of events. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "testd.h"
#include "json_out.h"

static void
ring_ready(void *priv, unsigned int index, bool ready)
{
	struct testd *d = priv;

	d->ring[index].ready_changes++;
	d->ring[index].starved = false;
	json_open(NULL, '{');
	json_string("event", "ring");
	json_u64("index", index);
	json_bool("ready", ready);
	json_close();
}

static void
ring_stop(void *priv, unsigned int index)
{
	struct testd *d = priv;

	d->ring[index].stops++;
	if (d->options.type->drain != NULL)
		d->options.type->drain(d, index);
}

static void
memory_change(void *priv, bool begin)
{
	struct testd *d = priv;
	unsigned int i;

	for (i = 0; begin && d->options.type->drain != NULL && i < d->options.max_rings; i++)
		d->options.type->drain(d, i);
}

static void
connected(void *priv, bool is)
{
	struct testd *d = priv;
	struct vhr_status status;

	vhr_status(d->session, &status);
	if (is) {
		d->counters.connects++;
	} else {
		d->counters.disconnects++;
		snprintf(d->last_disconnect, sizeof(d->last_disconnect), "%s",
			 vhr_last_error(d->session));
	}
	json_open(NULL, '{');
	json_string("event", is ? "connected" : "disconnected");
	json_u64("epoch", status.epoch);
	if (!is)
		json_string("reason", d->last_disconnect);
	json_close();
}

static bool
in_config(const struct testd *d, uint32_t offset, uint32_t size)
{
	return offset <= d->options.config_size && size <= d->options.config_size - offset;
}

static int
get_config(void *priv, uint32_t offset, uint32_t size, uint8_t *data)
{
	struct testd *d = priv;

	if (!in_config(d, offset, size))
		return -EINVAL;
	d->counters.config_reads++;
	memcpy(data, d->config + offset, size);
	return 0;
}

static int
set_config(void *priv, uint32_t offset, uint32_t size, const uint8_t *data, uint32_t flags)
{
	struct testd *d = priv;

	if (!in_config(d, offset, size))
		return -EINVAL;
	d->counters.config_writes++;
	d->counters.config_flags = flags;
	memcpy(d->config + offset, data, size);
	return 0;
}

static int
set_mtu(void *priv, uint16_t mtu)
{
	struct testd *d = priv;

	if (mtu > d->options.mtu_max)
		return -EINVAL;
	d->counters.mtu_sets++;
	d->counters.mtu = mtu;
	return 0;
}

static int
send_rarp(void *priv, const uint8_t mac[6])
{
	struct testd *d = priv;

	d->counters.rarps++;
	memcpy(d->counters.rarp_mac, mac, sizeof(d->counters.rarp_mac));
	return 0;
}

static void
set_status(void *priv, uint8_t status)
{
	struct testd *d = priv;

	d->counters.set_status++;
	d->counters.status = status;
}

static void
reset(void *priv)
{
	struct testd *d = priv;

	d->counters.resets++;
	d->counters.status = 0;
}

static void
log_line(void *priv, int level, const char *text)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	struct testd *d = priv;

	if (level <= 1 || d->options.trace)
		fprintf(stderr, "vvu-testd: %s: %s\n", names[level & 3], text);
}

static bool
never(struct testd *d)
{
	return false;
}

const struct testd_device testd_idle = {
	.name = "idle",
	.features = 1ull << VIRTIO_RING_F_INDIRECT_DESC | 1ull << VIRTIO_RING_F_EVENT_IDX,
	.service = never,
	.arm = never,
};

void
testd_device_init(struct testd *d)
{
	unsigned int i;

	d->ops = (struct vhr_ops){
		.ring_ready = ring_ready,
		.ring_stop = ring_stop,
		.memory_change = memory_change,
		.connected = connected,
		.get_config = d->options.config_size != 0 ? get_config : NULL,
		.set_config = d->options.config_size != 0 ? set_config : NULL,
		.set_mtu = d->options.mtu_max != 0 ? set_mtu : NULL,
		.send_rarp = send_rarp,
		.set_status = set_status,
		.reset = reset,
		.log = log_line,
	};
	for (i = 0; i < sizeof(d->config); i++)
		d->config[i] = (uint8_t)i;
}
