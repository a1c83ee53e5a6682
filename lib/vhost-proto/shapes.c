/* SPDX-License-Identifier: BSD-3-Clause */
#include "shapes.h"

#include "wire.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define WIDTH(type, member) sizeof(((const struct type *)NULL)->member)

#define FIELD(type, member, k) \
	{ .name = #member, .kind = VHU_FIELD_##k, \
	  .offset = offsetof(struct type, member), .width = WIDTH(type, member) }

static const struct vhu_field fields_u64[] = {
	{ .name = "u64", .kind = VHU_FIELD_HEX, .offset = 0, .width = 8 },
};

/* The frontend sends 8 bytes, of which the first six are the address ("SEND_RARP"). */
static const struct vhu_field fields_mac[] = {
	{ .name = "mac", .kind = VHU_FIELD_MAC, .offset = 0, .width = 6 },
	{ .name = "padding", .kind = VHU_FIELD_PAD, .offset = 6, .width = 2 },
};

static const struct vhu_field fields_vring_state[] = {
	FIELD(vhu_vring_state, index, DEC),
	FIELD(vhu_vring_state, num, DEC),
};

static const struct vhu_field fields_vring_addr[] = {
	FIELD(vhu_vring_addr, index, DEC),
	FIELD(vhu_vring_addr, flags, HEX),
	FIELD(vhu_vring_addr, desc, HEX),
	FIELD(vhu_vring_addr, used, HEX),
	FIELD(vhu_vring_addr, avail, HEX),
	FIELD(vhu_vring_addr, log, HEX),
};

static const struct vhu_field fields_mem_table[] = {
	FIELD(vhu_mem_table, nregions, DEC),
	FIELD(vhu_mem_table, padding, PAD),
};

static const struct vhu_field fields_mem_region[] = {
	FIELD(vhu_mem_region, guest_addr, HEX),
	FIELD(vhu_mem_region, size, HEX),
	FIELD(vhu_mem_region, user_addr, HEX),
	FIELD(vhu_mem_region, mmap_offset, HEX),
};

static const struct vhu_field fields_single_region[] = {
	FIELD(vhu_single_region, padding, PAD),
};

static const struct vhu_field fields_log[] = {
	FIELD(vhu_log, size, HEX),
	FIELD(vhu_log, offset, HEX),
};

static const struct vhu_field fields_iotlb[] = {
	FIELD(vhu_iotlb, iova, HEX),
	FIELD(vhu_iotlb, size, HEX),
	FIELD(vhu_iotlb, user_addr, HEX),
	FIELD(vhu_iotlb, perm, DEC),
	FIELD(vhu_iotlb, type, DEC),
	FIELD(vhu_iotlb, padding, PAD),
};

static const struct vhu_field fields_config[] = {
	FIELD(vhu_config, offset, DEC),
	FIELD(vhu_config, size, DEC),
	FIELD(vhu_config, flags, HEX),
	{ .name = "data", .kind = VHU_FIELD_TAIL, .offset = VHU_CONFIG_HEADER_SIZE },
};

static const struct vhu_field fields_vring_area[] = {
	FIELD(vhu_vring_area, u64, HEX),
	FIELD(vhu_vring_area, size, HEX),
	FIELD(vhu_vring_area, offset, HEX),
};

static const struct vhu_field fields_inflight[] = {
	FIELD(vhu_inflight, mmap_size, HEX),
	FIELD(vhu_inflight, mmap_offset, HEX),
	FIELD(vhu_inflight, num_queues, DEC),
	FIELD(vhu_inflight, queue_size, DEC),
	FIELD(vhu_inflight, padding, PAD),
};

static const struct vhu_field fields_shared_object[] = {
	FIELD(vhu_shared_object, uuid, BYTES),
};

static const struct vhu_field fields_transfer_state[] = {
	FIELD(vhu_transfer_state, direction, DEC),
	FIELD(vhu_transfer_state, phase, DEC),
};

static const struct vhu_field fields_mmap[] = {
	FIELD(vhu_mmap, shmid, DEC),
	FIELD(vhu_mmap, padding, PAD),
	FIELD(vhu_mmap, fd_offset, HEX),
	FIELD(vhu_mmap, shm_offset, HEX),
	FIELD(vhu_mmap, len, HEX),
	FIELD(vhu_mmap, flags, HEX),
};

static const struct vhu_field fields_shmem_config[] = {
	FIELD(vhu_shmem_config, nregions, DEC),
	FIELD(vhu_shmem_config, padding, PAD),
};

