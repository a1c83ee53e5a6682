/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * error: some operations fail, without reaching the store below. Which ones is a list of rules
 * that can be changed while it is in use. A count of "every" goes over all queues; that is why
 * there is a lock, which this filter alone can afford.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"

#define RULES_MAX 64u

struct error_options {
	struct filter_options filter;
	const json_t *rules;
};

/* As described, and what it has done so far. */
struct rule {
	const json_t *ops;
	uint64_t every;			/* 0: each one */
	double probability;
	uint64_t seed;
	uint64_t offset;
	uint64_t length;		/* 0: to the end */
	uint64_t times;			/* 0: for ever */
	unsigned int error;		/* index into errors */

	unsigned int op_mask;
	uint64_t matched, failed;
	uint64_t random;
};

struct rules {
	unsigned int num;
	struct rule rule[];
};

struct error {
	struct store store;
	pthread_mutex_t lock;
	struct rules *rules;
	json_t *description;		/* of the rules */
	uint64_t failed;
};

static const char *const error_names[] = { "EIO", "ENOSPC", "ETIMEDOUT", "EROFS", "EOPNOTSUPP",
					   "ENOMEM", "EINVAL", NULL };
static const int error_numbers[] = { EIO, ENOSPC, ETIMEDOUT, EROFS, EOPNOTSUPP, ENOMEM, EINVAL };
static const char *const op_names[STORE_NUM_OPS] = {
	[STORE_READ] = "read", [STORE_WRITE] = "write", [STORE_FLUSH] = "flush",
	[STORE_DISCARD] = "discard", [STORE_WRITE_ZEROES] = "write_zeroes",
};

static const struct store_key rule_keys[] = {
	{ "ops", STORE_KEY_ARRAY, false, offsetof(struct rule, ops), 0, 0, NULL },
	{ "every", STORE_KEY_NUMBER, false, offsetof(struct rule, every), 1, 0, NULL },
	{ "probability", STORE_KEY_REAL, false, offsetof(struct rule, probability), 0, 0, NULL },
	{ "seed", STORE_KEY_NUMBER, false, offsetof(struct rule, seed), 0, 0, NULL },
	{ "offset", STORE_KEY_SIZE, false, offsetof(struct rule, offset), 0, 0, NULL },
	{ "length", STORE_KEY_SIZE, false, offsetof(struct rule, length), 1, 0, NULL },
	{ "times", STORE_KEY_NUMBER, false, offsetof(struct rule, times), 1, 0, NULL },
	{ "errno", STORE_KEY_CHOICE, false, offsetof(struct rule, error), 0, 0, error_names },
	{ 0 },
};

static int parse_ops(struct rule *rule, struct vhu_reason *reason)
{
	size_t index;
	json_t *value;

	if (!rule->ops) {
		rule->op_mask = (1u << STORE_NUM_OPS) - 1;
		return 0;
	}
	if (json_array_size(rule->ops) == 0) {
		vhu_reason_set(reason, "error: \"ops\" of a rule is empty; without it all "
			       "operations are meant");
		return -EINVAL;
	}
	json_array_foreach(rule->ops, index, value) {
		const char *name = json_string_value(value);
		unsigned int op = 0;

		while (name && op < STORE_NUM_OPS && strcmp(op_names[op], name))
			op++;
		if (!name || op == STORE_NUM_OPS) {
			vhu_reason_set(reason, "error: \"ops\" has \"%.40s\", which is not one of "
				       "read, write, flush, discard, write_zeroes",
				       name ? name : "?");
			return -EINVAL;
		}
		rule->op_mask |= 1u << op;
	}
	return 0;
}

static int parse_rule(struct rule *rule, const json_t *object, struct vhu_reason *reason)
{
	int ret;

	if (!json_is_object(object)) {
		vhu_reason_set(reason, "error: a rule is not an object");
		return -EINVAL;
	}
	rule->probability = 1;
	ret = store_keys_parse("error: rule", object, rule_keys, false, rule, reason);
	if (!ret)
		ret = parse_ops(rule, reason);
	rule->ops = NULL;
	rule->random = rule->seed;
	return ret;
}

static int parse_rules(const json_t *array, struct rules **result, struct vhu_reason *reason)
{
	size_t num = json_array_size(array), index;
	struct rules *rules;
	json_t *object;

	if (num > RULES_MAX) {
		vhu_reason_set(reason, "error: more than %u rules", RULES_MAX);
		return -EINVAL;
	}
	rules = calloc(1, sizeof(*rules) + num * sizeof(rules->rule[0]));
	if (!rules)
		return -ENOMEM;
	json_array_foreach(array, index, object) {
		int ret = parse_rule(&rules->rule[index], object, reason);

		if (ret) {
			free(rules);
			return ret;
		}
	}
	rules->num = (unsigned int)num;
	*result = rules;
	return 0;
}

