/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one table of vhost-user messages and protocol features, both directions, as of
 * the vhost-user text of QEMU 11.1. Everything that must know a message is generated
 * from, or driven by, these rows: the codec, the device's allow-list, the backend's
 * dispatch, the printer, the fuzz dictionary and the table in the manual.
 *
 * A row is
 *   X(id, NAME, request, fds, reply, reply_fds, rule, gate, action)
 *
 *   request    VHU_SHAPE_...: layout of the request's payload
 *   fds        VHU_FDS_...:   how many file descriptors come with the request
 *   reply      VHU_SHAPE_...: layout of the reply's payload (not the REPLY_ACK u64)
 *   reply_fds  VHU_FDS_...:   how many file descriptors come with the reply
 *   rule       VHU_REPLY_...: when there is a reply
 *   gate       what must have been negotiated: a protocol feature, or VHU_GATE_...
 *   action     VHU_DO_...:    what a virtio-vhost-user device does with it
 */
#ifndef VHOST_PROTO_MESSAGE_TABLE_H
#define VHOST_PROTO_MESSAGE_TABLE_H

/* Payload layouts; the sizes are in shapes.c, taken from the structs of wire.h. */
enum vhu_shape {
	VHU_SHAPE_NONE,
	VHU_SHAPE_U64,
	VHU_SHAPE_U64_OR_NONE,	/* replies to SET_LOG_BASE: both are in the field */
	VHU_SHAPE_MAC,		/* 6 raw bytes, 2 ignored */
	VHU_SHAPE_VRING_STATE,
	VHU_SHAPE_VRING_ADDR,
	VHU_SHAPE_MEM_TABLE,	/* 8 + 32 n bytes, n <= 8 */
	VHU_SHAPE_SINGLE_REGION,
	VHU_SHAPE_LOG,
	VHU_SHAPE_IOTLB,
	VHU_SHAPE_CONFIG,	/* 12 + n bytes, n <= 256 */
	VHU_SHAPE_CONFIG_OR_NONE,	/* reply to GET_CONFIG: no payload says "error" */
	VHU_SHAPE_VRING_AREA,
	VHU_SHAPE_INFLIGHT,
	VHU_SHAPE_SHARED_OBJECT,
	VHU_SHAPE_TRANSFER_STATE,
	VHU_SHAPE_MMAP,
	VHU_SHAPE_SHMEM_CONFIG,
	VHU_SHAPE_CRYPTO_SESSION,
	VHU_SHAPE_COUNT
};

enum vhu_fds {
	VHU_FDS_NONE,
	VHU_FDS_ONE,
	VHU_FDS_UNLESS_NOFD,	/* one, or none with VHU_VRING_NOFD set */
	VHU_FDS_PER_REGION,	/* as many as the table has regions */
	VHU_FDS_TOLERATED,	/* none; one is closed unread (REM_MEM_REG) */
	VHU_FDS_OPTIONAL,	/* none or one, the payload tells */
};

enum vhu_reply_rule {
	VHU_REPLY_ACK,		/* u64, only if REPLY_ACK was negotiated and asked for */
	VHU_REPLY_ALWAYS,	/* the reply payload, always; NEED_REPLY adds nothing */
};

/* Gates that are not a protocol feature bit */
#define VHU_GATE_NONE			0xff
#define VHU_GATE_PROTOCOL_FEATURES	0xfe	/* virtio feature bit 30 offered */
#define VHU_GATE_ACCESS_PLATFORM	0xfd	/* virtio feature bit 33 */

enum vhu_action {
	VHU_DO_RELAY,		/* parse, check, re-serialise, no resource involved */
	VHU_DO_WINDOW,		/* changes what the frontend-memory window shows */
	VHU_DO_KICK,
	VHU_DO_CALL,
	VHU_DO_ERR,
	VHU_DO_LOG,
	VHU_DO_INFLIGHT,
	VHU_DO_CHANNEL,		/* opens the backend request channel */
	VHU_DO_REFUSE,		/* the sender is disconnected */
};

