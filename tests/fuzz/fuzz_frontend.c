/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The frontend's side: a stream of messages with descriptors, a driver that answers as it
 * should. The input is a list of records
 *   [kind of descriptor][how many][whole message]
 * so that the fuzzer can reach what comes after the header checks. With CHANNEL in the first
 * byte the message goes to the backend request channel, after a request of the driver.
 */
#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz_device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHANNEL 0x80u

static void feed_channel(struct fuzz_host *host, const uint8_t *bytes, size_t len)
{
	const struct vhu_header request = {
		.request = htole32(VHU_BACKEND_CONFIG_CHANGE_MSG),
		.flags = htole32(VHU_VERSION | VHU_FLAG_NEED_REPLY),
	};

	(void)vvu_device_driver_message(host->device, &request, sizeof(request));
	while (len > 0) {
		size_t want = vvu_device_channel_want(host->device);

		if (want == 0)
			return;
		if (want > len)
			want = len;
		(void)vvu_device_channel_input(host->device, bytes, want);
		bytes += want;
		len -= want;
	}
}

static int make_fd(unsigned int kind)
{
	int pair[2];

	switch (kind % 4) {
	case 0:
		return eventfd(0, EFD_CLOEXEC);
	case 1: {
		int fd = memfd_create("fuzz", MFD_CLOEXEC);

		if (fd >= 0 && ftruncate(fd, 1 << 20) != 0)
			abort();
		return fd;
	}
	case 2:
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
			return -1;
		close(pair[1]);
		return pair[0];
	default:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	}
}

static void feed(struct fuzz_host *host, const uint8_t *bytes, size_t len, unsigned int kind,
		 unsigned int nfds)
{
	int fds[VHU_MAX_FDS];

	while (len > 0 && host->connected) {
		size_t want = vvu_device_frontend_want(host->device);

		if (want == 0)
			return;
		if (want > len)
			want = len;
		for (unsigned int i = 0; i < nfds; i++)
			fds[i] = make_fd(kind);
		(void)vvu_device_frontend_input(host->device, bytes, want, fds, nfds);
		nfds = 0;
		bytes += want;
		len -= want;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_host host;
	unsigned int records = 0;

	fuzz_device_open(&host);
	while (size >= 2 + VHU_HEADER_SIZE && host.connected && records++ < 64) {
		const unsigned int kind = data[0], nfds = data[1] % (VHU_MAX_FDS + 1);
		struct vhu_header header;

		memcpy(&header, data + 2, sizeof(header));
		size_t len = VHU_HEADER_SIZE + (header.size < 512 ? header.size : 0);

		if (len > size - 2)
			len = size - 2;
		if (kind & CHANNEL) {
			feed_channel(&host, data + 2, len);
		} else {
			feed(&host, data + 2, len, kind, nfds);
			fuzz_driver_answer(&host);
		}
		data += 2 + len;
		size -= 2 + len;
	}
	if (host.connected && size % 2)
		vvu_device_frontend_closed(host.device, "fuzz");
	else
		vvu_device_reset(host.device);
	fuzz_device_close(&host);
	return 0;
}
