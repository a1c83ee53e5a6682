/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

static void each_protocol_feature_is_masked_by_bit(void **state)
{
	struct vvu_negotiation neg = { .allowed = vvu_features_allowed(0) };
	static const unsigned int passed[] = { 0, 1, 2, 3, 4, 5, 9, 12, 13, 15, 16, 20, 21 };
	uint64_t expected = 0;
	unsigned int i;

	for (i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		expected |= 1ull << passed[i];
	for (i = 0; i < 64; i++)
		assert_int_equal(vvu_features_offer_protocol(&neg, 1ull << i),
				 expected & (1ull << i));
}

static void configured_mask_narrows_the_table_and_never_widens_it(void **state)
{
	assert_int_equal(vvu_features_allowed(PROTOCOL(MQ) | PROTOCOL(PAGEFAULT)), PROTOCOL(MQ));
}

static void iotlb_bit_needs_both_of_its_helpers(void **state)
{
	const uint64_t iotlb = 1ull << VHU_VIRTIO_F_ACCESS_PLATFORM;
	struct vvu_negotiation neg = { .allowed = vvu_features_allowed(0) };

	assert_int_equal(vvu_features_offer(&neg, ~0ull), ~0ull);
	neg.allowed = vvu_features_allowed(0) & ~PROTOCOL(REPLY_ACK);
	assert_int_equal(vvu_features_offer(&neg, ~0ull), ~iotlb);
	neg.allowed = vvu_features_allowed(0) & ~PROTOCOL(BACKEND_REQ);
	assert_int_equal(vvu_features_offer(&neg, ~0ull), ~iotlb);
	/* And acknowledging it all the same is then refused. */
	struct vhu_reason reason;

	assert_int_equal(vvu_features_ack(&neg, FEATURES_BASE | iotlb, &reason), -EPROTO);
	assert_non_null(strstr(reason.text, "0x200000000"));
}

static void reply_ack_is_added_towards_the_driver(void **state)
{
	struct vvu_negotiation neg = { .allowed = vvu_features_allowed(0) };
	struct vhu_reason reason;
	uint64_t to_driver;

	vvu_features_offer_protocol(&neg, PROTOCOL(MQ) | PROTOCOL(REPLY_ACK));
	assert_int_equal(vvu_features_ack_protocol(&neg, PROTOCOL(MQ), &to_driver, &reason), 0);
	assert_int_equal(to_driver, PROTOCOL(MQ) | PROTOCOL(REPLY_ACK));
	assert_true(neg.driver_reply_ack);
	assert_false(vvu_features_reply_ack(&neg));
}

static void reply_ack_is_not_added_where_the_driver_or_the_mask_lacks_it(void **state)
{
	struct vvu_negotiation neg = { .allowed = vvu_features_allowed(0) };
	struct vhu_reason reason;
	uint64_t to_driver;

	vvu_features_offer_protocol(&neg, PROTOCOL(MQ));
	assert_int_equal(vvu_features_ack_protocol(&neg, PROTOCOL(MQ), &to_driver, &reason), 0);
	assert_int_equal(to_driver, PROTOCOL(MQ));
	assert_false(neg.driver_reply_ack);

	neg.allowed = PROTOCOL(MQ);
	vvu_features_offer_protocol(&neg, PROTOCOL(MQ) | PROTOCOL(REPLY_ACK));
	assert_int_equal(vvu_features_ack_protocol(&neg, PROTOCOL(MQ), &to_driver, &reason), 0);
	assert_int_equal(to_driver, PROTOCOL(MQ));
}

static void gates_name_what_is_missing(void **state)
{
	const struct vhu_message_info *row;
	struct vvu_negotiation neg = { .allowed = vvu_features_allowed(0) };
	struct vhu_reason reason;

	row = vhu_message_info(VHU_SPACE_FRONTEND, VHU_GET_QUEUE_NUM);
	assert_int_equal(vvu_features_gate(&neg, row, &reason), -EPROTO);
	assert_string_equal(reason.text,
			    "GET_QUEUE_NUM: protocol feature bit 0 (MQ) was not negotiated");
	neg.protocol_acked = PROTOCOL(MQ);
	assert_int_equal(vvu_features_gate(&neg, row, &reason), 0);

	row = vhu_message_info(VHU_SPACE_FRONTEND, VHU_SET_VRING_ENABLE);
	assert_int_equal(vvu_features_gate(&neg, row, &reason), -EPROTO);
	neg.offered = 1ull << VHU_F_PROTOCOL_FEATURES;
	assert_int_equal(vvu_features_gate(&neg, row, &reason), 0);

	row = vhu_message_info(VHU_SPACE_FRONTEND, VHU_IOTLB_MSG);
	neg.offered |= 1ull << VHU_VIRTIO_F_ACCESS_PLATFORM;
	assert_int_equal(vvu_features_gate(&neg, row, &reason), -EPROTO);
	neg.acked = 1ull << VHU_VIRTIO_F_ACCESS_PLATFORM;
	assert_int_equal(vvu_features_gate(&neg, row, &reason), 0);
}

static void legacy_frontend_is_refused(void **state)
{
	struct fixture *f = *state;

	connect_frontend(f);
	assert_int_equal(frontend_none(f, VHU_GET_FEATURES, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_FEATURES, ~0ull), 0);
	assert_int_equal(frontend_u64(f, VHU_SET_FEATURES, 0, 1 << 15), -EPROTO);
	assert_disconnected(f, "VERSION_1");
}

static void features_that_were_not_offered_are_refused(void **state)
{
	struct fixture *f = *state;

	connect_frontend(f);
	assert_int_equal(frontend_none(f, VHU_GET_FEATURES, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_FEATURES, FEATURES_BASE), 0);
	assert_int_equal(frontend_u64(f, VHU_SET_FEATURES, 0, FEATURES_BASE | 0x20), -EPROTO);
	assert_disconnected(f, "bits 0x20");
}

static void features_may_be_set_again_and_without_bit_30(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(frontend_u64(f, VHU_SET_FEATURES, 0,
				      1ull << VHU_VIRTIO_F_VERSION_1),
			 0);
	assert_int_equal(frontend_u64(f, VHU_SET_FEATURES, 0, FEATURES_BASE), 0);
	assert_true(is_connected(f));
}

static void masked_protocol_feature_disconnects_and_is_never_edited(void **state)
{
	struct fixture *f = *state;
	unsigned int rxq;

	connect_frontend(f);
	assert_int_equal(frontend_none(f, VHU_GET_FEATURES, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_FEATURES, FEATURES_BASE), 0);
	assert_int_equal(frontend_none(f, VHU_GET_PROTOCOL_FEATURES, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_PROTOCOL_FEATURES, ~0ull), 0);
	assert_int_equal(f->sent[f->nsent - 1].u64, ALL_PROTOCOL);
	rxq = f->nrxq;
	assert_int_equal(frontend_u64(f, VHU_SET_PROTOCOL_FEATURES, 0,
				      PROTOCOL(MQ) | PROTOCOL(PAGEFAULT)),
			 -EPROTO);
	assert_int_equal(f->nrxq, rxq);
	assert_disconnected(f, "SET_PROTOCOL_FEATURES: features 0x101 have bits 0x100");
}

static void protocol_features_need_bit_30(void **state)
{
	struct fixture *f = *state;

	connect_frontend(f);
	assert_int_equal(frontend_none(f, VHU_GET_FEATURES, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_FEATURES,
					  1ull << VHU_VIRTIO_F_VERSION_1),
			 0);
	assert_int_equal(frontend_none(f, VHU_GET_PROTOCOL_FEATURES, 0), -EPROTO);
	assert_disconnected(f, "bit 30");
}

static void negotiation_ends_with_the_connection(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(frontend_none(f, VHU_RESET_DEVICE, 0), 0);
	vvu_device_frontend_closed(f->device, "end of file");
	write_status(f, VVU_STATUS_BACKEND_UP);
	assert_int_equal(vvu_device_frontend_connected(f->device), 0);
	assert_int_equal(frontend_none(f, VHU_RESET_DEVICE, 0), -EPROTO);
	assert_disconnected(f, "RESET_DEVICE");
}

static void query_tells_what_was_negotiated(void **state)
{
	struct vvu_device_status status;
	struct fixture *f = *state;

	connect_frontend(f);
	negotiate(f, FEATURES_BASE, PROTOCOL(MQ));
	vvu_device_query(f->device, &status);
	assert_string_equal(status.state, "connected");
	assert_int_equal(status.features, FEATURES_BASE);
	assert_int_equal(status.protocol_features, PROTOCOL(MQ));
	assert_int_equal(status.messages_from_frontend, 4);
	assert_int_equal(status.messages_from_driver, 2);
	assert_int_equal(status.connections, 1);
	/* The driver was told REPLY_ACK for the device's own use. */
	assert_int_equal(f->rxq[2].hdr.request, VHU_SET_PROTOCOL_FEATURES);
	assert_int_equal(f->rxq[2].u64, PROTOCOL(MQ) | PROTOCOL(REPLY_ACK));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_protocol_feature_is_masked_by_bit),
		cmocka_unit_test(configured_mask_narrows_the_table_and_never_widens_it),
		cmocka_unit_test(iotlb_bit_needs_both_of_its_helpers),
		cmocka_unit_test(reply_ack_is_added_towards_the_driver),
		cmocka_unit_test(reply_ack_is_not_added_where_the_driver_or_the_mask_lacks_it),
		cmocka_unit_test(gates_name_what_is_missing),
		device_test(legacy_frontend_is_refused),
		device_test(features_that_were_not_offered_are_refused),
		device_test(features_may_be_set_again_and_without_bit_30),
		device_test(masked_protocol_feature_disconnects_and_is_never_edited),
		device_test(protocol_features_need_bit_30),
		device_test(negotiation_ends_with_the_connection),
		device_test(query_tells_what_was_negotiated),
	};

	return cmocka_run_group_tests_name("negotiation", tests, NULL, NULL);
}
