# SPDX-License-Identifier: BSD-3-Clause
"""Public headers are the manual of the libraries: every function there is explained."""
import re

import pytest
import tree

HEADERS = [str(name) for name in tree.matching({".h"}, "lib/")]
INCLUDE = re.compile(r'^#include "([^"]+)"', re.M)
# What a program, a driver or a VMM includes; and what those include is as public.
PUBLIC_ROOTS = ["lib/vhost-proto/codec.h", "lib/vvu-device/device.h",
                "lib/vvu-device/embedded/embedded.h", "lib/vhost-relay/vhr.h",
                "lib/vhost-relay/vvu/vvu.h", "lib/vhost-relay/vring/split.h",
                "lib/vhost-relay/vring/queue.h"]
PROTOTYPE = re.compile(
    r"^(?!static|typedef|#|return)[a-z_][\w \t*]*?[\s*](?P<name>\w+)\((?:[^;{}]|\n)*\);", re.M)


def public_headers():
    found, todo = set(), list(PUBLIC_ROOTS)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        for target in INCLUDE.findall(tree.read(name)):
            for base in (tree.ROOT / name).parent, tree.ROOT / "lib":
                path = (base / target).resolve()
                if path.is_file():
                    todo.append(str(path.relative_to(tree.ROOT)))
    return sorted(found)


def undocumented(text):
    """Prototypes with neither a comment nor another prototype directly above them."""
    missing = []
    ends = set()
    for match in PROTOTYPE.finditer(text):
        above = text[:match.start()].rstrip("\n")
        attribute = re.search(r"\n__attribute__\(\(.*\)\)$", above)
        if attribute:
            above = above[:attribute.start()].rstrip("\n")
        blank_lines = text[len(above):match.start()].count("\n") - 1
        if above.endswith("*/"):
            ends.add(match.end())
        elif len(above) in ends and blank_lines <= 0:  # a group under one comment
            ends.add(match.end())
        else:
            missing.append(match["name"])
    return missing


def test_the_rule_finds_an_undocumented_function():
    assert undocumented("/* a */\nint f(int a,\n\tint b);\n\nint *g(void);\n") == ["g"]
    assert undocumented("/* both */\nint f(void);\nint g(void);\n") == []


@pytest.mark.parametrize("name", public_headers())
def test_functions_are_explained(name):
    assert undocumented(tree.read(name)) == []


@pytest.mark.parametrize("name", HEADERS)
def test_header_guard(name):
    text = tree.strip_comments(tree.read(name)).strip()
    guard = re.match(r"#ifndef (\w+)\n#define \1\n", text)
    assert guard and text.endswith("#endif"), "needs #ifndef X, #define X, ... #endif"
