/* SPDX-License-Identifier: BSD-3-Clause */
/* What VFIO tells about regions and the IOMMU, and registers of a BAR (a memfd here). */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vfio.h>

#include <cmocka.h>

#include "vhost-relay/bus/vfio_bar.h"
#include "vhost-relay/bus/vfio_region.h"

#define RWM (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE | VFIO_REGION_INFO_FLAG_MMAP)

/* A description with room for capabilities behind it. */
struct description {
	struct vfio_region_info info;
	uint8_t caps[256];
};

static struct description desc;
static struct vhr_vfio_region region;

static int
setup(void **state)
{
	memset(&desc, 0, sizeof(desc));
	desc.info.argsz = sizeof(desc);
	desc.info.flags = RWM;
	desc.info.size = 0x10000;
	desc.info.offset = 0x20000000000ull;
	return 0;
}

static void
add_sparse(uint32_t at, uint32_t next, uint32_t areas, const uint64_t *numbers)
{
	struct vfio_region_info_cap_sparse_mmap cap = {
		.header = { VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, next }, .nr_areas = areas,
	};

	desc.info.flags |= VFIO_REGION_INFO_FLAG_CAPS;
	memcpy((uint8_t *)&desc + at, &cap, sizeof(cap));
	if (areas <= 4)
		memcpy((uint8_t *)&desc + at + sizeof(cap), numbers, areas * 16);
}

static void
whole_region_may_be_mapped_without_capabilities(void **state)
{
	assert_int_equal(vhr_vfio_region_parse(&desc, sizeof(desc.info), &region), 0);
	assert_int_equal(region.size, 0x10000);
	assert_true(region.fd_offset == 0x20000000000ull);
	assert_true(region.readable && region.writable);
	assert_false(region.msix_mappable);
	assert_non_null(vhr_vfio_region_find(&region, 0, 0x10000));
	assert_non_null(vhr_vfio_region_find(&region, 0xffff, 1));
	assert_null(vhr_vfio_region_find(&region, 0xffff, 2));
	assert_null(vhr_vfio_region_find(&region, 0x10001, 0));
	assert_null(vhr_vfio_region_find(&region, UINT64_MAX, 2));
}

static void
no_part_may_be_mapped_without_the_flag(void **state)
{
	desc.info.flags &= ~VFIO_REGION_INFO_FLAG_MMAP;
	assert_int_equal(vhr_vfio_region_parse(&desc, sizeof(desc), &region), 0);
	assert_null(vhr_vfio_region_find(&region, 0, 1));
}

static void
sparse_areas_are_the_only_ones(void **state)
{
	static const uint64_t areas[] = { 0, 0x2000, 0x4000, 0xc000 };

	desc.info.cap_offset = sizeof(desc.info);
	add_sparse(sizeof(desc.info), 0, 2, areas);
	assert_int_equal(vhr_vfio_region_parse(&desc, sizeof(desc), &region), 0);
	assert_int_equal(region.num_areas, 2);
	assert_non_null(vhr_vfio_region_find(&region, 0x1000, 0x1000));
	assert_null(vhr_vfio_region_find(&region, 0x1000, 0x1001));
	assert_null(vhr_vfio_region_find(&region, 0x3000, 4));
	assert_non_null(vhr_vfio_region_find(&region, 0x4000, 0xc000));
	assert_null(vhr_vfio_region_find(&region, 0, 0x10000));
}

static void
sparse_areas_outside_the_region_are_left_out(void **state)
{
	static const uint64_t areas[] = {
		0, 0x20000, UINT64_MAX - 10, 0x1000, 0x1000, UINT64_MAX, 0x8000, 0x1000,
	};

	desc.info.cap_offset = sizeof(desc.info);
	add_sparse(sizeof(desc.info), 0, 4, areas);
	assert_int_equal(vhr_vfio_region_parse(&desc, sizeof(desc), &region), 0);
	assert_int_equal(region.num_areas, 1);
	assert_int_equal(region.area[0].offset, 0x8000);
}

