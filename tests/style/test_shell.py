# SPDX-License-Identifier: BSD-3-Clause
"""Shell scripts are clean of what shellcheck finds, and commands are executable."""
import os
import subprocess

import tree

SCRIPTS = sorted({str(name) for name in tree.files()
                  if name.suffix == ".sh" or str(name) in ("run", ".ci/run")})


def test_shellcheck():
    result = subprocess.run(["shellcheck", "-x", *SCRIPTS], cwd=tree.ROOT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert result.returncode == 0, result.stdout


def test_files_with_a_shebang_are_executable():
    wrong = []
    for name, text in tree.text_files():
        if text.startswith("#!") != os.access(tree.ROOT / name, os.X_OK):
            wrong.append(str(name))
    assert not wrong
