/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line and the configuration file: right, wrong, and one over the other. */
#include "test.h"

#include <fcntl.h>

#include "fake_target.h"
#include "storage/service/options.h"
#include "storage/service/settings.h"
#include "vvu-device/host_ops.h"

#define ARGS(...) ((const char *const[]){ "vhost-fake", __VA_ARGS__, NULL })

static int read_args(const char *const *args, json_t **config, struct vhu_reason *reason)
{
	char *argv[32];
	int argc = 0;

	for (; args[argc] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)args[argc];
	argv[argc] = NULL;
	*config = NULL;
	reason->text[0] = '\0';
	return options_read(&fake_type, argc, argv, config, reason);
}

static void assert_config(const char *const *args, const char *expected)
{
	json_t *config, *wanted = json_loads(expected, 0, NULL);
	struct vhu_reason reason;
	char *text;

	assert_non_null(wanted);
	if (read_args(args, &config, &reason) != OPTIONS_RUN)
		fail_msg("%s", reason.text);
	text = json_dumps(config, JSON_SORT_KEYS);
	if (!json_equal(config, wanted))
		fail_msg("%s is not %s", text, expected);
	free(text);
	json_decref(config);
	json_decref(wanted);
}

static void assert_wrong(const char *const *args, const char *part)
{
	struct vhu_reason reason;
	json_t *config;

	assert_int_equal(read_args(args, &config, &reason), -EINVAL);
	assert_null(config);
	ASSERT_SAYS(reason, part);
}

