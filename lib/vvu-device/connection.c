/* SPDX-License-Identifier: BSD-3-Clause */
#include "connection.h"

#include <stdio.h>

#include "frontend.h"
#include "internal.h"
#include "resources.h"

#define GO(act, state) \
	{ \
		VVU_ACTION_##act, VVU_STATE_##state \
	}

static const struct vvu_transition transitions[VVU_STATE_COUNT][VVU_EVENT_COUNT] = {
	[VVU_STATE_RESET] = {
		/* Queues are usable from here (virtio 1.3, 2.1.2). */
		[VVU_EVENT_DRIVER_OK] = GO(NONE, IDLE),
		/* Not the draft's order, but harmless: take effect at DRIVER_OK. */
		[VVU_EVENT_BACKEND_UP] = GO(ARM, EARLY),
		[VVU_EVENT_BACKEND_DOWN] = GO(NONE, RESET),
		/* Draft: a driver MUST NOT set undefined bits. */
		[VVU_EVENT_BAD_STATUS] = GO(BREAK, BROKEN),
		/* The host asks vvu_device_accepts() first; nothing comes of not doing so. */
		[VVU_EVENT_CONNECTED] = GO(NONE, RESET),
		[VVU_EVENT_CLOSED] = GO(NONE, RESET),
		[VVU_EVENT_REFUSED] = GO(NONE, RESET),
		[VVU_EVENT_RESET] = GO(RESET, RESET),
	},
	[VVU_STATE_EARLY] = {
		/* Now that buffers can be used, the frontend may come. */
		[VVU_EVENT_DRIVER_OK] = GO(LISTEN, LISTENING),
		[VVU_EVENT_BACKEND_UP] = GO(NONE, EARLY),
		/* The driver thought better of it. */
		[VVU_EVENT_BACKEND_DOWN] = GO(DISARM, RESET),
		[VVU_EVENT_BAD_STATUS] = GO(BREAK, BROKEN),
		[VVU_EVENT_CONNECTED] = GO(NONE, EARLY),
		[VVU_EVENT_CLOSED] = GO(NONE, EARLY),
		[VVU_EVENT_REFUSED] = GO(NONE, EARLY),
		[VVU_EVENT_RESET] = GO(RESET, RESET),
	},
	[VVU_STATE_IDLE] = {
		/* Status writes that repeat the bit are no new event. */
		[VVU_EVENT_DRIVER_OK] = GO(NONE, IDLE),
		/*
		 * "Ready for a frontend", and the word that the driver no longer touches
		 * the window of the one before.
		 */
		[VVU_EVENT_BACKEND_UP] = GO(ARM, LISTENING),
		/* Also what a driver writes that has not yet seen the bit cleared. */
		[VVU_EVENT_BACKEND_DOWN] = GO(NONE, IDLE),
		[VVU_EVENT_BAD_STATUS] = GO(BREAK, BROKEN),
		/* Nobody is served between two BACKEND_UP writes: no driver mistakes one
		 * frontend for the other. */
		[VVU_EVENT_CONNECTED] = GO(NONE, IDLE),
		[VVU_EVENT_CLOSED] = GO(NONE, IDLE),
		[VVU_EVENT_REFUSED] = GO(NONE, IDLE),
		[VVU_EVENT_RESET] = GO(RESET, RESET),
	},
	[VVU_STATE_LISTENING] = {
		[VVU_EVENT_DRIVER_OK] = GO(NONE, LISTENING),
		[VVU_EVENT_BACKEND_UP] = GO(NONE, LISTENING),
		[VVU_EVENT_BACKEND_DOWN] = GO(DISARM, IDLE),
		[VVU_EVENT_BAD_STATUS] = GO(BREAK, BROKEN),
		/* Draft: FRONTEND_UP "to indicate that the vhost-user frontend is connected" */
		[VVU_EVENT_CONNECTED] = GO(CONNECT, CONNECTED),
		[VVU_EVENT_CLOSED] = GO(NONE, LISTENING),
		[VVU_EVENT_REFUSED] = GO(NONE, LISTENING),
		[VVU_EVENT_RESET] = GO(RESET, RESET),
	},
	[VVU_STATE_CONNECTED] = {
		[VVU_EVENT_DRIVER_OK] = GO(NONE, CONNECTED),
		/* The other bytes of status, or a driver repeating itself. */
		[VVU_EVENT_BACKEND_UP] = GO(NONE, CONNECTED),
		/* Draft: "the vhost-user frontend is disconnected"; no interrupt for what the
		 * driver wrote itself. */
		[VVU_EVENT_BACKEND_DOWN] = GO(DROP, IDLE),
		[VVU_EVENT_BAD_STATUS] = GO(BREAK, BROKEN),
		/* One frontend at a time; the host keeps the next one waiting. */
		[VVU_EVENT_CONNECTED] = GO(NONE, CONNECTED),
		/* Draft: both bits are cleared, configuration change notification. */
		[VVU_EVENT_CLOSED] = GO(LOST, IDLE),
		[VVU_EVENT_REFUSED] = GO(REFUSE, IDLE),
		[VVU_EVENT_RESET] = GO(RESET, RESET),
	},
	[VVU_STATE_BROKEN] = {
		/* A device that needs a reset takes nothing else (virtio 1.3, 2.1.2). */
		[VVU_EVENT_DRIVER_OK] = GO(NONE, BROKEN),
		[VVU_EVENT_BACKEND_UP] = GO(NONE, BROKEN),
		[VVU_EVENT_BACKEND_DOWN] = GO(NONE, BROKEN),
		[VVU_EVENT_BAD_STATUS] = GO(NONE, BROKEN),
		[VVU_EVENT_CONNECTED] = GO(NONE, BROKEN),
		[VVU_EVENT_CLOSED] = GO(NONE, BROKEN),
		[VVU_EVENT_REFUSED] = GO(NONE, BROKEN),
		[VVU_EVENT_RESET] = GO(RESET, RESET),
	},
};

