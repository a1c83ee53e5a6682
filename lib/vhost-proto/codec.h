/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Codec of vhost-user messages: header and payload checks, and the conversion between
 * the two wire orders and the host's order. One pass, no allocation, no state, so every
 * function may be called from any thread.
 */
#ifndef VHOST_PROTO_CODEC_H
#define VHOST_PROTO_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message_table.h"
#include "wire.h"

#define VHU_HEADER_SIZE		sizeof(struct vhu_header)
/*
 * Largest whole message either side of this stack handles: what the device tells its
 * driver as max_message_size. The largest message defined is 12 + 2056 bytes.
 */
#define VHU_MAX_MESSAGE		4096u
#define VHU_MAX_PAYLOAD		(VHU_MAX_MESSAGE - 12u)

enum vhu_order {
	VHU_ORDER_NATIVE,	/* AF_UNIX sockets */
	VHU_ORDER_LE,		/* rxq and txq */
};

/* Front-end and back-end ids are two number spaces; a reply is in its request's space. */
enum vhu_space {
	VHU_SPACE_FRONTEND,
	VHU_SPACE_BACKEND,
};

/* A message with every field in the host's byte order. */
struct vhu_msg {
	struct vhu_header hdr;
	union {
		uint64_t u64;
		uint8_t mac[8];
		struct vhu_vring_state state;
		struct vhu_vring_addr addr;
		struct vhu_mem_table table;
		struct vhu_single_region single;
		struct vhu_log log;
		struct vhu_iotlb iotlb;
		struct vhu_config config;
		struct vhu_vring_area area;
		struct vhu_inflight inflight;
		struct vhu_shared_object object;
		struct vhu_transfer_state transfer;
		struct vhu_mmap mmap;
		struct vhu_shmem_config shmem;
		uint8_t raw[VHU_MAX_PAYLOAD];
	};
};

/*
 * Why something was refused: names the message, the field and the value. Every function
 * that takes one writes it only when it fails, and accepts NULL.
 */
#define VHU_REASON_MAX 192
struct vhu_reason {
	char text[VHU_REASON_MAX];
};
/* Always terminated; a text that is too long is cut. @reason may be NULL. */
__attribute__((format(printf, 2, 3)))
void vhu_reason_set(struct vhu_reason *reason, const char *fmt, ...);

/* One row of the message table. */
struct vhu_message_info {
	const char *name;	/* as in the specification, without VHOST_USER_ */
	uint32_t id;
	enum vhu_shape request;
	enum vhu_fds fds;
	enum vhu_shape reply;
	enum vhu_fds reply_fds;
	enum vhu_reply_rule rule;
	uint8_t gate;		/* protocol feature bit or VHU_GATE_... */
	enum vhu_action action;
};

/* NULL when the id is not in the table. */
const struct vhu_message_info *vhu_message_info(enum vhu_space space, uint32_t id);
/* The name, or "unknown"; never NULL. */
const char *vhu_message_name(enum vhu_space space, uint32_t id);

struct vhu_protocol_feature_info {
	const char *name;
	uint8_t bit;
	bool pass;		/* may a device-43 device let it through */
	const char *why;
};
/* NULL when the bit has no row. */
const struct vhu_protocol_feature_info *vhu_protocol_feature_info(unsigned int bit);
/* Mask of every bit whose row says PASS. */
uint64_t vhu_protocol_features_passed(void);

/*
 * Decode and check the header at @buf (VHU_HEADER_SIZE bytes) alone, so that a stream
 * reader learns how much payload follows before it reads it. @reply says what the caller
 * waits for: a request, or a reply to a request of @space.
 *
 *   -EPROTO    version or unknown flag bits, reply flag not as expected, NEED_REPLY in a
 *              reply (vhost-user, "Header"; frontends accept no flags but 0x5)
 *   -EOPNOTSUPP  id not in the table
 *   -EMSGSIZE  payload size that no message of this id has
 */
int vhu_decode_header(enum vhu_order order, enum vhu_space space, bool reply, const void *buf,
		      struct vhu_header *hdr, struct vhu_reason *reason);

/*
 * Decode a whole message of @len bytes. Checks what vhu_decode_header() does, that @len is
 * header plus payload, and the payload's own lengths (table count, config size).
 * A reply with VHU_FLAG_REPLY decodes by the row's reply shape; a row whose rule is
 * VHU_REPLY_ACK has a u64. Unused bytes and padding of @msg are zero. Each byte of @buf
 * is read once. On error the contents of @msg are unspecified.
 *
 * Returns 0, or those of vhu_decode_header() and
 *   -EBADMSG   @len does not match the header, a count inside does not match the size,
 *              the offset and size of a config payload exceed 32 bits, or the u64 of a
 *              kick, call or err has bits other than VHU_VRING_INDEX_MASK, VHU_VRING_NOFD
 */
int vhu_decode(enum vhu_order order, enum vhu_space space, bool reply, const void *buf, size_t len,
	       struct vhu_msg *msg, struct vhu_reason *reason);

/*
 * Encode @msg (hdr.size already set) into @buf of @cap bytes; padding is written as zero.
 * Whether it is a reply, VHU_FLAG_REPLY of its header says. Returns the number of bytes
 * written, or -ENOSPC, or an error of vhu_decode() when @msg is not a message of the table.
 */
int vhu_encode(enum vhu_order order, enum vhu_space space, const struct vhu_msg *msg, void *buf,
	       size_t cap, struct vhu_reason *reason);

/*
 * Is @nfds the number of file descriptors that this request may carry? 0, or -EBADMSG.
 * VHU_FDS_TOLERATED accepts one: the caller closes it. @request has been decoded.
 */
int vhu_check_fds(enum vhu_space space, const struct vhu_msg *request, unsigned int nfds,
		  struct vhu_reason *reason);

/*
 * Prepare the reply to @request: id, flags 0x5, size as given. Payload is zeroed. @reply
 * and @request may be the same message.
 */
void vhu_reply_init(struct vhu_msg *reply, const struct vhu_msg *request, uint32_t size);

/*
 * One line for a trace: name, direction, flags and every field of the payload, e.g.
 * "SET_VRING_NUM need_reply index=0 num=256". Array elements that are zero numbers are
 * left out. A message that cannot be decoded is printed without its payload. Terminated
 * and cut to fit unless @cap is 0; returns strlen.
 */
size_t vhu_print(enum vhu_space space, const struct vhu_msg *msg, char *buf, size_t cap);

#endif
