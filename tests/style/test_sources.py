# SPDX-License-Identifier: BSD-3-Clause
"""Licence tags, file sizes, line lengths and white space."""
import ast

import tree

SOURCE_SUFFIXES = {".c", ".h", ".py", ".sh", ".build", ".cross", ".toml", ".ini", ".yml", ".map"}
SOURCE_NAMES = {"run", "meson_options.txt", ".gitignore", ".editorconfig", ".clang-format"}
MAX_LINES = 700
MAX_COLUMNS = 100


def sources():
    return [name for name in tree.files()
            if (name.suffix in SOURCE_SUFFIXES or name.name in SOURCE_NAMES) and tree.read(name)]


def test_spdx_tag_is_in_the_first_lines():
    tag = "SPDX-License-Identifier: BSD-3-Clause"
    assert not [str(name) for name in sources()
                if not any(tag in line for line in tree.read(name).splitlines()[:2])]


def test_license_texts_are_there():
    assert (tree.ROOT / "LICENSES/BSD-3-Clause.txt").is_file()


def test_files_have_one_subject():
    sizes = {str(name): tree.read(name).count("\n")
             for name in tree.matching({".c", ".h"}, "lib/", "drivers/")}
    assert sizes
    assert not {name: size for name, size in sizes.items() if size > MAX_LINES}


def test_lines_are_short_enough():
    long = []
    for name in sources():
        for number, line in enumerate(tree.read(name).splitlines(), 1):
            if len(line.expandtabs(8)) > MAX_COLUMNS:
                long.append(f"{name}:{number}")
    assert not long


def test_no_trailing_white_space():
    assert not [f"{name}:{number}" for name in sources()
                for number, line in enumerate(tree.read(name).split("\n"), 1)
                if line != line.rstrip()]


def test_files_end_with_one_newline():
    assert not [str(name) for name in sources()
                if not tree.read(name).endswith("\n") or tree.read(name).endswith("\n\n")]


def test_python_parses():
    names = tree.matching({".py"})
    assert names
    for name in names:
        ast.parse(tree.read(name), filename=str(name))
