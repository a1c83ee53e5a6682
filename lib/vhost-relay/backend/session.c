/* SPDX-License-Identifier: BSD-3-Clause */
/* A session's life, and what may be asked about it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static int
check_config(struct vhr_config *config, struct vhu_reason *reason)
{
	if (config->max_ring_size == 0)
		config->max_ring_size = VHR_RING_SIZE_MAX;
	if (config->max_rings == 0 || config->max_rings > VHU_MAX_VRINGS) {
		vhu_reason_set(reason, "max_rings %u, expected 1 to %u", config->max_rings,
			       VHU_MAX_VRINGS);
		return -EINVAL;
	}
	if (config->queue_num == 0 || config->queue_num > config->max_rings) {
		vhu_reason_set(reason, "queue_num %u, expected 1 to max_rings %u",
			       config->queue_num, config->max_rings);
		return -EINVAL;
	}
	if (config->max_ring_size > VHR_RING_SIZE_MAX) {
		vhu_reason_set(reason, "max_ring_size %u, at most %u", config->max_ring_size,
			       VHR_RING_SIZE_MAX);
		return -EINVAL;
	}
	if ((unsigned int)config->layout > VHR_LAYOUT_OFFSET) {
		vhu_reason_set(reason, "layout %d", (int)config->layout);
		return -EINVAL;
	}
	return 0;
}

static struct ring_slot *
alloc_rings(struct vhr_session *s)
{
	size_t bytes = s->num_rings * sizeof(struct ring_slot);
	struct ring_slot *slot = aligned_alloc(CACHE_LINE, bytes);
	unsigned int i;

	if (slot == NULL)
		return NULL;
	memset(slot, 0, bytes);
	for (i = 0; i < s->num_rings; i++) {
		slot[i].ring.session = s;
		slot[i].ring.index = i;
		slot[i].ring.kick_fd = -1;
		slot[i].ring.call_none = true;
	}
	return slot;
}

static void
session_free(struct vhr_session *s)
{
	vhr_events_close(s);
	/* The device's fds are in our epoll set; the bus goes after it. */
	s->bus->ops->close(s->bus);
	free(s->slot);
	free(s);
}

int
vhr_open(struct vhr_bus *bus, const struct vhr_config *config, struct vhr_session **session,
	 struct vhu_reason *reason)
{
	struct vhr_session *s = calloc(1, sizeof(*s));
	int ret;

	if (s == NULL) {
		bus->ops->close(bus);
		vhu_reason_set(reason, "no memory for a session");
		return -ENOMEM;
	}
	s->bus = bus;
	s->config = *config;
	if (config->ops != NULL)
		s->ops = *config->ops;
	s->config.ops = &s->ops;
	s->priv = config->priv;
	s->link = VHR_LINK_DOWN;
	s->events.epoll_fd = s->events.wake_fd = s->events.timer_fd = -1;
	ret = check_config(&s->config, &s->reason);
	if (ret == 0)
		ret = vhr_offer(&s->config, &s->ops, &s->features_offered, &s->protocol_offered,
				&s->reason);
	if (ret < 0)
		goto fail;
	s->features_next = s->features_offered;
	s->num_rings = s->config.max_rings;
	s->slot = alloc_rings(s);
	if (s->slot == NULL) {
		ret = -ENOMEM;
		vhu_reason_set(&s->reason, "no memory for %u rings", s->num_rings);
		goto fail;
	}
	ret = vhr_events_open(s);
	if (ret < 0) {
		vhu_reason_set(&s->reason, "no event mechanism: error %d", -ret);
		goto fail;
	}
	vhr_rings_set_memory(s, NULL);
	ret = vhr_device_open(s);
	if (ret < 0)
		goto fail;
	*session = s;
	return 0;

fail:
	if (reason != NULL)
		*reason = s->reason;
	session_free(s);
	return ret;
}

void
vhr_close(struct vhr_session *s)
{
	if (s == NULL)
		return;
	vhr_down(s);
	vhr_device_close(s);
	session_free(s);
}

int
vhr_up(struct vhr_session *s)
{
	s->want_up = true;
	if (s->link == VHR_LINK_FAILED)
		vhr_device_retry(s);
	if (s->link == VHR_LINK_DOWN)
		vhr_connection_up(s);
	/* While the old connection is closing, the check that ends it also sets it up. */
	vhr_events_wake(s);
	return s->link == VHR_LINK_FAILED ? -EIO : 0;
}

void
vhr_down(struct vhr_session *s)
{
	s->want_up = false;
	vhr_connection_down(s);
	vhr_events_wake(s);
}

int
vhr_offer_features(struct vhr_session *s, uint64_t features)
{
	struct vhr_config config = s->config;
	uint64_t protocol_features, next;
	int ret;

	config.features = features;
	ret = vhr_offer(&config, &s->ops, &next, &protocol_features, &s->reason);
	if (ret < 0)
		return ret;
	s->features_next = next;
	if (s->link != VHR_LINK_CONNECTED)
		s->features_offered = next;
	return 0;
}

int
vhr_poll_fd(const struct vhr_session *s)
{
	return s->events.epoll_fd;
}

struct vhr_ring *
vhr_ring(struct vhr_session *s, unsigned int index)
{
	return index < s->num_rings ? &s->slot[index].ring : NULL;
}

unsigned int
vhr_window_flags(const struct vhr_session *s)
{
	return s->vvu.window_flags;
}

struct vhr_bus *
vhr_session_bus(struct vhr_session *s)
{
	return s->bus;
}

void
vhr_status(const struct vhr_session *s, struct vhr_status *status)
{
	unsigned int i;

	*status = (struct vhr_status){
		.up = s->want_up,
		.connected = s->link == VHR_LINK_CONNECTED && !s->leaving,
		.epoch = s->epoch,
		.features = s->features,
		.protocol_features = s->protocol_features,
		.device_status = s->device_status,
		.regions = s->memory->num,
		.rings_started = vhr_rings_started(s),
		.connections = s->connections,
		.messages = s->messages,
		.refused = s->refused,
		.last_message_ns = s->last_message_ns,
		.max_message_ns = s->max_message_ns,
	};
	/* As the control thread last saw it: the ring itself belongs to its datapath. */
	for (i = 0; i < s->num_rings; i++)
		status->rings_ready += s->slot[i].ready_seen;
}

const uint64_t *
vhr_message_times(const struct vhr_session *s)
{
	return s->message_times;
}

const char *
vhr_last_error(const struct vhr_session *s)
{
	return s->reason.text;
}
