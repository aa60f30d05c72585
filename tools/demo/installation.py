"""The demo's installation: the steps of `make demo`, each a function that does one thing and looks at it."""

import json
import os
import shutil
import subprocess
import time
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

from stack.files import read_file, write_file
from stack.launcher import REPOSITORY, Launcher

from . import configuration
from .error import DemoError
from .place import BINARY, Place
from .program import Program, clean_environment, end
from .report import Report

TENANTS = (("acme", "eu"), ("globex", "us"))


class Installation:
    def __init__(self, place: Place, stack: Launcher, facts: dict, report: Report):
        self.place = place
        self.stack = stack
        self.facts = facts  # demo.json as it grows
        self.report = report
        self.stack_facts: dict = {}
        self.program: Program | None = None

    # 1, 2 ---------------------------------------------------------------------------------------------------

    def start_servers(self) -> None:
        self.stack_facts = self.stack.up(("registry", "eu-1", "us-1"), test=False)
        passwords = configuration.write_passwords(self.place)
        self.stack.psql("registry", file=os.path.join(REPOSITORY, "deploy", "registry.sql"),
                        variables={f"{login}_password_file": file for login, file in passwords.items()})
        for server in self.stack_facts["servers"]:
            self.report.note(f"{server['name']:<9} PostgreSQL {server['version']:<6} 127.0.0.1:{server['port']}")

    def start_broker(self) -> None:
        self.stack_facts = self.stack.up(("broker",))
        broker = self.stack_facts["broker"]
        self.report.note(f"OpenBAO {broker['version']} ({broker['source']}: {broker['binary']}) {broker['url']}")
        taken = {server["port"] for server in self.stack_facts["servers"]}
        self.place.choose_ports(self.facts, taken)
        shutil.rmtree(self.place.path("tenant-migrations"), ignore_errors=True)
        configuration.write_configuration(self.place, self.stack_facts)
        self.program = Program(self.place, self.stack_facts["ca_file"])
        self.save_facts()

    # 3, 4 ---------------------------------------------------------------------------------------------------

    def migrate(self) -> None:
        self.program.make(self.report.note, "migrate")

    def bootstrap(self) -> None:
        token = read_file(self.stack_facts["broker"]["root_token_file"]).strip()
        self.program.make(self.report.note, "provision-bootstrap", "--bao-token $BAO_TOKEN", BAO_TOKEN=token)

    # 5, 6 ---------------------------------------------------------------------------------------------------

    def license(self, max_tenants: int = 100) -> None:
        if not os.path.exists(self.place.license_file):
            refused = self.program.run("serve", "--dev", "--config", self.place.config_file, expect=78)
            self.report.note("without a license: exit 78")
            self.report.note("\n".join(f"  {line}" for line in refused.stderr.splitlines() if not line.startswith("{")))
        now = datetime.now(timezone.utc)
        claims = self.place.path("license-claims.json")
        write_file(claims, json.dumps({
            "iss": "leasehold", "aud": "leasehold", "jti": "demo", "sub": "demo on this machine",
            "iat": int(now.timestamp()), "nbf": int(now.timestamp()) - 60,
            "exp": int((now + timedelta(days=90)).timestamp()), "tier": "MULTITENANT_SAAS",
            "max_tenants": max_tenants, "max_hosts": 1000}))
        issued = self.place.path("issued-license.jws")
        if os.path.exists(issued):
            os.unlink(issued)
        self.program.run("license", "issue", "--key", os.path.join(REPOSITORY, "deploy", "dev", "license-key.pem"),
                         "--claims", claims, "--out", issued)
        self.program.run("license", "install", issued, "--dev", "--config", self.place.config_file)
        self.report.note("development license issued and installed, valid for 90 days")

    def serve(self) -> None:
        process = self.program.start("serve", "serve", "--dev", "--config", self.place.config_file)
        self.facts["processes"] = [process]
        self.save_facts()
        self.program.wait_ready(process)
        if not os.path.exists(self.place.owner_key_file):
            raise DemoError("no owner key was written", self.place.log("serve"))
        self.report.note(f"owner key in {self.place.owner_key_file} ({mode_of(self.place.owner_key_file)})")

    # 7, 8 ---------------------------------------------------------------------------------------------------

    def tenants(self) -> None:
        for server in self.program.answer("server", "list")["items"]:
            open_findings = [one["check"] for one in server["preflight"] if not one["ok"]]
            self.report.note(f"server {server['name']} {server['version']} {server['region']} {server['state']}; "
                             f"findings: {', '.join(open_findings) or 'none'}")
        there = {tenant["slug"] for tenant in self.program.answer("tenant", "list")["items"]}
        for slug, region in TENANTS:
            if slug not in there:
                self.report.note(f"tenant {slug} (region {region})")
                self.program.show(self.report.note, "tenant", "create", slug, "--region", region)
            self.key(slug)

    def key(self, slug: str) -> None:
        """An API key of the tenant, and a libpq URI that uses it through the router."""
        tenant = self.tenant(slug)
        key_file, dsn_file = self.place.path(f"{slug}.key"), self.place.path(f"{slug}.dsn")
        if not os.path.exists(key_file):
            self.program.run("--tenant", slug, "key", "create", "demo", "--role", "write", "--out", key_file)
        key = read_file(key_file).strip()
        user = key.split("_")[2][:22]  # lh_api_<id>_<secret>
        write_file(dsn_file, f"postgresql://{user}:{quote(key)}@127.0.0.1:{self.place.ports['router']}/{slug}"
                             f"?sslmode=verify-full&sslrootcert={quote(self.stack_facts['ca_file'], safe='/')}\n")
        servers = {server["id"]: server["name"] for server in self.program.answer("server", "list")["items"]}
        known = [one for one in self.facts.get("tenants", []) if one["slug"] != slug]
        self.facts["tenants"] = known + [{
            "slug": slug, "id": tenant["id"], "tid": tenant["tid"], "server": servers[tenant["placement"]["server_id"]],
            "database": tenant["placement"]["database"], "key_file": key_file, "dsn_file": dsn_file}]
        self.save_facts()

    def tenant(self, slug: str) -> dict:
        return self.program.answer("tenant", "show", slug)

    def agents(self) -> None:
        for slug, _ in TENANTS:
            token_file = self.place.path(f"{slug}.token")
            if os.path.exists(token_file):
                os.unlink(token_file)
            self.program.run("--tenant", slug, "token", "create", "demo host", "--out", token_file)
            file = configuration.write_agent_configuration(self.place, self.stack_facts, slug, read_file(token_file).strip())
            process = self.program.start(f"agent-{slug}", "agent", "--config", file)
            self.facts["processes"].append(process)
            self.save_facts()
        for tenant in self.facts["tenants"]:
            self.wait_for_packages(tenant)
            self.report.note(f"agent of {tenant['slug']}: enrolled, heartbeats, inventory, packages")

    def wait_for_packages(self, tenant: dict, patience: float = 60) -> None:
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if self.on_server(tenant, "select count(*) from host_packages") not in ("", "0"):
                return
            time.sleep(0.2)
        raise DemoError(f"no packages of {tenant['slug']} arrived within {patience:.0f} s",
                        self.place.log(f"agent-{tenant['slug']}"))

    # 9 ------------------------------------------------------------------------------------------------------

    def on_server(self, tenant: dict, sql: str) -> str:
        return self.stack.psql(tenant["server"], text=sql, database=tenant["database"]).strip()

    def psql(self, tenant: dict, *arguments: str, database: str = "") -> subprocess.CompletedProcess:
        """psql through the router. The key goes by a password file, not by the command line."""
        return subprocess.run(self.psql_command(tenant, database, *arguments), env=clean_environment(),
                              capture_output=True, text=True, check=False)

    def uri(self, tenant: dict, database: str = "", port: int = 0, sslmode: str = "verify-full") -> str:
        """libpq's way through the router, without the secret on a command line."""
        key = read_file(tenant["key_file"]).strip()
        passfile = self.place.path(f"{tenant['slug']}.passfile")
        write_file(passfile, f"127.0.0.1:*:*:*:{key}\n")
        return (f"postgresql://{key.split('_')[2][:22]}@127.0.0.1:{port or self.place.ports['router']}/"
                f"{database or tenant['slug']}?sslmode={sslmode}&sslrootcert={self.stack_facts['ca_file']}"
                f"&passfile={passfile}")

    def client(self, name: str) -> str:
        """Path of psql, pgbench … of the registry's PostgreSQL."""
        return os.path.join(self.stack_facts["servers"][0]["bin_dir"], name)

    def psql_command(self, tenant: dict, database: str, *arguments: str) -> list[str]:
        return [self.client("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.uri(tenant, database), *arguments]

    def through_router(self, tenant: dict, sql: str) -> str:
        done = self.psql(tenant, "-c", sql)
        if done.returncode != 0:
            raise DemoError(f"psql through the router to {tenant['slug']} failed: {done.stderr.strip()}",
                            self.place.log("serve"))
        return done.stdout.strip()

    def by_slug(self, slug: str) -> dict:
        return next(tenant for tenant in self.facts["tenants"] if tenant["slug"] == slug)

    def proof(self) -> None:
        rows, ids = [], {}
        for tenant in sorted(self.facts["tenants"], key=lambda one: one["slug"]):
            counts = [self.on_server(tenant, f"select count(*) from {table}") for table in ("hosts", "host_packages")]
            routed = [self.through_router(tenant, f"select count(*) from {table}") for table in ("hosts", "host_packages")]
            ids[tenant["slug"]] = set(self.on_server(tenant, "select id from hosts").split())
            rows.append([tenant["slug"], tenant["server"], tenant["database"], *counts, *routed])
            if counts != routed or "0" in counts:
                self.report.table(["tenant", "server", "database", "hosts", "packages", "hosts routed", "packages routed"], rows)
                raise DemoError(f"{tenant['slug']}: the server and the router do not show the same rows")
        self.report.table(["tenant", "server", "database", "hosts", "packages", "hosts routed", "packages routed"], rows)
        if ids["acme"] & ids["globex"]:
            raise DemoError("a host is in both tenants' databases")
        self.report.note("no host is in both databases")
        self.report.note(self.program.run("tenant", "verify", "--all").stdout)

    # 10 -----------------------------------------------------------------------------------------------------

    def refusals(self) -> None:
        acme, globex = self.by_slug("acme"), self.by_slug("globex")
        count = "select 'ok'"
        self.expect(self.psql(acme, "-c", count), "acme's key, acme's database", "")
        self.expect(self.psql(acme, "-c", count, database="globex"), "acme's key, globex's database", "database_unknown")
        self.expect(self.psql(globex, "-c", count), "globex's key, globex's database", "")
        self.expect(self.psql(acme, "-c", count, database="nobody"), "acme's key, a tenant that does not exist", "database_unknown")
        self.second_use_of_token()
        self.suspend_under_query(acme)

    def expect(self, done: subprocess.CompletedProcess, what: str, code: str) -> None:
        if (done.returncode == 0) != (code == ""):
            raise DemoError(f"{what}: psql ended with {done.returncode}: {done.stderr.strip()}", self.place.log("serve"))
        if code and code not in done.stderr:
            raise DemoError(f"{what}: refused, but not with {code}: {done.stderr.strip()}")
        sign = "refused" if code else "let in"
        self.report.note(f"{sign}: {what}" + (f" ({code})" if code else ""))

    def second_use_of_token(self) -> None:
        """The same token in another agent: one use was all it had. The first agent goes on (control)."""
        token = read_file(self.place.path("acme.token")).strip()
        folder = self.place.path("agent-second")
        shutil.rmtree(folder, ignore_errors=True)
        file = configuration.write_agent_configuration(self.place, self.stack_facts, "second", token)
        done = subprocess.run([BINARY, "agent", "--config", file, "--once"], env=clean_environment(),
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        said = done.stdout + done.stderr
        if done.returncode == 0 or "token_used_up" not in said:
            raise DemoError(f"a used-up token was not refused ({done.returncode}): {said.strip()[-600:]}")
        os.unlink(file)
        shutil.rmtree(folder, ignore_errors=True)
        self.report.note("let in: the first use of acme's one-use token; refused: the second (token_used_up)")

    def suspend_under_query(self, tenant: dict) -> None:
        session = subprocess.Popen(self.psql_command(tenant, "", "-c", "select pg_sleep(60) /* demo */"),
                                   env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.wait_until_running(tenant)
        suspending = subprocess.Popen([BINARY, "tenant", "suspend", tenant["slug"], "--reason", "demo"],
                                      env=self.program.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        said, _ = session.communicate(timeout=30)
        cut_at = time.time()
        _, errors = suspending.communicate(timeout=60)
        if suspending.returncode != 0:
            raise DemoError(f"tenant suspend ended with {suspending.returncode}: {errors}", self.place.log("serve"))
        if session.returncode == 0 or "session_revoked" not in said:
            raise DemoError(f"the session was not cut as it should be: {said.strip()}", self.place.log("serve"))
        committed = float(self.stack.psql("registry", database="leasehold", text=(
            "select extract(epoch from at) from registry_audit_event where action = 'tenant.suspend' order by id desc limit 1")))
        self.report.note(f"suspend: the session in a query was cut {max(cut_at - committed, 0) * 1000:.0f} ms after the commit "
                         "(session_revoked)")
        self.expect(self.psql(tenant, "-c", "select 1"), "a new login while suspended", "tenant_suspended")
        self.program.run("tenant", "resume", tenant["slug"])
        self.expect(self.psql(tenant, "-c", "select 1"), "a new login after resume", "")

    def wait_until_running(self, tenant: dict) -> None:
        running = "select count(*) from pg_stat_activity where query like '%pg_sleep(60) /* demo */%' and state = 'active' " \
                  "and pid <> pg_backend_pid()"
        until = time.monotonic() + 15
        while self.on_server(tenant, running) == "0":
            if time.monotonic() > until:
                raise DemoError("the long query does not run", self.place.log("serve"))
            time.sleep(0.05)

    # 11, 12 -------------------------------------------------------------------------------------------------

    def migrate_fleet(self) -> None:
        folder = self.place.path("tenant-migrations")
        os.makedirs(folder, exist_ok=True)
        write_file(os.path.join(folder, "5000_create_demo_note.sql"),
                   "-- leasehold: phase expand\nCREATE TABLE demo_note (id bigint PRIMARY KEY, text text NOT NULL);\n")
        configuration.write_configuration(self.place, self.stack_facts)
        self.program.make(self.report.note, "migrate", "--dev")
        for tenant in self.facts["tenants"]:
            if self.on_server(tenant, "select max(version) from schema_version") != "5000":
                raise DemoError(f"{tenant['slug']} was not migrated")
        self.report.note("again")
        self.program.make(self.report.note, "migrate", "--dev")
        for process in self.facts["processes"]:
            if not os.path.exists(f"/proc/{process['pid']}"):
                raise DemoError(f"{process['name']} has ended", self.place.log(process["name"]))

    def what_next(self) -> None:
        for tenant in self.facts["tenants"]:
            self.report.note(f"psql \"$(cat {tenant['dsn_file']})\"    # {tenant['slug']} through the router")
            self.report.note(f"key of {tenant['slug']}: {tenant['key_file']}")
        self.report.note(f"API {self.place.url('api')}  agents {self.place.url('agents')}  metrics {self.place.url('metrics')}/metrics")
        self.report.note(f"owner key {self.place.owner_key_file}, logs {self.place.log_folder}, facts {self.place.facts_file}")
        self.report.note("make demo-stop")

    # facts --------------------------------------------------------------------------------------------------

    def save_facts(self) -> None:
        stack = self.stack_facts or self.stack.facts() or {}
        processes = {one["name"]: one["pid"] for one in self.facts.get("processes", [])}
        broker = stack.get("broker") or {}
        self.facts |= {
            "api_url": self.place.url("api"), "agents_url": self.place.url("agents"),
            "metrics_url": self.place.url("metrics"), "owner_key_file": self.place.owner_key_file,
            "ca_file": stack.get("ca_file"), "log_dir": self.place.log_folder,
            "router": {"host": "127.0.0.1", "port": self.place.ports["router"]},
            "broker": {key: broker.get(key) for key in ("url", "version", "binary", "root_token_file")},
            "servers": [{key: server[key] for key in ("name", "version", "host", "port", "socket_dir", "superuser")}
                        for server in stack["servers"]],
            "pids": {"serve": processes.get("serve"), "broker": broker.get("pid"),
                     "agents": [pid for name, pid in processes.items() if name.startswith("agent-")],
                     "postgres": {server["name"]: server["pid"] for server in stack["servers"]}},
            "config_file": self.place.config_file, "stack_folder": stack.get("folder"), "ports": self.place.ports,
        }
        self.place.save(self.facts)


def mode_of(path: str) -> str:
    return f"{os.stat(path).st_mode & 0o777:04o}"


def stop_processes(facts: dict) -> list[str]:
    """Agents first, then serve: what the demo itself has started."""
    ended = []
    for process in reversed(facts.get("processes", [])):
        if end(process):
            ended.append(process["name"])
    return ended
