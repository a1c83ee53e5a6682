/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON-RPC 2.0, right, wrong and hostile. Expected answers are spelled out from its text. */
#include "test.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "storage/service/rpc.h"

struct fixture {
	char path[108];
	struct rpc_server *server;
	struct rpc_call *kept[128];
	unsigned int num_kept;
	unsigned int calls;
};

static int echo(void *arg, const json_t *params, json_t **result, struct vhu_reason *reason)
{
	struct fixture *f = arg;

	f->calls++;
	*result = json_deep_copy(params);
	return 0;
}

static int nothing(void *arg, const json_t *params, json_t **result, struct vhu_reason *reason)
{
	((struct fixture *)arg)->calls++;
	return 0;
}

static int fails(void *arg, const json_t *params, json_t **result, struct vhu_reason *reason)
{
	((struct fixture *)arg)->calls++;
	if (json_object_size(params) > 0) {
		vhu_reason_set(reason, "bad: no");
		return -EINVAL;
	}
	vhu_reason_set(reason, "not there");
	return -ENOENT;
}

static int later(void *arg, const json_t *params, json_t **result, struct vhu_reason *reason)
{
	struct fixture *f = arg;

	f->calls++;
	f->kept[f->num_kept++] = rpc_keep(f->server);
	return RPC_LATER;
}

/* A quarter of a megabyte. */
static int large(void *arg, const json_t *params, json_t **result, struct vhu_reason *reason)
{
	char *text = malloc(256u << 10);

	((struct fixture *)arg)->calls++;
	memset(text, 'x', 256u << 10);
	*result = json_stringn(text, 256u << 10);
	free(text);
	return 0;
}

static const struct rpc_method methods[] = {
	{ "echo", echo, "" },	{ "nothing", nothing, "" }, { "fails", fails, "" },
	{ "later", later, "" }, { "large", large, "" },	    { NULL, NULL, NULL },
};

static int setup(void **state)
{
	static struct fixture f;
	static unsigned int serial;
	struct vhu_reason reason;

	memset(&f, 0, sizeof(f));
	snprintf(f.path, sizeof(f.path), "/tmp/rpc-test-%d-%u.sock", getpid(), serial++);
	assert_int_equal(rpc_open(f.path, 0600, methods, &f, &f.server, &reason), 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	rpc_close(f->server);
	assert_int_equal(access(f->path, F_OK), -1);
	return 0;
}

/* Let the server do what there is to do. */
static void serve(struct fixture *f)
{
	struct pollfd pfd = { .fd = rpc_fd(f->server), .events = POLLIN };

	for (unsigned int i = 0; i < 10000 && poll(&pfd, 1, 0) > 0; i++)
		rpc_run(f->server);
	assert_int_equal(poll(&pfd, 1, 0), 0);
}

static int dial(struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, f->path, strlen(f->path));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	serve(f);
	return fd;
}

static void say(struct fixture *f, int fd, const char *text)
{
	size_t length = strlen(text), done = 0;

	while (done < length) {
		ssize_t sent = send(fd, text + done, length - done, MSG_NOSIGNAL);

		assert_true(sent > 0 || errno == EAGAIN);
		done += sent > 0 ? (size_t)sent : 0;
		serve(f);
	}
}

/* All that came for the client until now. */
static const char *heard(struct fixture *f, int fd)
{
	static char text[1u << 20];
	size_t used = 0;
	ssize_t got;

	serve(f);
	while ((got = recv(fd, text + used, sizeof(text) - 1 - used, 0)) > 0) {
		used += (size_t)got;
		serve(f);
	}
	text[used] = '\0';
	return text;
}

static bool closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, 0) == 0 || (errno != EAGAIN && errno != EINTR);
}

static void assert_answer(struct fixture *f, const char *request, const char *expected)
{
	int fd = dial(f);

	say(f, fd, request);
	assert_string_equal(heard(f, fd), expected);
	close(fd);
	serve(f);
}

#define INVALID(message) \
	"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"" message \
	"\"},\"id\":null}\n"

