/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lower stack on a device in this process, with a frontend's socket at the other end.
 * Everything here fails the test that runs when it does not work, and no wait is unbounded.
 */
#ifndef TESTS_EMBEDDED_STACK_H
#define TESTS_EMBEDDED_STACK_H

#include "vhost-relay/bus/bus.h"
#include "vhost-relay/vvu/vvu.h"
#include "vvu-device/embedded/embedded.h"

struct stack {
	struct vhr_bus *bus;
	struct vhr_vvu vvu;
	struct vvu_emb_config config;
	char path[64];
	int frontend;
};

struct received {
	struct vhu_msg msg;
	enum vhu_space space;
};

/* Setup and teardown of a test; *@state is a struct stack with four queues, not yet open. */
int stack_setup(void **state);
int stack_teardown(void **state);

/* Bus and driver; a frontend, once BACKEND_UP is set; all of it. */
void stack_open(struct stack *stack);
void stack_connect(struct stack *stack);
void stack_open_connected(struct stack *stack);

/* Run the device until @done(@arg). */
void stack_run_until(struct stack *stack, bool (*done)(struct stack *stack, void *arg),
		     void *arg);
bool frontend_is_up(struct stack *stack, void *arg);
bool frontend_is_gone(struct stack *stack, void *arg);
bool message_is_there(struct stack *stack, void *arg);	/* struct received */
bool fd_is_readable(struct stack *stack, void *arg);	/* int */

/*
 * The count of an eventfd. Of one that went through a socket only whether it is 0 is asked:
 * user-mode emulation of another byte order does not swap what is written to such an fd.
 */
uint64_t eventfd_drain(int fd);

/* A message of the frontend, with @fd unless it is -1. */
void request_init(struct vhu_msg *msg, uint32_t id, uint32_t size);
void frontend_send(struct stack *stack, const struct vhu_msg *msg, int fd);
/* Send a request and take it off rxq at the other end. */
void stack_pass(struct stack *stack, const struct vhu_msg *msg, int fd, struct received *received);
/* Answer the request that was received, and read the answer from the socket. */
void stack_answer_u64(struct stack *stack, const struct received *received, uint64_t value,
		      struct vhu_msg *reply);

#endif
