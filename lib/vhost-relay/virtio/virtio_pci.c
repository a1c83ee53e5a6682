/* SPDX-License-Identifier: BSD-3-Clause */
/* Status handshake, reset, vectors and configuration space (virtio 1.3, 3.1 and 4.1.4). */
#include <errno.h>
#include <string.h>
#include <time.h>

#include <linux/virtio_config.h>

#include "../bus/pci.h"
#include "internal.h"

#define RESET_TIMEOUT_NS	1000000000ll
#define RESET_PAUSE_NS		1000000l
#define CONFIG_TRIES		64	/* a device that changes faster than this is broken */

int
vhr_common_read(struct vhr_virtio *virtio, uint32_t offset, unsigned int width, uint32_t *value)
{
	const struct vhr_cap *common = &virtio->caps.common;
	uint64_t wide = 0;

	if (virtio->bus->ops->reg_read(virtio->bus, common->bar, common->offset + offset, width,
				       &wide) < 0) {
		vhu_reason_set(&virtio->reason, "common configuration: offset %u cannot be read",
			       offset);
		return -EIO;
	}
	*value = (uint32_t)wide;
	return 0;
}

int
vhr_common_write(struct vhr_virtio *virtio, uint32_t offset, unsigned int width, uint32_t value)
{
	const struct vhr_cap *common = &virtio->caps.common;

	if (virtio->bus->ops->reg_write(virtio->bus, common->bar, common->offset + offset, width,
					value) < 0) {
		vhu_reason_set(&virtio->reason,
			       "common configuration: offset %u cannot be written", offset);
		return -EIO;
	}
	return 0;
}

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000ll + now.tv_nsec;
}

