/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a process leaves in shared memory when it is killed between any two instructions: a
 * child process runs step by step, and every change of the memory is one state.
 */
#ifndef CRASH_H
#define CRASH_H

#include <stdbool.h>
#include <stddef.h>

/* Shared with children, zeroed; released with munmap(). */
void *crash_memory(size_t size);

/*
 * Run @run(@arg) in a child that is stepped through from its crash_begin() on, and call
 * @state(@arg) in this process with @memory of @size bytes as it is before the first store,
 * between any two, and after the last. @state may change the memory; it is put back. Returns
 * the number of states; -1: this system cannot step through a process.
 */
int crash_everywhere(void *memory, size_t size, void (*run)(void *arg), void (*state)(void *arg),
		     void *arg);

/*
 * For @run: a crash is of interest from crash_begin() to crash_end(), and again after the next
 * crash_begin(); what is done outside, such as getting memory, is one step.
 */
void crash_begin(void);
void crash_end(void);

#endif