static const struct vhu_field fields_shmem_size[] = {
	{ .name = "size", .kind = VHU_FIELD_HEX, .offset = 0, .width = 8 },
};

/* Opaque: its inner layout depends on the architecture of the sender. */
static const struct vhu_field fields_crypto_session[] = {
	{ .name = "session", .kind = VHU_FIELD_TAIL, .offset = 0 },
};

#define FIXED(text, f, size) \
	.name = (text), .fields = (f), .nfields = ARRAY_SIZE(f), \
	.min_size = (size), .max_size = (size)

#define ELEMENTS(n, f, off, size) \
	.element_name = (n), .element = (f), .nelement = ARRAY_SIZE(f), \
	.element_offset = (off), .element_size = (size)

#define CONFIG \
	.name = "config", .fields = fields_config, .nfields = ARRAY_SIZE(fields_config), \
	.min_size = VHU_CONFIG_HEADER_SIZE, .max_size = VHU_CONFIG_HEADER_SIZE + VHU_MAX_CONFIG

static const struct vhu_layout layouts[VHU_SHAPE_COUNT] = {
	[VHU_SHAPE_NONE] = { .name = "none" },
	[VHU_SHAPE_U64] = { FIXED("u64", fields_u64, 8) },
	[VHU_SHAPE_U64_OR_NONE] = { FIXED("u64", fields_u64, 8), .or_none = true },
	[VHU_SHAPE_MAC] = { FIXED("MAC", fields_mac, 8) },
	[VHU_SHAPE_VRING_STATE] = {
		FIXED("vring state", fields_vring_state, sizeof(struct vhu_vring_state)),
	},
	[VHU_SHAPE_VRING_ADDR] = {
		FIXED("vring addr", fields_vring_addr, sizeof(struct vhu_vring_addr)),
	},
	[VHU_SHAPE_MEM_TABLE] = {
		.name = "mem table",
		.fields = fields_mem_table,
		.nfields = ARRAY_SIZE(fields_mem_table),
		ELEMENTS("region", fields_mem_region, offsetof(struct vhu_mem_table, region),
			 sizeof(struct vhu_mem_region)),
		.min_size = offsetof(struct vhu_mem_table, region),
		.max_size = sizeof(struct vhu_mem_table),
	},
	[VHU_SHAPE_SINGLE_REGION] = {
		FIXED("single mem region", fields_single_region, sizeof(struct vhu_single_region)),
		ELEMENTS("region", fields_mem_region, offsetof(struct vhu_single_region, region),
			 sizeof(struct vhu_mem_region)),
	},
	[VHU_SHAPE_LOG] = { FIXED("log", fields_log, sizeof(struct vhu_log)) },
	[VHU_SHAPE_IOTLB] = { FIXED("iotlb", fields_iotlb, sizeof(struct vhu_iotlb)) },
	[VHU_SHAPE_CONFIG] = { CONFIG },
	[VHU_SHAPE_CONFIG_OR_NONE] = { CONFIG, .or_none = true },
	[VHU_SHAPE_VRING_AREA] = {
		FIXED("vring area", fields_vring_area, sizeof(struct vhu_vring_area)),
	},
	[VHU_SHAPE_INFLIGHT] = {
		FIXED("inflight", fields_inflight, sizeof(struct vhu_inflight)),
	},
	[VHU_SHAPE_SHARED_OBJECT] = {
		FIXED("shared object", fields_shared_object, sizeof(struct vhu_shared_object)),
	},
	[VHU_SHAPE_TRANSFER_STATE] = {
		FIXED("transfer state", fields_transfer_state, sizeof(struct vhu_transfer_state)),
	},
	[VHU_SHAPE_MMAP] = { FIXED("mmap request", fields_mmap, sizeof(struct vhu_mmap)) },
	[VHU_SHAPE_SHMEM_CONFIG] = {
		FIXED("shmem config", fields_shmem_config, sizeof(struct vhu_shmem_config)),
		ELEMENTS("size", fields_shmem_size, offsetof(struct vhu_shmem_config, size), 8),
	},
	[VHU_SHAPE_CRYPTO_SESSION] = {
		FIXED("crypto session", fields_crypto_session, VHU_CRYPTO_SESSION_SIZE),
	},
};

const struct vhu_layout *
vhu_layout(enum vhu_shape shape)
{
	return &layouts[shape];
}

bool
vhu_layout_size_ok(const struct vhu_layout *layout, uint32_t size)
{
	if (size == 0 && layout->or_none)
		return true;
	if (size < layout->min_size || size > layout->max_size)
		return false;
	return layout->element_size == 0 ||
	       (size - layout->element_offset) % layout->element_size == 0;
}
