/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bus_vfio.c against a simulated kernel. What is checked is the order of the calls, what
 * each failure releases, and what is asked of the kernel; that the kernel agrees is for a
 * test on a real one.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim_vfio.h"
#include "vhost-relay/bus/bus.h"
#include "vhost-relay/bus/pci.h"

#define MSIX_VECTORS	9

static unsigned int
open_fds(void)
{
	unsigned int count = 0;
	DIR *dir = opendir("/proc/self/fd");

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

/* Mappings of the device's memory, by the name of its memfd. */
static unsigned int
device_maps(void)
{
	unsigned int count = 0;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "r");

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) != NULL)
		count += strstr(line, "/memfd:device") != NULL;
	fclose(maps);
	return count;
}

static unsigned int fds_before;
static struct vhr_bus *bus;
static struct vhu_reason reason;

static void
write_config(const uint8_t *bytes, size_t len, unsigned int at)
{
	assert_int_equal(pwrite(sim.device, bytes, len, (off_t)(VFIO_PCI_CONFIG_REGION_INDEX *
								SIM_REGION_STRIDE + at)), len);
}

static int
setup(void **state)
{
	/* MSI-X of nine vectors, its table in the first page of BAR 2 */
	static const uint8_t msix[12] = { 0x11, 0, MSIX_VECTORS - 1, 0, 2, 0, 0, 0, 2, 8, 0, 0 };
	static const uint8_t ids[8] = { 0xf4, 0x1a, 0x6b, 0x10, 0, 0, 0x10, 0 };

	memset(&sim, 0, sizeof(sim));
	memset(&reason, 0, sizeof(reason));
	bus = NULL;
	sim.driver = "vfio-pci";
	sim.viable = true;
	sim.types = 1ul << VFIO_TYPE1_IOMMU | 1ul << VFIO_TYPE1v2_IOMMU;
	sim.kernel_vectors = 64;
	sim.irq_count = MSIX_VECTORS;
	sim.device_flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	sim.device = memfd_create("device", MFD_CLOEXEC);
	if (sim.device < 0 ||
	    ftruncate(sim.device, (off_t)(VFIO_PCI_NUM_REGIONS * SIM_REGION_STRIDE)) < 0)
		return -1;
	write_config(ids, sizeof(ids), 0);
	write_config((const uint8_t *)"\x40", 1, 0x34);
	write_config(msix, sizeof(msix), 0x40);
	fds_before = open_fds();
	return 0;
}

static int
teardown(void **state)
{
	if (bus != NULL)
		bus->ops->close(bus);
	assert_int_equal(open_fds(), fds_before);
	assert_int_equal(device_maps(), 0);
	assert_int_equal(sim.maps, 0);
	assert_int_equal(sim.irqs, 0);
	close(sim.device);
	return 0;
}

static int
open_bus(void)
{
	return vhr_bus_vfio_open(SIM_ADDRESS, &bus, &reason);
}

static void
open_resets_the_function_and_close_releases_all(void **state)
{
	struct vhr_dma dma;
	uint64_t value;
	unsigned int flags;

	assert_int_equal(open_bus(), 0);
	assert_string_equal(bus->name, SIM_ADDRESS);
	assert_int_equal(sim.resets, 1);
	assert_int_equal(sim.type_set, VFIO_TYPE1v2_IOMMU);
	/* Everything at once, left to close. */
	assert_int_equal(bus->ops->dma_alloc(bus, 5000, &dma), 0);
	assert_int_equal(bus->ops->dma_alloc(bus, 3 << 20, &dma), 0);
	assert_int_equal(bus->ops->irq_enable(bus, 4), 4);
	assert_non_null(bus->ops->bar_map(bus, 0, 0, 0x20000, &flags));
	assert_int_equal(flags, 0);
	assert_int_equal(bus->ops->reg_read(bus, 4, 0, 4, &value), 0);
	assert_int_equal(sim.maps, 2);
	assert_int_equal(device_maps(), 2);
}

