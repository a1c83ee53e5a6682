/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Life of a connection, as a table of [state][event] in connection.c: device type draft,
 * "Device configuration layout", with its races closed (see the comments there).
 */
#ifndef VVU_DEVICE_CONNECTION_H
#define VVU_DEVICE_CONNECTION_H

struct vvu_device;

enum vvu_state {
	VVU_STATE_RESET, /* no DRIVER_OK, no BACKEND_UP */
	VVU_STATE_EARLY, /* BACKEND_UP came before DRIVER_OK: kept until that */
	VVU_STATE_IDLE, /* DRIVER_OK; no frontend is served */
	VVU_STATE_LISTENING, /* BACKEND_UP: a frontend is welcome */
	VVU_STATE_CONNECTED, /* BACKEND_UP and FRONTEND_UP */
	VVU_STATE_BROKEN, /* DEVICE_NEEDS_RESET: nothing but a reset helps */
	VVU_STATE_COUNT
};

enum vvu_event {
	VVU_EVENT_DRIVER_OK,
	VVU_EVENT_BACKEND_UP, /* driver wrote status with the bit set */
	VVU_EVENT_BACKEND_DOWN, /* driver wrote status with the bit clear */
	VVU_EVENT_BAD_STATUS, /* driver wrote a status bit that is not defined */
	VVU_EVENT_CONNECTED, /* host: a frontend's socket is there */
	VVU_EVENT_CLOSED, /* host: the frontend hung up */
	VVU_EVENT_REFUSED, /* device: a peer broke a rule */
	VVU_EVENT_RESET, /* driver reset the device, or the host destroys it */
	VVU_EVENT_COUNT
};

enum vvu_action {
	VVU_ACTION_UNDEFINED, /* in no cell; the unit test looks for it */
	VVU_ACTION_NONE,
	VVU_ACTION_ARM, /* show BACKEND_UP; the old window may go */
	VVU_ACTION_LISTEN, /* a frontend may be accepted from now on */
	VVU_ACTION_DISARM, /* hide BACKEND_UP */
	VVU_ACTION_CONNECT, /* new epoch, show FRONTEND_UP */
	VVU_ACTION_LOST, /* clear both bits, tell the driver */
	VVU_ACTION_REFUSE, /* close the socket, then as LOST */
	VVU_ACTION_DROP, /* close the socket; the driver did it, so it is not told */
	VVU_ACTION_BREAK, /* close the socket, DEVICE_NEEDS_RESET */
	VVU_ACTION_RESET, /* close the socket, everything goes */
	VVU_ACTION_COUNT
};

struct vvu_transition {
	enum vvu_action action;
	enum vvu_state next;
};

const struct vvu_transition *vvu_connection_transition(enum vvu_state state,
						       enum vvu_event event);
const char *vvu_state_name(enum vvu_state state);

/* Run an event. @why: for events that end a connection, the reason to keep and log. */
void vvu_connection_event(struct vvu_device *device, enum vvu_event event, const char *why);

#endif
