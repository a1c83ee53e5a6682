/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of the buses that need no device: addresses, sysfs, IOVA allocation, DMA memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "vhost-relay/bus/dma_memory.h"
#include "vhost-relay/bus/iova.h"
#include "vhost-relay/bus/pci_address.h"
#include "vhost-relay/bus/sysfs.h"

/* ---- addresses ---- */

static void
address_is_parsed_and_spelled_as_sysfs_does(void **state)
{
	struct vhr_pci_address address;
	char text[VHR_PCI_ADDRESS_MAX];

	assert_int_equal(vhr_pci_address_parse("0000:0A:1f.7", &address), 0);
	assert_int_equal(address.domain, 0);
	assert_int_equal(address.bus, 10);
	assert_int_equal(address.device, 31);
	assert_int_equal(address.function, 7);
	vhr_pci_address_format(&address, text);
	assert_string_equal(text, "0000:0a:1f.7");
	assert_int_equal(vhr_pci_address_parse("10000:e1:00.0", &address), 0);
	vhr_pci_address_format(&address, text);
	assert_string_equal(text, "10000:e1:00.0");
}

static void
what_is_not_an_address_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "0000", "00:05.0", "0000:00:05", "0000:00:05.", "0000:00:05.8", "0000:00:20.0",
		"0000:00:5.0", "0000:000:05.0", "000:00:05.0", "0000:00:05.00", "0000:00:05.0 ",
		" 0000:00:05.0", "0000:00:05,0", "0000-00:05.0", "0000:g0:05.0", "0000:00:05.-1",
		"123456789:00:05.0", "0000:00:05.0/../x", "+000:00:05.0",
	};
	struct vhr_pci_address address;
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (vhr_pci_address_parse(bad[i], &address) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
	}
	assert_int_equal(vhr_pci_address_parse(NULL, &address), -EINVAL);
}

/* ---- sysfs ---- */

static const struct vhr_pci_address function_5 = { 0, 0, 5, 0 };

static void
make_dir(const char *root, const char *path)
{
	char full[512];
	char *slash;

	snprintf(full, sizeof(full), "%s/%s/", root, path);
	for (slash = full + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		if (mkdir(full, 0755) < 0)
			assert_int_equal(errno, EEXIST);
		*slash = '/';
	}
}

static void
make_link(const char *root, const char *path, const char *target)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	assert_int_equal(symlink(target, full), 0);
}

static int
sysfs_setup(void **state)
{
	char *root = strdup("/tmp/vhr-sysfs-XXXXXX");

	assert_non_null(root);
	assert_non_null(mkdtemp(root));
	make_dir(root, "bus/pci/devices/0000:00:05.0");
	make_dir(root, "kernel/iommu_groups/7/devices");
	*state = root;
	return 0;
}

static int
sysfs_teardown(void **state)
{
	char command[512];

	snprintf(command, sizeof(command), "rm -rf -- '%s'", (char *)*state);
	assert_int_equal(system(command), 0);
	free(*state);
	return 0;
}

static void
driver_is_the_last_part_of_the_link(void **state)
{
	char name[VHR_SYSFS_NAME_MAX];

	assert_int_equal(vhr_sysfs_driver(*state, &function_5, name), -ENOENT);
	make_link(*state, "bus/pci/devices/0000:00:05.0/driver", "../../../drivers/vfio-pci");
	assert_int_equal(vhr_sysfs_driver(*state, &function_5, name), 0);
	assert_string_equal(name, "vfio-pci");
}

static void
function_that_is_not_there_is_enodev(void **state)
{
	struct vhr_pci_address other = { 0, 0, 6, 0 };
	char name[VHR_SYSFS_NAME_MAX];
	unsigned int group;

	assert_int_equal(vhr_sysfs_driver(*state, &other, name), -ENODEV);
	assert_int_equal(vhr_sysfs_iommu_group(*state, &other, &group), -ENODEV);
}

static void
iommu_group_is_a_number(void **state)
{
	unsigned int group;

	assert_int_equal(vhr_sysfs_iommu_group(*state, &function_5, &group), -ENOENT);
	make_link(*state, "bus/pci/devices/0000:00:05.0/iommu_group",
		  "../../../../kernel/iommu_groups/7");
	assert_int_equal(vhr_sysfs_iommu_group(*state, &function_5, &group), 0);
	assert_int_equal(group, 7);
}

static void
iommu_group_that_is_no_number_is_refused(void **state)
{
	unsigned int group;

	make_link(*state, "bus/pci/devices/0000:00:05.0/iommu_group", "groups/7x");
	assert_int_equal(vhr_sysfs_iommu_group(*state, &function_5, &group), -EINVAL);
}