static void
plain_type1_is_enough(void **state)
{
	sim.types = 1ul << VFIO_TYPE1_IOMMU;
	assert_int_equal(open_bus(), 0);
	assert_int_equal(sim.type_set, VFIO_TYPE1_IOMMU);
}

static void
no_type1_iommu_is_told(void **state)
{
	sim.types = 0;
	assert_int_equal(open_bus(), -ENOTSUP);
	assert_non_null(strstr(reason.text, "type 1"));
}

static void
bad_address_is_told(void **state)
{
	assert_int_equal(vhr_bus_vfio_open("00:05.0", &bus, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "\"00:05.0\""));
	assert_int_equal(vhr_bus_vfio_open(NULL, &bus, &reason), -EINVAL);
	assert_int_equal(vhr_bus_vfio_open("0000:00:06.0", &bus, &reason), -ENODEV);
	assert_non_null(strstr(reason.text, "no such PCI function"));
}

static void
function_of_another_driver_is_told(void **state)
{
	sim.driver = "virtio-pci";
	assert_int_equal(open_bus(), -ENOTSUP);
	assert_non_null(strstr(reason.text, "bound to virtio-pci"));
	sim.driver = NULL;
	assert_int_equal(open_bus(), -ENOTSUP);
	assert_non_null(strstr(reason.text, "bound to no driver"));
}

static void
function_without_iommu_group_is_told(void **state)
{
	sim.no_group = true;
	assert_int_equal(open_bus(), -ENOTSUP);
	assert_non_null(strstr(reason.text, "IOMMU group"));
}

static void
group_that_is_not_viable_names_the_culprit(void **state)
{
	sim.viable = false;
	assert_int_equal(open_bus(), -EPERM);
	assert_non_null(strstr(reason.text, "0000:00:05.1"));
	assert_non_null(strstr(reason.text, "e1000"));
}

static void
group_in_use_elsewhere_is_told(void **state)
{
	sim.fail_open_errno = EBUSY;
	assert_int_equal(open_bus(), -EBUSY);
	assert_non_null(strstr(reason.text, "another process"));
}

static void
function_that_is_not_pci_is_refused(void **state)
{
	sim.device_flags = VFIO_DEVICE_FLAGS_PLATFORM;
	assert_int_equal(open_bus(), -ENODEV);
}

static void
every_failing_call_is_told_and_leaves_nothing(void **state)
{
	static const unsigned long requests[] = {
		VFIO_GET_API_VERSION, VFIO_GROUP_GET_STATUS, VFIO_GROUP_SET_CONTAINER,
		VFIO_SET_IOMMU, VFIO_IOMMU_GET_INFO, VFIO_GROUP_GET_DEVICE_FD,
		VFIO_DEVICE_GET_INFO, VFIO_DEVICE_GET_REGION_INFO,
	};
	unsigned int i;

	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		memset(&reason, 0, sizeof(reason));
		sim.fail_request = requests[i];
		sim.fail_errno = EACCES;
		assert_int_equal(open_bus(), i == 0 ? -ENOTSUP : -EACCES);
		assert_string_not_equal(reason.text, "");
		assert_int_equal(open_fds(), fds_before);
		assert_null(bus);
	}
	/* A function that cannot be reset is fine: the driver resets the device. */
	sim.fail_request = VFIO_DEVICE_RESET;
	assert_int_equal(open_bus(), 0);
}

static void
functions_of_one_group_share_it(void **state)
{
	struct vhr_bus *second = NULL;
	struct vhr_dma a, b;

	assert_int_equal(open_bus(), 0);
	assert_int_equal(vhr_bus_vfio_open(SIM_ADDRESS, &second, &reason), 0);
	assert_int_equal(sim.opens, 1);
	assert_int_equal(sim.devices, 2);
	assert_int_equal(bus->ops->dma_alloc(bus, 4096, &a), 0);
	assert_int_equal(second->ops->dma_alloc(second, 4096, &b), 0);
	assert_true(a.iova != b.iova);
	second->ops->close(second);
	assert_int_equal(sim.maps, 1);
	bus->ops->close(bus);
	bus = NULL;
	assert_int_equal(sim.maps, 0);
	/* The last one closed it: it is opened anew. */
	assert_int_equal(open_bus(), 0);
	assert_int_equal(sim.opens, 2);
}

