/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's side: txq messages and configuration writes, against a frontend that has
 * one request outstanding. Records of [what][length][bytes].
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct fuzz_host *host, uint32_t request)
{
	struct vhu_header header = { request, VHU_VERSION, 0 };

	if (host->connected && vvu_device_frontend_want(host->device) == sizeof(header))
		(void)vvu_device_frontend_input(host->device, &header, sizeof(header), NULL, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t requests[] = { VHU_GET_FEATURES, VHU_GET_PROTOCOL_FEATURES,
					     VHU_GET_QUEUE_NUM, VHU_GET_MAX_MEM_SLOTS };
	struct fuzz_host host;

	fuzz_device_open(&host);
	while (size >= 2) {
		const unsigned int what = data[0];
		size_t len = data[1];

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		switch (what % 8) {
		case 0:
			ask(&host, requests[(what >> 3) % 4]);
			break;
		case 1:
			fuzz_driver_answer(&host);
			break;
		case 2:
			vvu_device_config_write(host.device, (what >> 3) * 4, data, len);
			if (!host.connected && vvu_device_accepts(host.device))
				host.connected = vvu_device_frontend_connected(host.device) == 0;
			break;
		case 3:
			host.rxq_full = what & 8;
			if (!host.rxq_full)
				vvu_device_rxq_ready(host.device);
			break;
		case 4: {
			uint8_t config[64];

			vvu_device_config_read(host.device, what >> 3, config, sizeof(config));
			break;
		}
		default:
			(void)vvu_device_driver_message(host.device, data, len);
		}
		data += len;
		size -= len;
	}
	fuzz_device_close(&host);
	return 0;
}