/* From 0 to below 1, the same for the same seed (splitmix64). */
static double draw(struct rule *rule)
{
	uint64_t z = rule->random += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	z ^= z >> 31;
	return (double)(z >> 11) / (double)(1ull << 53);
}

static bool concerns(const struct rule *rule, const struct store_io *io)
{
	if (!(rule->op_mask & 1u << io->op) || (rule->times && rule->failed == rule->times))
		return false;
	/* A flush is everywhere. */
	if (io->op == STORE_FLUSH)
		return true;
	return io->offset + io->length > rule->offset &&
	       (!rule->length || io->offset < rule->offset + rule->length ||
		rule->offset + rule->length < rule->offset);
}

/* The error that @io shall have, or 0. */
static int judge(struct error *error, const struct store_io *io)
{
	int result = 0;

	pthread_mutex_lock(&error->lock);
	for (unsigned int i = 0; !result && i < error->rules->num; i++) {
		struct rule *rule = &error->rules->rule[i];

		if (!concerns(rule, io))
			continue;
		rule->matched++;
		if ((rule->every && rule->matched % rule->every) || draw(rule) >= rule->probability)
			continue;
		rule->failed++;
		error->failed++;
		result = -error_numbers[rule->error];
	}
	pthread_mutex_unlock(&error->lock);
	return result;
}

static void error_submit(struct store_queue *queue, struct store_io *io)
{
	int result = judge((struct error *)queue->store, io);

	if (result)
		store_complete(io, result);
	else
		store_forward(queue->inner, io, filter_done, queue);
}

static int error_queue_open(struct store *store, struct store_queue **result)
{
	struct store_queue *queue = calloc(1, sizeof(*queue));
	int ret;

	if (!queue)
		return -ENOMEM;
	ret = filter_queue_open_inner(store, queue);
	if (ret)
		free(queue);
	else
		*result = queue;
	return ret;
}

static json_t *error_describe(struct store *store)
{
	struct error *error = (struct error *)store;
	json_t *object;

	pthread_mutex_lock(&error->lock);
	object = json_pack("{s:s, s:s, s:I, s:o}", "type", "error", "state", "ok", "failed",
			   (json_int_t)error->failed, "rules",
			   json_deep_copy(error->description));
	pthread_mutex_unlock(&error->lock);
	return object;
}

static void error_close(struct store *store)
{
	struct error *error = (struct error *)store;

	pthread_mutex_destroy(&error->lock);
	json_decref(error->description);
	free(error->rules);
	filter_close(store);
}

static const struct store_ops error_ops = {
	.type = "error",
	.queue_open = error_queue_open,
	.queue_close = filter_queue_close,
	.submit = error_submit,
	.kick = filter_kick,
	.poll = filter_poll,
	.fd = filter_fd,
	.describe = error_describe,
	.close = error_close,
};

static int set_rules(struct error *error, const json_t *array, struct vhu_reason *reason)
{
	json_t *description, *old_description;
	struct rules *rules, *old;
	int ret;

	if (array && !json_is_array(array)) {
		vhu_reason_set(reason, "error: \"rules\" is not an array");
		return -EINVAL;
	}
	ret = parse_rules(array, &rules, reason);
	if (ret)
		return ret;
	description = array ? json_deep_copy(array) : json_array();
	pthread_mutex_lock(&error->lock);
	old = error->rules;
	old_description = error->description;
	error->rules = rules;
	error->description = description;
	pthread_mutex_unlock(&error->lock);
	free(old);
	json_decref(old_description);
	return 0;
}

int store_error_set(struct store *store, unsigned int index, const json_t *rules,
		    struct vhu_reason *reason)
{
	for (unsigned int left = index; store; store = store->inner) {
		if (store->ops != &error_ops)
			continue;
		if (!left--)
			return set_rules((struct error *)store, rules, reason);
	}
	vhu_reason_set(reason, "there is no error filter number %u in this store", index);
	return -ENOENT;
}

static int error_open(const void *arg, struct store **store, struct vhu_reason *reason)
{
	const struct error_options *options = arg;
	struct error *error = calloc(1, sizeof(*error));
	int ret;

	if (!error)
		return -ENOMEM;
	pthread_mutex_init(&error->lock, NULL);
	ret = set_rules(error, options->rules, reason);
	if (!ret)
		ret = filter_open_inner(&error->store, &error_ops, &options->filter, reason);
	if (ret)
		error_close(&error->store);
	else
		*store = &error->store;
	return ret;
}

STORE_OPTIONS_FIT(error_options);

static const struct store_key error_keys[] = {
	FILTER_KEY_INNER,
	{ "rules", STORE_KEY_ARRAY, false, offsetof(struct error_options, rules), 0, 0, NULL },
	{ 0 },
};

const struct store_kind store_kind_error = {
	.type = "error",
	.keys = error_keys,
	.open = error_open,
};