/* Protocol feature bits: X(bit, NAME, policy, why); policy PASS or MASK */
#define VHU_PROTOCOL_FEATURES(X) \
	X(0, MQ, PASS, "pure message") \
	X(1, LOG_SHMFD, PASS, "the log is shared memory region 2") \
	X(2, RARP, PASS, "pure message") \
	X(3, REPLY_ACK, PASS, "pure message") \
	X(4, MTU, PASS, "pure message") \
	X(5, BACKEND_REQ, PASS, "the device keeps the socket and relays txq to it") \
	X(6, CROSS_ENDIAN, MASK, "legacy byte order; VERSION_1 is mandatory here") \
	X(7, CRYPTO_SESSION, MASK, "the payload holds host pointers") \
	X(8, PAGEFAULT, MASK, "a userfaultfd is an object of one host process") \
	X(9, CONFIG, PASS, "pure message") \
	X(10, BACKEND_SEND_FD, MASK, "a driver in a VM has no descriptor to send") \
	X(11, HOST_NOTIFIER, MASK, "needs a host-mappable page owned by the driver's VM") \
	X(12, INFLIGHT_SHMFD, PASS, "the inflight area is shared memory region 3") \
	X(13, RESET_DEVICE, PASS, "pure message") \
	X(14, INBAND_NOTIFICATIONS, MASK, "doorbells and kick vectors are better") \
	X(15, CONFIGURE_MEM_SLOTS, PASS, "regions are placed one by one in the window") \
	X(16, STATUS, PASS, "pure message") \
	X(17, XEN_MMAP, MASK, "Xen grant mappings cannot be shown in a BAR") \
	X(18, SHARED_OBJECT, MASK, "dma-buf exchange needs descriptors both ways") \
	X(19, DEVICE_STATE, MASK, "the state pipe has no queue to travel on") \
	X(20, GET_VRING_BASE_INFLIGHT, PASS, "pure message") \
	X(21, GPA_ADDRESSES, PASS, "pure message") \
	X(22, SHMEM_MAP, MASK, "needs driver memory exported to the host")

enum vhu_protocol_feature {
#define VHU_X_BIT(bit, name, policy, why) VHU_PROTOCOL_F_##name = (bit),
	VHU_PROTOCOL_FEATURES(VHU_X_BIT)
#undef VHU_X_BIT
};

