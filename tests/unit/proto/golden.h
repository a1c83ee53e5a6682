/* SPDX-License-Identifier: BSD-3-Clause */
/* What golden.py generates: messages, and the columns of the specification's tables. */
#ifndef TESTS_UNIT_PROTO_GOLDEN_H
#define TESTS_UNIT_PROTO_GOLDEN_H

#include <vhost-proto/codec.h>

struct golden {
	const char *label;
	enum vhu_space space;
	uint32_t id;
	bool reply;
	uint32_t flags;
	uint32_t size;		/* bytes of payload */
	const uint8_t *little;	/* header and payload */
	const uint8_t *big;
	void (*fill)(struct vhu_msg *msg);		/* set every field of the payload */
	void (*check)(const struct vhu_msg *msg);	/* compare every field */
	const char *const *printed;	/* words of the trace line, up to NULL */
};

struct golden_row {
	enum vhu_space space;
	uint32_t id;
	const char *name;
	enum vhu_fds fds;
	enum vhu_fds reply_fds;
	enum vhu_reply_rule rule;
	uint8_t gate;
};

struct golden_feature {
	unsigned int bit;
	const char *name;
	bool pass;
};

extern const struct golden golden_messages[];
extern const size_t golden_messages_count;
extern const struct golden_row golden_rows[];
extern const size_t golden_rows_count;
extern const struct golden_feature golden_features[];
extern const size_t golden_features_count;

/* The bytes of @g as the host itself would put them on a socket. */
static inline const uint8_t *
golden_native(const struct golden *g)
{
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? g->big : g->little;
}

/* Does the struct vhu_reason @why contain @words? (include <string.h> and cmocka first) */
#define assert_says(why, words) assert_non_null(strstr((why).text, words))

#endif
