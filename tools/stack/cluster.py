"""One PostgreSQL server: its data folder, its settings, its life."""

import os
import secrets
import signal
import subprocess

from .account import Account
from .error import StackError
from .files import read_file, write_file
from .folder import Folder
from .port import free_port, is_free
from .process import Process, log_tail, spawn, wait_until, working_in

START_SECONDS = 60
# Fast shutdown, then immediate, then by force.
END_SIGNALS = [(signal.SIGINT, 20), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)]

SUPERUSER = "postgres"

SETTINGS = """\
# Written by the stack launcher at every start; changes here are lost.
include = '{data}/postgresql.conf'
data_directory = '{data}'
hba_file = '{access_file}'
ident_file = '{users_file}'
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{sockets}'
cluster_name = '{name}'
ssl = on
ssl_cert_file = '{cert_file}'
ssl_key_file = '{key_file}'
password_encryption = 'scram-sha-256'
max_connections = 200
max_prepared_transactions = 0
max_locks_per_transaction = 256
temp_file_limit = '2GB'
wal_level = logical
recovery_init_sync_method = syncfs
log_line_prefix = '%m [%p] %q%u@%d '
log_timezone = 'UTC'
timezone = 'UTC'
"""
# Nothing survives a power cut, everything survives kill -9.
TEST_SETTINGS = """\
fsync = off
full_page_writes = off
"""

ACCESS = """\
# Written by the stack launcher. On the socket the users of the map are the superuser; TCP is TLS with a password.
local   all all              peer map=stack
hostssl all all 127.0.0.1/32 scram-sha-256
"""


