/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec.h"
#include "shapes.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define ROW(number, text, req, nfds, rep, rep_fds, when, feature, act) \
	[(number)] = { \
		.name = #text, \
		.id = (number), \
		.request = VHU_SHAPE_##req, \
		.fds = VHU_FDS_##nfds, \
		.reply = VHU_SHAPE_##rep, \
		.reply_fds = VHU_FDS_##rep_fds, \
		.rule = VHU_REPLY_##when, \
		.gate = (feature), \
		.action = VHU_DO_##act, \
	},

/* Indexed by id; an id without a row has no name. */
static const struct vhu_message_info frontend_messages[] = { VHU_FRONTEND_MESSAGES(ROW) };
static const struct vhu_message_info backend_messages[] = { VHU_BACKEND_MESSAGES(ROW) };

#define POLICY_PASS true
#define POLICY_MASK false

#define FEATURE(number, text, policy, reason) \
	[(number)] = { \
		.name = #text, \
		.bit = (number), \
		.pass = POLICY_##policy, \
		.why = (reason), \
	},

static const struct vhu_protocol_feature_info protocol_features[] = {
	VHU_PROTOCOL_FEATURES(FEATURE)
};

const struct vhu_message_info *
vhu_message_info(enum vhu_space space, uint32_t id)
{
	const struct vhu_message_info *table = frontend_messages;
	size_t rows = ARRAY_SIZE(frontend_messages);

	if (space == VHU_SPACE_BACKEND) {
		table = backend_messages;
		rows = ARRAY_SIZE(backend_messages);
	}
	if (id >= rows || table[id].name == NULL)
		return NULL;
	return &table[id];
}

enum vhu_shape
vhu_payload_shape(const struct vhu_message_info *info, bool reply)
{
	if (!reply)
		return info->request;
	return info->rule == VHU_REPLY_ACK ? VHU_SHAPE_U64 : info->reply;
}

const char *
vhu_message_name(enum vhu_space space, uint32_t id)
{
	const struct vhu_message_info *info = vhu_message_info(space, id);

	return info != NULL ? info->name : "unknown";
}

const struct vhu_protocol_feature_info *
vhu_protocol_feature_info(unsigned int bit)
{
	if (bit >= ARRAY_SIZE(protocol_features) || protocol_features[bit].name == NULL)
		return NULL;
	return &protocol_features[bit];
}

uint64_t
vhu_protocol_features_passed(void)
{
#define PASSED(number, text, policy, reason) | ((uint64_t)POLICY_##policy << (number))
	return 0 VHU_PROTOCOL_FEATURES(PASSED);
#undef PASSED
}