static void result_and_id_are_answered(void **state)
{
	assert_answer(*state,
		      "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":{\"a\":[1]},\"id\":7}",
		      "{\"jsonrpc\":\"2.0\",\"result\":{\"a\":[1]},\"id\":7}\n");
	assert_answer(*state, "{\"jsonrpc\":\"2.0\",\"method\":\"nothing\",\"id\":\"x\"}",
		      "{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":\"x\"}\n");
	assert_answer(*state, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":null}",
		      "{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":null}\n");
	assert_answer(*state, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":[],\"id\":1}",
		      "{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":1}\n");
}

static void errors_have_code_reason_and_method(void **state)
{
	assert_answer(*state, "{\"jsonrpc\":\"2.0\",\"method\":\"fails\",\"id\":1}",
		      "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32002,\"message\":\"not there\","
		      "\"data\":{\"method\":\"fails\",\"errno\":2}},\"id\":1}\n");
	assert_answer(*state,
		      "{\"jsonrpc\":\"2.0\",\"method\":\"fails\",\"params\":{\"bad\":1},\"id\":1}",
		      "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32602,\"message\":\"bad: no\","
		      "\"data\":{\"method\":\"fails\",\"errno\":22}},\"id\":1}\n");
	assert_answer(*state, "{\"jsonrpc\":\"2.0\",\"method\":\"unheard\",\"id\":1}",
		      "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32601,\"message\":"
		      "\"no such method; \\\"help\\\" answers those there are\"},\"id\":1}\n");
	assert_answer(*state, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":[1],\"id\":1}",
		      "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32602,\"message\":"
		      "\"params: not an object\"},\"id\":1}\n");
}

static void requests_that_are_none_are_refused(void **state)
{
	assert_answer(*state, "{}", INVALID("jsonrpc: is not \\\"2.0\\\""));
	assert_answer(*state, "{\"jsonrpc\":2.0,\"method\":\"echo\",\"id\":1}",
		      INVALID("jsonrpc: is not \\\"2.0\\\""));
	assert_answer(*state, "{\"jsonrpc\":\"2.0\",\"method\":1,\"id\":1}",
		      INVALID("method: is missing, or not a string"));
	assert_answer(*state, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":{}}",
		      INVALID("id: neither a string, a number nor null"));
	assert_answer(*state, "[]", INVALID("a batch has 1 to 64 requests"));
}

static void notifications_get_no_answer(void **state)
{
	struct fixture *f = *state;

	assert_answer(f, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}", "");
	assert_int_equal(f->calls, 1);
	assert_answer(f, "{\"jsonrpc\":\"2.0\",\"method\":\"fails\"}"
			 "{\"jsonrpc\":\"2.0\",\"method\":\"unheard\"}"
			 "[{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}]", "");
	assert_int_equal(f->calls, 3);
}

static void batch_is_answered_as_one(void **state)
{
	assert_answer(
		*state,
		"[{\"jsonrpc\":\"2.0\",\"method\":\"nothing\",\"id\":1},"
		"{\"jsonrpc\":\"2.0\",\"method\":\"nothing\"}, 5,"
		"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":2}]",
		"[{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":1},"
		"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"not an object\"},"
		"\"id\":null},"
		"{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":2}]\n");
}

static void batch_that_is_too_long_is_refused(void **state)
{
	struct fixture *f = *state;
	char text[65 * 2 + 2] = "[";

	for (unsigned int i = 0; i < 65; i++)
		strcat(text, i < 64 ? "1," : "1");
	strcat(text, "]");
	assert_answer(f, text, INVALID("a batch has 1 to 64 requests"));
}

static void broken_json_is_a_parse_error_and_the_next_request_is_served(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);
	const char *answer;

	say(f, fd, "{\"jsonrpc\":}{\"jsonrpc\":\"2.0\",\"method\":\"nothing\",\"id\":1}");
	answer = heard(f, fd);
	assert_non_null(strstr(answer, "\"code\":-32700"));
	assert_non_null(strstr(answer, "{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":1}\n"));
	say(f, fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"method\":\"nothing\",\"id\":1}");
	assert_non_null(strstr(heard(f, fd), "duplicate object key"));
	close(fd);
}