static void
msix_mappable_is_found_behind_another_capability(void **state)
{
	static const uint64_t areas[] = { 0, 0x10000 };
	struct vfio_info_cap_header header = { VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, 1, 0 };

	desc.info.cap_offset = sizeof(desc.info);
	add_sparse(sizeof(desc.info), sizeof(desc.info) + 64, 1, areas);
	memcpy((uint8_t *)&desc + sizeof(desc.info) + 64, &header, sizeof(header));
	assert_int_equal(vhr_vfio_region_parse(&desc, sizeof(desc), &region), 0);
	assert_true(region.msix_mappable);
	assert_int_equal(region.num_areas, 1);
}

static void
malformed_descriptions_are_refused(void **state)
{
	static const uint64_t areas[] = { 0, 0x1000 };
	struct vfio_info_cap_header loop = { 99, 1, sizeof(desc.info) };

	assert_int_equal(vhr_vfio_region_parse(&desc, sizeof(desc.info) - 1, &region), -EINVAL);
	/* A chain that starts outside, */
	desc.info.flags |= VFIO_REGION_INFO_FLAG_CAPS;
	desc.info.cap_offset = sizeof(desc) - 4;
	assert_int_equal(vhr_vfio_region_parse(&desc, sizeof(desc), &region), -EINVAL);
	desc.info.cap_offset = UINT32_MAX;
	assert_int_equal(vhr_vfio_region_parse(&desc, sizeof(desc), &region), -EINVAL);
	/* loops, */
	desc.info.cap_offset = sizeof(desc.info);
	memcpy((uint8_t *)&desc + sizeof(desc.info), &loop, sizeof(loop));
	assert_int_equal(vhr_vfio_region_parse(&desc, sizeof(desc), &region), -EINVAL);
	/* or has more areas than there are bytes. */
	add_sparse(sizeof(desc.info), 0, 1000, areas);
	assert_int_equal(vhr_vfio_region_parse(&desc, sizeof(desc), &region), -EINVAL);
	add_sparse(sizeof(desc.info), 0, UINT32_MAX, areas);
	assert_int_equal(vhr_vfio_region_parse(&desc, sizeof(desc), &region), -EINVAL);
}

static void
cut_takes_whole_pages_out(void **state)
{
	assert_int_equal(vhr_vfio_region_parse(&desc, sizeof(desc), &region), 0);
	vhr_vfio_region_cut(&region, 0x4800, 0x100, 0x1000);
	assert_int_equal(region.num_areas, 2);
	assert_non_null(vhr_vfio_region_find(&region, 0, 0x4000));
	assert_null(vhr_vfio_region_find(&region, 0x4000, 1));
	assert_null(vhr_vfio_region_find(&region, 0x4fff, 1));
	assert_non_null(vhr_vfio_region_find(&region, 0x5000, 0xb000));
	vhr_vfio_region_cut(&region, 0, 0x10000, 0x1000);
	assert_int_equal(region.num_areas, 0);
}

static void
cut_outside_the_region_changes_nothing(void **state)
{
	assert_int_equal(vhr_vfio_region_parse(&desc, sizeof(desc), &region), 0);
	vhr_vfio_region_cut(&region, 0x10000, 0x1000, 0x1000);
	vhr_vfio_region_cut(&region, 0xf000, UINT64_MAX, 0x1000);
	vhr_vfio_region_cut(&region, 0, 0, 0x1000);
	assert_non_null(vhr_vfio_region_find(&region, 0, 0x10000));
}

/* ---- IOMMU ---- */

struct iommu {
	struct vfio_iommu_type1_info info;
	uint32_t padding;
	struct vfio_iommu_type1_info_cap_iova_range cap;
	struct vfio_iova_range range[3];
};

