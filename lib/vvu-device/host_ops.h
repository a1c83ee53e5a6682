/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The seam between the device and whoever hosts it: an emulator, or the embedded host of
 * this library. The device calls these; none may call back into the device (record the
 * event and call the device when the stack has unwound).
 *
 * Descriptors: the device owns every fd it passes down. A host that needs one longer than
 * the call duplicates it, except where the text says "until replaced".
 */
#ifndef VVU_DEVICE_HOST_OPS_H
#define VVU_DEVICE_HOST_OPS_H

#include <stddef.h>
#include <stdint.h>

enum vvu_log_level {
	VVU_LOG_ERROR,		/* this device is of no use any more */
	VVU_LOG_WARNING,	/* a peer was refused */
	VVU_LOG_INFO,		/* connection events */
	VVU_LOG_DEBUG,		/* one line per message */
};

struct vvu_mapping {
	uint8_t shmid;
	uint64_t offset;	/* inside the shmid's range */
	uint64_t length;	/* multiple of the page size, of the file's huge page if any */
	int fd;
	uint64_t fd_offset;
};

struct vvu_host_ops {
	/*
	 * Changes of the window come between begin and commit; all of them take effect
	 * at commit, in one step as the driver sees it. Optional.
	 */
	void (*window_begin)(void *host);
	void (*window_commit)(void *host);
	/*
	 * Show file pages at a window offset where nothing is shown now. 0 or -errno; the
	 * device then disconnects the frontend. The mapping stays until window_unmap() of
	 * the same range, also after the device closed its fd.
	 */
	int (*window_map)(void *host, const struct vvu_mapping *mapping);
	/* Nothing is shown there any more: reads give zeros or fault, never another file. */
	void (*window_unmap)(void *host, const struct vvu_mapping *mapping);

	/*
	 * Signal kick vector @queue when @fd (an eventfd) becomes readable; the fd is the
	 * device's and valid until replaced. -1 stops. The host no longer uses the old fd
	 * when the call returns. 0 or -errno.
	 */
	int (*kick_set)(void *host, unsigned int queue, int fd);
	/*
	 * Signal @fd (an eventfd) when the driver writes doorbell @index; same rules. The
	 * call is atomic towards concurrent doorbell writes: each signals the old fd or
	 * the new one.
	 */
	int (*doorbell_set)(void *host, unsigned int index, int fd);

	/*
	 * Hand a whole message to the driver. -EAGAIN: no rxq buffer now; the device keeps
	 * the message and tries again at vvu_device_rxq_ready(). -EMSGSIZE: the next buffer
	 * is too small (it is not consumed).
	 */
	int (*rxq_put)(void *host, const void *msg, size_t len);

	/* Send a message to the frontend, descriptors on its first byte. 0 or -errno. */
	int (*frontend_send)(void *host, const void *msg, size_t len, const int *fds,
			     unsigned int nfds);
	/*
	 * Really close the frontend's socket. The host calls nothing for that socket any
	 * more, in particular not vvu_device_frontend_closed().
	 */
	void (*frontend_close)(void *host);

	/*
	 * Watch the backend request channel for input (vvu_device_channel_input()). The fd
	 * is the device's and valid until replaced; -1 stops. 0 or -errno.
	 */
	int (*channel_set)(void *host, int fd);
	/*
	 * Send a message on the channel that channel_set() gave, whole or not at all. 0 or
	 * -errno. -EAGAIN: the frontend does not read it now, and the device drops the message;
	 * any other error closes the channel.
	 */
	int (*channel_send)(void *host, const void *msg, size_t len);

	/* A configuration change interrupt, and config_generation moves on. */
	void (*config_changed)(void *host);
	/* Set DEVICE_NEEDS_RESET in the device status (virtio 1.3, 2.1.2). */
	void (*needs_reset)(void *host);
	/* The answers to vvu_device_accepts() or ..._want() may have changed. Optional. */
	void (*poll_changed)(void *host);

	void (*log)(void *host, enum vvu_log_level level, const char *text);
};

#endif