static void
group_without_host_drivers_has_no_blocker(void **state)
{
	char function[VHR_SYSFS_NAME_MAX], driver[VHR_SYSFS_NAME_MAX];

	make_dir(*state, "kernel/iommu_groups/7/devices/0000:00:05.0");
	make_dir(*state, "kernel/iommu_groups/7/devices/0000:00:05.1");
	make_dir(*state, "kernel/iommu_groups/7/devices/0000:00:05.2");
	make_link(*state, "kernel/iommu_groups/7/devices/0000:00:05.0/driver", "x/vfio-pci");
	make_link(*state, "kernel/iommu_groups/7/devices/0000:00:05.2/driver", "x/pcieport");
	assert_int_equal(vhr_sysfs_group_blocker(*state, 7, function, driver), 0);
}

static void
function_with_a_host_driver_blocks_its_group(void **state)
{
	char function[VHR_SYSFS_NAME_MAX], driver[VHR_SYSFS_NAME_MAX];

	make_dir(*state, "kernel/iommu_groups/7/devices/0000:00:05.0");
	make_dir(*state, "kernel/iommu_groups/7/devices/0000:00:05.1");
	make_link(*state, "kernel/iommu_groups/7/devices/0000:00:05.0/driver", "x/vfio-pci");
	make_link(*state, "kernel/iommu_groups/7/devices/0000:00:05.1/driver", "x/e1000");
	assert_int_equal(vhr_sysfs_group_blocker(*state, 7, function, driver), 1);
	assert_string_equal(function, "0000:00:05.1");
	assert_string_equal(driver, "e1000");
	assert_int_equal(vhr_sysfs_group_blocker(*state, 8, function, driver), -ENOENT);
}

/* ---- IOVA ---- */

#define PAGE 0x1000ull

static struct vhr_iova iova;

static int
iova_setup(void **state)
{
	vhr_iova_init(&iova, PAGE);
	return 0;
}

static void
iova_is_first_fit_in_the_ranges(void **state)
{
	uint64_t a, b, c;

	assert_int_equal(vhr_iova_add_range(&iova, 0x10000, 0x11fff), 0);
	assert_int_equal(vhr_iova_add_range(&iova, 0x20000, 0x2ffff), 0);
	assert_int_equal(vhr_iova_alloc(&iova, 1, PAGE, &a), 0);
	assert_int_equal(a, 0x10000);
	assert_int_equal(vhr_iova_alloc(&iova, 2 * PAGE, PAGE, &b), 0);
	assert_int_equal(b, 0x20000);
	assert_int_equal(vhr_iova_alloc(&iova, PAGE, PAGE, &c), 0);
	assert_int_equal(c, 0x11000);
	vhr_iova_free(&iova, b);
	assert_int_equal(vhr_iova_alloc(&iova, PAGE, PAGE, &a), 0);
	assert_int_equal(a, 0x20000);
}

static void
iova_respects_alignment(void **state)
{
	uint64_t a, b;

	assert_int_equal(vhr_iova_add_range(&iova, 0x1000, 0xffffff), 0);
	assert_int_equal(vhr_iova_alloc(&iova, PAGE, 0x200000, &a), 0);
	assert_int_equal(a, 0x200000);
	assert_int_equal(vhr_iova_alloc(&iova, PAGE, 0x200000, &b), 0);
	assert_int_equal(b, 0x400000);
	assert_int_equal(vhr_iova_alloc(&iova, PAGE, PAGE, &a), 0);
	assert_int_equal(a, 0x1000);
}

static void
iova_ranges_are_cut_to_granules_and_never_give_0(void **state)
{
	uint64_t a;

	assert_int_equal(vhr_iova_add_range(&iova, 0, 0x1fff), 0);
	assert_int_equal(vhr_iova_add_range(&iova, 0x2001, 0x3ffe), -EINVAL);
	assert_int_equal(vhr_iova_add_range(&iova, 0x5000, 0x4fff), -EINVAL);
	assert_int_equal(vhr_iova_add_range(&iova, 0x1000, 0x8fff), -EINVAL);
	assert_int_equal(vhr_iova_add_range(&iova, UINT64_MAX - 0x800, UINT64_MAX), -EINVAL);
	assert_int_equal(vhr_iova_alloc(&iova, PAGE, PAGE, &a), 0);
	assert_int_equal(a, 0x1000);
	assert_int_equal(vhr_iova_alloc(&iova, PAGE, PAGE, &a), -ENOSPC);
}

static void
iova_space_may_end_at_the_last_address(void **state)
{
	uint64_t a;

	assert_int_equal(vhr_iova_add_range(&iova, UINT64_MAX - 0x1fff, UINT64_MAX), 0);
	assert_int_equal(vhr_iova_alloc(&iova, PAGE, PAGE, &a), 0);
	assert_true(a == UINT64_MAX - 0x1fff);
	assert_int_equal(vhr_iova_alloc(&iova, PAGE, PAGE, &a), 0);
	assert_true(a == UINT64_MAX - 0xfff);
	assert_int_equal(vhr_iova_alloc(&iova, PAGE, PAGE, &a), -ENOSPC);
}

