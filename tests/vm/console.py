#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A shell in a guest that a script has left running: console.py DIRECTORY, or with a command
console.py DIRECTORY COMMAND... Ctrl-] leaves the shell; the VM runs on.

DIRECTORY is the VM's own, which holds its agent.sock.
"""
import argparse
import contextlib
import os
import pathlib
import select
import shlex
import shutil
import sys
import termios
import tty

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness.agent import Agent, GuestError  # noqa: E402

LEAVE = b"\x1d"
HELLO_TIMEOUT = 10


@contextlib.contextmanager
def raw_terminal(descriptor):
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def copy_output(command, done, stream, target):
    """Write what has come since; how much there is now."""
    with command.agent.changed:
        data = bytes(stream[done:])
    if data:
        os.write(target, data)
    return done + len(data)


def shell(agent):
    size = shutil.get_terminal_size()
    command = agent.spawn(f"stty rows {size.lines} cols {size.columns}; cd; exec sh -i",
                          terminal=True)
    done = 0
    with raw_terminal(sys.stdin.fileno()):
        while command.code is None and command.gone is None:
            done = copy_output(command, done, command.out, 1)
            readable, _, _ = select.select([sys.stdin], [], [], 0.03)
            if readable:
                typed = os.read(sys.stdin.fileno(), 4096)
                if LEAVE in typed or not typed:
                    command.stop(9)
                    break
                command.send(typed)
        copy_output(command, done, command.out, 1)
    return 0


def one_command(agent, words):
    command = agent.spawn(words[0] if len(words) == 1 else shlex.join(words))
    command.end_input()
    out = err = 0
    while True:
        ended = command.code is not None or command.gone is not None
        out = copy_output(command, out, command.out, 1)
        err = copy_output(command, err, command.err, 2)
        if ended:
            break
        with agent.changed:
            agent.changed.wait(0.2)
    return command.wait(1).code


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    try:
        agent = Agent("guest", arguments.directory / "agent.sock")
        try:
            agent.wait_hello(HELLO_TIMEOUT)
            code = one_command(agent, arguments.command) if arguments.command else shell(agent)
        finally:
            agent.close()
    except (OSError, GuestError) as error:
        sys.exit(f"console: {error}")
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
