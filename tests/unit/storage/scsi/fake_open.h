/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_FAKE_OPEN_H
#define TEST_FAKE_OPEN_H

#include "fake_store.h"

extern unsigned int stores_open;
extern struct fake_store *last_opened;

#endif