static void
configuration_space_is_read_and_written(void **state)
{
	uint8_t bytes[4];

	assert_int_equal(open_bus(), 0);
	assert_int_equal(bus->ops->cfg_read(bus, 0, bytes, 4), 0);
	assert_memory_equal(bytes, "\xf4\x1a\x6b\x10", 4);
	assert_int_equal(vhr_pci_command(bus, PCI_COMMAND_MASTER, 0), 0);
	assert_int_equal(bus->ops->cfg_read(bus, 4, bytes, 2), 0);
	assert_int_equal(bytes[0], PCI_COMMAND_MASTER);
	assert_int_equal(bus->ops->cfg_read(bus, 254, bytes, 4), -EINVAL);
	assert_int_equal(bus->ops->cfg_write(bus, UINT32_MAX, bytes, 4), -EINVAL);
}

static void
bar_sizes_and_registers(void **state)
{
	uint64_t value;

	assert_int_equal(open_bus(), 0);
	assert_int_equal(bus->ops->bar_size(bus, 0), SIM_BAR0_SIZE);
	assert_int_equal(bus->ops->bar_size(bus, 1), 0);
	assert_int_equal(bus->ops->bar_size(bus, 6), 0);
	/* Once through a mapping, once through the page that may not be mapped. */
	assert_int_equal(bus->ops->reg_write(bus, 4, 0x10, 2, 0xabcd), 0);
	assert_int_equal(bus->ops->reg_write(bus, 4, 0x1010, 4, 0x12345678), 0);
	assert_int_equal(bus->ops->reg_read(bus, 4, 0x10, 2, &value), 0);
	assert_int_equal(value, 0xabcd);
	assert_int_equal(bus->ops->reg_read(bus, 4, 0x1010, 4, &value), 0);
	assert_int_equal(value, 0x12345678);
	assert_int_equal(bus->ops->reg_read(bus, 6, 0, 4, &value), -EINVAL);
	assert_int_equal(bus->ops->reg_read(bus, 1, 0, 4, &value), -EINVAL);
}

static void
msix_table_is_not_mapped(void **state)
{
	unsigned int flags;
	uint64_t value;

	assert_int_equal(open_bus(), 0);
	assert_null(bus->ops->bar_map(bus, 2, 0, 0x1000, &flags));
	assert_non_null(bus->ops->bar_map(bus, 2, 0x1000, 0x1000, &flags));
	assert_int_equal(bus->ops->reg_read(bus, 2, 0x800, 4, &value), 0);
}

