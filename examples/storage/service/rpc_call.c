/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests and batches, and their answers (JSON-RPC 2.0, 4 to 6). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpc_internal.h"

/* One text of a client. */
struct batch {
	struct rpc_client *client;
	json_t *answers;	/* of a batch; NULL: a single request, whose answer goes alone */
	unsigned int waiting;	/* requests without an answer yet, and one while it is walked */
};

struct rpc_call {
	struct rpc_server *server;
	struct batch *batch;
	json_t *id;		/* NULL: a notification, which gets no answer */
	const char *method;	/* of the server's table */
	bool kept;
};

static json_t *error_object(int code, const char *message)
{
	json_t *text = json_string(message);

	/* A reason can have cut a character in two. */
	if (text == NULL)
		text = json_string("(not UTF-8)");
	return json_pack("{s:i, s:o}", "code", code, "message", text);
}

/* Takes over @error or @result, whichever is given, but not @id. */
static json_t *answer_object(json_t *id, json_t *error, json_t *result)
{
	json_t *answer = json_pack("{s:s}", "jsonrpc", "2.0");

	json_object_set_new(answer, error != NULL ? "error" : "result",
			    error != NULL ? error : result != NULL ? result : json_null());
	json_object_set_new(answer, "id", id != NULL ? json_incref(id) : json_null());
	return answer;
}

void rpc_refuse(struct rpc_client *client, int code, const char *message)
{
	json_t *answer = answer_object(NULL, error_object(code, message), NULL);

	rpc_client_send(client, answer);
	json_decref(answer);
}

/* Takes over @answer. */
static void add_answer(struct batch *batch, json_t *answer)
{
	if (batch->answers != NULL) {
		json_array_append_new(batch->answers, answer);
		return;
	}
	rpc_client_send(batch->client, answer);
	json_decref(answer);
}

static void done_waiting(struct batch *batch)
{
	struct rpc_client *client = batch->client;

	if (--batch->waiting > 0)
		return;
	/* A batch of notifications has no answer at all. */
	if (json_array_size(batch->answers) > 0)
		rpc_client_send(client, batch->answers);
	json_decref(batch->answers);
	free(batch);
	client->kept--;
}

static json_t *handler_error(const struct rpc_call *call, int err, const char *text)
{
	json_t *error = error_object(err == -EINVAL ? RPC_INVALID_PARAMS : RPC_SERVER_ERROR + err,
				     text[0] != '\0' ? text : strerror(-err));
	json_t *data = json_pack("{s:s, s:i}", "method", call->method, "errno", -err);

	json_object_set_new(error, "data", data);
	return error;
}

static void end_call(struct rpc_call *call, int err, json_t *result, const char *text)
{
	struct batch *batch = call->batch;

	if (call->id != NULL)
		add_answer(batch, err < 0 ? answer_object(call->id, handler_error(call, err, text),
							  NULL)
					  : answer_object(call->id, NULL, json_incref(result)));
	json_decref(result);
	json_decref(call->id);
	free(call);
	done_waiting(batch);
}

struct rpc_call *rpc_keep(struct rpc_server *server)
{
	server->current->kept = true;
	return server->current;
}

void rpc_finish(struct rpc_call *call, int err, json_t *result, const struct vhu_reason *reason)
{
	struct rpc_server *server = call->server;

	end_call(call, err, result, reason != NULL ? reason->text : "");
	/* Its client may have waited for just this, or be gone and due to be freed. */
	rpc_wake(server);
}

static const struct rpc_method *find_method(const struct rpc_server *server, const char *name)
{
	for (const struct rpc_method *method = server->methods; method->name != NULL; method++)
		if (strcmp(method->name, name) == 0)
			return method;
	return NULL;
}

static void call_method(struct batch *batch, const struct rpc_method *method, json_t *id,
			const json_t *params)
{
	struct rpc_server *server = batch->client->server;
	struct rpc_call *call = calloc(1, sizeof(*call));
	struct vhu_reason reason = { "" };
	json_t *result = NULL, *none = NULL;
	int err;

	if (call == NULL) {
		add_answer(batch,
			   answer_object(id, error_object(RPC_INTERNAL_ERROR, "no memory"), NULL));
		return;
	}
	*call = (struct rpc_call){ .server = server, .batch = batch, .id = json_incref(id),
				   .method = method->name };
	if (params == NULL)
		params = none = json_object();
	batch->waiting++;
	server->current = call;
	err = method->handler(server->arg, params, &result, &reason);
	server->current = NULL;
	json_decref(none);
	if (err != RPC_LATER)
		end_call(call, err, result, reason.text);
}

/* What is wrong with a request, or NULL. */
static const char *check_request(const json_t *request)
{
	const json_t *version = json_object_get(request, "jsonrpc");
	const json_t *id = json_object_get(request, "id");

	if (!json_is_object(request))
		return "not an object";
	if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0)
		return "jsonrpc: is not \"2.0\"";
	if (!json_is_string(json_object_get(request, "method")))
		return "method: is missing, or not a string";
	if (id != NULL && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		return "id: neither a string, a number nor null";
	return NULL;
}

static void request(struct batch *batch, const json_t *object)
{
	const char *wrong = check_request(object);
	const struct rpc_method *method;
	const json_t *params = json_object_get(object, "params");
	json_t *id = json_object_get(object, "id");
	json_t *error = NULL;

	if (wrong != NULL) {
		/* Its id is not to be relied on. */
		add_answer(batch,
			   answer_object(NULL, error_object(RPC_INVALID_REQUEST, wrong), NULL));
		return;
	}
	method = find_method(batch->client->server,
			     json_string_value(json_object_get(object, "method")));
	/* "By-position" is legal where there is nothing to give. */
	if (json_is_array(params) && json_array_size(params) == 0)
		params = NULL;
	if (method == NULL)
		error = error_object(RPC_METHOD_NOT_FOUND,
				     "no such method; \"help\" answers those there are");
	else if (params != NULL && !json_is_object(params))
		error = error_object(RPC_INVALID_PARAMS, "params: not an object");
	if (error == NULL)
		call_method(batch, method, id, params);
	else if (id != NULL)
		add_answer(batch, answer_object(id, error, NULL));
	else
		json_decref(error);
}

void rpc_handle(struct rpc_client *client, const char *text, size_t length)
{
	struct batch *batch;
	json_error_t error;
	json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error), *object;
	size_t index;

	if (json == NULL) {
		rpc_refuse(client, RPC_PARSE_ERROR, error.text);
		return;
	}
	if (json_is_array(json) &&
	    (json_array_size(json) == 0 || json_array_size(json) > RPC_BATCH_MAX)) {
		rpc_refuse(client, RPC_INVALID_REQUEST, "a batch has 1 to 64 requests");
		json_decref(json);
		return;
	}
	batch = calloc(1, sizeof(*batch));
	if (batch == NULL) {
		rpc_refuse(client, RPC_INTERNAL_ERROR, "no memory");
		json_decref(json);
		return;
	}
	batch->client = client;
	batch->waiting = 1;
	client->kept++;
	if (json_is_array(json)) {
		batch->answers = json_array();
		json_array_foreach(json, index, object)
			request(batch, object);
	} else {
		request(batch, json);
	}
	json_decref(json);
	done_waiting(batch);
}
