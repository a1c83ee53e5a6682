# SPDX-License-Identifier: BSD-3-Clause
"""C files are laid out as layout.py wants them."""
import layout
import pytest
import tree


INSTALLED = layout.installed_version()
if INSTALLED != layout.VERSION:
    pytest.skip(f"clang-format {INSTALLED} lays out code differently from {layout.VERSION}",
                allow_module_level=True)


@pytest.mark.parametrize("wrong, right", [
    ("int f(void) {\n  return 0; }\n", "int f(void)\n{\n\treturn 0;\n}\n"),
    ("int f(int a)\n{\n\tif (a) a=1;\n\treturn a;\n}\n",
     "int f(int a)\n{\n\tif (a)\n\t\ta = 1;\n\treturn a;\n}\n"),
])
def test_a_wrong_layout_is_found(wrong, right):
    assert layout.wanted("x.c", wrong) == right


@pytest.mark.parametrize("text", [
    "int f(void)\n{\n\treturn g(1,\n\t\t 2);\n}\n",
    "int\nf(void)\n{\n\treturn 0;\n}\n",
    "struct s {\n\tint a;\t\t/* one */\n\tlong long b;\t/* two */\n};\n",
])
def test_what_is_free_is_left_alone(text):
    assert layout.wanted("x.c", text) == text


@pytest.mark.parametrize("name", layout.files())
def test_layout(name):
    difference = layout.difference(name, tree.read(name))
    if difference:
        pytest.fail("\n".join(difference + ["to change it: python3 tests/style/layout.py "
                                            + name]), pytrace=False)