class Cluster:
    """Started as the account; its state is the data folder, its port is kept over restarts."""

    def __init__(self, name: str, major: int, region: str | None, folder: Folder, account: Account):
        self.name, self.major, self.region = name, major, region
        self.folder, self.account = folder, account
        self.home = os.path.join(folder.path, name)
        self.data = os.path.join(self.home, "data")
        self.cert_file = os.path.join(self.home, "server.crt")
        self.key_file = os.path.join(self.home, "server.key")
        self.password_file = os.path.join(folder.facts_folder, f"postgres-{name}.password")
        self.log_file = os.path.join(folder.facts_folder, "log", f"postgres-{name}.log")
        self._port_file = os.path.join(self.home, "port")
        # Beside the data and not in it: root does not write where the account can plant a link.
        self._settings_file = os.path.join(self.home, "postgresql.conf")
        self._access_file = os.path.join(self.home, "pg_hba.conf")
        self._users_file = os.path.join(self.home, "pg_ident.conf")

    @property
    def port(self) -> int | None:
        text = read_file(self._port_file)
        return int(text) if text else None

    def choose_port(self, taken: set[int]) -> None:
        if self.port is None:
            self.folder.make_home(self.name)
            write_file(self._port_file, f"{free_port(taken)}\n")

    def process(self) -> Process | None:
        return self.folder.process(self.name)

    def _run(self, arguments: list[str], what: str) -> None:
        done = subprocess.run(
            self.account.command(arguments), cwd=self.home, env=self.account.environment(self.home),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StackError(f"{what} failed: {done.stderr.strip() or done.stdout.strip()}")

    def make(self, bin_dir: str) -> bool:
        """Makes the cluster if there is none: True when it was made now."""
        finished = os.path.join(self.home, "made")
        if os.path.exists(finished) and os.path.exists(self.password_file):
            return False
        if os.path.exists(finished):
            raise StackError(f"the password file of {self.name} is gone: {self.password_file}", "stack.py clean")
        # An interrupted initdb leaves half a cluster; nothing of it is of use.
        if os.path.exists(self.data):
            subprocess.run(["rm", "-rf", "--", self.data], check=True)
        self.folder.make_data(self.data)
        password = secrets.token_urlsafe(24)
        write_file(self.password_file, password + "\n")
        for_initdb = os.path.join(self.home, "password")
        write_file(for_initdb, password + "\n")
        self.account.own(for_initdb)
        try:
            self._run([os.path.join(bin_dir, "initdb"), "-D", self.data, "-U", SUPERUSER, f"--pwfile={for_initdb}",
                       "--auth-local=peer", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8",
                       "--no-sync", "--no-instructions"], f"initdb of {self.name}")
        finally:
            os.unlink(for_initdb)
        write_file(finished, "")
        return True

    def configure(self, test: bool) -> bool:
        """Writes settings and access; True when they differ from before."""
        settings = SETTINGS.format(
            data=self.data, access_file=self._access_file, users_file=self._users_file, port=self.port,
            sockets=self.folder.sockets, name=self.name, cert_file=self.cert_file, key_file=self.key_file)
        settings += TEST_SETTINGS if test else ""
        users = dict.fromkeys((self.account.caller, self.account.user))
        users_map = "".join(f'stack "{user}" {SUPERUSER}\n' for user in users)
        changed = False
        for path, text in ((self._settings_file, settings), (self._access_file, ACCESS),
                           (self._users_file, users_map)):
            if read_file(path) != text:
                write_file(path, text, 0o644)
                changed = True
        return changed

    def start(self, bin_dir: str) -> None:
        """Starts it and waits until it takes connections."""
        if self.process() is not None:
            return
        self._clear_remains()
        if not wait_until(lambda: is_free(self.port), 10, step=0.1):
            raise StackError(f"port {self.port} of PostgreSQL {self.name} is taken by another process")
        begin = os.path.getsize(self.log_file) if os.path.exists(self.log_file) else 0
        arguments = [os.path.join(bin_dir, "postgres"), "-c", f"config_file={self._settings_file}"]
        child, process = spawn(self.account, arguments, self.log_file, self.home)
        self.folder.record(self.name, process)
        wait_until(lambda: child.poll() is not None or self._is_ready(child.pid), START_SECONDS)
        if child.poll() is not None or not self._is_ready(child.pid):
            process.end(END_SIGNALS)
            raise StackError(f"PostgreSQL {self.name} does not start; {self.log_file} ends with\n"
                             + log_tail(self.log_file, begin))

    def _clear_remains(self) -> None:
        """After kill -9: sessions that have not yet noticed, and lock files.

        The server itself takes a killed one for alive until somebody collects the dead process, and in some
        containers nobody does. Who works in our data folder is ours; when nobody does, the locks mean nothing.
        """
        for process in working_in(self.data):
            process.end([(signal.SIGQUIT, 5), (signal.SIGKILL, 5)])
        if working_in(self.data):
            raise StackError(f"processes of an earlier PostgreSQL {self.name} do not end")
        socket = os.path.join(self.folder.sockets, f".s.PGSQL.{self.port}")
        for lock in (os.path.join(self.data, "postmaster.pid"), socket, socket + ".lock"):
            if os.path.lexists(lock):
                os.unlink(lock)

    def _is_ready(self, pid: int) -> bool:
        try:
            lines = (read_file(os.path.join(self.data, "postmaster.pid")) or "").splitlines()
        except PermissionError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def stop(self) -> None:
        process = self.process()
        if process:
            process.end(END_SIGNALS)

    def kill(self) -> None:
        """kill -9 of the server and of all its sessions."""
        process = self.process()
        if process:
            process.kill_with_children()

    def facts(self, bin_dir: str, version: str, ca_file: str) -> dict:
        process = self.process()
        return {
            "name": self.name, "version": version, "major": self.major, "region": self.region,
            "host": "127.0.0.1", "port": self.port, "socket_dir": self.folder.sockets,
            "superuser": SUPERUSER, "superuser_password_file": self.password_file, "bin_dir": bin_dir,
            "data": self.data, "log_file": self.log_file, "ca_file": ca_file,
            "pid": process.pid if process else None,
        }
