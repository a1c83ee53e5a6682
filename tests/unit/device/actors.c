/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver and the frontend of the fixture, and what tests look for. */
#include "fixture.h"

#include <endian.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

int op_find(const struct fixture *f, const char *text, unsigned int from)
{
	unsigned int i;

	for (i = from; i < f->nops; i++)
		if (strncmp(f->ops[i], text, strlen(text)) == 0)
			return (int)i;
	return -1;
}

void op_clear(struct fixture *f)
{
	f->nops = 0;
}

void assert_ops(const struct fixture *f, const char *first, ...)
{
	const char *text;
	unsigned int from = 0, i;
	va_list args;
	int at;

	va_start(args, first);
	for (text = first; text != NULL; text = va_arg(args, const char *)) {
		at = op_find(f, text, from);
		if (at < 0) {
			for (i = 0; i < f->nops; i++)
				print_error("op %u: %s\n", i, f->ops[i]);
			fail_msg("no \"%s\" at or after op %u", text, from);
		}
		from = (unsigned int)at + 1;
	}
	va_end(args);
}

void assert_no_op(const struct fixture *f, const char *text)
{
	int at = op_find(f, text, 0);

	if (at >= 0)
		fail_msg("op %d is \"%s\"", at, f->ops[at]);
}

void write_status(struct fixture *f, uint8_t status)
{
	vvu_device_config_write(f->device, VVU_CONFIG_STATUS, &status, sizeof(status));
}

uint32_t read_config32(struct fixture *f, uint32_t offset)
{
	uint32_t value;

	vvu_device_config_read(f->device, offset, &value, sizeof(value));
	return le32toh(value);
}

uint32_t read_status(struct fixture *f)
{
	return read_config32(f, VVU_CONFIG_STATUS);
}

void connect_frontend(struct fixture *f)
{
	vvu_device_driver_ok(f->device);
	write_status(f, VVU_STATUS_BACKEND_UP);
	assert_true(vvu_device_accepts(f->device));
	assert_int_equal(vvu_device_frontend_connected(f->device), 0);
}

int driver_send(struct fixture *f, enum vhu_space space, const struct vhu_msg *msg)
{
	uint8_t buf[VHU_MAX_MESSAGE];
	struct vhu_reason reason;
	int len;

	len = vhu_encode(VHU_ORDER_LE, space, msg, buf, sizeof(buf), &reason);
	assert_true(len > 0);
	return vvu_device_driver_message(f->device, buf, (size_t)len);
}

static void init_reply(struct vhu_msg *msg, uint32_t id, uint32_t size)
{
	struct vhu_msg request;

	request.hdr.request = id;
	vhu_reply_init(msg, &request, size);
}

int driver_reply_u64(struct fixture *f, uint32_t id, uint64_t value)
{
	struct vhu_msg msg;

	init_reply(&msg, id, sizeof(value));
	msg.u64 = value;
	return driver_send(f, VHU_SPACE_FRONTEND, &msg);
}

int driver_reply_none(struct fixture *f, uint32_t id)
{
	struct vhu_msg msg;

	init_reply(&msg, id, 0);
	return driver_send(f, VHU_SPACE_FRONTEND, &msg);
}

int driver_request(struct fixture *f, uint32_t id, uint32_t flags)
{
	struct vhu_msg msg;

	memset(&msg, 0, sizeof(msg));
	msg.hdr.request = id;
	msg.hdr.flags = VHU_VERSION | flags;
	if (id == VHU_BACKEND_IOTLB_MSG)
		msg.hdr.size = sizeof(msg.iotlb);
	return driver_send(f, VHU_SPACE_BACKEND, &msg);
}

const struct vhu_msg *rxq_last(const struct fixture *f)
{
	assert_true(f->nrxq > 0);
	return &f->rxq[f->nrxq - 1];
}

int frontend_send_raw(struct fixture *f, const void *buf, size_t len, const int *fds,
		      unsigned int nfds)
{
	const uint8_t *bytes = buf;
	size_t want;
	int ret = 0;

	while (len > 0 && ret == 0) {
		want = vvu_device_frontend_want(f->device);
		assert_true(want > 0);
		if (want > len)
			want = len;
		ret = vvu_device_frontend_input(f->device, bytes, want, fds, nfds);
		fds = NULL;
		nfds = 0;
		bytes += want;
		len -= want;
	}
	return ret;
}

int frontend_send(struct fixture *f, const struct vhu_msg *msg, const int *fds, unsigned int nfds)
{
	uint8_t buf[VHU_MAX_MESSAGE];
	struct vhu_reason reason;
	int len;

	len = vhu_encode(VHU_ORDER_NATIVE, VHU_SPACE_FRONTEND, msg, buf, sizeof(buf), &reason);
	assert_true(len > 0);
	return frontend_send_raw(f, buf, (size_t)len, fds, nfds);
}

static void init_request(struct vhu_msg *msg, uint32_t id, uint32_t flags, uint32_t size)
{
	memset(msg, 0, sizeof(*msg));
	msg->hdr.request = id;
	msg->hdr.flags = VHU_VERSION | flags;
	msg->hdr.size = size;
}

