/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading and writing at the front of buffers that lie in pieces. */
#ifndef VHOST_SCSI_PIECES_H
#define VHOST_SCSI_PIECES_H

#include <string.h>
#include <sys/uio.h>

/*
 * Copy @bytes from the front, which there are, and take them off: *@iov and *@num are what is
 * behind them. Changes a piece that is cut.
 */
static inline void pieces_take(struct iovec **iov, unsigned int *num, void *data, size_t bytes)
{
	unsigned char *to = data;

	while (bytes) {
		struct iovec *piece = *iov;
		size_t part = piece->iov_len < bytes ? piece->iov_len : bytes;

		memcpy(to, piece->iov_base, part);
		to += part;
		bytes -= part;
		if (part == piece->iov_len) {
			++*iov;
			--*num;
		} else {
			piece->iov_base = (unsigned char *)piece->iov_base + part;
			piece->iov_len -= part;
		}
	}
}

/* Write @bytes, which there is room for. */
static inline void pieces_put(const struct iovec *iov, const void *data, size_t bytes)
{
	const unsigned char *from = data;

	for (; bytes; iov++) {
		size_t part = iov->iov_len < bytes ? iov->iov_len : bytes;

		memcpy(iov->iov_base, from, part);
		from += part;
		bytes -= part;
	}
}

#endif
