/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fields of every payload layout (enum vhu_shape), as data: what the codec converts,
 * what the printer names, what sizes are legal. A field is in the table once.
 *
 * The tables are constant; any thread may read them.
 */
#ifndef VHOST_PROTO_SHAPES_H
#define VHOST_PROTO_SHAPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec.h"

enum vhu_field_kind {
	VHU_FIELD_DEC,		/* an integer of 1, 2, 4 or 8 bytes, printed in decimal */
	VHU_FIELD_HEX,		/* the same, printed in hexadecimal */
	VHU_FIELD_BYTES,	/* raw bytes in wire order, never swapped */
	VHU_FIELD_MAC,		/* six raw bytes */
	VHU_FIELD_TAIL,		/* raw bytes up to the end of the payload */
	VHU_FIELD_PAD,		/* carries nothing: zero in every copy */
};

struct vhu_field {
	const char *name;
	enum vhu_field_kind kind;
	uint16_t offset;	/* bytes from the start of the payload, or of the element */
	uint16_t width;		/* bytes; 0 for VHU_FIELD_TAIL */
};

struct vhu_layout {
	const char *name;		/* for people: "vring state" */
	const struct vhu_field *fields;
	size_t nfields;
	const struct vhu_field *element;	/* fields of an array after them, or NULL */
	size_t nelement;
	const char *element_name;
	uint32_t element_offset;	/* bytes before the array */
	uint32_t element_size;		/* bytes; 0 without an array */
	uint32_t min_size;		/* bytes of payload, both inclusive */
	uint32_t max_size;
	bool or_none;			/* a payload of 0 bytes is legal too */
};

/* Never NULL for a shape below VHU_SHAPE_COUNT. */
const struct vhu_layout *vhu_layout(enum vhu_shape shape);

/* The shape of the request of a row, or of the reply to it (a u64 by REPLY_ACK included). */
enum vhu_shape vhu_payload_shape(const struct vhu_message_info *info, bool reply);

/* Can a payload of this layout have @size bytes? */
bool vhu_layout_size_ok(const struct vhu_layout *layout, uint32_t size);

#endif
