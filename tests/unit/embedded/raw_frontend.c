/* SPDX-License-Identifier: BSD-3-Clause */
#include "raw_frontend.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define REPLY_ACK (1ull << 3)
#define FEATURES (1ull << VHU_VIRTIO_F_VERSION_1 | 1ull << VHU_F_PROTOCOL_FEATURES)

enum {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_MEM_TABLE = 5,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
};

int fe_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(sock >= 0 && strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path));
	if (connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail_msg("connect %s: %s", path, strerror(errno));
	return sock;
}

void fe_send(int sock, uint32_t id, uint32_t flags, const void *payload, uint32_t size,
	     const int *fds, unsigned int nfds)
{
	struct vhu_header hdr = { .request = id, .flags = flags, .size = size };
	char control[CMSG_SPACE(64 * sizeof(int))] = { 0 };
	struct iovec iov[2] = {
		{ .iov_base = &hdr, .iov_len = sizeof(hdr) },
		{ .iov_base = (void *)(uintptr_t)payload, .iov_len = size },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = size ? 2 : 1 };

	if (nfds > 0) {
		struct cmsghdr *c = (struct cmsghdr *)control;

		assert_true(nfds <= 64);
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	assert_int_equal(sendmsg(sock, &msg, MSG_NOSIGNAL), sizeof(hdr) + size);
}

static bool readable(int sock)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };

	return poll(&pfd, 1, 1000) == 1;
}

int fe_receive(int sock, struct vhu_header *hdr, void *payload, size_t cap)
{
	ssize_t got;

	if (!readable(sock))
		fail_msg("no message from the device");
	got = recv(sock, hdr, sizeof(*hdr), MSG_WAITALL);
	if (got <= 0)
		return -1;
	assert_int_equal(got, sizeof(*hdr));
	assert_true(hdr->size <= cap);
	if (hdr->size > 0)
		assert_int_equal(recv(sock, payload, hdr->size, MSG_WAITALL), hdr->size);
	return (int)hdr->size;
}

bool fe_closed(int sock)
{
	char byte;
	ssize_t got = recv(sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return got == 0 || (got < 0 && errno == ECONNRESET);
}

int fe_memfd(size_t size)
{
	int fd = memfd_create("frontend", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* The same eventfd under a number that came over a socket, as the device gets it. */
static int through_a_socket(int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct cmsghdr *c = (struct cmsghdr *)control;
	struct iovec iov = { .iov_base = &(char){ 0 }, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int pair[2], got;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	assert_int_equal(sendmsg(pair[0], &msg, 0), 1);
	msg.msg_controllen = sizeof(control);
	assert_int_equal(recvmsg(pair[1], &msg, MSG_CMSG_CLOEXEC), 1);
	memcpy(&got, CMSG_DATA(c), sizeof(int));
	close(pair[0]);
	close(pair[1]);
	close(fd);
	return got;
}

int fe_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(fd >= 0);
	/*
	 * User-mode emulation of the other byte order swaps the counters of eventfds that
	 * it saw being made, not of those received: so that both ends agree, both are.
	 */
	return through_a_socket(fd);
}

bool fe_eventfd_counts(void)
{
	uint64_t many = 200, sum = 0;
	int fd = fe_eventfd();
	bool counts = write(fd, &many, sizeof(many)) == sizeof(many) &&
		      write(fd, &many, sizeof(many)) == sizeof(many) &&
		      read(fd, &sum, sizeof(sum)) == sizeof(sum) && sum == 2 * many;

	close(fd);
	return counts;
}

void fe_expect(struct mini_driver *mini, uint32_t id, void *payload, size_t size)
{
	uint8_t msg[MINI_BUFFER_SIZE];
	size_t len;
	uint32_t word[3];

	mini_run(mini);
	len = mini_receive(mini, msg, sizeof(msg));
	if (len == 0)
		fail_msg("nothing on rxq; device said: %s", mini->log);
	assert_true(len >= sizeof(word));
	memcpy(word, msg, sizeof(word));
	assert_int_equal(le32toh(word[0]), id);
	assert_int_equal(le32toh(word[2]), size);
	assert_int_equal(len, 12 + size);
	if (payload != NULL)
		memcpy(payload, msg + 12, size);
	mini_run(mini);
}

void fe_answer(struct mini_driver *mini, uint32_t id, const void *payload, uint32_t size)
{
	uint8_t msg[MINI_BUFFER_SIZE];
	uint32_t word[3] = { htole32(id), htole32(VHU_VERSION | VHU_FLAG_REPLY), htole32(size) };

	memcpy(msg, word, sizeof(word));
	memcpy(msg + sizeof(word), payload, size);
	mini_send(mini, msg, sizeof(word) + size, true);
}

/* A request of the frontend that has a u64 for an answer. */
static uint64_t ask_u64(struct mini_driver *mini, int sock, uint32_t id, uint64_t answer)
{
	uint64_t le = htole64(answer), value;
	struct vhu_header hdr;

	fe_send(sock, id, VHU_VERSION, NULL, 0, NULL, 0);
	fe_expect(mini, id, NULL, 0);
	fe_answer(mini, id, &le, sizeof(le));
	assert_int_equal(fe_receive(sock, &hdr, &value, sizeof(value)), 8);
	assert_int_equal(hdr.request, id);
	assert_int_equal(hdr.flags, VHU_VERSION | VHU_FLAG_REPLY);
	return value;
}

int fe_session(struct mini_driver *mini)
{
	uint64_t value = FEATURES, none = 0;
	int sock;

	mini_start(mini);
	mini_backend_up(mini, true);
	sock = fe_connect(mini->path);
	mini_run(mini);
	assert_int_equal(mini_status(mini), VVU_STATUS_BACKEND_UP | VVU_STATUS_FRONTEND_UP);
	assert_int_equal(ask_u64(mini, sock, GET_FEATURES, FEATURES) & FEATURES, FEATURES);
	ask_u64(mini, sock, GET_PROTOCOL_FEATURES, REPLY_ACK);
	fe_send(sock, SET_PROTOCOL_FEATURES, VHU_VERSION, &none, 8, NULL, 0);
	fe_expect(mini, SET_PROTOCOL_FEATURES, NULL, 8);
	fe_send(sock, SET_FEATURES, VHU_VERSION, &value, 8, NULL, 0);
	fe_expect(mini, SET_FEATURES, NULL, 8);
	return sock;
}

void fe_set_mem_table(struct mini_driver *mini, int sock, int memfd, uint64_t size)
{
	struct {
		uint32_t nregions, padding;
		struct vhu_mem_region region;
	} table = {
		.nregions = 1,
		.region = { .size = size, .user_addr = 0x7f0000000000 },
	};
	uint64_t ok = 0;

	fe_send(sock, SET_MEM_TABLE, VHU_VERSION, &table, sizeof(table), &memfd, 1);
	fe_expect(mini, SET_MEM_TABLE, NULL, sizeof(table));
	fe_answer(mini, SET_MEM_TABLE, &ok, sizeof(ok));
}
