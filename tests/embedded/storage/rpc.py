# SPDX-License-Identifier: BSD-3-Clause
"""A client of the storage programs' JSON-RPC socket."""
import json
import socket
import time

TIMEOUT = 30


class RpcError(Exception):
    """The program refused."""

    def __init__(self, method, error):
        super().__init__(f"{method}: {error}")
        self.code, self.message = error["code"], error["message"]


class Rpc:
    def __init__(self, path, timeout=TIMEOUT):
        self.number, self.buffer = 0, ""
        self.decoder = json.JSONDecoder()
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            self.socket.settimeout(timeout)
            self.socket.connect(str(path))
        except BaseException:
            self.close()
            raise

    def close(self):
        self.socket.close()

    def __call__(self, method, timeout=TIMEOUT, exactly=(), **params):
        """The result. exactly: further parameters, whose names are no identifiers."""
        self.number += 1
        request = {"jsonrpc": "2.0", "id": self.number, "method": method,
                   "params": {**params, **dict(exactly)}}
        self.socket.settimeout(timeout)
        self.socket.sendall(json.dumps(request).encode())
        answer = self._receive(time.monotonic() + timeout)
        assert answer["jsonrpc"] == "2.0" and answer["id"] == self.number, answer
        if "error" in answer:
            raise RpcError(method, answer["error"])
        return answer["result"]

    def _receive(self, deadline):
        """One object: nothing but its end says where it ends."""
        while True:
            start = self.buffer.lstrip()
            try:
                answer, end = self.decoder.raw_decode(start)
            except ValueError:
                pass
            else:
                self.buffer = start[end:]
                return answer
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no answer, had {self.buffer!r}")
            self.socket.settimeout(left)
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError("the program closed the connection")
            self.buffer += data.decode()
