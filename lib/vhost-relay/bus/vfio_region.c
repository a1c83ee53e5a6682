/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <linux/vfio.h>

#include "vfio_region.h"

/* Where the interrupt addresses begin on the machines that have them in the IOVA space. */
#define IOVA_DEFAULT_FIRST	(1ull << 20)
#define IOVA_DEFAULT_LAST	0xfedfffffull

/*
 * Position of capability @id in the chain that starts at @offset of @info: > 0, 0 when
 * there is none, -EINVAL. @size is the least it must have.
 */
static int
find_cap(const uint8_t *info, size_t len, uint32_t offset, uint16_t id, size_t size)
{
	struct vfio_info_cap_header header;
	uint32_t previous = 0;

	while (offset != 0) {
		/* The kernel appends: a chain that does not move forward is no chain. */
		if (offset <= previous || offset > len || len - offset < sizeof(header))
			return -EINVAL;
		memcpy(&header, info + offset, sizeof(header));
		if (header.id == id)
			return len - offset < size || offset > INT32_MAX ? -EINVAL : (int)offset;
		previous = offset;
		offset = header.next;
	}
	return 0;
}

static void
add_area(struct vhr_vfio_region *region, uint64_t offset, uint64_t size)
{
	if (size == 0 || offset > region->size || size > region->size - offset ||
	    region->num_areas == VHR_VFIO_MAX_AREAS)
		return;
	region->area[region->num_areas++] = (struct vhr_vfio_area){ offset, size };
}

int
vhr_vfio_region_parse(const void *info, size_t len, struct vhr_vfio_region *region)
{
	struct vfio_region_info_cap_sparse_mmap sparse;
	struct vfio_region_sparse_mmap_area area;
	struct vfio_region_info fixed;
	const uint8_t *bytes = info;
	uint32_t i;
	int at;

	memset(region, 0, sizeof(*region));
	if (len < sizeof(fixed))
		return -EINVAL;
	memcpy(&fixed, bytes, sizeof(fixed));
	region->size = fixed.size;
	region->fd_offset = fixed.offset;
	region->readable = (fixed.flags & VFIO_REGION_INFO_FLAG_READ) != 0;
	region->writable = (fixed.flags & VFIO_REGION_INFO_FLAG_WRITE) != 0;
	if ((fixed.flags & VFIO_REGION_INFO_FLAG_CAPS) == 0)
		fixed.cap_offset = 0;
	at = find_cap(bytes, len, fixed.cap_offset, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE,
		      sizeof(struct vfio_info_cap_header));
	if (at < 0)
		return at;
	region->msix_mappable = at > 0;
	if ((fixed.flags & VFIO_REGION_INFO_FLAG_MMAP) == 0)
		return 0;
	at = find_cap(bytes, len, fixed.cap_offset, VFIO_REGION_INFO_CAP_SPARSE_MMAP,
		      sizeof(sparse));
	if (at < 0)
		return at;
	if (at == 0) {
		add_area(region, 0, region->size);
		return 0;
	}
	memcpy(&sparse, bytes + at, sizeof(sparse));
	if (sparse.nr_areas > (len - (size_t)at - sizeof(sparse)) / sizeof(area))
		return -EINVAL;
	for (i = 0; i < sparse.nr_areas; i++) {
		memcpy(&area, bytes + at + sizeof(sparse) + i * sizeof(area), sizeof(area));
		add_area(region, area.offset, area.size);
	}
	/* The kernel left the table out of the areas itself, where it had to. */
	region->msix_mappable = true;
	return 0;
}

void
vhr_vfio_region_cut(struct vhr_vfio_region *region, uint64_t offset, uint64_t length,
		    uint64_t page)
{
	struct vhr_vfio_region old = *region;
	uint64_t first, end, area_end;
	unsigned int i;

	if (length == 0 || offset >= region->size || length > region->size - offset)
		return;
	first = offset & ~(page - 1);
	end = (offset + length + page - 1) & ~(page - 1);
	region->num_areas = 0;
	for (i = 0; i < old.num_areas; i++) {
		area_end = old.area[i].offset + old.area[i].size;
		if (area_end <= first || old.area[i].offset >= end) {
			add_area(region, old.area[i].offset, old.area[i].size);
			continue;
		}
		if (old.area[i].offset < first)
			add_area(region, old.area[i].offset, first - old.area[i].offset);
		if (area_end > end)
			add_area(region, end, area_end - end);
	}
}

const struct vhr_vfio_area *
vhr_vfio_region_find(const struct vhr_vfio_region *region, uint64_t offset, uint64_t length)
{
	const struct vhr_vfio_area *area;
	unsigned int i;

	for (i = 0; i < region->num_areas; i++) {
		area = &region->area[i];
		if (offset >= area->offset && offset - area->offset <= area->size &&
		    length <= area->size - (offset - area->offset))
			return area;
	}
	return NULL;
}

int
vhr_vfio_iommu_parse(const void *info, size_t len, struct vhr_iova *iova)
{
	struct vfio_iommu_type1_info_cap_iova_range cap;
	struct vfio_iommu_type1_info fixed = { 0 };
	struct vfio_iova_range range;
	const uint8_t *bytes = info;
	uint64_t granule = 4096;
	uint32_t i;
	int at;

	/* Kernels before the capabilities end the structure in front of cap_offset. */
	if (len < offsetof(struct vfio_iommu_type1_info, cap_offset))
		return -EINVAL;
	memcpy(&fixed, bytes, len < sizeof(fixed) ? len : sizeof(fixed));
	if ((fixed.flags & VFIO_IOMMU_INFO_PGSIZES) && fixed.iova_pgsizes != 0)
		granule = fixed.iova_pgsizes & -fixed.iova_pgsizes;
	vhr_iova_init(iova, granule);
	if ((fixed.flags & VFIO_IOMMU_INFO_CAPS) == 0)
		fixed.cap_offset = 0;
	at = find_cap(bytes, len, fixed.cap_offset, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE,
		      sizeof(cap));
	if (at < 0)
		return at;
	if (at == 0)
		return vhr_iova_add_range(iova, IOVA_DEFAULT_FIRST, IOVA_DEFAULT_LAST);
	memcpy(&cap, bytes + at, sizeof(cap));
	if (cap.nr_iovas > (len - (size_t)at - sizeof(cap)) / sizeof(range))
		return -EINVAL;
	for (i = 0; i < cap.nr_iovas; i++) {
		memcpy(&range, bytes + at + sizeof(cap) + i * sizeof(range), sizeof(range));
		if (range.start < IOVA_DEFAULT_FIRST)
			range.start = IOVA_DEFAULT_FIRST;
		/* A range too small to be of use, or one more than we keep, is no error. */
		(void)vhr_iova_add_range(iova, range.start, range.end);
	}
	return iova->num_ranges > 0 ? 0 : -EINVAL;
}