static void bytes_that_begin_nothing_end_the_connection(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);

	say(f, fd, "GET / HTTP/1.1\r\n");
	assert_non_null(strstr(heard(f, fd), "\"code\":-32700"));
	assert_true(closed(fd));
	close(fd);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	struct fixture *f = *state;
	char text[64 * 1000], *at = text, expected[64];
	const char *answers;
	int fd = dial(f);

	for (unsigned int i = 0; i < 500; i++)
		at += sprintf(at, "{\"jsonrpc\":\"2.0\",\"method\":\"nothing\",\"id\":%u}%s", i,
			      i % 2 ? "\n" : "");
	say(f, fd, text);
	answers = heard(f, fd);
	for (unsigned int i = 0; i < 500; i++) {
		snprintf(expected, sizeof(expected),
			 "{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":%u}\n", i);
		assert_memory_equal(answers, expected, strlen(expected));
		answers += strlen(expected);
	}
	close(fd);
}

static void request_in_single_bytes(void **state)
{
	struct fixture *f = *state;
	const char *text = "{\"jsonrpc\":\"2.0\",\"method\":\"nothing\",\"id\":1}";
	int fd = dial(f);

	for (const char *c = text; *c != '\0'; c++) {
		char one[2] = { *c, '\0' };

		assert_string_equal(heard(f, fd), "");
		say(f, fd, one);
	}
	assert_string_equal(heard(f, fd), "{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":1}\n");
	close(fd);
}

static void half_a_request_and_the_end_is_an_error(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);

	say(f, fd, "{\"jsonrpc\":\"2.0\",");
	shutdown(fd, SHUT_WR);
	assert_non_null(strstr(heard(f, fd), "the connection ended within a request"));
	assert_true(closed(fd));
	close(fd);
}

static void who_sends_no_more_still_gets_the_answers(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);

	say(f, fd, "{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1}\n");
	shutdown(fd, SHUT_WR);
	assert_string_equal(heard(f, fd), "");
	assert_false(closed(fd));
	rpc_finish(f->kept[0], 0, json_true(), NULL);
	assert_string_equal(heard(f, fd), "{\"jsonrpc\":\"2.0\",\"result\":true,\"id\":1}\n");
	assert_true(closed(fd));
	close(fd);
}

static void request_beyond_a_megabyte_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	char *text = malloc(RPC_REQUEST_MAX + 100);
	int fd = dial(f), head;

	head = sprintf(text,
		       "{\"jsonrpc\":\"2.0\",\"method\":\"nothing\",\"id\":1,\"params\":{\"x\":\"");
	memset(text + head, 'x', RPC_REQUEST_MAX - (unsigned int)head - 4);
	/* Just as long as it may be */
	strcpy(text + RPC_REQUEST_MAX - 4, "\"}} ");
	say(f, fd, text);
	assert_string_equal(heard(f, fd), "{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":1}\n");
	strcpy(text + RPC_REQUEST_MAX - 4, "xxx\"}} ");
	for (size_t done = 0; done < RPC_REQUEST_MAX && !closed(fd);) {
		ssize_t sent = send(fd, text + done, RPC_REQUEST_MAX + 3 - done, MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN)
			break;
		done += sent > 0 ? (size_t)sent : 0;
		serve(f);
	}
	assert_int_equal(f->calls, 1);
	close(fd);
	free(text);
	assert_answer(f, "{\"jsonrpc\":\"2.0\",\"method\":\"nothing\",\"id\":1}",
		      "{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":1}\n");
}

static void who_does_not_read_is_not_read_from_and_holds_up_nobody(void **state)
{
	struct fixture *f = *state;
	const char *one = "{\"jsonrpc\":\"2.0\",\"method\":\"large\",\"id\":1}";
	int fd = dial(f), other;
	unsigned int sent = 0, handled;

	/* A hundred megabytes of answers, if they were all made. */
	while (sent < 400 && send(fd, one, strlen(one), MSG_NOSIGNAL) == (ssize_t)strlen(one)) {
		serve(f);
		sent++;
	}
	handled = f->calls;
	assert_in_range(handled, 1, 4);
	other = dial(f);
	say(f, other, "{\"jsonrpc\":\"2.0\",\"method\":\"nothing\",\"id\":1}");
	assert_string_equal(heard(f, other), "{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":1}\n");
	/* It reads: it goes on. */
	assert_true(strlen(heard(f, fd)) > (256u << 10));
	assert_true(f->calls > handled + 1);
	close(fd);
	close(other);
	serve(f);
}