int frontend_u64(struct fixture *f, uint32_t id, uint32_t flags, uint64_t value)
{
	struct vhu_msg msg;

	init_request(&msg, id, flags, sizeof(value));
	msg.u64 = value;
	return frontend_send(f, &msg, NULL, 0);
}

int frontend_none(struct fixture *f, uint32_t id, uint32_t flags)
{
	struct vhu_msg msg;

	init_request(&msg, id, flags, 0);
	return frontend_send(f, &msg, NULL, 0);
}

int frontend_state(struct fixture *f, uint32_t id, uint32_t index, uint32_t num)
{
	struct vhu_msg msg;

	init_request(&msg, id, 0, sizeof(msg.state));
	msg.state.index = index;
	msg.state.num = num;
	return frontend_send(f, &msg, NULL, 0);
}

int frontend_eventfd(struct fixture *f, uint32_t id, uint64_t index)
{
	int fd = make_eventfd();
	struct vhu_msg msg;

	init_request(&msg, id, 0, sizeof(msg.u64));
	msg.u64 = index;
	return frontend_send(f, &msg, &fd, 1);
}

void negotiate(struct fixture *f, uint64_t features, uint64_t protocol)
{
	assert_int_equal(frontend_none(f, VHU_GET_FEATURES, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_FEATURES, ~0ull), 0);
	assert_int_equal(frontend_none(f, VHU_GET_PROTOCOL_FEATURES, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_PROTOCOL_FEATURES, ~0ull), 0);
	assert_int_equal(frontend_u64(f, VHU_SET_PROTOCOL_FEATURES, 0, protocol), 0);
	assert_int_equal(frontend_u64(f, VHU_SET_FEATURES, 0, features), 0);
}

void start(struct fixture *f)
{
	connect_frontend(f);
	negotiate(f, FEATURES_BASE, ALL_PROTOCOL);
	op_clear(f);
}

int frontend_table(struct fixture *f, uint32_t flags, const struct region *regions, unsigned int n)
{
	struct vhu_msg msg;
	int fds[VHU_MAX_TABLE_REGIONS];
	unsigned int i;

	init_request(&msg, VHU_SET_MEM_TABLE, flags,
		     (uint32_t)(offsetof(struct vhu_mem_table, region) +
				n * sizeof(msg.table.region[0])));
	msg.table.nregions = n;
	for (i = 0; i < n; i++) {
		msg.table.region[i].guest_addr = regions[i].gpa;
		msg.table.region[i].size = regions[i].size;
		msg.table.region[i].user_addr = regions[i].uva;
		msg.table.region[i].mmap_offset = regions[i].offset;
		fds[i] = regions[i].fd;
	}
	return frontend_send(f, &msg, fds, n);
}

int frontend_region(struct fixture *f, uint32_t id, uint32_t flags, const struct region *region)
{
	struct vhu_msg msg;

	init_request(&msg, id, flags, sizeof(msg.single));
	msg.single.region.guest_addr = region->gpa;
	msg.single.region.size = region->size;
	msg.single.region.user_addr = region->uva;
	msg.single.region.mmap_offset = region->offset;
	return frontend_send(f, &msg, &region->fd, region->fd >= 0 ? 1 : 0);
}

int make_memfd(uint64_t size)
{
	int fd = memfd_create("test memory", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

int make_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

bool is_connected(const struct fixture *f)
{
	struct vvu_device_status status;

	vvu_device_query(f->device, &status);
	return strcmp(status.state, "connected") == 0;
}

void assert_disconnected(struct fixture *f, const char *reason)
{
	struct vvu_device_status status;

	vvu_device_query(f->device, &status);
	assert_string_equal(status.state, "idle");
	assert_int_equal(read_status(f), 0);
	assert_int_equal(f->closes, 1);
	if (strstr(status.last_disconnect.text, reason) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", reason, status.last_disconnect.text);
	assert_non_null(strstr(f->last_warning, reason));
}

const struct vvu_mapping *mapped_at(const struct fixture *f, uint8_t shmid, uint64_t offset)
{
	unsigned int i;

	for (i = 0; i < f->nmaps; i++)
		if (f->maps[i].shmid == shmid && f->maps[i].offset <= offset &&
		    offset < f->maps[i].offset + f->maps[i].length)
			return &f->maps[i];
	return NULL;
}

void assert_formula(const struct fixture *f, const struct vhu_msg *msg,
		    const struct vvu_mapping *expected)
{
	uint64_t start_of = 0;
	unsigned int i;

	assert_int_equal(msg->hdr.request, VHU_SET_MEM_TABLE);
	for (i = 0; i < msg->table.nregions; i++) {
		const struct vhu_mem_region *r = &msg->table.region[i];
		const struct vvu_mapping *m =
			mapped_at(f, VVU_SHMID_MEMORY, start_of + r->mmap_offset);

		assert_non_null(m);
		assert_int_equal(m->offset, start_of + r->mmap_offset);
		assert_int_equal(m->length, r->size);
		assert_int_equal(m->fd_offset, expected[i].fd_offset);
		start_of += r->mmap_offset + r->size;
	}
}
