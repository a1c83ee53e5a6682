/* SPDX-License-Identifier: BSD-3-Clause */
/* The alignment of direct I/O as Linux 6.1 and later tell it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file.h"

int file_statx_alignment(int fd, uint32_t *memory_align, uint32_t *offset_align)
{
	struct statx stx;

	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx))
		return -errno;
	if (!(stx.stx_mask & STATX_DIOALIGN))
		return -ENOSYS;
	/* Zero: not on this file. */
	if (!stx.stx_dio_mem_align || !stx.stx_dio_offset_align)
		return -EOPNOTSUPP;
	*memory_align = stx.stx_dio_mem_align;
	*offset_align = stx.stx_dio_offset_align;
	return 0;
}
