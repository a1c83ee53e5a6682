/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "codec.h"
#include "shapes.h"

/*
 * What makes the header of @hdr acceptable; the same for what arrives and for what is
 * about to be sent. On success *@layout is that of the payload.
 */
static int
check_header(enum vhu_space space, bool reply, const struct vhu_header *hdr,
	     const struct vhu_layout **layout, struct vhu_reason *reason)
{
	const struct vhu_message_info *info = vhu_message_info(space, hdr->request);
	const char *name = vhu_message_name(space, hdr->request);
	const char *what = reply ? " reply" : "";

	if ((hdr->flags & VHU_VERSION_MASK) != VHU_VERSION) {
		vhu_reason_set(reason, "%s%s (id %u): flags 0x%x: version %u, expected %u", name,
			       what, hdr->request, hdr->flags, hdr->flags & VHU_VERSION_MASK,
			       VHU_VERSION);
		return -EPROTO;
	}
	if (hdr->flags & ~VHU_FLAGS_KNOWN) {
		vhu_reason_set(reason, "%s%s (id %u): flags 0x%x: unknown bits 0x%x", name, what,
			       hdr->request, hdr->flags, hdr->flags & ~VHU_FLAGS_KNOWN);
		return -EPROTO;
	}
	if (reply != ((hdr->flags & VHU_FLAG_REPLY) != 0)) {
		vhu_reason_set(reason, "%s%s (id %u): flags 0x%x: reply flag %s", name, what,
			       hdr->request, hdr->flags, reply ? "clear" : "set in a request");
		return -EPROTO;
	}
	/* Frontends compare the flags of a reply with 0x5, so nothing else may be in them. */
	if (reply && (hdr->flags & VHU_FLAG_NEED_REPLY)) {
		vhu_reason_set(reason, "%s reply (id %u): flags 0x%x: need_reply set in a reply",
			       name, hdr->request, hdr->flags);
		return -EPROTO;
	}
	if (info == NULL) {
		vhu_reason_set(reason, "id %u: no such %s message", hdr->request,
			       space == VHU_SPACE_BACKEND ? "back-end" : "front-end");
		return -EOPNOTSUPP;
	}

	*layout = vhu_layout(vhu_payload_shape(info, reply));
	if (vhu_layout_size_ok(*layout, hdr->size))
		return 0;
	if ((*layout)->min_size == (*layout)->max_size)
		vhu_reason_set(reason, "%s%s: payload size %u, expected %s%u", name, what,
			       hdr->size, (*layout)->or_none ? "0 or " : "",
			       (*layout)->max_size);
	else if ((*layout)->element_size != 0)
		vhu_reason_set(reason, "%s%s: payload size %u, expected %u + %u n up to %u", name,
			       what, hdr->size, (*layout)->element_offset,
			       (*layout)->element_size, (*layout)->max_size);
	else
		vhu_reason_set(reason, "%s%s: payload size %u, expected %s%u to %u", name, what,
			       hdr->size, (*layout)->or_none ? "0 or " : "",
			       (*layout)->min_size, (*layout)->max_size);
	return -EMSGSIZE;
}

static int
check_mem_table(const char *name, const struct vhu_msg *msg, struct vhu_reason *reason)
{
	uint32_t carried = (msg->hdr.size - (uint32_t)offsetof(struct vhu_mem_table, region)) /
			   (uint32_t)sizeof(struct vhu_mem_region);

	/* The header check has bounded "carried"; nregions is the sender's word alone. */
	if (msg->table.nregions == carried)
		return 0;
	vhu_reason_set(reason, "%s: nregions %u, payload size %u holds %u", name,
		       msg->table.nregions, msg->hdr.size, carried);
	return -EBADMSG;
}

static int
check_config(const char *name, const struct vhu_msg *msg, struct vhu_reason *reason)
{
	const struct vhu_config *config = &msg->config;
	uint32_t carried = msg->hdr.size - VHU_CONFIG_HEADER_SIZE;

	if (config->size != carried) {
		vhu_reason_set(reason, "%s: size %u, payload size %u holds %u", name,
			       config->size, msg->hdr.size, carried);
		return -EBADMSG;
	}
	if (config->offset > UINT32_MAX - config->size) {
		vhu_reason_set(reason, "%s: offset %u + size %u exceeds 32 bits", name,
			       config->offset, config->size);
		return -EBADMSG;
	}
	return 0;
}

/*
 * Eight bits of the u64 are the ring, one says that there is no descriptor, the rest is not
 * defined. Refused here, a ring number above 255 is nowhere cut to another ring's.
 */
