#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The patch series for QEMU: apply it, export it, keep its copies of lib/ equal to lib/.

checkout  make build/qemu/src the series applied, for a build or to work on it
export    write the commits of build/qemu/src as the patches of the series
refresh   take the files of lib/ into the patches that carry them
copy      write the files of lib/ to build/qemu/src, for the commit that adds them
check     compare the series with lib/ and with its rules; needs no source of QEMU
init      make the freshly unpacked source of build/qemu/src a repository
"""
import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import checks

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
PRISTINE = "refs/tags/pristine"
BRANCH = "series"
# Commits that a series here stands for are recorded under this name: what is checked out and
# is none of them is work that was not exported.
APPLIED = "refs/series/"
# git as it comes, whatever the user's configuration and a calling hook say.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
ENVIRONMENT.update(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1")
NAME, EMAIL = "virtio-vhost-user", "virtio-vhost-user@localhost"
FORMAT = ["--zero-commit", "--no-numbered", "--no-signature", "--full-index", "--no-renames",
          "--no-base", "--diff-algorithm=myers", "--quiet"]


class Refused(Exception):
    """The command cannot be done; the text says why and what to do."""


def git(repo, *arguments, text="", date=None):
    """Standard output of git in the repository."""
    environment = dict(ENVIRONMENT)
    for who in "AUTHOR", "COMMITTER":
        # A developer's own name is his commits', the committer's reaches no patch.
        environment |= {f"GIT_{who}_NAME": NAME, f"GIT_{who}_EMAIL": EMAIL}
        environment |= {f"GIT_{who}_DATE": date} if date else {}
    result = subprocess.run(["git", "-C", repo, *arguments], input=text, env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        raise Refused(f"git {' '.join(arguments[:4])} in {repo} failed:\n"
                      f"{result.stdout}{result.stderr}".rstrip())
    return result.stdout.strip()


def init(repo):
    """One commit of what was unpacked; its hash depends on nothing else."""
    git(repo, "init", "--quiet", f"--initial-branch={BRANCH}")
    git(repo, "add", "--all", "--force")
    version = (repo / "VERSION").read_text().strip()
    git(repo, "commit", "--quiet", "-m", f"QEMU {version}", date="2000-01-01T00:00:00+0000")
    git(repo, "tag", "pristine")


class Series:
    """The patches of one directory, for the source in a repository."""

    def __init__(self, patches, repo, rules):
        self.patches = patches
        self.repo = repo
        self.rules = rules

    def files(self):
        return sorted(self.patches.glob("*.patch"))

    def name(self):
        """The name under which the commit that the patches make is recorded."""
        content = hashlib.sha256()
        for path in self.files():
            content.update(path.name.encode() + b"\0" + path.read_bytes())
        return APPLIED + content.hexdigest()[:16]

    def known(self):
        """Commits that lose nothing if they are no longer checked out."""
        return git(self.repo, "for-each-ref", "--format=%(objectname)", PRISTINE,
                   APPLIED).splitlines()

    def need_repository(self):
        if not (self.repo / ".git").is_dir():
            raise Refused(f"there is no source in {self.repo}: ./run qemu fetches it")

    def need_no_unsaved_work(self):
        self.need_repository()
        changed = git(self.repo, "status", "--porcelain", "--untracked-files=no")
        if changed or git(self.repo, "rev-parse", "HEAD") not in self.known():
            raise Refused(
                f"{self.repo} has work that is not in the series\n"
                f"keep it: commit it there, then qemu-patches/series.py export\n"
                f"throw it away: git -C {self.repo} reset --hard pristine\n"
                f"build it as it is: ./run qemu --as-is")

    def checkout(self):
        """The series, with only those files written that differ from what is there."""
        self.need_no_unsaved_work()
        if self.name() not in git(self.repo, "for-each-ref", "--format=%(refname)"):
            with tempfile.TemporaryDirectory(dir=self.repo.parent) as scratch:
                tip = self.apply(pathlib.Path(scratch) / "am")
                git(self.repo, "fetch", "--quiet", f"{scratch}/am", "HEAD")
            git(self.repo, "update-ref", self.name(), tip)
        git(self.repo, "checkout", "--quiet", "-B", BRANCH, self.name())

    def apply(self, clone, amend=None):
        """git am of each patch in a clone; the commit hash. amend(clone, patch) may change
        what one made. The clone has no files but those the patches are about."""
        self.need_repository()
        git(self.repo, "clone", "--quiet", "--shared", "--no-checkout", ".", str(clone))
        patches = [checks.patchfile.read(path) for path in self.files()]
        paths = {change.path for patch in patches for change in patch.changes}
        git(clone, "sparse-checkout", "set", "--no-cone", "--stdin",
            text="".join(f"/{path}\n" for path in sorted(paths | {"VERSION"})))
        git(clone, "checkout", "--quiet", "--detach", PRISTINE)
        for path, patch in zip(self.files(), patches):
            try:
                git(clone, "am", "--quiet", "--whitespace=error",
                    "--committer-date-is-author-date", "--no-gpg-sign", str(path))
            except Refused as why:
                raise Refused(f"{path.name} does not apply: {why}") from why
            if amend:
                amend(clone, patch)
        return git(clone, "rev-parse", "HEAD")

    def export(self):
        """The commits since the pristine source, as patches that apply to the same tree."""
        self.need_repository()
        changed = git(self.repo, "status", "--porcelain")
        if changed:
            raise Refused(f"{self.repo} has changes that are not committed:\n{changed}")
        self.write(self.repo)
        head = git(self.repo, "rev-parse", "HEAD")
        git(self.repo, "update-ref", APPLIED + "exported", head)
        self.checkout()
        difference = git(self.repo, "diff", "--stat", head, "HEAD")
        if difference:
            raise Refused(f"the patches do not make what was exported, {head}:\n{difference}")
        git(self.repo, "update-ref", "-d", APPLIED + "exported")

    def write(self, repo):
        """Replace the patches with those of a repository's commits."""
        with tempfile.TemporaryDirectory() as scratch:
            git(repo, "format-patch", *FORMAT, "-o", scratch, f"{PRISTINE}..HEAD")
            new = sorted(pathlib.Path(scratch).iterdir())
            if not new:
                raise Refused(f"{repo} has no commits on top of the pristine source")
            self.patches.mkdir(parents=True, exist_ok=True)
            for path in self.files():
                path.unlink()
            for path in new:
                shutil.copyfile(path, self.patches / path.name)

    def refresh(self):
        """Amend the patches that carry files of lib/; the others are applied again."""
        self.need_no_unsaved_work()
        carried = self.rules.carried()
        owners = self.owners(carried)

        def amend(clone, patch):
            paths = {change.path for change in patch.changes if self.rules.is_copy(change.path)}
            mine = {path for path in carried if owners[path] == patch.name}
            if not paths and not mine:
                return
            for path in paths - set(carried):
                (clone / path).unlink(missing_ok=True)
            for path in mine:
                (clone / path).parent.mkdir(parents=True, exist_ok=True)
                (clone / path).write_bytes(carried[path])
            git(clone, "add", "--all", "--force", "--sparse", "--", *sorted(paths | mine))
            if git(clone, "status", "--porcelain", "--untracked-files=no"):
                git(clone, "commit", "--quiet", "--amend", "--no-edit",
                    date=git(clone, "log", "-1", "--format=%aI"))

        with tempfile.TemporaryDirectory(dir=self.repo.parent) as scratch:
            clone = pathlib.Path(scratch) / "am"
            self.apply(clone, amend)
            self.write(clone)
        self.checkout()

    def owners(self, carried):
        """Which patch adds each copy; a new file goes where others of its directory are."""
        adding = {change.path: patch.name
                  for patch in map(checks.patchfile.read, self.files())
                  for change in patch.changes if self.rules.is_copy(change.path)}
        if not adding:
            raise Refused("no patch carries files of lib/ yet: "
                          "qemu-patches/series.py copy, commit them, export")
        beside = {str(pathlib.PurePath(path).parent): name for path, name in adding.items()}
        first = min(adding.values())
        return {path: adding.get(path) or beside.get(str(pathlib.PurePath(path).parent), first)
                for path in carried}

    def copy(self):
        self.need_repository()
        for path, content in self.rules.carried().items():
            (self.repo / path).parent.mkdir(parents=True, exist_ok=True)
            (self.repo / path).write_bytes(content)

    def check(self):
        problems = self.rules.problems(self.patches)
        if problems:
            raise Refused("\n".join(problems))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = ["checkout", "export", "refresh", "copy", "check", "init"]
    parser.add_argument("command", choices=commands, metavar="COMMAND")
    parser.add_argument("--source", type=pathlib.Path, default=ROOT / "build/qemu/src",
                        help="the source of QEMU (build/qemu/src)")
    arguments = parser.parse_args()
    command = arguments.command
    repo = arguments.source.resolve()
    try:
        if command == "init":
            init(repo)
        else:
            getattr(Series(HERE / "v10.0", repo, checks.Rules(HERE / "carried-files", ROOT)),
                    command)()
    except (Refused, checks.patchfile.Malformed) as why:
        print(f"series.py {command}: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