/* Frontend to backend */
#define VHU_FRONTEND_MESSAGES(X) \
	X(1, GET_FEATURES, NONE, NONE, U64, NONE, ALWAYS, VHU_GATE_NONE, RELAY) \
	X(2, SET_FEATURES, U64, NONE, NONE, NONE, ACK, VHU_GATE_NONE, RELAY) \
	X(3, SET_OWNER, NONE, NONE, NONE, NONE, ACK, VHU_GATE_NONE, RELAY) \
	X(4, RESET_OWNER, NONE, NONE, NONE, NONE, ACK, VHU_GATE_NONE, RELAY) \
	X(5, SET_MEM_TABLE, MEM_TABLE, PER_REGION, NONE, NONE, ACK, VHU_GATE_NONE, WINDOW) \
	X(6, SET_LOG_BASE, LOG, ONE, U64_OR_NONE, NONE, ALWAYS, VHU_PROTOCOL_F_LOG_SHMFD, LOG) \
	X(7, SET_LOG_FD, NONE, ONE, NONE, NONE, ACK, VHU_GATE_NONE, LOG) \
	X(8, SET_VRING_NUM, VRING_STATE, NONE, NONE, NONE, ACK, VHU_GATE_NONE, RELAY) \
	X(9, SET_VRING_ADDR, VRING_ADDR, NONE, NONE, NONE, ACK, VHU_GATE_NONE, RELAY) \
	X(10, SET_VRING_BASE, VRING_STATE, NONE, NONE, NONE, ACK, VHU_GATE_NONE, RELAY) \
	X(11, GET_VRING_BASE, VRING_STATE, NONE, VRING_STATE, NONE, ALWAYS, VHU_GATE_NONE, RELAY) \
	X(12, SET_VRING_KICK, U64, UNLESS_NOFD, NONE, NONE, ACK, VHU_GATE_NONE, KICK) \
	X(13, SET_VRING_CALL, U64, UNLESS_NOFD, NONE, NONE, ACK, VHU_GATE_NONE, CALL) \
	X(14, SET_VRING_ERR, U64, UNLESS_NOFD, NONE, NONE, ACK, VHU_GATE_NONE, ERR) \
	X(15, GET_PROTOCOL_FEATURES, NONE, NONE, U64, NONE, ALWAYS, \
	  VHU_GATE_PROTOCOL_FEATURES, RELAY) \
	X(16, SET_PROTOCOL_FEATURES, U64, NONE, NONE, NONE, ACK, \
	  VHU_GATE_PROTOCOL_FEATURES, RELAY) \
	X(17, GET_QUEUE_NUM, NONE, NONE, U64, NONE, ALWAYS, VHU_PROTOCOL_F_MQ, RELAY) \
	X(18, SET_VRING_ENABLE, VRING_STATE, NONE, NONE, NONE, ACK, \
	  VHU_GATE_PROTOCOL_FEATURES, RELAY) \
	X(19, SEND_RARP, MAC, NONE, NONE, NONE, ACK, VHU_PROTOCOL_F_RARP, RELAY) \
	X(20, NET_SET_MTU, U64, NONE, NONE, NONE, ACK, VHU_PROTOCOL_F_MTU, RELAY) \
	X(21, SET_BACKEND_REQ_FD, NONE, ONE, NONE, NONE, ACK, VHU_PROTOCOL_F_BACKEND_REQ, \
	  CHANNEL) \
	X(22, IOTLB_MSG, IOTLB, NONE, U64, NONE, ALWAYS, VHU_GATE_ACCESS_PLATFORM, RELAY) \
	X(23, SET_VRING_ENDIAN, VRING_STATE, NONE, NONE, NONE, ACK, \
	  VHU_PROTOCOL_F_CROSS_ENDIAN, REFUSE) \
	X(24, GET_CONFIG, CONFIG, NONE, CONFIG_OR_NONE, NONE, ALWAYS, VHU_PROTOCOL_F_CONFIG, \
	  RELAY) \
	X(25, SET_CONFIG, CONFIG, NONE, NONE, NONE, ACK, VHU_PROTOCOL_F_CONFIG, RELAY) \
	X(26, CREATE_CRYPTO_SESSION, CRYPTO_SESSION, NONE, CRYPTO_SESSION, NONE, ALWAYS, \
	  VHU_PROTOCOL_F_CRYPTO_SESSION, REFUSE) \
	X(27, CLOSE_CRYPTO_SESSION, U64, NONE, NONE, NONE, ACK, \
	  VHU_PROTOCOL_F_CRYPTO_SESSION, REFUSE) \
	X(28, POSTCOPY_ADVISE, NONE, NONE, NONE, ONE, ALWAYS, VHU_PROTOCOL_F_PAGEFAULT, REFUSE) \
	X(29, POSTCOPY_LISTEN, NONE, NONE, NONE, NONE, ACK, VHU_PROTOCOL_F_PAGEFAULT, REFUSE) \
	X(30, POSTCOPY_END, NONE, NONE, U64, NONE, ALWAYS, VHU_PROTOCOL_F_PAGEFAULT, REFUSE) \
	X(31, GET_INFLIGHT_FD, INFLIGHT, NONE, INFLIGHT, OPTIONAL, ALWAYS, \
	  VHU_PROTOCOL_F_INFLIGHT_SHMFD, INFLIGHT) \
	X(32, SET_INFLIGHT_FD, INFLIGHT, ONE, NONE, NONE, ACK, \
	  VHU_PROTOCOL_F_INFLIGHT_SHMFD, INFLIGHT) \
	X(33, GPU_SET_SOCKET, NONE, ONE, NONE, NONE, ACK, VHU_GATE_NONE, REFUSE) \
	X(34, RESET_DEVICE, NONE, NONE, NONE, NONE, ACK, VHU_PROTOCOL_F_RESET_DEVICE, RELAY) \
	X(35, VRING_KICK, VRING_STATE, NONE, NONE, NONE, ACK, \
	  VHU_PROTOCOL_F_INBAND_NOTIFICATIONS, REFUSE) \
	X(36, GET_MAX_MEM_SLOTS, NONE, NONE, U64, NONE, ALWAYS, \
	  VHU_PROTOCOL_F_CONFIGURE_MEM_SLOTS, RELAY) \
	X(37, ADD_MEM_REG, SINGLE_REGION, ONE, NONE, NONE, ACK, \
	  VHU_PROTOCOL_F_CONFIGURE_MEM_SLOTS, WINDOW) \
	X(38, REM_MEM_REG, SINGLE_REGION, TOLERATED, NONE, NONE, ACK, \
	  VHU_PROTOCOL_F_CONFIGURE_MEM_SLOTS, WINDOW) \
	X(39, SET_STATUS, U64, NONE, NONE, NONE, ACK, VHU_PROTOCOL_F_STATUS, RELAY) \
	X(40, GET_STATUS, NONE, NONE, U64, NONE, ALWAYS, VHU_PROTOCOL_F_STATUS, RELAY) \
	X(41, GET_SHARED_OBJECT, SHARED_OBJECT, NONE, NONE, OPTIONAL, ALWAYS, \
	  VHU_PROTOCOL_F_SHARED_OBJECT, REFUSE) \
	X(42, SET_DEVICE_STATE_FD, TRANSFER_STATE, ONE, U64, OPTIONAL, ALWAYS, \
	  VHU_PROTOCOL_F_DEVICE_STATE, REFUSE) \
	X(43, CHECK_DEVICE_STATE, NONE, NONE, U64, NONE, ALWAYS, \
	  VHU_PROTOCOL_F_DEVICE_STATE, REFUSE) \
	X(44, GET_SHMEM_CONFIG, NONE, NONE, SHMEM_CONFIG, NONE, ALWAYS, \
	  VHU_PROTOCOL_F_SHMEM_MAP, REFUSE)

