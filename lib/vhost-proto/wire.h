/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-user wire format: message ids, flags and payload layouts, as of the
 * vhost-user text of QEMU 11.1. No functions, no dependency but <stdint.h>.
 *
 * Byte order. A layout here says where a field is and how wide it is; the order of
 * its bytes depends on where the message is:
 *   - on an AF_UNIX socket: the host's order (vhost-user, "Header");
 *   - on rxq and txq of a virtio-vhost-user device: little-endian, header and every
 *     field (device type draft, "Request Queues");
 *   - in a decoded struct vhu_msg (codec.h): the host's order.
 * Raw byte fields (MAC, UUID, configuration space) are never swapped.
 */
#ifndef VHOST_PROTO_WIRE_H
#define VHOST_PROTO_WIRE_H

#include <stddef.h>
#include <stdint.h>

/* Header flags */
#define VHU_VERSION		0x1u	/* value of bits 0-1 */
#define VHU_VERSION_MASK	0x3u
#define VHU_FLAG_REPLY		0x4u
#define VHU_FLAG_NEED_REPLY	0x8u
#define VHU_FLAGS_KNOWN		0xfu

struct vhu_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;		/* bytes of payload after the header */
};

/* Virtio feature bits that the protocol itself gives a meaning to */
#define VHU_F_LOG_ALL			26
#define VHU_F_PROTOCOL_FEATURES		30
#define VHU_VIRTIO_F_VERSION_1		32
#define VHU_VIRTIO_F_ACCESS_PLATFORM	33

/* SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR, VRING_HOST_NOTIFIER */
#define VHU_VRING_INDEX_MASK	0xffull
#define VHU_VRING_NOFD		0x100ull
/* The index is 8 bits wide in those messages, so no device has more rings. */
#define VHU_MAX_VRINGS		256u

#define VHU_MAX_TABLE_REGIONS	8u	/* in SET_MEM_TABLE */
#define VHU_MAX_FDS		8u	/* with one message */
#define VHU_MAX_CONFIG		256u	/* bytes of configuration space in one message */
#define VHU_MAX_SHMEM_REGIONS	256u

struct vhu_vring_state {
	uint32_t index;
	uint32_t num;
};

#define VHU_VRING_ADDR_F_LOG	0x1u
struct vhu_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc;
	uint64_t used;
	uint64_t avail;
	uint64_t log;
};

struct vhu_mem_region {
	uint64_t guest_addr;
	uint64_t size;
	uint64_t user_addr;
	uint64_t mmap_offset;
};

struct vhu_mem_table {
	uint32_t nregions;
	uint32_t padding;
	struct vhu_mem_region region[VHU_MAX_TABLE_REGIONS];
};

struct vhu_single_region {
	uint64_t padding;
	struct vhu_mem_region region;
};

struct vhu_log {
	uint64_t size;
	uint64_t offset;
};

enum vhu_iotlb_type {
	VHU_IOTLB_MISS = 1,
	VHU_IOTLB_UPDATE = 2,
	VHU_IOTLB_INVALIDATE = 3,
	VHU_IOTLB_ACCESS_FAIL = 4,
};

struct vhu_iotlb {
	uint64_t iova;
	uint64_t size;
	uint64_t user_addr;
	uint8_t perm;		/* 1 read, 2 write, 3 both */
	uint8_t type;		/* enum vhu_iotlb_type */
	uint8_t padding[6];
};

enum vhu_config_flags {
	VHU_CONFIG_WRITABLE = 0,	/* the frontend's driver writes a writable field */
	VHU_CONFIG_MIGRATION = 1,	/* any field, on the destination of a migration */
};

#define VHU_CONFIG_HEADER_SIZE	12u
struct vhu_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t data[VHU_MAX_CONFIG];
};

struct vhu_vring_area {
	uint64_t u64;		/* VHU_VRING_INDEX_MASK, VHU_VRING_NOFD */
	uint64_t size;
	uint64_t offset;
};

struct vhu_inflight {
	uint64_t mmap_size;
	uint64_t mmap_offset;
	uint16_t num_queues;
	uint16_t queue_size;
	uint32_t padding;	/* QEMU sends 24 bytes and insists on 24 */
};

struct vhu_shared_object {
	uint8_t uuid[16];
};

struct vhu_transfer_state {
	uint32_t direction;	/* 0 save, 1 load */
	uint32_t phase;		/* 0 stopped */
};

struct vhu_mmap {
	uint8_t shmid;
	uint8_t padding[7];
	uint64_t fd_offset;
	uint64_t shm_offset;
	uint64_t len;
	uint64_t flags;		/* bit 0: writable */
};

struct vhu_shmem_config {
	uint32_t nregions;
	uint32_t padding;
	uint64_t size[VHU_MAX_SHMEM_REGIONS];
};

/* Not architecture-neutral (host pointers inside): carried by no table row but refused. */
#define VHU_CRYPTO_SESSION_SIZE	1072u

#define VHU_ASSERT_LAYOUT(type, field, off) \
	_Static_assert(offsetof(struct type, field) == (off), #type "." #field)

_Static_assert(sizeof(struct vhu_header) == 12, "header");
_Static_assert(sizeof(struct vhu_vring_state) == 8, "vring state");
_Static_assert(sizeof(struct vhu_vring_addr) == 40, "vring addr");
VHU_ASSERT_LAYOUT(vhu_vring_addr, desc, 8);
VHU_ASSERT_LAYOUT(vhu_vring_addr, used, 16);
VHU_ASSERT_LAYOUT(vhu_vring_addr, avail, 24);
VHU_ASSERT_LAYOUT(vhu_vring_addr, log, 32);
_Static_assert(sizeof(struct vhu_mem_region) == 32, "mem region");
_Static_assert(sizeof(struct vhu_mem_table) == 264, "mem table");
VHU_ASSERT_LAYOUT(vhu_mem_table, region, 8);
_Static_assert(sizeof(struct vhu_single_region) == 40, "single region");
_Static_assert(sizeof(struct vhu_log) == 16, "log");
_Static_assert(sizeof(struct vhu_iotlb) == 32, "iotlb");
VHU_ASSERT_LAYOUT(vhu_iotlb, perm, 24);
VHU_ASSERT_LAYOUT(vhu_iotlb, type, 25);
VHU_ASSERT_LAYOUT(vhu_config, data, 12);
_Static_assert(sizeof(struct vhu_vring_area) == 24, "vring area");
_Static_assert(sizeof(struct vhu_inflight) == 24, "inflight");
VHU_ASSERT_LAYOUT(vhu_inflight, num_queues, 16);
VHU_ASSERT_LAYOUT(vhu_inflight, queue_size, 18);
_Static_assert(sizeof(struct vhu_shared_object) == 16, "shared object");
_Static_assert(sizeof(struct vhu_transfer_state) == 8, "transfer state");
_Static_assert(sizeof(struct vhu_mmap) == 40, "mmap");
VHU_ASSERT_LAYOUT(vhu_mmap, fd_offset, 8);
_Static_assert(sizeof(struct vhu_shmem_config) == 2056, "shmem config");

#endif
