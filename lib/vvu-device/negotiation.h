/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What frontend and driver negotiated on this connection, and what the device lets
 * through. Pure functions on struct vvu_negotiation.
 */
#ifndef VVU_DEVICE_NEGOTIATION_H
#define VVU_DEVICE_NEGOTIATION_H

#include <stdbool.h>
#include <stdint.h>

#include "vhost-proto/codec.h"

#define VVU_BIT(n) (1ull << (n))

struct vvu_negotiation {
	uint64_t allowed; /* protocol features the device lets through; a constant */
	uint64_t offered; /* virtio features in the last GET_FEATURES reply passed on */
	uint64_t acked; /* in the last SET_FEATURES */
	uint64_t protocol_driver; /* the driver's own, allowed, GET_PROTOCOL_FEATURES reply */
	uint64_t protocol_acked; /* in the last SET_PROTOCOL_FEATURES of the frontend */
	/* The driver was told REPLY_ACK is on, be it for the device's own use only. */
	bool driver_reply_ack;
};

/* @mask 0: all the table passes. */
uint64_t vvu_features_allowed(uint64_t mask);
/* A new connection: nothing is negotiated. */
void vvu_features_clear(struct vvu_negotiation *neg);

/* The driver's reply to GET_FEATURES or GET_PROTOCOL_FEATURES: what the frontend gets. */
uint64_t vvu_features_offer(struct vvu_negotiation *neg, uint64_t features);
uint64_t vvu_features_offer_protocol(struct vvu_negotiation *neg, uint64_t features);

/*
 * The frontend's choice. -EPROTO with @reason when it was not offered, or lacks
 * VERSION_1. vvu_features_ack_protocol() gives what to tell the driver in @to_driver:
 * REPLY_ACK is added where the driver knows it, because the device itself needs to know
 * when a table or a region is no longer used.
 */
int vvu_features_ack(struct vvu_negotiation *neg, uint64_t features, struct vhu_reason *reason);
int vvu_features_ack_protocol(struct vvu_negotiation *neg, uint64_t features,
			      uint64_t *to_driver, struct vhu_reason *reason);

/* May the message with this row be used on this connection? -EPROTO with @reason. */
int vvu_features_gate(const struct vvu_negotiation *neg, const struct vhu_message_info *info,
		      struct vhu_reason *reason);

bool vvu_features_reply_ack(const struct vvu_negotiation *neg);

#endif
