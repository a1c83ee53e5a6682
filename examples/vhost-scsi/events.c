/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event queue (virtio 1.3, 5.6.6.3). Events wait for a buffer, up to SCSI_EVENTS of them; of
 * those that there was no room for the driver learns that it missed some.
 */
#include "device.h"
#include "pieces.h"

static void look(void *arg)
{
	/* The poll of the event queue follows in the same round. */
}

void scsi_event_tell(struct scsi_device *device, const struct scsi_event *event)
{
	const uint64_t feature = event->event == VSCSI_T_PARAM_CHANGE ? VSCSI_F_CHANGE :
				 VSCSI_F_HOTPLUG;
	struct scsi_queue *q = device->queue[VSCSI_EVENTQ];

	if (!(atomic_load(&device->features) & feature))
		return;
	pthread_mutex_lock(&device->lock);
	if (device->num_events < SCSI_EVENTS)
		device->event[device->num_events++] = *event;
	else
		device->events_missed = true;
	atomic_store(&device->event_due, true);
	pthread_mutex_unlock(&device->lock);
	worker_call(target_queue_worker(q->queue), look, NULL);
}

void scsi_events_reset(struct scsi_device *device)
{
	pthread_mutex_lock(&device->lock);
	device->num_events = 0;
	device->events_missed = false;
	atomic_store(&device->event_due, false);
	pthread_mutex_unlock(&device->lock);
}

/* The oldest, or that some were missed. Lock held. */
static void next_event(struct scsi_device *device, uint8_t data[VSCSI_EVENT_BYTES])
{
	const struct scsi_event *event = &device->event[0];
	uint32_t missed = device->events_missed ? VSCSI_T_EVENTS_MISSED : 0;

	memset(data, 0, VSCSI_EVENT_BYTES);
	device->events_missed = false;
	if (device->num_events == 0) {
		vscsi_put32(data, VSCSI_T_NO_EVENT | missed);
		return;
	}
	vscsi_put32(data, event->event | missed);
	data[VSCSI_EVENT_LUN] = 0x01;
	data[VSCSI_EVENT_LUN + 1] = event->at.target;
	/*
	 * By number, as in REPORT LUNS, and not in flat space format: Linux takes these bytes for
	 * the number that it has from there.
	 */
	data[VSCSI_EVENT_LUN + 3] = event->at.lun;
	vscsi_put32(data + VSCSI_EVENT_REASON, event->reason);
	device->num_events--;
	memmove(device->event, device->event + 1, device->num_events * sizeof(*event));
}

/* False: there is no buffer. */
static bool deliver(struct target_queue *queue, struct scsi_device *device)
{
	struct target_request *request = target_queue_take(queue);
	uint8_t data[VSCSI_EVENT_BYTES];
	bool fits;

	if (request == NULL)
		return false;
	fits = request->chain.writable_bytes >= sizeof(data) && !request->too_many;
	pthread_mutex_lock(&device->lock);
	if (fits)
		next_event(device, data);
	else
		device->events_missed = true;	/* 5.6.6.3.1: a buffer that is too small */
	atomic_store(&device->event_due, device->num_events || device->events_missed);
	pthread_mutex_unlock(&device->lock);
	if (fits)
		pieces_put(request->chain.iov + request->chain.readable, data, sizeof(data));
	target_done(request, fits ? sizeof(data) : 0);
	return true;
}

unsigned int scsi_events_poll(struct target_queue *queue)
{
	struct scsi_device *device = target_queue_priv(queue);
	unsigned int done = 0;

	while (atomic_load_explicit(&device->event_due, memory_order_relaxed) &&
	       done < SCSI_EVENTS && deliver(queue, device))
		done++;
	return done;
}
