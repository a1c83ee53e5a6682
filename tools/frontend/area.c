/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "area.h"

#define HUGE_BYTES	(2u << 20)
#define PAGE_BYTES	4096u

int area_create(struct area *area, size_t size, bool huge, struct vhu_reason *reason)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | (huge ? MFD_HUGETLB : 0);
	size_t page = huge ? HUGE_BYTES : PAGE_BYTES;
	const char *what = "memfd_create()";
	void *base;
	int ret;

	*area = (struct area){ .fd = memfd_create("vvu-frontend", flags),
			       .size = (size + page - 1) & ~(page - 1) };
	if (area->fd < 0)
		goto fail;
	what = "ftruncate()";
	if (ftruncate(area->fd, (off_t)area->size))
		goto fail;
	what = "sealing";
	if (fcntl(area->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		goto fail;
	/* Populated: no page fault is measured, and too few huge pages are told now. */
	what = huge ? "mmap() of huge pages" : "mmap()";
	base = mmap(NULL, area->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, area->fd,
		    0);
	if (base == MAP_FAILED)
		goto fail;
	area->base = base;
	return 0;
fail:
	ret = -errno;
	vhu_reason_set(reason, "%zu bytes of memory: %s: %s", area->size, what, strerror(errno));
	area_destroy(area);
	return ret;
}

void area_destroy(struct area *area)
{
	if (area->base)
		munmap(area->base, area->size);
	if (area->fd >= 0)
		close(area->fd);
	*area = (struct area){ .fd = -1 };
}

void *area_take(struct area *area, size_t size, size_t align)
{
	size_t start = (area->taken + align - 1) & ~(align - 1);

	if (start > area->size || size > area->size - start)
		return NULL;
	area->taken = start + size;
	return area->base + start;
}