static void
iommu_ranges_and_page_size_are_taken(void **state)
{
	struct iommu iommu = {
		.info = { .argsz = sizeof(iommu), .flags = VFIO_IOMMU_INFO_PGSIZES |
			  VFIO_IOMMU_INFO_CAPS, .iova_pgsizes = 0x40201000,
			  .cap_offset = offsetof(struct iommu, cap) },
		.cap = { .header = { VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1, 0 }, .nr_iovas = 3 },
		.range = { { 0, 0xfedfffff }, { 0xfef00000, 0xfef00fff },
			   { 0x100000000, 0x7fffffffff } },
	};
	struct vhr_iova iova;
	uint64_t address;

	assert_int_equal(vhr_vfio_iommu_parse(&iommu, sizeof(iommu), &iova), 0);
	assert_int_equal(iova.granule, 0x1000);
	assert_int_equal(iova.num_ranges, 3);
	assert_int_equal(vhr_iova_alloc(&iova, 0x1000, 0x1000, &address), 0);
	assert_int_equal(address, 0x100000);
	assert_int_equal(vhr_iova_alloc(&iova, 0x100000000, 0x1000, &address), 0);
	assert_true(address == 0x100000000);
}

static void
iommu_without_ranges_gets_those_below_the_interrupt_addresses(void **state)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };
	struct vhr_iova iova;

	assert_int_equal(vhr_vfio_iommu_parse(&info, 16, &iova), 0);
	assert_int_equal(iova.granule, 4096);
	assert_int_equal(iova.num_ranges, 1);
	assert_int_equal(iova.range[0].last, 0xfedfffff);
}

static void
malformed_iommu_description_is_refused(void **state)
{
	struct iommu iommu = {
		.info = { .argsz = sizeof(iommu), .flags = VFIO_IOMMU_INFO_CAPS,
			  .cap_offset = offsetof(struct iommu, cap) },
		.cap = { .header = { VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1, 0 }, .nr_iovas = 4 },
	};
	struct vhr_iova iova;

	assert_int_equal(vhr_vfio_iommu_parse(&iommu, 8, &iova), -EINVAL);
	assert_int_equal(vhr_vfio_iommu_parse(&iommu, sizeof(iommu), &iova), -EINVAL);
	iommu.cap.nr_iovas = 1;		/* one range, and nothing in it */
	assert_int_equal(vhr_vfio_iommu_parse(&iommu, sizeof(iommu), &iova), -EINVAL);
}

/* ---- registers ---- */

#define FD_OFFSET 0x100000

static struct vhr_vfio_bar bar;
static uint8_t *behind;		/* the memfd as the device sees it */

static int
bar_setup(void **state)
{
	int fd = memfd_create("device", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, FD_OFFSET + (8 << 20)) < 0)
		return -1;
	memset(&bar, 0, sizeof(bar));
	bar.region.size = 8 << 20;
	bar.region.fd_offset = FD_OFFSET;
	bar.region.readable = true;
	bar.region.writable = true;
	bar.region.num_areas = 2;
	bar.region.area[0] = (struct vhr_vfio_area){ 0, 0x10000 };
	bar.region.area[1] = (struct vhr_vfio_area){ 0x20000, (8 << 20) - 0x20000 };
	vhr_vfio_bar_init(&bar, fd);
	behind = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, FD_OFFSET);
	return behind == MAP_FAILED ? -1 : 0;
}

static int
bar_teardown(void **state)
{
	int fd = bar.fd;

	vhr_vfio_bar_unmap_all(&bar);
	munmap(behind, 8 << 20);
	close(fd);
	return 0;
}

static void
check_registers_at(uint64_t offset)
{
	static const uint8_t bytes[8] = { 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88 };
	uint64_t value;

	memcpy(behind + offset, bytes, 8);
	assert_int_equal(vhr_vfio_bar_read(&bar, offset, 1, &value), 0);
	assert_true(value == 0x11);
	assert_int_equal(vhr_vfio_bar_read(&bar, offset, 2, &value), 0);
	assert_true(value == 0x2211);
	assert_int_equal(vhr_vfio_bar_read(&bar, offset, 4, &value), 0);
	assert_true(value == 0x44332211);
	assert_int_equal(vhr_vfio_bar_read(&bar, offset, 8, &value), 0);
	assert_true(value == 0x8877665544332211ull);
	memset(behind + offset, 0, 8);
	assert_int_equal(vhr_vfio_bar_write(&bar, offset + 2, 2, 0x4433), 0);
	assert_int_equal(vhr_vfio_bar_write(&bar, offset, 1, 0x11), 0);
	assert_int_equal(vhr_vfio_bar_write(&bar, offset + 1, 1, 0x22), 0);
	assert_int_equal(vhr_vfio_bar_write(&bar, offset + 4, 4, 0x88776655), 0);
	assert_memory_equal(behind + offset, bytes, 8);
	memset(behind + offset, 0, 8);
	assert_int_equal(vhr_vfio_bar_write(&bar, offset, 8, 0x8877665544332211ull), 0);
	assert_memory_equal(behind + offset, bytes, 8);
}

