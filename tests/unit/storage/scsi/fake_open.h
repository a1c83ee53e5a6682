/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_FAKE_OPEN_H
#define TEST_FAKE_OPEN_H

#include <pthread.h>

#include "fake_store.h"

extern unsigned int stores_open;
extern struct fake_store *last_opened;

/* What opening "slow" does: it waits until somebody else has let it go on, for 20 s at most. */
extern struct slow_open {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool begun, let_go;
	bool waited_in_vain;
	int result;
} slow_open;
void slow_open_reset(void);
void slow_open_wait_begun(void);
void slow_open_let_go(int result);

#endif