static void
iova_arguments_are_checked(void **state)
{
	uint64_t a;

	assert_int_equal(vhr_iova_add_range(&iova, PAGE, 0xffffff), 0);
	assert_int_equal(vhr_iova_alloc(&iova, 0, PAGE, &a), -EINVAL);
	assert_int_equal(vhr_iova_alloc(&iova, UINT64_MAX, PAGE, &a), -EINVAL);
	assert_int_equal(vhr_iova_alloc(&iova, PAGE, PAGE / 2, &a), -EINVAL);
	assert_int_equal(vhr_iova_alloc(&iova, PAGE, 3 * PAGE, &a), -EINVAL);
	vhr_iova_free(&iova, 0x5000);
	assert_int_equal(iova.num_used, 0);
}

static void
iova_allocations_are_bounded_and_never_overlap(void **state)
{
	uint64_t a[VHR_IOVA_MAX_USED], extra;
	unsigned int i, j;

	assert_int_equal(vhr_iova_add_range(&iova, PAGE, UINT64_MAX / 2), 0);
	for (i = 0; i < VHR_IOVA_MAX_USED; i++)
		assert_int_equal(vhr_iova_alloc(&iova, (i % 5 + 1) * PAGE,
						PAGE << (i % 3), &a[i]), 0);
	assert_int_equal(vhr_iova_alloc(&iova, PAGE, PAGE, &extra), -ENOSPC);
	for (i = 0; i < VHR_IOVA_MAX_USED; i++) {
		assert_int_equal(a[i] % (PAGE << (i % 3)), 0);
		for (j = 0; j < i; j++)
			assert_true(a[i] + (i % 5 + 1) * PAGE <= a[j] ||
				    a[j] + (j % 5 + 1) * PAGE <= a[i]);
	}
	for (i = 0; i < VHR_IOVA_MAX_USED; i++)
		vhr_iova_free(&iova, a[i]);
	assert_int_equal(iova.num_used, 0);
}

/* ---- DMA memory ---- */

static void
dma_memory_is_zeroed_and_page_aligned(void **state)
{
	struct vhr_dma_block *list = NULL, *a, *b;
	const uint8_t *bytes;
	size_t i;

	assert_int_equal(vhr_dma_block_new(&list, 0, &a), -EINVAL);
	assert_int_equal(vhr_dma_block_new(&list, 5000, &a), 0);
	assert_int_equal(vhr_dma_block_new(&list, 3u << 20, &b), 0);
	assert_true(a->size >= 5000 && b->size >= 3u << 20);
	assert_int_equal((uintptr_t)a->va % a->align, 0);
	assert_int_equal((uintptr_t)b->va % b->align, 0);
	for (bytes = a->va, i = 0; i < a->size; i++)
		assert_int_equal(bytes[i], 0);
	vhr_dma_block_delete(&list, a);
	assert_ptr_equal(list, b);
	vhr_dma_block_delete(&list, b);
	assert_null(list);
}

static void
dma_memory_of_absurd_size_is_refused(void **state)
{
	struct vhr_dma_block *list = NULL, *block;

	assert_int_equal(vhr_dma_block_new(&list, SIZE_MAX, &block), -ENOMEM);
	assert_int_equal(vhr_dma_block_new(&list, SIZE_MAX / 2, &block), -ENOMEM);
	assert_null(list);
}

#define S(name) cmocka_unit_test_setup_teardown(name, sysfs_setup, sysfs_teardown)
#define I(name) cmocka_unit_test_setup(name, iova_setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(address_is_parsed_and_spelled_as_sysfs_does),
		cmocka_unit_test(what_is_not_an_address_is_refused),
		S(driver_is_the_last_part_of_the_link),
		S(function_that_is_not_there_is_enodev),
		S(iommu_group_is_a_number),
		S(iommu_group_that_is_no_number_is_refused),
		S(group_without_host_drivers_has_no_blocker),
		S(function_with_a_host_driver_blocks_its_group),
		I(iova_is_first_fit_in_the_ranges),
		I(iova_respects_alignment),
		I(iova_ranges_are_cut_to_granules_and_never_give_0),
		I(iova_space_may_end_at_the_last_address),
		I(iova_arguments_are_checked),
		I(iova_allocations_are_bounded_and_never_overlap),
		cmocka_unit_test(dma_memory_is_zeroed_and_page_aligned),
		cmocka_unit_test(dma_memory_of_absurd_size_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
