/* SPDX-License-Identifier: BSD-3-Clause */
/* A device whose host only counts: for targets that feed one side of it. */
#ifndef TESTS_FUZZ_DEVICE_H
#define TESTS_FUZZ_DEVICE_H

#include "vvu-device/device.h"

struct fuzz_host {
	struct vvu_device *device;
	unsigned int mappings;		/* window ranges shown now */
	bool connected;
	uint8_t to_driver[VHU_MAX_MESSAGE];	/* newest rxq message */
	size_t to_driver_len;
	bool rxq_full;
};

/* A device with BACKEND_UP set and a frontend connected. */
void fuzz_device_open(struct fuzz_host *host);
/* Destroys it; aborts when a mapping was forgotten. */
void fuzz_device_close(struct fuzz_host *host);
/* Answer a frontend request as a driver that offers everything would. */
void fuzz_driver_answer(struct fuzz_host *host);

#endif