static void
mapped_registers_are_little_endian(void **state)
{
	check_registers_at(0x100);
	assert_int_equal(bar.num_maps, 1);
	check_registers_at((8 << 20) - 8);
	assert_int_equal(bar.num_maps, 2);
}

static void
registers_outside_the_areas_are_read_and_written(void **state)
{
	check_registers_at(0x18000);
	assert_int_equal(bar.num_maps, 0);
}

static void
bad_register_accesses_are_refused(void **state)
{
	uint64_t value;

	assert_int_equal(vhr_vfio_bar_read(&bar, 0, 3, &value), -EINVAL);
	assert_int_equal(vhr_vfio_bar_read(&bar, 0, 0, &value), -EINVAL);
	assert_int_equal(vhr_vfio_bar_read(&bar, 1, 2, &value), -EINVAL);
	assert_int_equal(vhr_vfio_bar_read(&bar, 8 << 20, 1, &value), -EINVAL);
	assert_int_equal(vhr_vfio_bar_write(&bar, UINT64_MAX - 3, 4, 0), -EINVAL);
}

static void
more_places_than_mappings_still_work(void **state)
{
	uint64_t value;
	unsigned int i;

	bar.region.num_areas = VHR_VFIO_MAX_AREAS;
	for (i = 0; i < VHR_VFIO_MAX_AREAS; i++)
		bar.region.area[i] = (struct vhr_vfio_area){ i * 0x2000ull, 0x1000 };
	for (i = 0; i < VHR_VFIO_MAX_AREAS; i++) {
		assert_int_equal(vhr_vfio_bar_write(&bar, i * 0x2000ull + 8, 4, i + 1), 0);
		assert_int_equal(vhr_vfio_bar_read(&bar, i * 0x2000ull + 8, 4, &value), 0);
		assert_int_equal(value, i + 1);
		assert_int_equal(behind[i * 0x2000 + 8], i + 1);
	}
	assert_true(bar.num_maps < VHR_VFIO_MAX_MAPS);
	/* And there is still a place for a window. */
	assert_non_null(vhr_vfio_bar_map(&bar, 15 * 0x2000ull, 0x1000));
}

static void
window_is_mapped_once_and_inside_one_area_only(void **state)
{
	uint8_t *window, *again;

	window = vhr_vfio_bar_map(&bar, 0x23000, 4 << 20);
	assert_non_null(window);
	again = vhr_vfio_bar_map(&bar, 0x23000, 4 << 20);
	assert_ptr_equal(window, again);
	assert_int_equal(bar.num_maps, 1);
	strcpy((char *)window + 0x123, "through");
	assert_string_equal((char *)behind + 0x23123, "through");
	assert_null(vhr_vfio_bar_map(&bar, 0, 8 << 20));
	assert_int_equal(errno, EINVAL);
	assert_null(vhr_vfio_bar_map(&bar, 0x10000, 0x1000));
	assert_null(vhr_vfio_bar_map(&bar, 0x23000, 0));
	assert_null(vhr_vfio_bar_map(&bar, 0x23000, UINT64_MAX));
}

/* Each thread has 16 registers of its own, spread over pieces that are mapped on the way. */
static void *
writer(void *arg)
{
	uint64_t number = (uintptr_t)arg, value, offset;
	unsigned int round, i;

	for (round = 0; round < 200; round++) {
		for (i = 0; i < 16; i++) {
			offset = 0x20000 + i * 0x70000ull + number * 8;
			if (vhr_vfio_bar_write(&bar, offset, 4, round) < 0 ||
			    vhr_vfio_bar_read(&bar, offset, 4, &value) < 0 || value != round)
				return (void *)"lost";
		}
	}
	return NULL;
}

