/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the file store: file.c opens, file_probe.c finds out, file_queue.c works. */
#ifndef STORAGE_STORE_FILE_H
#define STORAGE_STORE_FILE_H

#include "kinds.h"

/* Zeroes to write where the system cannot make a range zero; of one operation on the file. */
#define FILE_ZEROES_BYTES	(1u << 20)
#define FILE_TRANSFER_MAX	(1ull << 30)
/* What a system call on a range may take long for. */
#define FILE_RANGE_MAX		(1ull << 30)

struct file {
	struct store store;
	int fd;
	char *path;
	bool is_block_device;
	bool direct;
	bool in_memory;			/* of tmpfs */
	bool locked;
	char why_not_direct[96];
	uint32_t memory_align;		/* of buffers, for direct */
	bool can_punch;			/* unmap and zero; atomic: may turn out false */
	bool can_zero;			/* zero, keep allocated; the same */
	unsigned int queue_depth;
	char *zeroes;			/* FILE_ZEROES_BYTES */
};

/* What the system says of an open file. */
struct file_limits {
	uint64_t size_bytes;
	uint32_t logical_bytes;		/* block device; of a file 512 */
	uint32_t physical_bytes;
	uint32_t optimal_bytes;
	uint32_t discard_granularity_bytes;
	bool rotational;
	bool read_only;
	bool in_memory;
	bool can_punch;
	bool can_zero;
};

/* Look at @fd; with @probe, try beyond its end what a regular file can do. -errno. */
int file_look(int fd, bool is_block_device, bool probe, struct file_limits *limits);
/* -errno. Not rounded to blocks. */
int file_size(int fd, bool is_block_device, uint64_t *size_bytes);
/*
 * Alignment that direct I/O on @fd, which is open with O_DIRECT, needs. -EOPNOTSUPP if it does
 * not work there.
 */
int file_direct_alignment(int fd, bool is_block_device, uint32_t *memory_align,
			  uint32_t *offset_align);
/* statx() of the kernel's header, which does not go together with the C library's. */
int file_statx_alignment(int fd, uint32_t *memory_align, uint32_t *offset_align);

extern const struct store_ops file_ops;

int file_queue_open(struct store *store, struct store_queue **queue);
void file_queue_close(struct store_queue *queue);
void file_submit(struct store_queue *queue, struct store_io *io);
void file_kick(struct store_queue *queue);
unsigned int file_poll(struct store_queue *queue);
int file_queue_fd(struct store_queue *queue);
/* Is io_uring there, for this program? 0 or -errno. */
int file_uring_check(void);

#endif
