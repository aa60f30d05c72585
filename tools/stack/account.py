"""Who calls, and which unprivileged account the servers run as."""

import os
import pwd
import shutil
import subprocess

from .error import StackError


class Account:
    """`user` is the caller itself, or, for root, an account without rights (PostgreSQL refuses root)."""

    def __init__(self) -> None:
        self.caller = pwd.getpwuid(os.geteuid()).pw_name
        self.is_root = os.geteuid() == 0
        entry = self._unprivileged() if self.is_root else pwd.getpwuid(os.geteuid())
        self.user, self.uid, self.gid = entry.pw_name, entry.pw_uid, entry.pw_gid
        if self.is_root and shutil.which("setpriv") is None:
            raise StackError("setpriv is missing", "apt-get install util-linux")

    @staticmethod
    def _unprivileged() -> pwd.struct_passwd:
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        raise StackError("neither the user postgres nor nobody exists; servers do not run as root")

    def command(self, arguments: list[str]) -> list[str]:
        """The command line that runs `arguments` as the account. setpriv execs, so the pid stays."""
        if not self.is_root:
            return arguments
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--", *arguments]

    def own(self, path: str) -> None:
        """Gives a file or folder to the account."""
        if self.is_root:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def own_tree(self, path: str) -> None:
        """Gives a folder with all that is in it to the account, e.g. after root ran the broker by hand."""
        if not self.is_root:
            return
        self.own(path)
        for folder, folders, files in os.walk(path):
            for name in folders + files:
                self.own(os.path.join(folder, name))

    def can_execute(self, path: str) -> bool:
        """Can the account itself execute this file, through all folders above it?"""
        test = self.command(["/usr/bin/test", "-x", path])
        return subprocess.run(test, cwd="/", stdin=subprocess.DEVNULL, check=False).returncode == 0

    def environment(self, home: str) -> dict[str, str]:
        """A clean one: no PG*, BAO_* or VAULT_* of the caller reaches a server."""
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": home, "LANG": "C.UTF-8", "TZ": "UTC"}
