/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "codec.h"
#include "shapes.h"

struct out {
	char *buf;
	size_t cap;
	size_t len;	/* without the terminator; always below cap */
};

__attribute__((format(printf, 2, 3)))
static void
put(struct out *out, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(out->buf + out->len, out->cap - out->len, fmt, ap);
	va_end(ap);
	if (n < 0)
		out->buf[out->len] = '\0';
	else if ((size_t)n >= out->cap - out->len)
		out->len = out->cap - 1;
	else
		out->len += (size_t)n;
}

static uint64_t
load(const uint8_t *p, size_t width)
{
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	switch (width) {
	case 1:
		return *p;
	case 2:
		memcpy(&v16, p, sizeof(v16));
		return v16;
	case 4:
		memcpy(&v32, p, sizeof(v32));
		return v32;
	default:
		memcpy(&v64, p, sizeof(v64));
		return v64;
	}
}

static void
put_bytes(struct out *out, const uint8_t *p, size_t n, const char *separator)
{
	size_t i;

	for (i = 0; i < n; i++)
		put(out, "%s%02x", i == 0 ? "" : separator, p[i]);
}

static void
put_field(struct out *out, const char *prefix, const struct vhu_field *f, const uint8_t *base,
	  uint32_t size)
{
	const uint8_t *p = base + f->offset;

	if (f->kind == VHU_FIELD_PAD)
		return;
	put(out, " %s%s=", prefix, f->name);
	switch (f->kind) {
	case VHU_FIELD_DEC:
		put(out, "%" PRIu64, load(p, f->width));
		break;
	case VHU_FIELD_HEX:
		put(out, "0x%" PRIx64, load(p, f->width));
		break;
	case VHU_FIELD_BYTES:
		put_bytes(out, p, f->width, "");
		break;
	case VHU_FIELD_MAC:
		put_bytes(out, p, f->width, ":");
		break;
	case VHU_FIELD_TAIL:
		put_bytes(out, p, size - f->offset, "");
		break;
	case VHU_FIELD_PAD:
		break;
	}
}

static bool
all_zero(const uint8_t *p, size_t n)
{
	while (n-- > 0)
		if (*p++ != 0)
			return false;
	return true;
}

static void
put_payload(struct out *out, const struct vhu_layout *layout, const struct vhu_msg *msg)
{
	uint32_t size = msg->hdr.size;
	uint32_t off, i;
	size_t f;

	if (size == 0)
		return;
	for (f = 0; f < layout->nfields; f++)
		put_field(out, "", &layout->fields[f], msg->raw, size);
	if (layout->element_size == 0)
		return;
	for (off = layout->element_offset, i = 0; off < size; off += layout->element_size, i++) {
		const uint8_t *element = msg->raw + off;
		char prefix[32];

		if (layout->nelement == 1) {
			/* An array of numbers; the shmem one is 256 long and mostly zero. */
			if (!all_zero(element, layout->element_size))
				put(out, " %s[%" PRIu32 "]=0x%" PRIx64, layout->element_name, i,
				    load(element, layout->element_size));
			continue;
		}
		snprintf(prefix, sizeof(prefix), "%s[%" PRIu32 "].", layout->element_name, i);
		for (f = 0; f < layout->nelement; f++)
			put_field(out, prefix, &layout->element[f], element,
				  layout->element_size);
	}
}

size_t
vhu_print(enum vhu_space space, const struct vhu_msg *msg, char *buf, size_t cap)
{
	const struct vhu_message_info *info = vhu_message_info(space, msg->hdr.request);
	bool reply = (msg->hdr.flags & VHU_FLAG_REPLY) != 0;
	struct out out = { .buf = buf, .cap = cap };
	const struct vhu_layout *layout;

	if (cap == 0)
		return 0;
	if (info == NULL)
		put(&out, "%s message %" PRIu32 " (unknown)",
		    space == VHU_SPACE_BACKEND ? "back-end" : "front-end", msg->hdr.request);
	else
		put(&out, "%s", info->name);
	if (reply)
		put(&out, " reply");
	if (msg->hdr.flags & VHU_FLAG_NEED_REPLY)
		put(&out, " need_reply");
	if ((msg->hdr.flags & VHU_VERSION_MASK) != VHU_VERSION ||
	    (msg->hdr.flags & ~VHU_FLAGS_KNOWN) != 0)
		put(&out, " flags=0x%" PRIx32, msg->hdr.flags);
	if (info == NULL) {
		put(&out, " size=%" PRIu32, msg->hdr.size);
		return out.len;
	}

	layout = vhu_layout(vhu_payload_shape(info, reply));
	if (!vhu_layout_size_ok(layout, msg->hdr.size)) {
		put(&out, " size=%" PRIu32 " (malformed)", msg->hdr.size);
		return out.len;
	}
	put_payload(&out, layout, msg);
	if (!reply && info->fds == VHU_FDS_UNLESS_NOFD)
		put(&out, " index=%u%s", (unsigned int)(msg->u64 & VHU_VRING_INDEX_MASK),
		    (msg->u64 & VHU_VRING_NOFD) ? " nofd" : "");
	return out.len;
}