static int
check_vring_u64(const char *name, const struct vhu_msg *msg, struct vhu_reason *reason)
{
	uint64_t undefined = msg->u64 & ~(VHU_VRING_INDEX_MASK | VHU_VRING_NOFD);

	if (undefined == 0)
		return 0;
	vhu_reason_set(reason, "%s: u64 0x%llx: undefined bits 0x%llx", name,
		       (unsigned long long)msg->u64, (unsigned long long)undefined);
	return -EBADMSG;
}

/* What the payload says of itself. @msg is in the host's order, its header checked. */
static int
check_payload(enum vhu_space space, bool reply, const struct vhu_msg *msg,
	      struct vhu_reason *reason)
{
	const struct vhu_message_info *info = vhu_message_info(space, msg->hdr.request);

	if (msg->hdr.size == 0)
		return 0;
	if (!reply && info->fds == VHU_FDS_UNLESS_NOFD)
		return check_vring_u64(info->name, msg, reason);
	switch (vhu_payload_shape(info, reply)) {
	case VHU_SHAPE_MEM_TABLE:
		return check_mem_table(info->name, msg, reason);
	case VHU_SHAPE_CONFIG:
	case VHU_SHAPE_CONFIG_OR_NONE:
		return check_config(info->name, msg, reason);
	case VHU_SHAPE_SHMEM_CONFIG:
		if (msg->shmem.nregions <= VHU_MAX_SHMEM_REGIONS)
			return 0;
		vhu_reason_set(reason, "%s: nregions %u, at most %u", info->name,
			       msg->shmem.nregions, VHU_MAX_SHMEM_REGIONS);
		return -EBADMSG;
	default:
		return 0;
	}
}

/* le16toh() and htole16() are the same function, so one converter serves both ways. */
static void
convert_integer(uint8_t *dst, const uint8_t *src, size_t width)
{
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	switch (width) {
	case 1:
		*dst = *src;
		break;
	case 2:
		memcpy(&v16, src, sizeof(v16));
		v16 = le16toh(v16);
		memcpy(dst, &v16, sizeof(v16));
		break;
	case 4:
		memcpy(&v32, src, sizeof(v32));
		v32 = le32toh(v32);
		memcpy(dst, &v32, sizeof(v32));
		break;
	case 8:
		memcpy(&v64, src, sizeof(v64));
		v64 = le64toh(v64);
		memcpy(dst, &v64, sizeof(v64));
		break;
	}
}

static void
convert_fields(enum vhu_order order, const struct vhu_field *fields, size_t nfields, uint8_t *dst,
	       const uint8_t *src, uint32_t size)
{
	size_t i;

	for (i = 0; i < nfields; i++) {
		const struct vhu_field *f = &fields[i];
		uint8_t *to = dst + f->offset;
		const uint8_t *from = src + f->offset;

		switch (f->kind) {
		case VHU_FIELD_DEC:
		case VHU_FIELD_HEX:
			if (order == VHU_ORDER_LE)
				convert_integer(to, from, f->width);
			else
				memcpy(to, from, f->width);
			break;
		case VHU_FIELD_BYTES:
		case VHU_FIELD_MAC:
			memcpy(to, from, f->width);
			break;
		case VHU_FIELD_TAIL:
			memcpy(to, from, size - f->offset);
			break;
		case VHU_FIELD_PAD:
			memset(to, 0, f->width);
			break;
		}
	}
}

/* Reads each byte of @src at most once: it may be memory that the peer still writes. */
static void
convert_payload(enum vhu_order order, const struct vhu_layout *layout, uint8_t *dst,
		const uint8_t *src, uint32_t size)
{
	uint32_t off;

	if (size == 0)
		return;
	convert_fields(order, layout->fields, layout->nfields, dst, src, size);
	if (layout->element_size == 0)
		return;
	for (off = layout->element_offset; off < size; off += layout->element_size)
		convert_fields(order, layout->element, layout->nelement, dst + off, src + off,
			       layout->element_size);
}

static void
convert_header(enum vhu_order order, void *dst, const void *src)
{
	struct vhu_header hdr;

	memcpy(&hdr, src, sizeof(hdr));
	if (order == VHU_ORDER_LE) {
		hdr.request = le32toh(hdr.request);
		hdr.flags = le32toh(hdr.flags);
		hdr.size = le32toh(hdr.size);
	}
	memcpy(dst, &hdr, sizeof(hdr));
}