/* Backend to frontend, on the channel opened by SET_BACKEND_REQ_FD */
#define VHU_BACKEND_MESSAGES(X) \
	X(1, BACKEND_IOTLB_MSG, IOTLB, NONE, NONE, NONE, ACK, VHU_GATE_ACCESS_PLATFORM, RELAY) \
	X(2, BACKEND_CONFIG_CHANGE_MSG, NONE, NONE, NONE, NONE, ACK, VHU_PROTOCOL_F_CONFIG, \
	  RELAY) \
	X(3, BACKEND_VRING_HOST_NOTIFIER_MSG, VRING_AREA, UNLESS_NOFD, NONE, NONE, ACK, \
	  VHU_PROTOCOL_F_HOST_NOTIFIER, REFUSE) \
	X(4, BACKEND_VRING_CALL, VRING_STATE, NONE, NONE, NONE, ACK, \
	  VHU_PROTOCOL_F_INBAND_NOTIFICATIONS, REFUSE) \
	X(5, BACKEND_VRING_ERR, VRING_STATE, NONE, NONE, NONE, ACK, \
	  VHU_PROTOCOL_F_INBAND_NOTIFICATIONS, REFUSE) \
	X(6, BACKEND_SHARED_OBJECT_ADD, SHARED_OBJECT, NONE, NONE, NONE, ACK, \
	  VHU_PROTOCOL_F_SHARED_OBJECT, REFUSE) \
	X(7, BACKEND_SHARED_OBJECT_REMOVE, SHARED_OBJECT, NONE, NONE, NONE, ACK, \
	  VHU_PROTOCOL_F_SHARED_OBJECT, REFUSE) \
	X(8, BACKEND_SHARED_OBJECT_LOOKUP, SHARED_OBJECT, NONE, U64, OPTIONAL, ALWAYS, \
	  VHU_PROTOCOL_F_SHARED_OBJECT, REFUSE) \
	X(9, BACKEND_SHMEM_MAP, MMAP, ONE, NONE, NONE, ACK, VHU_PROTOCOL_F_SHMEM_MAP, REFUSE) \
	X(10, BACKEND_SHMEM_UNMAP, MMAP, NONE, NONE, NONE, ACK, VHU_PROTOCOL_F_SHMEM_MAP, REFUSE)

enum vhu_message_id {
#define VHU_X_ID(id, name, ...) VHU_##name = (id),
	VHU_FRONTEND_MESSAGES(VHU_X_ID)
	VHU_BACKEND_MESSAGES(VHU_X_ID)
#undef VHU_X_ID
};

#endif