static const char *const state_names[VVU_STATE_COUNT] = {
	[VVU_STATE_RESET] = "reset",
	[VVU_STATE_EARLY] = "early",
	[VVU_STATE_IDLE] = "idle",
	[VVU_STATE_LISTENING] = "listening",
	[VVU_STATE_CONNECTED] = "connected",
	[VVU_STATE_BROKEN] = "broken",
};

/* Everything of the connection but the window, which the driver may still be reading. */
static void end_connection(struct vvu_device *device, const char *why)
{
	snprintf(device->last_disconnect.text, sizeof(device->last_disconnect.text), "%s",
		 why != NULL ? why : "");
	vvu_notify_disarm_all(device);
	vvu_channel_close(device);
	vvu_channel_clear(&device->channel);
	vvu_frontend_clear(device);
	vvu_requests_clear(&device->requests);
	vvu_features_clear(&device->neg);
	device->pending_len = 0;
}

static void action_none(struct vvu_device *device, const char *why)
{
}

static void action_arm(struct vvu_device *device, const char *why)
{
	vvu_maps_release_all(device);
	device->status = VVU_STATUS_BACKEND_UP;
	vvu_poll_changed(device);
}

static void action_listen(struct vvu_device *device, const char *why)
{
	vvu_poll_changed(device);
}

static void action_disarm(struct vvu_device *device, const char *why)
{
	device->status = 0;
	vvu_poll_changed(device);
}

static void action_connect(struct vvu_device *device, const char *why)
{
	device->epoch++;
	device->connections++;
	device->seq = 0;
	device->reset_seq = 0;
	device->table_seq = 0;
	device->status = VVU_STATUS_BACKEND_UP | VVU_STATUS_FRONTEND_UP;
	vvu_log(device, VVU_LOG_INFO, "frontend connected, epoch %u", device->epoch);
	device->ops->config_changed(device->host);
	vvu_poll_changed(device);
}

static void action_lost(struct vvu_device *device, const char *why)
{
	vvu_log(device, VVU_LOG_INFO, "frontend gone: %s", why);
	end_connection(device, why);
	device->status = 0;
	device->ops->config_changed(device->host);
	vvu_poll_changed(device);
}

static void action_refuse(struct vvu_device *device, const char *why)
{
	vvu_log(device, VVU_LOG_WARNING, "frontend disconnected: %s", why);
	device->ops->frontend_close(device->host);
	end_connection(device, why);
	device->status = 0;
	device->ops->config_changed(device->host);
	vvu_poll_changed(device);
}

static void action_drop(struct vvu_device *device, const char *why)
{
	vvu_log(device, VVU_LOG_INFO, "frontend disconnected: %s", why);
	device->ops->frontend_close(device->host);
	end_connection(device, why);
	device->status = 0;
	vvu_poll_changed(device);
}

static void action_break(struct vvu_device *device, const char *why)
{
	vvu_log(device, VVU_LOG_WARNING, "device needs reset: %s", why);
	if (device->status & VVU_STATUS_FRONTEND_UP) {
		device->ops->frontend_close(device->host);
		end_connection(device, why);
	}
	device->status = 0;
	device->ops->needs_reset(device->host);
	vvu_poll_changed(device);
}

static void action_reset(struct vvu_device *device, const char *why)
{
	if (device->status & VVU_STATUS_FRONTEND_UP) {
		vvu_log(device, VVU_LOG_INFO, "frontend disconnected: %s", why);
		device->ops->frontend_close(device->host);
		end_connection(device, why);
	}
	vvu_maps_release_all(device);
	device->status = 0;
	vvu_poll_changed(device);
}

static void (*const actions[VVU_ACTION_COUNT])(struct vvu_device *device, const char *why) = {
	[VVU_ACTION_UNDEFINED] = action_none,
	[VVU_ACTION_NONE] = action_none,
	[VVU_ACTION_ARM] = action_arm,
	[VVU_ACTION_LISTEN] = action_listen,
	[VVU_ACTION_DISARM] = action_disarm,
	[VVU_ACTION_CONNECT] = action_connect,
	[VVU_ACTION_LOST] = action_lost,
	[VVU_ACTION_REFUSE] = action_refuse,
	[VVU_ACTION_DROP] = action_drop,
	[VVU_ACTION_BREAK] = action_break,
	[VVU_ACTION_RESET] = action_reset,
};

const struct vvu_transition *vvu_connection_transition(enum vvu_state state, enum vvu_event event)
{
	return &transitions[state][event];
}

const char *vvu_state_name(enum vvu_state state)
{
	return state_names[state];
}

void vvu_connection_event(struct vvu_device *device, enum vvu_event event, const char *why)
{
	const struct vvu_transition *transition = &transitions[device->state][event];

	device->state = transition->next;
	actions[transition->action](device, why);
}
