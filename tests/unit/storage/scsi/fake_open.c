/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening and closing of fake stores: "good" is one, "4k" one of blocks of 4096, "slow" hangs. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "fake_open.h"

unsigned int stores_open;
struct fake_store *last_opened;
struct slow_open slow_open = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
};

void slow_open_reset(void)
{
	slow_open.begun = slow_open.let_go = slow_open.waited_in_vain = false;
	slow_open.result = 0;
}

/* Until *@condition, under the lock; false: that was not so within 20 s. */
static bool slow_open_wait(const bool *condition)
{
	struct timespec deadline;
	int ret = 0;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += 20;
	while (!*condition && ret == 0)
		ret = pthread_cond_timedwait(&slow_open.changed, &slow_open.lock, &deadline);
	return *condition;
}

void slow_open_wait_begun(void)
{
	pthread_mutex_lock(&slow_open.lock);
	slow_open.waited_in_vain |= !slow_open_wait(&slow_open.begun);
	pthread_mutex_unlock(&slow_open.lock);
}

void slow_open_let_go(int result)
{
	pthread_mutex_lock(&slow_open.lock);
	slow_open.result = result;
	slow_open.let_go = true;
	pthread_cond_broadcast(&slow_open.changed);
	pthread_mutex_unlock(&slow_open.lock);
}

static int open_slowly(void)
{
	int ret;

	pthread_mutex_lock(&slow_open.lock);
	slow_open.begun = true;
	pthread_cond_broadcast(&slow_open.changed);
	slow_open.waited_in_vain |= !slow_open_wait(&slow_open.let_go);
	ret = slow_open.result;
	pthread_mutex_unlock(&slow_open.lock);
	return ret;
}

int store_open_text(const char *text, bool read_only, struct store **store,
		    struct vhu_reason *reason)
{
	if (strcmp(text, "slow") == 0) {
		int ret = open_slowly();

		if (ret)
			return ret;
	} else if (strcmp(text, "good") != 0 && strcmp(text, "4k") != 0) {
		vhu_reason_set(reason, "no store \"%s\"", text);
		return -ENOENT;
	}
	last_opened = fake_store_new(strcmp(text, "4k") == 0 ? 4096 : 512);
	last_opened->store.info.read_only = read_only;
	*store = &last_opened->store;
	stores_open++;
	return 0;
}

int store_open(const json_t *description, struct store **store, struct vhu_reason *reason)
{
	const char *type = json_string_value(json_object_get(description, "type"));

	return store_open_text(type ? type : "", json_is_true(json_object_get(description,
									      "read_only")),
			       store, reason);
}

void store_close(struct store *store)
{
	stores_open--;
	fake_store_free((struct fake_store *)store);
}

int store_resize(struct store *store, uint64_t size_bytes)
{
	if (size_bytes > (uint64_t)FAKE_BLOCKS * store->info.block_bytes)
		return -EINVAL;
	if (size_bytes)
		store->info.size_bytes = size_bytes;
	return 0;
}

json_t *store_describe(struct store *store)
{
	return json_pack("{s:s}", "type", "fake");
}