static void
dma_memory_is_mapped_in_the_iommus_range(void **state)
{
	struct vhr_dma dma;

	assert_int_equal(open_bus(), 0);
	assert_int_equal(bus->ops->dma_alloc(bus, 5000, &dma), 0);
	assert_true(dma.size >= 5000);
	assert_int_equal(sim.last_map.argsz, sizeof(sim.last_map));
	assert_int_equal(sim.last_map.flags, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
	assert_true(sim.last_map.vaddr == (uintptr_t)dma.va);
	assert_true(sim.last_map.iova == dma.iova);
	assert_true(sim.last_map.size == dma.size);
	assert_int_equal(dma.iova, 0x200000);
	bus->ops->dma_free(bus, &dma);
	assert_null(dma.va);
	assert_int_equal(sim.maps, 0);
	assert_int_equal(sim.mapped_size, 0);
	bus->ops->dma_free(bus, &dma);
}

static void
dma_memory_the_kernel_refuses_is_released(void **state)
{
	struct vhr_dma dma;
	unsigned int i;

	assert_int_equal(open_bus(), 0);
	sim.fail_request = VFIO_IOMMU_MAP_DMA;
	sim.fail_errno = ENOMEM;
	for (i = 0; i < 200; i++)
		assert_int_equal(bus->ops->dma_alloc(bus, 4096, &dma), -ENOMEM);
	sim.fail_request = 0;
	assert_int_equal(bus->ops->dma_alloc(bus, 4096, &dma), 0);
	assert_int_equal(dma.iova, 0x200000);
}

static void
vectors_are_eventfds(void **state)
{
	unsigned int i;

	assert_int_equal(open_bus(), 0);
	assert_int_equal(bus->ops->irq_enable(bus, 3), 3);
	assert_int_equal(sim.irqs, 3);
	for (i = 0; i < 3; i++)
		assert_int_equal(bus->ops->irq_fd(bus, i), sim.irq_fd[i]);
	assert_int_equal(bus->ops->irq_fd(bus, 3), -EINVAL);
	assert_int_equal(bus->ops->irq_enable(bus, 3), -EBUSY);
	bus->ops->irq_disable(bus);
	assert_int_equal(sim.irqs, 0);
	assert_int_equal(bus->ops->irq_fd(bus, 0), -EINVAL);
	assert_int_equal(bus->ops->irq_enable(bus, 100), MSIX_VECTORS);
}

static void
fewer_vectors_are_taken_when_the_kernel_has_no_more(void **state)
{
	assert_int_equal(open_bus(), 0);
	sim.kernel_vectors = 2;
	assert_int_equal(bus->ops->irq_enable(bus, 5), 2);
	assert_int_equal(sim.irqs, 2);
	assert_int_equal(bus->ops->irq_fd(bus, 2), -EINVAL);
}

/* Linux 6.1, where the CPUs have no interrupts left for as many as MSI-X has entries. */
static void
fewer_vectors_are_taken_when_the_kernel_only_says_no(void **state)
{
	assert_int_equal(open_bus(), 0);
	sim.no_number = true;
	sim.kernel_vectors = 3;
	assert_int_equal(bus->ops->irq_enable(bus, 9), 2);
	assert_int_equal(sim.irqs, 2);
	assert_int_equal(bus->ops->irq_fd(bus, 1), sim.irq_fd[1]);
	assert_int_equal(bus->ops->irq_fd(bus, 2), -EINVAL);
	bus->ops->irq_disable(bus);
	sim.kernel_vectors = 0;
	assert_int_equal(bus->ops->irq_enable(bus, 9), -ENOSPC);
	assert_int_equal(bus->ops->irq_fd(bus, 0), -EINVAL);
}

static void
function_without_msix_is_told(void **state)
{
	assert_int_equal(open_bus(), 0);
	sim.irq_count = 0;
	assert_int_equal(bus->ops->irq_enable(bus, 1), -ENOTSUP);
	sim.irq_count = 4;
	sim.fail_request = VFIO_DEVICE_SET_IRQS;
	sim.fail_errno = EIO;
	assert_int_equal(bus->ops->irq_enable(bus, 1), -EIO);
}

static void
bus_has_no_device_to_run(void **state)
{
	assert_int_equal(open_bus(), 0);
	assert_null(bus->ops->poll_fd);
	assert_null(bus->ops->run);
	assert_null(vhr_bus_embedded_device(bus));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(open_resets_the_function_and_close_releases_all),
		T(plain_type1_is_enough),
		T(no_type1_iommu_is_told),
		T(bad_address_is_told),
		T(function_of_another_driver_is_told),
		T(function_without_iommu_group_is_told),
		T(group_that_is_not_viable_names_the_culprit),
		T(group_in_use_elsewhere_is_told),
		T(function_that_is_not_pci_is_refused),
		T(every_failing_call_is_told_and_leaves_nothing),
		T(functions_of_one_group_share_it),
		T(configuration_space_is_read_and_written),
		T(bar_sizes_and_registers),
		T(msix_table_is_not_mapped),
		T(dma_memory_is_mapped_in_the_iommus_range),
		T(dma_memory_the_kernel_refuses_is_released),
		T(vectors_are_eventfds),
		T(fewer_vectors_are_taken_when_the_kernel_has_no_more),
		T(fewer_vectors_are_taken_when_the_kernel_only_says_no),
		T(function_without_msix_is_told),
		T(bus_has_no_device_to_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