/* virtio 1.3, 4.1.4.3.2: a reset is over when the status reads 0, not before. */
static int
reset(struct vhr_virtio *virtio)
{
	const struct timespec pause = { 0, RESET_PAUSE_NS };
	int64_t deadline = now_ns() + RESET_TIMEOUT_NS;
	uint32_t status;
	int ret;

	ret = vhr_common_write(virtio, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	if (ret < 0)
		return ret;
	for (;;) {
		ret = vhr_common_read(virtio, VIRTIO_PCI_COMMON_STATUS, 1, &status);
		if (ret < 0)
			return ret;
		if (status == 0)
			return 0;
		if (now_ns() >= deadline) {
			vhu_reason_set(&virtio->reason, "device status 0x%02x 1 s after a reset",
				       status);
			return -ETIMEDOUT;
		}
		nanosleep(&pause, NULL);
	}
}

static int
add_status(struct vhr_virtio *virtio, uint32_t bits)
{
	uint32_t status;
	int ret;

	ret = vhr_common_read(virtio, VIRTIO_PCI_COMMON_STATUS, 1, &status);
	if (ret == 0)
		ret = vhr_common_write(virtio, VIRTIO_PCI_COMMON_STATUS, 1, status | bits);
	return ret;
}

static int
read_features(struct vhr_virtio *virtio, uint64_t *features)
{
	uint32_t half[2];
	unsigned int i;
	int ret;

	for (i = 0; i < 2; i++) {
		ret = vhr_common_write(virtio, VIRTIO_PCI_COMMON_DFSELECT, 4, i);
		if (ret == 0)
			ret = vhr_common_read(virtio, VIRTIO_PCI_COMMON_DF, 4, &half[i]);
		if (ret < 0)
			return ret;
	}
	*features = half[0] | (uint64_t)half[1] << 32;
	return 0;
}

static int
write_features(struct vhr_virtio *virtio, uint64_t features)
{
	unsigned int i;
	int ret;

	for (i = 0; i < 2; i++) {
		ret = vhr_common_write(virtio, VIRTIO_PCI_COMMON_GFSELECT, 4, i);
		if (ret == 0)
			ret = vhr_common_write(virtio, VIRTIO_PCI_COMMON_GF, 4,
					       (uint32_t)(features >> (32 * i)));
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int
negotiate(struct vhr_virtio *virtio, uint64_t wanted)
{
	uint64_t offered;
	uint32_t status;
	int ret;

	ret = read_features(virtio, &offered);
	if (ret < 0)
		return ret;
	if ((offered & (1ull << VIRTIO_F_VERSION_1)) == 0) {
		vhu_reason_set(&virtio->reason, "features 0x%llx: VERSION_1 is not offered",
			       (unsigned long long)offered);
		return -ENOTSUP;
	}
	/* ACCESS_PLATFORM must be taken where offered: the addresses are the IOMMU's. */
	wanted |= 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_ACCESS_PLATFORM;
	virtio->features = offered & wanted;
	ret = write_features(virtio, virtio->features);
	if (ret == 0)
		ret = add_status(virtio, VIRTIO_CONFIG_S_FEATURES_OK);
	if (ret == 0)
		ret = vhr_common_read(virtio, VIRTIO_PCI_COMMON_STATUS, 1, &status);
	if (ret < 0)
		return ret;
	if ((status & VIRTIO_CONFIG_S_FEATURES_OK) == 0) {
		vhu_reason_set(&virtio->reason, "features 0x%llx: the device refused them",
			       (unsigned long long)virtio->features);
		return -ENOTSUP;
	}
	return 0;
}

int
vhr_virtio_start(struct vhr_virtio *virtio, struct vhr_bus *bus, uint64_t wanted)
{
	int ret;

	memset(virtio, 0, sizeof(*virtio));
	ret = vhr_pci_caps_read(bus, &virtio->caps, &virtio->reason);
	if (ret < 0)
		return ret;
	/* INTx is never used: with no vector the device is polled. */
	ret = vhr_pci_command(bus, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
			      PCI_COMMAND_INTX_DISABLE, 0);
	if (ret < 0) {
		vhu_reason_set(&virtio->reason, "PCI command register cannot be written");
		return ret;
	}
	virtio->bus = bus;
	ret = reset(virtio);
	if (ret == 0)
		ret = add_status(virtio, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	if (ret == 0)
		ret = add_status(virtio, VIRTIO_CONFIG_S_DRIVER);
	if (ret == 0)
		ret = negotiate(virtio, wanted);
	if (ret < 0 && ret != -ETIMEDOUT)
		add_status(virtio, VIRTIO_CONFIG_S_FAILED);
	return ret;
}

int
vhr_virtio_irq_enable(struct vhr_virtio *virtio, unsigned int wanted)
{
	int ret;

	if (!virtio->caps.msix || wanted == 0)
		return 0;
	if (wanted > virtio->caps.msix_vectors)
		wanted = virtio->caps.msix_vectors;
	ret = virtio->bus->ops->irq_enable(virtio->bus, wanted);
	if (ret < 0) {
		vhu_reason_set(&virtio->reason, "%u MSI-X vectors cannot be enabled: %s", wanted,
			       strerror(-ret));
		return ret;
	}
	virtio->vectors = (unsigned int)ret < wanted ? (unsigned int)ret : wanted;
	return 0;
}

int
vhr_virtio_driver_ok(struct vhr_virtio *virtio)
{
	unsigned int i;
	int ret;

	ret = add_status(virtio, VIRTIO_CONFIG_S_DRIVER_OK);
	if (ret < 0)
		return ret;
	for (i = 0; i < 2; i++) {
		if (virtio->queue[i] != NULL)
			vhr_virtqueue_start(virtio->queue[i]);
	}
	return 0;
}

void
vhr_virtio_stop(struct vhr_virtio *virtio)
{
	unsigned int i;

	if (virtio->bus == NULL)
		return;
	/* A device that does not finish its reset must not reach memory that is freed. */
	if (reset(virtio) < 0)
		vhr_pci_command(virtio->bus, 0, PCI_COMMAND_MASTER);
	for (i = 0; i < 2; i++) {
		vhr_virtqueue_destroy(virtio->queue[i]);
		virtio->queue[i] = NULL;
	}
	if (virtio->vectors > 0)
		virtio->bus->ops->irq_disable(virtio->bus);
	virtio->vectors = 0;
	virtio->bus = NULL;
}

bool
vhr_virtio_needs_reset(struct vhr_virtio *virtio)
{
	uint32_t status;

	if (virtio->bus == NULL)
		return false;
	return vhr_common_read(virtio, VIRTIO_PCI_COMMON_STATUS, 1, &status) < 0 ||
	       (status & VIRTIO_CONFIG_S_NEEDS_RESET) != 0;
}

int
vhr_virtio_config_vector(struct vhr_virtio *virtio, uint16_t vector)
{
	uint32_t got;
	int ret;

	ret = vhr_common_write(virtio, VIRTIO_PCI_COMMON_MSIX, 2, vector);
	if (ret == 0)
		ret = vhr_common_read(virtio, VIRTIO_PCI_COMMON_MSIX, 2, &got);
	if (ret < 0)
		return ret;
	if (got != vector) {
		vhu_reason_set(&virtio->reason, "config_msix_vector: 0x%04x written, 0x%04x read",
			       vector, got);
		return -EIO;
	}
	return 0;
}

/* The widest naturally aligned access to the device configuration (virtio 1.3, 4.1.3.1). */
static unsigned int
access_width(uint32_t offset, size_t len)
{
	if (offset % 4 == 0 && len >= 4)
		return 4;
	if (offset % 2 == 0 && len >= 2)
		return 2;
	return 1;
}

static int
config_bounds(struct vhr_virtio *virtio, uint32_t offset, size_t len)
{
	uint64_t length = virtio->caps.device.length;

	if (offset <= length && len <= length - offset)
		return 0;
	vhu_reason_set(&virtio->reason, "device configuration: %zu bytes at %u leave its %llu", len,
		       offset, (unsigned long long)length);
	return -EINVAL;
}

static int
config_copy(struct vhr_virtio *virtio, uint32_t offset, uint8_t *bytes, size_t len)
{
	const struct vhr_cap *device = &virtio->caps.device;
	unsigned int width, i;
	uint64_t value;

	for (; len > 0; offset += width, bytes += width, len -= width) {
		width = access_width(offset, len);
		if (virtio->bus->ops->reg_read(virtio->bus, device->bar, device->offset + offset,
					       width, &value) < 0) {
			vhu_reason_set(&virtio->reason,
				       "device configuration: offset %u cannot be read", offset);
			return -EIO;
		}
		for (i = 0; i < width; i++)
			bytes[i] = (uint8_t)(value >> (8 * i));
	}
	return 0;
}

int
vhr_virtio_config_read(struct vhr_virtio *virtio, uint32_t offset, void *buf, size_t len)
{
	uint32_t before, after;
	unsigned int i;
	int ret;

	ret = config_bounds(virtio, offset, len);
	if (ret < 0)
		return ret;
	for (i = 0; i < CONFIG_TRIES; i++) {
		ret = vhr_common_read(virtio, VIRTIO_PCI_COMMON_CFGGENERATION, 1, &before);
		if (ret == 0)
			ret = config_copy(virtio, offset, buf, len);
		if (ret == 0)
			ret = vhr_common_read(virtio, VIRTIO_PCI_COMMON_CFGGENERATION, 1, &after);
		if (ret < 0)
			return ret;
		if (before == after)
			return 0;
	}
	vhu_reason_set(&virtio->reason, "config_generation changed in %u reads in a row",
		       CONFIG_TRIES);
	return -EIO;
}

int
vhr_virtio_config_write(struct vhr_virtio *virtio, uint32_t offset, const void *buf, size_t len)
{
	const struct vhr_cap *device = &virtio->caps.device;
	const uint8_t *bytes = buf;
	unsigned int width, i;
	uint64_t value;
	int ret;

	ret = config_bounds(virtio, offset, len);
	if (ret < 0)
		return ret;
	for (; len > 0; offset += width, bytes += width, len -= width) {
		width = access_width(offset, len);
		for (value = 0, i = 0; i < width; i++)
			value |= (uint64_t)bytes[i] << (8 * i);
		if (virtio->bus->ops->reg_write(virtio->bus, device->bar, device->offset + offset,
						width, value) < 0) {
			vhu_reason_set(&virtio->reason,
				       "device configuration: offset %u cannot be written", offset);
			return -EIO;
		}
	}
	return 0;
}