static void
registers_may_be_used_by_several_threads(void **state)
{
	pthread_t thread[4];
	void *result;
	uintptr_t i;

	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, writer, (void *)i), 0);
	for (i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(thread[i], &result), 0);
		assert_null(result);
	}
	assert_int_equal(bar.num_maps, 4);
}

static unsigned int
mappings_of_the_device(void)
{
	unsigned int count = 0;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) != NULL)
		count += strstr(line, "/memfd:device") != NULL;
	fclose(maps);
	return count;
}

/* Parts of four pieces: what is seen on both sides of their borders is the BAR. */
static void
large_mapping_is_whole_and_placed_for_large_pages(void **state)
{
	const uint64_t gib = 1ull << 30, from = gib - 0x3000, length = 2 * gib + 0x5000;
	const uint64_t at[] = { 0, 0x2fff, 0x3000, gib + 0x2fff, gib + 0x3000, length - 1 };
	uint8_t *va, byte;
	unsigned int i;

	if (sizeof(void *) < 8) {
		print_message("no room for gigabytes in this address space\n");
		skip();
	}
	assert_int_equal(ftruncate(bar.fd, (off_t)(FD_OFFSET + 4 * gib)), 0);
	bar.region.size = 4 * gib;
	bar.region.area[0] = (struct vhr_vfio_area){ 0, 4 * gib };
	bar.region.num_areas = 1;
	va = vhr_vfio_bar_map(&bar, from, length);
	assert_non_null(va);
	assert_int_equal(((uintptr_t)va - from) % gib, 0);
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		va[at[i]] = (uint8_t)(i + 1);
		assert_int_equal(pread(bar.fd, &byte, 1, (off_t)(FD_OFFSET + from + at[i])), 1);
		assert_int_equal(byte, i + 1);
	}
	assert_int_equal(bar.num_maps, 1);
	assert_ptr_equal(vhr_vfio_bar_map(&bar, from + gib, 0x1000), va + gib);
}

/* The third piece is beyond what a file can have: nothing of the others may stay. */
static void
large_mapping_that_fails_leaves_nothing(void **state)
{
	const uint64_t gib = 1ull << 30;
	unsigned int before = mappings_of_the_device();

	if (sizeof(void *) < 8) {
		print_message("no room for gigabytes in this address space\n");
		skip();
	}
	bar.region.size = 4 * gib;
	bar.region.fd_offset = INT64_MAX - 2 * gib + 1;
	bar.region.area[0] = (struct vhr_vfio_area){ 0, 4 * gib };
	bar.region.num_areas = 1;
	errno = 0;
	assert_null(vhr_vfio_bar_map(&bar, 0, 4 * gib));
	assert_int_not_equal(errno, 0);
	assert_int_equal(bar.num_maps, 0);
	assert_int_equal(mappings_of_the_device(), before);
}

#define R(name) cmocka_unit_test_setup(name, setup)
#define B(name) cmocka_unit_test_setup_teardown(name, bar_setup, bar_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		R(whole_region_may_be_mapped_without_capabilities),
		R(no_part_may_be_mapped_without_the_flag),
		R(sparse_areas_are_the_only_ones),
		R(sparse_areas_outside_the_region_are_left_out),
		R(msix_mappable_is_found_behind_another_capability),
		R(malformed_descriptions_are_refused),
		R(cut_takes_whole_pages_out),
		R(cut_outside_the_region_changes_nothing),
		R(iommu_ranges_and_page_size_are_taken),
		R(iommu_without_ranges_gets_those_below_the_interrupt_addresses),
		R(malformed_iommu_description_is_refused),
		B(mapped_registers_are_little_endian),
		B(registers_outside_the_areas_are_read_and_written),
		B(bad_register_accesses_are_refused),
		B(more_places_than_mappings_still_work),
		B(registers_may_be_used_by_several_threads),
		B(window_is_mapped_once_and_inside_one_area_only),
		B(large_mapping_is_whole_and_placed_for_large_pages),
		B(large_mapping_that_fails_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
