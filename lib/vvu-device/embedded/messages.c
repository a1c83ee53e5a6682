/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole messages between the device and the two virtqueues. */
#include <errno.h>

#include "emb_internal.h"

int emb_rxq_put(struct vvu_emb *emb, const void *msg, size_t len)
{
	struct emb_virtq *rxq = &emb->virtq[VVU_RXQ];
	struct emb_chain chain;
	struct vhu_reason why;
	int got;

	if (!emb_is_live(emb))
		return -EAGAIN;
	got = emb_virtq_peek(rxq, &chain, &why);
	if (got == 0)
		return -EAGAIN;
	if (got > 0 && chain.bytes < len)
		return -EMSGSIZE;
	if (got > 0) {
		/* Checked by emb_virtq_peek(): all of the chain is within reach. */
		emb_chain_write(rxq, &chain, msg, len);
		got = emb_virtq_complete(rxq, &chain, (uint32_t)len, &why);
	}
	if (got < 0) {
		emb_break(emb, &why);
		return -EAGAIN;
	}
	if (got > 0)
		emb_interrupt_queue(emb, VVU_RXQ);
	return 0;
}

bool emb_txq_run(struct vvu_emb *emb, unsigned int limit)
{
	struct emb_virtq *txq = &emb->virtq[VVU_TXQ];
	struct emb_chain chain;
	struct vhu_reason why;
	bool interrupt = false;
	int got = 0;

	while (limit-- > 0 && emb_is_live(emb)) {
		size_t len;

		got = emb_virtq_peek(txq, &chain, &why);
		if (got <= 0)
			break;
		/* One byte more than any message has tells the device that it is too long. */
		len = chain.bytes < sizeof(emb->message) ? chain.bytes : sizeof(emb->message);
		emb_chain_read(txq, &chain, emb->message, len);
		got = emb_virtq_complete(txq, &chain, 0, &why);
		if (got < 0)
			break;
		interrupt |= got > 0;
		vvu_device_driver_message(emb->device, emb->message, len);
	}
	if (interrupt)
		emb_interrupt_queue(emb, VVU_TXQ);
	if (got < 0)
		emb_break(emb, &why);
	return emb_is_live(emb) && emb_virtq_available(txq) > 0;
}
