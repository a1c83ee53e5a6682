/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "vfio_bar.h"

/*
 * Registers are mapped in pieces of this size when first used. Not the whole BAR: in one
 * that holds a large window, kernels before 6.10 build the page tables of a mapping in
 * full at its first touch.
 */
#define CHUNK	(2ull << 20)
/*
 * For the same reason a large mapping is made of pieces: what is touched first costs the page
 * tables of one, not of the whole window (20 ms and 2 MiB each GiB).
 */
#define PIECE		(1ull << 30)
#define MAX_PIECES	256u	/* the kernel bounds the number of mappings of a process */
/* Chunks for registers; the rest of the table is for what is asked for by address. */
#define MAX_CHUNKS (VHR_VFIO_MAX_MAPS - 4u)

void
vhr_vfio_bar_init(struct vhr_vfio_bar *bar, int fd)
{
	bar->fd = fd;
	bar->num_maps = 0;
	pthread_mutex_init(&bar->lock, NULL);
}

void
vhr_vfio_bar_unmap_all(struct vhr_vfio_bar *bar)
{
	unsigned int i;

	for (i = 0; i < bar->num_maps; i++)
		munmap(bar->map[i].va, (size_t)bar->map[i].length);
	bar->num_maps = 0;
	pthread_mutex_destroy(&bar->lock);
}

static uint8_t *
lookup(const struct vhr_vfio_bar *bar, uint64_t offset, uint64_t length)
{
	unsigned int i, num = __atomic_load_n(&bar->num_maps, __ATOMIC_ACQUIRE);
	const struct vhr_vfio_map *map;

	for (i = 0; i < num; i++) {
		map = &bar->map[i];
		if (offset >= map->offset && offset - map->offset <= map->length &&
		    length <= map->length - (offset - map->offset))
			return map->va + (offset - map->offset);
	}
	return NULL;
}

/*
 * Address space for @length bytes from @offset of a BAR on, both multiples of a page. A multiple
 * of @align in the BAR is one here too: what lets kernels use large pages for it.
 */
static uint8_t *
reserve(uint64_t offset, size_t length, size_t align)
{
	uint8_t *start, *va;
	size_t skew;

	if (length > SIZE_MAX - align) {
		errno = EOVERFLOW;
		return MAP_FAILED;
	}
	start = mmap(NULL, length + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		     -1, 0);
	if (start == MAP_FAILED)
		return MAP_FAILED;
	skew = (size_t)(offset - (uintptr_t)start) & (align - 1);
	va = start + skew;
	if (skew > 0)
		munmap(start, skew);
	munmap(va + length, align - skew);
	return va;
}

/* Map whole pages, in pieces that begin and end at their multiples; 0 or -errno. */
static int
map_pieces(const struct vhr_vfio_bar *bar, uint64_t offset, uint64_t length, uint8_t **mapped)
{
	int prot = (bar->region.readable ? PROT_READ : 0) | (bar->region.writable ? PROT_WRITE : 0);
	uint64_t size = PIECE, at, piece;
	uint8_t *va;
	int error;

	while (length / size >= MAX_PIECES)
		size *= 2;
	va = reserve(offset, (size_t)length, length < PIECE ? CHUNK : PIECE);
	if (va == MAP_FAILED)
		return -errno;
	for (at = 0; at < length; at += piece) {
		piece = size - ((offset + at) & (size - 1));
		if (piece > length - at)
			piece = length - at;
		if (mmap(va + at, (size_t)piece, prot, MAP_SHARED | MAP_FIXED, bar->fd,
			 (off_t)(bar->region.fd_offset + offset + at)) == MAP_FAILED) {
			error = errno;
			munmap(va, (size_t)length);
			return -error;
		}
	}
	*mapped = va;
	return 0;
}

/* Map whole pages; lock held. @max: how full the table may be. */
static int
add_map(struct vhr_vfio_bar *bar, uint64_t offset, uint64_t length, unsigned int max)
{
	struct vhr_vfio_map *map = &bar->map[bar->num_maps];
	uint8_t *va = NULL;
	int ret;

	if (bar->num_maps >= max)
		return -ENOSPC;
	if (length > SIZE_MAX || bar->region.fd_offset > INT64_MAX - offset)
		return -EOVERFLOW;
	ret = map_pieces(bar, offset, length, &va);
	if (ret < 0)
		return ret;
	*map = (struct vhr_vfio_map){ offset, length, va };
	__atomic_store_n(&bar->num_maps, bar->num_maps + 1, __ATOMIC_RELEASE);
	return 0;
}

