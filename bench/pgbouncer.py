"""PgBouncer of Debian in front of the same server and database, with the same TLS and SCRAM on both sides."""

import os
import secrets
import subprocess
from urllib.parse import quote

from demo.error import DemoError
from demo.program import started_at
from stack.files import write_file
from stack.port import free_port, is_free
from stack.process import spawn, wait_until
from stand import Stand

BINARY = "/usr/sbin/pgbouncer"
LOGIN = "bench_login"

CONFIGURATION = """\
[databases]
transaction = {server} pool_mode=transaction
session = {server} pool_mode=session
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
default_pool_size = 20
max_client_conn = 200
server_tls_sslmode = verify-full
server_tls_ca_file = {ca_file}
client_tls_sslmode = allow
client_tls_cert_file = {cert_file}
client_tls_key_file = {key_file}
log_connections = 0
log_disconnections = 0
log_stats = 0
"""


class PgBouncer:
    """Two databases of its own naming, by pool mode. Ends with the stand."""

    def __init__(self, stand: Stand, tenant: dict):
        if not os.path.exists(BINARY):
            raise DemoError(f"{BINARY} is missing: run `make bench`")
        self.stand = stand
        self.password = secrets.token_urlsafe(24)
        self.port = free_port({*stand.place.ports.values(), *(one["port"] for one in stand.stack_facts["servers"])})
        self.home = os.path.join(stand.stack.folder.path, "pgbouncer")
        self.passfile = stand.place.path("pgbouncer.passfile")
        self._make_login(tenant)
        self._configure(tenant)
        self.pid = self._start()

    def _make_login(self, tenant: dict) -> None:
        self.stand.stack.psql(tenant["server"], variables={"password": self.password}, text=(
            f"create role {LOGIN} login password :'password';\n"
            f"grant connect on database {tenant['database']} to {LOGIN};\n"))

    def _configure(self, tenant: dict) -> None:
        stack, server = self.stand.stack, self.stand.server(tenant["server"])
        stack.folder.make_home("pgbouncer")
        files = {name: os.path.join(self.home, name) for name in ("users", "server.crt", "server.key", "pgbouncer.ini")}
        stack.authority.issue(files["server.crt"], files["server.key"], "pgbouncer")
        write_file(files["users"], f'"{LOGIN}" "{self.password}"\n')
        write_file(files["pgbouncer.ini"], CONFIGURATION.format(
            server=f"host=127.0.0.1 port={server['port']} dbname={tenant['database']}", port=self.port,
            users=files["users"], ca_file=server["ca_file"], cert_file=files["server.crt"], key_file=files["server.key"]))
        for name in ("users", "server.key", "pgbouncer.ini"):
            stack.account.own(files[name])
        write_file(self.passfile, f"127.0.0.1:*:*:*:{self.password}\n")

    def _start(self) -> int:
        log = self.stand.place.log("pgbouncer")
        _, process = spawn(self.stand.stack.account, [BINARY, os.path.join(self.home, "pgbouncer.ini")], log, self.home)
        self.stand.add_process({"name": "pgbouncer", "pid": process.pid, "started": started_at(process.pid)})
        if not wait_until(lambda: not is_free(self.port) or not process.is_alive(), 10) or not process.is_alive():
            raise DemoError("PgBouncer does not start", log)
        return process.pid

    def uri(self, pool_mode: str, sslmode: str) -> str:
        return (f"postgresql://{LOGIN}@127.0.0.1:{self.port}/{pool_mode}?sslmode={sslmode}"
                f"&sslrootcert={quote(self.stand.stack_facts['ca_file'], safe='/')}&passfile={self.passfile}")


def version() -> str:
    return subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0].split()[-1]
