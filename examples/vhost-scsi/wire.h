/* SPDX-License-Identifier: BSD-3-Clause */
/* virtio-scsi as virtio 1.3, 5.6 has it: sizes, offsets and codes. All fields little-endian. */
#ifndef VHOST_SCSI_WIRE_H
#define VHOST_SCSI_WIRE_H

#include <stdint.h>

/* 5.6.2: queues */
#define VSCSI_CONTROLQ		0u
#define VSCSI_EVENTQ		1u
#define VSCSI_FIXED_QUEUES	2u	/* before the request queues */

/* 5.6.3: features */
#define VSCSI_F_HOTPLUG		(1ull << 1)
#define VSCSI_F_CHANGE		(1ull << 2)

/* 5.6.4: configuration space */
#define VSCSI_CONFIG_BYTES	36u
#define VSCSI_CONFIG_SENSE_SIZE	20u
#define VSCSI_CONFIG_CDB_SIZE	24u
#define VSCSI_SENSE_SIZE	96u	/* their defaults */
#define VSCSI_CDB_SIZE		32u

/* 5.6.6.1: a request is lun, id, task_attr, prio, crn, cdb[], data */
#define VSCSI_REQ_LUN		0u
#define VSCSI_REQ_ID		8u
#define VSCSI_REQ_TASK_ATTR	16u
#define VSCSI_REQ_CDB		19u
/* Its answer: sense_len, residual, status_qualifier, status, response, sense[], data */
#define VSCSI_RESP_SENSE_LEN	0u
#define VSCSI_RESP_RESIDUAL	4u
#define VSCSI_RESP_STATUS	10u
#define VSCSI_RESP_RESPONSE	11u
#define VSCSI_RESP_SENSE	12u

enum vscsi_task_attr { VSCSI_SIMPLE, VSCSI_ORDERED, VSCSI_HEAD, VSCSI_ACA };

/* Of requests, and of the control queue's functions */
enum vscsi_response {
	VSCSI_S_OK = 0,
	VSCSI_S_FUNCTION_COMPLETE = 0,
	VSCSI_S_OVERRUN = 1,
	VSCSI_S_ABORTED = 2,
	VSCSI_S_BAD_TARGET = 3,
	VSCSI_S_RESET = 4,
	VSCSI_S_FAILURE = 9,
	VSCSI_S_FUNCTION_SUCCEEDED = 10,
	VSCSI_S_FUNCTION_REJECTED = 11,
	VSCSI_S_INCORRECT_LUN = 12,
};

/* 5.6.6.2: the control queue */
enum vscsi_control { VSCSI_T_TMF, VSCSI_T_AN_QUERY, VSCSI_T_AN_SUBSCRIBE };

enum vscsi_tmf {
	VSCSI_ABORT_TASK,
	VSCSI_ABORT_TASK_SET,
	VSCSI_CLEAR_ACA,
	VSCSI_CLEAR_TASK_SET,
	VSCSI_I_T_NEXUS_RESET,
	VSCSI_LOGICAL_UNIT_RESET,
	VSCSI_QUERY_TASK,
	VSCSI_QUERY_TASK_SET,
};

#define VSCSI_TMF_SUBTYPE	4u
#define VSCSI_TMF_LUN		8u
#define VSCSI_TMF_ID		16u
#define VSCSI_TMF_BYTES		24u
#define VSCSI_TMF_RESP_BYTES	1u
#define VSCSI_AN_LUN		4u
#define VSCSI_AN_BYTES		16u
#define VSCSI_AN_RESP_RESPONSE	4u	/* behind the events that happen */
#define VSCSI_AN_RESP_BYTES	5u

/* 5.6.6.3: the event queue */
#define VSCSI_EVENT_BYTES	16u
#define VSCSI_EVENT_LUN		4u
#define VSCSI_EVENT_REASON	12u

#define VSCSI_T_EVENTS_MISSED	0x80000000u
enum vscsi_event { VSCSI_T_NO_EVENT, VSCSI_T_TRANSPORT_RESET, VSCSI_T_ASYNC_NOTIFY,
	VSCSI_T_PARAM_CHANGE };
enum vscsi_reset_reason { VSCSI_RESET_HARD, VSCSI_RESET_RESCAN, VSCSI_RESET_REMOVED };

/* An additional sense code and its qualifier as the reason of a PARAM_CHANGE */
#define VSCSI_PARAM_CAPACITY	(0x2au | 0x09u << 8)

#endif