void *
vhr_vfio_bar_map(struct vhr_vfio_bar *bar, uint64_t offset, uint64_t length)
{
	uint64_t mask = (uint64_t)sysconf(_SC_PAGESIZE) - 1;
	const struct vhr_vfio_area *area;
	uint64_t first, end;
	uint8_t *va;
	int ret = 0;

	area = vhr_vfio_region_find(&bar->region, offset, length);
	if (length == 0 || area == NULL) {
		errno = EINVAL;
		return NULL;
	}
	first = offset & ~mask;
	end = offset + length;
	/* The last page of an area counts whole: VFIO reserves what a small BAR leaves of it. */
	end = end > UINT64_MAX - mask ? end : (end + mask) & ~mask;
	if (first < area->offset) {
		errno = EINVAL;
		return NULL;
	}
	pthread_mutex_lock(&bar->lock);
	va = lookup(bar, offset, length);
	if (va == NULL) {
		ret = add_map(bar, first, end - first, VHR_VFIO_MAX_MAPS);
		if (ret == 0)
			va = lookup(bar, offset, length);
	}
	pthread_mutex_unlock(&bar->lock);
	if (va == NULL)
		errno = -ret;
	return va;
}

/* The address of a register, mapping what is around it first; NULL: by read and write. */
static void *
reg_address(struct vhr_vfio_bar *bar, uint64_t offset, unsigned int width)
{
	const struct vhr_vfio_area *area;
	uint64_t first, end;
	uint8_t *va;

	va = lookup(bar, offset, width);
	if (va != NULL)
		return va;
	area = vhr_vfio_region_find(&bar->region, offset, width);
	if (area == NULL || __atomic_load_n(&bar->num_maps, __ATOMIC_ACQUIRE) >= MAX_CHUNKS)
		return NULL;
	first = offset & ~(CHUNK - 1);
	end = first + CHUNK;
	if (first < area->offset)
		first = area->offset;
	if (end > area->offset + area->size)
		end = area->offset + area->size;
	pthread_mutex_lock(&bar->lock);
	va = lookup(bar, offset, width);
	if (va == NULL && add_map(bar, first, end - first, MAX_CHUNKS) == 0)
		va = lookup(bar, offset, width);
	pthread_mutex_unlock(&bar->lock);
	return va;
}

static int
check_register(const struct vhr_vfio_bar *bar, uint64_t offset, unsigned int width)
{
	if (width != 1 && width != 2 && width != 4 && width != 8)
		return -EINVAL;
	if (offset % width != 0 || offset > bar->region.size || width > bar->region.size - offset)
		return -EINVAL;
	return 0;
}

/* What was written to memory before is seen before what is written to the device next. */
static inline void
io_write_barrier(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__asm__ volatile("" ::: "memory");	/* uncached stores stay in order */
#elif defined(__aarch64__)
	__asm__ volatile("dmb oshst" ::: "memory");
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* What is read from memory next is not older than what was read from the device. */
static inline void
io_read_barrier(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__asm__ volatile("" ::: "memory");
#elif defined(__aarch64__)
	__asm__ volatile("dmb oshld" ::: "memory");
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

int
vhr_vfio_bar_read(struct vhr_vfio_bar *bar, uint64_t offset, unsigned int width, uint64_t *value)
{
	union {
		uint8_t w1;
		uint16_t w2;
		uint32_t w4;
		uint64_t w8;
	} bytes;
	void *va;

	if (check_register(bar, offset, width) < 0)
		return -EINVAL;
	va = reg_address(bar, offset, width);
	if (va == NULL) {
		if (pread(bar->fd, &bytes, width, (off_t)(bar->region.fd_offset + offset)) !=
		    (ssize_t)width)
			return -EIO;
	} else if (width == 1) {
		bytes.w1 = *(volatile uint8_t *)va;
	} else if (width == 2) {
		bytes.w2 = *(volatile uint16_t *)va;
	} else if (width == 4) {
		bytes.w4 = *(volatile uint32_t *)va;
	} else {
		bytes.w8 = *(volatile uint64_t *)va;
	}
	io_read_barrier();
	*value = width == 1 ? bytes.w1 : width == 2 ? le16toh(bytes.w2) :
		 width == 4 ? le32toh(bytes.w4) : le64toh(bytes.w8);
	return 0;
}

int
vhr_vfio_bar_write(struct vhr_vfio_bar *bar, uint64_t offset, unsigned int width, uint64_t value)
{
	uint64_t le = htole64(value);	/* little-endian: the low bytes come first */
	void *va;

	if (check_register(bar, offset, width) < 0)
		return -EINVAL;
	va = reg_address(bar, offset, width);
	io_write_barrier();
	if (va == NULL) {
		if (pwrite(bar->fd, &le, width, (off_t)(bar->region.fd_offset + offset)) !=
		    (ssize_t)width)
			return -EIO;
	} else if (width == 1) {
		*(volatile uint8_t *)va = (uint8_t)value;
	} else if (width == 2) {
		*(volatile uint16_t *)va = htole16((uint16_t)value);
	} else if (width == 4) {
		*(volatile uint32_t *)va = htole32((uint32_t)value);
	} else {
		*(volatile uint64_t *)va = le;
	}
	return 0;
}