static const char *file_with(const char *text)
{
	static char path[64];
	int fd;

	snprintf(path, sizeof(path), "/tmp/service-test-%d.json", getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

static void options_of_the_program_become_keys(void **state)
{
	assert_config(ARGS("--threads", "3", "--cpus", "0,2-4", "--mode", "poll", "--poll-us=7",
			   "--log-level", "debug", "--user", "u", "--group", "g", "--no-sandbox",
			   "--rpc-socket", "/r", "--rpc-mode", "0640"),
		      "{\"threads\":3,\"cpus\":[0,2,3,4],\"mode\":\"poll\",\"poll-us\":7,"
		      "\"log-level\":\"debug\",\"user\":\"u\",\"group\":\"g\",\"sandbox\":false,"
		      "\"rpc-socket\":\"/r\",\"rpc-mode\":\"0640\"}");
}

static void options_of_a_device_become_its_description(void **state)
{
	assert_config(ARGS("--socket-path", "/s", "--name", "n", "--queues", "0x10", "--map", "1,0",
			   "--packed", "--socket-mode", "0600", "--socket-group", "kvm", "--word",
			   "w", "--number", "9", "--shout", "--also", "a", "--also", "b"),
		      "{\"devices\":[{\"socket-path\":\"/s\",\"name\":\"n\",\"queues\":16,"
		      "\"map\":[1,0],\"packed\":true,\"socket-mode\":\"0600\","
		      "\"socket-group\":\"kvm\",\"word\":\"w\",\"number\":9,\"shout\":true,"
		      "\"words\":[\"a\",\"b\"]}]}");
	assert_config(ARGS("--fd", "5"), "{\"devices\":[{\"fd\":5}]}");
	assert_config(ARGS("--device", "0000:00:05.0"),
		      "{\"devices\":[{\"device\":\"0000:00:05.0\"}]}");
	assert_config(ARGS("--word-file", "/a:b"), "{\"devices\":[{\"word\":\"file:/a:b\"}]}");
}

static void wrong_options_are_named(void **state)
{
	assert_wrong(ARGS("--unheard-of"), "--unheard-of");
	assert_wrong(ARGS("-x"), "-x");
	assert_wrong(ARGS("word"), "word");
	assert_wrong(ARGS("--word"), "--word: needs a value");
	assert_wrong(ARGS("--word", ""), "--word: is empty");
	assert_wrong(ARGS("--word", "\xff"), "--word: the value is not UTF-8");
	assert_wrong(ARGS("--shout=yes"), "--shout=yes: takes no value");
	assert_wrong(ARGS("--word", "a", "--word", "b"), "--word: \"word\" was given before");
	assert_wrong(ARGS("--word", "a", "--word-file", "b"), "--word-file: \"word\" was given");
	assert_wrong(ARGS("--config", "/a", "--config", "/b"), "--config: was given before");
}

static void wrong_values_are_named(void **state)
{
	static const char *const numbers[] = { "x", "-1", " 1", "1 ", "1x",
						"99999999999999999999" };
	static const char *const lists[] = { "x", "1,", ",1", "1-", "3-1", "1;2", "-1", "0-9999" };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		assert_wrong(ARGS("--number", numbers[i]), "--number: ");
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		assert_wrong(ARGS("--cpus", lists[i]), "--cpus: ");
}

static void options_go_over_the_file(void **state)
{
	const char *path = file_with("{\"threads\":2,\"mode\":\"poll\",\"cpus\":[1,2],"
				     "\"devices\":[{\"socket-path\":\"/a\"}]}");

	assert_config(ARGS("--config", path, "--mode", "interrupt", "--word", "w"),
		      "{\"threads\":2,\"mode\":\"interrupt\",\"cpus\":[1,2],"
		      "\"devices\":[{\"socket-path\":\"/a\"},{\"word\":\"w\"}]}");
	/* The CPUs of the file were for as many threads as it says. */
	assert_config(ARGS("--config", path, "--threads", "3"),
		      "{\"threads\":3,\"mode\":\"poll\",\"devices\":[{\"socket-path\":\"/a\"}]}");
	unlink(path);
}

static void wrong_files_are_named(void **state)
{
	assert_wrong(ARGS("--config", "/nonexistent/x"), "/nonexistent/x: No such file");
	assert_wrong(ARGS("--config", file_with("{\"threads\":\n }")), "line 2");
	assert_wrong(ARGS("--config", file_with("[]")), "not a JSON object");
	assert_wrong(ARGS("--config", file_with("{\"mode\":\"poll\",\"mode\":\"poll\"}")),
		     "duplicate");
	assert_wrong(ARGS("--config", file_with("{\"devices\":{}}"), "--word", "w"),
		     "devices: not an array");
	unlink(file_with(""));
}

/* ---- the object ---- */

static int read_text(const char *text, struct settings *settings, struct vhu_reason *reason)
{
	static json_t *config;

	json_decref(config);
	config = json_loads(text, 0, NULL);
	assert_non_null(config);
	return settings_read(config, settings, reason);
}

static void settings_have_defaults(void **state)
{
	struct settings settings;
	struct vhu_reason reason;

	assert_int_equal(read_text("{}", &settings, &reason), 0);
	assert_int_equal(settings.threads, 1);
	assert_int_equal(settings.cpus[0], -1);
	assert_int_equal(settings.mode, WORKER_ADAPTIVE);
	assert_int_equal(settings.rpc_mode, 0600);
	assert_true(settings.sandbox);
	assert_int_equal(settings.log_level, VVU_LOG_INFO);
	assert_null(settings.rpc_socket);
}

static void settings_are_read(void **state)
{
	struct settings settings;
	struct vhu_reason reason;

	assert_int_equal(read_text("{\"cpus\":[3,5],\"mode\":\"interrupt\",\"rpc-mode\":\"660\","
				   "\"sandbox\":false,\"log-level\":\"error\",\"user\":\"u\"}",
				   &settings, &reason), 0);
	/* One thread for each CPU. */
	assert_int_equal(settings.threads, 2);
	assert_int_equal(settings.cpus[1], 5);
	assert_int_equal(settings.cpus[2], -1);
	assert_int_equal(settings.mode, WORKER_INTERRUPT);
	assert_int_equal(settings.rpc_mode, 0660);
	assert_false(settings.sandbox);
	assert_int_equal(settings.log_level, VVU_LOG_ERROR);
	assert_string_equal(settings.user, "u");
}

static void wrong_settings_are_named(void **state)
{
	static const struct {
		const char *text, *part;
	} wrong[] = {
		{ "[]", "not a JSON object" },
		{ "{\"thread\":1}", "unknown key \"thread\"" },
		{ "{\"threads\":0}", "threads: 0 is not 1..64" },
		{ "{\"threads\":65}", "threads: 65 is not 1..64" },
		{ "{\"threads\":\"1\"}", "threads: not a whole number" },
		{ "{\"threads\":3,\"cpus\":[1]}", "cpus: 1 for 3 threads" },
		{ "{\"cpus\":[]}", "cpus: not a list" },
		{ "{\"cpus\":[-1]}", "cpus: entry 0" },
		{ "{\"cpus\":\"1\"}", "cpus: not a list" },
		{ "{\"mode\":\"fast\"}", "mode: \"fast\"" },
		{ "{\"poll-us\":0}", "poll-us: 0" },
		{ "{\"rpc-mode\":432}", "rpc-mode: not a string" },
		{ "{\"rpc-mode\":\"08\"}", "rpc-mode: \"08\"" },
		{ "{\"rpc-mode\":\"1777\"}", "rpc-mode: \"1777\"" },
		{ "{\"rpc-mode\":\"000\"}", "rpc-mode: \"000\"" },
		{ "{\"sandbox\":1}", "sandbox: neither true nor false" },
		{ "{\"log-level\":\"loud\"}", "log-level: \"loud\"" },
		{ "{\"user\":\"\"}", "user: is empty" },
		{ "{\"devices\":{}}", "devices: not an array" },
		{ "{\"devices\":[1]}", "devices: entry 0" },
	};
	struct settings settings;
	struct vhu_reason reason;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(read_text(wrong[i].text, &settings, &reason), -EINVAL);
		ASSERT_SAYS(reason, wrong[i].part);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_of_the_program_become_keys),
		cmocka_unit_test(options_of_a_device_become_its_description),
		cmocka_unit_test(wrong_options_are_named),
		cmocka_unit_test(wrong_values_are_named),
		cmocka_unit_test(options_go_over_the_file),
		cmocka_unit_test(wrong_files_are_named),
		cmocka_unit_test(settings_have_defaults),
		cmocka_unit_test(settings_are_read),
		cmocka_unit_test(wrong_settings_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
