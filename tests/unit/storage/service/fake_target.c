/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The type's keys: "word" (text), "number", "shout" (true: upper case), "words" (a list), and
 * "slow-ms", after which what waits for requests under way comes back;
 * "start-ms", how long it takes to make the device.
 */
#include "fake_target.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct target {
	char name[64];
	char *path;
	char device[32];
	int fd;
	unsigned int mode, group, queues, map[8];
	bool mapped, packed;
	unsigned int slow_ms;
	atomic_uint pauses, disconnects;
};

struct fake {
	struct target *target;
	char word[64];
	json_int_t number;
	bool shout;
	json_t *words;
};

/* ---- what storage/target has ---- */

static void wait_slow(struct target *target)
{
	poll(NULL, 0, (int)target->slow_ms);
}

void target_pause(struct target *target)
{
	wait_slow(target);
	atomic_fetch_add(&target->pauses, 1);
}

void target_resume(struct target *target)
{
	atomic_fetch_sub(&target->pauses, 1);
}

void target_disconnect(struct target *target)
{
	wait_slow(target);
	atomic_fetch_add(&target->disconnects, 1);
}

json_t *target_describe(struct target *target)
{
	json_t *map = json_array();

	for (unsigned int i = 0; target->mapped && i < target->queues && i < 8; i++)
		json_array_append_new(map, json_integer(target->map[i]));
	return json_pack("{s:s, s:s*, s:s, s:b, s:i, s:i, s:i, s:o, s:b, s:i, s:i}", "name",
			 target->name, "path", target->path, "pci", target->device, "fd",
			 target->fd >= 0, "mode", target->mode, "group", target->group, "queues",
			 target->queues, "map", map, "packed", target->packed, "pauses",
			 (int)atomic_load(&target->pauses), "disconnects",
			 (int)atomic_load(&target->disconnects));
}

/* ---- the type ---- */

static struct target *fake_target_create(const struct target_config *config)
{
	struct target *target = calloc(1, sizeof(*target));

	strncpy(target->name, config->name, sizeof(target->name) - 1);
	if (config->device != NULL)
		strncpy(target->device, config->device, sizeof(target->device) - 1);
	target->path = config->socket_path ? strdup(config->socket_path) : NULL;
	target->fd = config->socket_fd < 0 ? -1 : dup(config->socket_fd);
	target->mode = config->socket_mode;
	target->group = config->socket_group;
	target->queues = config->queues;
	target->packed = config->packed;
	target->mapped = config->map != NULL;
	for (unsigned int i = 0; target->mapped && i < config->queues && i < 8; i++)
		target->map[i] = config->map[i];
	return target;
}

static int fake_create(struct worker_pool *pool, struct target_config *config,
		       const json_t *description, void **device, struct vhu_reason *reason)
{
	struct fake *fake = calloc(1, sizeof(*fake));
	json_t *words = NULL;
	const char *word = "";
	int shout = 0, slow = 0, start = 0;
	json_error_t error;

	if (json_unpack_ex((json_t *)(uintptr_t)description, &error, JSON_STRICT,
			   "{s?s, s?I, s?b, s?i, s?i, s?o}", "word", &word, "number", &fake->number,
			   "shout", &shout, "slow-ms", &slow, "start-ms", &start, "words",
			   &words) < 0) {
		vhu_reason_set(reason, "%s: %s", config->name, error.text);
		free(fake);
		return -EINVAL;
	}
	poll(NULL, 0, start);
	if (strcmp(word, "broken") == 0) {
		vhu_reason_set(reason, "%s: word: is broken", config->name);
		free(fake);
		return -EIO;
	}
	for (size_t i = 0; word[i] != '\0' && i < sizeof(fake->word) - 1; i++)
		fake->word[i] = shout ? (char)toupper((unsigned char)word[i]) : word[i];
	fake->shout = shout;
	fake->words = json_incref(words);
	fake->target = fake_target_create(config);
	fake->target->slow_ms = (unsigned int)slow;
	*device = fake;
	return 0;
}

static void fake_destroy(void *device)
{
	struct fake *fake = device;

	wait_slow(fake->target);
	if (fake->target->fd >= 0)
		close(fake->target->fd);
	free(fake->target->path);
	free(fake->target);
	json_decref(fake->words);
	free(fake);
}

static struct target *fake_target(void *device)
{
	return ((struct fake *)device)->target;
}

static json_t *fake_describe(void *device)
{
	const struct fake *fake = device;

	return json_pack("{s:s, s:I, s:b, s:O*, s:{s:i}}", "word", fake->word, "number",
			 fake->number, "shout", fake->shout, "words", fake->words, "stats",
			 "requests", 0);
}

static int fake_word(void *arg, const json_t *params, json_t **result, struct vhu_reason *reason)
{
	struct fake *fake = program_device(arg, params, reason);

	if (fake == NULL)
		return -ENOENT;
	*result = json_string(fake->word);
	return 0;
}

static const struct program_option fake_options[] = {
	{ "word", PROGRAM_STRING, "word", "a word" },
	{ "word-file", PROGRAM_FILE, "word", "a file as a word" },
	{ "number", PROGRAM_NUMBER, "number", "a number" },
	{ "shout", PROGRAM_FLAG, "shout", "in upper case" },
	{ "also", PROGRAM_LIST, "words", "more words" },
	{ "start-ms", PROGRAM_NUMBER, "start-ms", "how long it takes to make the device" },
	{ "slow-ms", PROGRAM_NUMBER, "slow-ms", "how long requests take" },
	{ NULL, PROGRAM_STRING, NULL, NULL },
};

static const char *const fake_capabilities[] = { "word", "shout", NULL };

static const struct rpc_method fake_methods[] = {
	{ "device.word", fake_word, "the word of a device" },
	{ NULL, NULL, NULL },
};

const struct program_type fake_type = {
	.name = "vhost-fake",
	.summary = "A device that is none.",
	.backend_type = "fake",
	.capabilities = fake_capabilities,
	.options = fake_options,
	.create = fake_create,
	.destroy = fake_destroy,
	.target = fake_target,
	.describe = fake_describe,
	.methods = fake_methods,
};