int
vhu_decode_header(enum vhu_order order, enum vhu_space space, bool reply, const void *buf,
		  struct vhu_header *hdr, struct vhu_reason *reason)
{
	const struct vhu_layout *layout;

	convert_header(order, hdr, buf);
	return check_header(space, reply, hdr, &layout, reason);
}

int
vhu_decode(enum vhu_order order, enum vhu_space space, bool reply, const void *buf, size_t len,
	   struct vhu_msg *msg, struct vhu_reason *reason)
{
	const struct vhu_layout *layout;
	int ret;

	memset(msg, 0, sizeof(*msg));
	if (len < VHU_HEADER_SIZE) {
		vhu_reason_set(reason, "message of %zu bytes, shorter than a header", len);
		return -EBADMSG;
	}
	convert_header(order, &msg->hdr, buf);
	ret = check_header(space, reply, &msg->hdr, &layout, reason);
	if (ret < 0)
		return ret;
	if (len - VHU_HEADER_SIZE != msg->hdr.size) {
		vhu_reason_set(reason, "%s: message of %zu bytes, header and payload are %zu",
			       vhu_message_name(space, msg->hdr.request), len,
			       VHU_HEADER_SIZE + msg->hdr.size);
		return -EBADMSG;
	}
	convert_payload(order, layout, msg->raw, (const uint8_t *)buf + VHU_HEADER_SIZE,
			msg->hdr.size);
	return check_payload(space, reply, msg, reason);
}

int
vhu_encode(enum vhu_order order, enum vhu_space space, const struct vhu_msg *msg, void *buf,
	   size_t cap, struct vhu_reason *reason)
{
	bool reply = (msg->hdr.flags & VHU_FLAG_REPLY) != 0;
	const struct vhu_layout *layout;
	size_t len;
	int ret;

	ret = check_header(space, reply, &msg->hdr, &layout, reason);
	if (ret < 0)
		return ret;
	ret = check_payload(space, reply, msg, reason);
	if (ret < 0)
		return ret;
	len = VHU_HEADER_SIZE + msg->hdr.size;
	if (cap < len) {
		vhu_reason_set(reason, "%s: %zu bytes, buffer of %zu",
			       vhu_message_name(space, msg->hdr.request), len, cap);
		return -ENOSPC;
	}
	convert_header(order, buf, &msg->hdr);
	convert_payload(order, layout, (uint8_t *)buf + VHU_HEADER_SIZE, msg->raw, msg->hdr.size);
	return (int)len;
}

int
vhu_check_fds(enum vhu_space space, const struct vhu_msg *request, unsigned int nfds,
	      struct vhu_reason *reason)
{
	const struct vhu_message_info *info = vhu_message_info(space, request->hdr.request);
	unsigned int least = 0, most = 0;

	if (info == NULL) {
		vhu_reason_set(reason, "id %u: no such %s message", request->hdr.request,
			       space == VHU_SPACE_BACKEND ? "back-end" : "front-end");
		return -EBADMSG;
	}
	switch (info->fds) {
	case VHU_FDS_NONE:
		break;
	case VHU_FDS_ONE:
		least = most = 1;
		break;
	case VHU_FDS_UNLESS_NOFD:
		/* The one u64 of a kick, call or err; the first field of a vring area. */
		least = most = (request->u64 & VHU_VRING_NOFD) ? 0 : 1;
		break;
	case VHU_FDS_PER_REGION:
		least = most = request->table.nregions;
		break;
	case VHU_FDS_TOLERATED:
	case VHU_FDS_OPTIONAL:
		most = 1;
		break;
	}
	if (nfds >= least && nfds <= most)
		return 0;
	if (info->fds == VHU_FDS_UNLESS_NOFD)
		vhu_reason_set(reason, "%s: %u file descriptors, u64 0x%llx asks for %u",
			       info->name, nfds, (unsigned long long)request->u64, most);
	else if (least == most)
		vhu_reason_set(reason, "%s: %u file descriptors, expected %u", info->name, nfds,
			       most);
	else
		vhu_reason_set(reason, "%s: %u file descriptors, expected %u to %u", info->name,
			       nfds, least, most);
	return -EBADMSG;
}

void
vhu_reply_init(struct vhu_msg *reply, const struct vhu_msg *request, uint32_t size)
{
	uint32_t id = request->hdr.request;

	memset(reply, 0, sizeof(*reply));
	reply->hdr.request = id;
	reply->hdr.flags = VHU_VERSION | VHU_FLAG_REPLY;
	reply->hdr.size = size;
}
