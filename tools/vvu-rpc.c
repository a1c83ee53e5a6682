/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sends one request to the JSON-RPC socket of a storage program and prints the result.
 *
 * usage: vvu-rpc [--timeout SECONDS] SOCKET METHOD [JSON | KEY=TEXT | KEY:=JSON]...
 *
 * Exit status: 0 with the result on standard output; 1 with the error that was answered, or why
 * there was no answer, on standard error; 2 for arguments that make no sense.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#define TIMEOUT_S	60
#define ID		1

enum { EXIT_ERROR = 1, EXIT_USAGE = 2 };

static const char usage[] =
	"usage: vvu-rpc [--timeout SECONDS] SOCKET METHOD [JSON | KEY=TEXT | KEY:=JSON]...\n"
	"Send a request to a storage program, for example:\n"
	"  vvu-rpc /run/vhost-blk.rpc help\n"
	"  vvu-rpc /run/vhost-blk.rpc device.resize name=block0 size:=1073741824\n"
	"  vvu-rpc /run/vhost-blk.rpc device.add '{\"socket-path\": \"/run/d.sock\", \"store\": "
	"\"ram:1G\"}'\n"
	"--timeout: how long to wait for the answer; default 60, 0: as long as it takes\n";

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "vvu-rpc: %s: %s\n", what, why);
	return -1;
}

/* One argument after the method. */
static int add_parameter(json_t *params, const char *text)
{
	const char *equal = strchr(text, '=');
	json_error_t error;
	json_t *value;
	char key[128];
	size_t length;

	if (text[0] == '{') {
		value = json_loads(text, JSON_REJECT_DUPLICATES, &error);
		if (value == NULL)
			return fail(text, error.text);
		json_object_update(params, value);
		json_decref(value);
		return 0;
	}
	length = equal == NULL ? 0 : (size_t)(equal - text);
	if (length == 0 || length >= sizeof(key))
		return fail(text, "neither JSON, KEY=TEXT nor KEY:=JSON");
	memcpy(key, text, length);
	key[length] = '\0';
	if (key[length - 1] == ':') {
		key[length - 1] = '\0';
		value = json_loads(equal + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
		if (value == NULL)
			return fail(text, error.text);
	} else {
		value = json_string(equal + 1);
		if (value == NULL)
			return fail(key, "not UTF-8");
	}
	return json_object_set_new(params, key, value) < 0 ? fail(key, "not UTF-8") : 0;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(path, strerror(ENAMETOOLONG));
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		fail(path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static int send_request(int fd, const char *method, json_t *params)
{
	json_t *request = json_pack("{s:s, s:i, s:s, s:O}", "jsonrpc", "2.0", "id", ID, "method",
				    method, "params", params);
	char *text = json_dumps(request, JSON_COMPACT);
	size_t length = text ? strlen(text) : 0, done = 0;
	int ret = text == NULL ? fail(method, "no request can be made of it") : 0;

	while (ret == 0 && done < length) {
		ssize_t sent = send(fd, text + done, length - done, MSG_NOSIGNAL);

		if (sent > 0)
			done += (size_t)sent;
		else if (errno != EINTR)
			ret = fail("send", strerror(errno));
	}
	free(text);
	json_decref(request);
	return ret;
}

struct input {
	int fd;
	struct timespec deadline;
	bool limited;
	const char *wrong;
};

static int left_ms(const struct input *input)
{
	struct timespec now;
	long long ms;

	if (!input->limited)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (input->deadline.tv_sec - now.tv_sec) * 1000LL +
	     (input->deadline.tv_nsec - now.tv_nsec) / 1000000;
	return ms < 0 ? 0 : (int)ms;
}

static size_t receive(void *buffer, size_t length, void *arg)
{
	struct input *input = arg;
	struct pollfd pfd = { .fd = input->fd, .events = POLLIN };

	for (;;) {
		int ready = poll(&pfd, 1, left_ms(input));
		ssize_t got;

		if (ready == 0) {
			input->wrong = "no answer in time";
			return (size_t)-1;
		}
		/* Not in recv(), which knows of no deadline. */
		got = ready < 0 ? -1 : recv(input->fd, buffer, length, MSG_DONTWAIT);
		if (got > 0)
			return (size_t)got;
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		input->wrong = got < 0 ? strerror(errno) :
					 "the connection was closed without an answer";
		return (size_t)-1;
	}
}

/* The answer; NULL after a message. */
static json_t *read_answer(int fd, int timeout_s)
{
	struct input input = { .fd = fd, .limited = timeout_s > 0 };
	json_error_t error;
	json_t *answer;

	clock_gettime(CLOCK_MONOTONIC, &input.deadline);
	input.deadline.tv_sec += timeout_s;
	/* The connection stays open after it: there is no end of file to look for. */
	answer = json_load_callback(receive, &input, JSON_DISABLE_EOF_CHECK, &error);
	if (answer == NULL)
		fail("answer", input.wrong ? input.wrong : error.text);
	return answer;
}

static int print_answer(const json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");
	const json_t *result = json_object_get(answer, "result");
	const char *message = json_string_value(json_object_get(error, "message"));

	if (error != NULL) {
		fprintf(stderr, "vvu-rpc: error %lld: %s\n",
			(long long)json_integer_value(json_object_get(error, "code")),
			message ? message : "(no message)");
		return -1;
	}
	if (result == NULL)
		return fail("answer", "neither a result nor an error");
	json_dumpf(result, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
	putchar('\n');
	if (fflush(stdout) != 0)
		return fail("standard output", strerror(errno));
	return 0;
}

static int ask(const char *path, const char *method, json_t *params, int timeout_s)
{
	int fd = connect_to(path), ret;
	json_t *answer = NULL;

	if (fd < 0)
		return -1;
	ret = send_request(fd, method, params);
	if (ret == 0)
		answer = read_answer(fd, timeout_s);
	close(fd);
	if (answer == NULL)
		return -1;
	ret = print_answer(answer);
	json_decref(answer);
	return ret;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "timeout", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c, timeout_s = TIMEOUT_S, ret = 0;
	json_t *params;
	char *end;

	/* "+": what follows the socket is not an option, whatever it begins with. */
	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		}
		/* getopt() has said what is wrong. */
		if (c != 't')
			return EXIT_USAGE;
		timeout_s = (int)strtol(optarg, &end, 10);
		if (end == optarg || *end != '\0' || timeout_s < 0 || timeout_s > 86400) {
			fail("--timeout", "not a number of seconds");
			return EXIT_USAGE;
		}
	}
	if (argc - optind < 2) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	params = json_object();
	for (int i = optind + 2; ret == 0 && i < argc; i++)
		ret = add_parameter(params, argv[i]);
	if (ret < 0) {
		json_decref(params);
		return EXIT_USAGE;
	}
	ret = ask(argv[optind], argv[optind + 1], params, timeout_s);
	json_decref(params);
	return ret < 0 ? EXIT_ERROR : EXIT_SUCCESS;
}