static void kept_request_is_answered_later_than_those_after_it(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);

	say(f, fd, "{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1}"
		   "{\"jsonrpc\":\"2.0\",\"method\":\"nothing\",\"id\":2}");
	assert_string_equal(heard(f, fd), "{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":2}\n");
	rpc_finish(f->kept[0], -EIO, NULL, &(struct vhu_reason){ "it broke" });
	assert_string_equal(
		heard(f, fd),
		"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32005,\"message\":\"it broke\","
		"\"data\":{\"method\":\"later\",\"errno\":5}},\"id\":1}\n");
	close(fd);
}

static void batch_waits_for_what_is_kept(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);

	say(f, fd, "[{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1},"
		   "{\"jsonrpc\":\"2.0\",\"method\":\"later\"},"
		   "{\"jsonrpc\":\"2.0\",\"method\":\"nothing\",\"id\":2}]");
	assert_string_equal(heard(f, fd), "");
	rpc_finish(f->kept[0], 0, NULL, NULL);
	assert_string_equal(heard(f, fd), "");
	rpc_finish(f->kept[1], 0, NULL, NULL);
	assert_string_equal(heard(f, fd), "[{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":2},"
					  "{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":1}]\n");
	close(fd);
}

static void kept_requests_of_a_client_are_limited(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);

	for (unsigned int i = 0; i < RPC_KEPT_MAX + 10; i++)
		say(f, fd, "{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1}");
	assert_int_equal(f->num_kept, RPC_KEPT_MAX);
	for (unsigned int i = 0; i < RPC_KEPT_MAX; i++)
		rpc_finish(f->kept[i], 0, NULL, NULL);
	serve(f);
	assert_int_equal(f->num_kept, RPC_KEPT_MAX + 10);
	for (unsigned int i = RPC_KEPT_MAX; i < f->num_kept; i++)
		rpc_finish(f->kept[i], 0, NULL, NULL);
	close(fd);
	serve(f);
}

static void kept_request_outlives_its_client(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);

	say(f, fd, "{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1}");
	close(fd);
	serve(f);
	rpc_finish(f->kept[0], 0, json_string("nobody hears it"), NULL);
	serve(f);
	assert_answer(f, "{\"jsonrpc\":\"2.0\",\"method\":\"nothing\",\"id\":1}",
		      "{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":1}\n");
}

static void a_client_too_many_is_told(void **state)
{
	struct fixture *f = *state;
	int fd[RPC_CLIENTS_MAX], last;

	for (unsigned int i = 0; i < RPC_CLIENTS_MAX; i++)
		fd[i] = dial(f);
	last = dial(f);
	assert_non_null(strstr(heard(f, last), "too many clients"));
	assert_true(closed(last));
	close(last);
	close(fd[0]);
	serve(f);
	assert_answer(f, "{\"jsonrpc\":\"2.0\",\"method\":\"nothing\",\"id\":1}",
		      "{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":1}\n");
	for (unsigned int i = 1; i < RPC_CLIENTS_MAX; i++)
		close(fd[i]);
}

static void socket_is_as_asked_for_and_taken_by_one(void **state)
{
	struct fixture *f = *state;
	struct rpc_server *second = NULL;
	struct vhu_reason reason;
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(rpc_open(f->path, 0600, methods, f, &second, &reason), -EADDRINUSE);
	ASSERT_SAYS(reason, f->path);
	assert_int_equal(rpc_open("/nonexistent/rpc", 0600, methods, f, &second, &reason), -ENOENT);
	assert_null(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(result_and_id_are_answered),
		TEST(errors_have_code_reason_and_method),
		TEST(requests_that_are_none_are_refused),
		TEST(notifications_get_no_answer),
		TEST(batch_is_answered_as_one),
		TEST(batch_that_is_too_long_is_refused),
		TEST(broken_json_is_a_parse_error_and_the_next_request_is_served),
		TEST(bytes_that_begin_nothing_end_the_connection),
		TEST(pipelined_requests_are_answered_in_order),
		TEST(request_in_single_bytes),
		TEST(half_a_request_and_the_end_is_an_error),
		TEST(who_sends_no_more_still_gets_the_answers),
		TEST(request_beyond_a_megabyte_ends_the_connection),
		TEST(who_does_not_read_is_not_read_from_and_holds_up_nobody),
		TEST(kept_request_is_answered_later_than_those_after_it),
		TEST(batch_waits_for_what_is_kept),
		TEST(kept_requests_of_a_client_are_limited),
		TEST(kept_request_outlives_its_client),
		TEST(a_client_too_many_is_told),
		TEST(socket_is_as_asked_for_and_taken_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
