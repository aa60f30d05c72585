"""The stack folder: short, reachable for the account, and nobody else's."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import tempfile
import threading

from .account import Account
from .error import StackError
from .files import make_folder, read_file, write_file
from .process import Process, boot_id

SOCKET_NAME_LIMIT = 107  # bytes, of sockaddr_un


class Folder:
    """Holds data, sockets, certificates and the record of the processes that were started from it."""

    def __init__(self, facts_folder: str, account: Account):
        self.facts_folder = os.path.realpath(facts_folder)
        self.account = account
        # As root the account and the caller both go through; else they are one.
        self.mode = 0o755 if account.is_root else 0o700
        self._lock = threading.Lock()
        digest = hashlib.sha256(f"{os.geteuid()}:{self.facts_folder}".encode()).hexdigest()[:10]
        self.path = self._place(f"leasehold-{digest}")
        self.sockets = os.path.join(self.path, "s")
        self._owner_file = os.path.join(self.path, "owner")
        self._process_file = os.path.join(self.path, "processes.json")

    def _place(self, name: str) -> str:
        # An earlier run is found again where it is, also when TMPDIR is another now.
        facts = read_file(os.path.join(self.facts_folder, "stack.json"))
        if facts is not None:
            recorded = json.loads(facts)["folder"]
            if os.path.basename(recorded) == name and os.path.isdir(recorded):
                return recorded
        for parent in dict.fromkeys((os.path.realpath(tempfile.gettempdir()), "/tmp")):
            path = os.path.join(parent, name)
            longest = os.path.join(path, "s", ".s.PGSQL.65535.lock")
            if len(os.fsencode(longest)) <= SOCKET_NAME_LIMIT and self._reachable(parent):
                return path
        raise StackError("no temporary folder that is short enough and open to the user " + self.account.user,
                         "set TMPDIR to one, for example /tmp")

    def _reachable(self, parent: str) -> bool:
        test = self.account.command(["/usr/bin/test", "-x", parent])
        return subprocess.run(test, cwd="/", stdin=subprocess.DEVNULL, check=False).returncode == 0

    def exists(self) -> bool:
        return os.path.lexists(self.path)

    def make(self) -> None:
        """Makes the folder, or takes it over if it is ours. A planted one is refused, since its name is known."""
        try:
            os.mkdir(self.path, self.mode)
            os.chmod(self.path, self.mode)
            self._spread()
            write_file(self._owner_file, self.facts_folder + "\n")
        except FileExistsError:
            self.check()
        make_folder(self.sockets, self.mode)
        self.account.own(self.sockets)

    def _spread(self) -> None:
        """Parts begin in block groups of their own, as on a machine that does not wipe a stack every minute.

        For some minutes ext4 passes over every deleted inode, one by one, whenever it makes a file beside them: CREATE
        DATABASE, three hundred files, took up to three times its CPU after the end of an earlier stack. File systems
        without the attribute refuse it and need none.
        """
        chattr = shutil.which("chattr")
        if chattr:
            subprocess.run([chattr, "+T", self.path], stderr=subprocess.DEVNULL, check=False)

    def check(self) -> None:
        status = os.lstat(self.path)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise StackError(f"{self.path} is there and is not ours", "look at it, then remove it or set TMPDIR")
        owner = read_file(self._owner_file)
        if owner is not None and owner.strip() != self.facts_folder:
            raise StackError(f"{self.path} belongs to {owner.strip()}", "set TMPDIR to another folder")

    def make_home(self, name: str) -> None:
        """The folder of one part: configuration and certificate, which the account reads and cannot exchange."""
        make_folder(os.path.join(self.path, name), self.mode)

    def make_data(self, path: str) -> None:
        """A folder for the account alone (root can look in as well)."""
        make_folder(path, 0o700)
        self.account.own(path)

    def remove(self) -> None:
        if self.exists():
            self.check()
            shutil.rmtree(self.path)

    # Kept here and not with the facts: who deletes the build folder can still have the stack ended.
    def processes(self) -> dict[str, Process]:
        """What was started from this folder and is alive."""
        text = read_file(self._process_file)
        if text is None:
            return {}
        record = json.loads(text)
        if record["boot_id"] != boot_id():
            return {}
        found = {name: Process(**entry) for name, entry in record["processes"].items()}
        return {name: process for name, process in found.items() if process.is_alive()}

    def process(self, name: str) -> Process | None:
        return self.processes().get(name)

    def record(self, name: str, process: Process) -> None:
        with self._lock:
            alive = {**self.processes(), name: process}
            entries = {key: {"pid": value.pid, "start": value.start} for key, value in alive.items()}
            write_file(self._process_file, json.dumps({"boot_id": boot_id(), "processes": entries}, indent=1))
