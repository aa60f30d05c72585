"""All parts together: up, down, and the single actions that tests need."""

import fcntl
import json
import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from .account import Account
from .authority import LOOPBACK, Authority
from .binaries import Binaries, version_of
from .broker import Broker
from .cluster import SUPERUSER, Cluster
from .error import StackError
from .files import make_folder, read_file, write_file
from .folder import Folder
from .process import boot_id

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Name, PostgreSQL version, region of its tenants.
SERVERS = (("registry", 15, None), ("eu-1", 15, "eu"), ("us-1", 17, "us"))
PARTS = tuple(name for name, _, _ in SERVERS) + (Broker.name,)

Say = Callable[[str], None]


class Launcher:
    """Use it as a context: two launchers of one facts folder wait for each other."""

    def __init__(self, facts_folder: str, tools: str = "", say: Say = lambda line: None):
        self.facts_folder = os.path.realpath(facts_folder)
        self.facts_file = os.path.join(self.facts_folder, "stack.json")
        self.say = say
        self.account = Account()
        self.folder = Folder(self.facts_folder, self.account)
        self.authority = Authority(os.path.join(self.facts_folder, "ca"))
        self.ca_file = os.path.join(self.folder.path, "ca.crt")  # a copy that the account can read
        self.binaries = Binaries(tools or os.path.join(REPOSITORY, "build", "tools"), self.folder.path, self.account)
        self.clusters = {name: Cluster(name, major, region, self.folder, self.account)
                         for name, major, region in SERVERS}
        self.broker = Broker(self.folder, self.account, self.ca_file)
        self._lock: int | None = None

    def __enter__(self) -> "Launcher":
        os.makedirs(self.facts_folder, mode=0o700, exist_ok=True)
        self._lock = os.open(os.path.join(self.facts_folder, ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)

    def facts(self) -> dict | None:
        text = read_file(self.facts_file)
        return json.loads(text) if text else None

    def part(self, name: str) -> Cluster | Broker:
        if name == Broker.name:
            return self.broker
        if name in self.clusters:
            return self.clusters[name]
        raise StackError(f"no such part of the stack: {name}", "one of " + ", ".join(PARTS))

    # Up ----------------------------------------------------------------------------------------------

    def up(self, what: tuple[str, ...] = (), test: bool | None = None, fresh: bool = False) -> dict:
        """Makes and starts the named parts (all when none is named).

        `test` None keeps what was chosen before; `fresh` begins with nothing of an earlier run.
        """
        wanted = [self.part(name) for name in what or PARTS]
        if fresh:
            self.clean()
        make_folder(self.facts_folder)
        before = self.facts()
        if before is None and self.folder.exists():
            self._forget_old_stack()
        test = bool(before and before["test"]) if test is None else test
        os.makedirs(os.path.join(self.facts_folder, "log"), mode=0o700, exist_ok=True)
        self.folder.make()
        self._save(self._assemble(before or {}, test))  # from here on `down` and `clean` find their way
        self._make_authority()
        self._choose_ports(wanted)
        with ThreadPoolExecutor(max_workers=len(wanted)) as threads:
            runs = [threads.submit(self._bring_up, part, test) for part in wanted]
        failures = [run.exception() for run in runs if run.exception()]
        facts = self._assemble(before or {}, test, {part.name: run.result() for part, run in zip(wanted, runs)
                                                    if not run.exception()})
        self._save(facts)
        if failures:
            raise failures[0]
        return facts

    def _forget_old_stack(self) -> None:
        """The facts were deleted, with them the keys: what still runs cannot be used, so it is ended."""
        self.folder.check()
        self._end_all()
        self.folder.remove()

    def _make_authority(self) -> None:
        if self.authority.make():
            # What an earlier authority signed is void, also in servers that still run with it.
            self._end_all()
            for part in (*self.clusters.values(), self.broker):
                if os.path.exists(part.cert_file):
                    os.unlink(part.cert_file)
        write_file(self.ca_file, read_file(self.authority.cert_file), 0o644)
        cert_file, key_file = self._leasehold_certificate()
        if not os.path.exists(cert_file):
            self.authority.issue(cert_file, key_file, "leasehold")

    def _leasehold_certificate(self) -> tuple[str, str]:
        return (os.path.join(self.facts_folder, "ca", "leasehold.crt"),
                os.path.join(self.facts_folder, "ca", "leasehold.key"))

    def _choose_ports(self, wanted: list[Cluster | Broker]) -> None:
        # One after the other: parallel choices could be the same.
        taken = {part.port for part in (*self.clusters.values(), self.broker) if part.port}
        for part in wanted:
            part.choose_port(taken)
            taken.add(part.port)

    def _certify(self, part: Cluster | Broker) -> None:
        if not os.path.exists(part.cert_file):
            self.authority.issue(part.cert_file + ".made", part.key_file, part.name)
            self.account.own(part.key_file)
            os.rename(part.cert_file + ".made", part.cert_file)  # there means complete

    def _bring_up(self, part: Cluster | Broker, test: bool) -> dict:
        begin = time.monotonic()
        if isinstance(part, Cluster):
            facts, how = self._bring_up_cluster(part, test)
            label = f"PostgreSQL {facts['version']} {part.name}"
        else:
            facts, how = self._bring_up_broker()
            label = f"OpenBAO {facts['version']} ({facts['source']})"
        self.say(f"{label}: {how}, 127.0.0.1:{part.port}, {time.monotonic() - begin:.1f} s")
        return facts

    def _bring_up_cluster(self, cluster: Cluster, test: bool) -> tuple[dict, str]:
        bin_dir = self.binaries.postgresql(cluster.major)
        was_running = cluster.process() is not None
        self._certify(cluster)
        made = cluster.make(bin_dir)
        if cluster.configure(test):
            cluster.stop()
            was_running = False
        cluster.start(bin_dir)
        how = "runs already" if was_running else "made" if made else "started again"
        return cluster.facts(bin_dir, version_of(os.path.join(bin_dir, "postgres")), self.ca_file), how

    def _bring_up_broker(self) -> tuple[dict, str]:
        binary, source = self.binaries.broker()
        was_running = self.broker.process() is not None
        was_there = os.path.exists(self.broker.root_token_file)
        self._certify(self.broker)
        if self.broker.configure():
            self.broker.stop()
            was_running = False
        self.broker.start(binary)
        self.broker.open()
        how = "runs already" if was_running else "started again" if was_there else "made"
        return self.broker.facts(binary, source), how

    def _assemble(self, before: dict, test: bool, fresh: dict[str, dict] | None = None) -> dict:
        """stack.json: parts that were not touched keep their facts, with the pid of now."""
        fresh = fresh or {}
        alive = self.folder.processes()
        servers = {server["name"]: server for server in before.get("servers", [])}
        servers.update({name: facts for name, facts in fresh.items() if name != Broker.name})
        broker = fresh.get(Broker.name, before.get("broker"))
        for name, facts in servers.items():
            facts["pid"] = alive[name].pid if name in alive else None
        if broker:
            broker["pid"] = alive[Broker.name].pid if Broker.name in alive else None
        cert_file, key_file = self._leasehold_certificate()
        certificates = {**before.get("certificates", {}), "leasehold": {"cert_file": cert_file, "key_file": key_file}}
        for name in fresh:
            part = self.part(name)
            certificates[name] = {"cert_file": part.cert_file, "key_file": part.key_file}
        return {
            "folder": self.folder.path, "user": self.account.user, "test": test, "boot_id": boot_id(),
            "ca_file": self.ca_file, "ca_key_file": self.authority.key_file, "certificates": certificates,
            "servers": [servers[name] for name, _, _ in SERVERS if name in servers], "broker": broker,
        }

    def _save(self, facts: dict) -> None:
        write_file(self.facts_file, json.dumps(facts, indent=2) + "\n")

    def refresh(self) -> None:
        """Brings the pids of stack.json up to date."""
        before = self.facts()
        if before is not None:
            self._save(self._assemble(before, before["test"]))

    # Down --------------------------------------------------------------------------------------------

    def down(self, what: tuple[str, ...] = ()) -> None:
        """Ends what was started, nothing else. Data stays."""
        if self.folder.exists():
            self.folder.check()
            self._end_all(what)
            self.refresh()

    def _end_all(self, what: tuple[str, ...] = ()) -> None:
        alive = self.folder.processes()
        parts = [self.part(name) for name in what or PARTS if name in alive]
        with ThreadPoolExecutor(max_workers=len(PARTS)) as threads:
            list(threads.map(lambda part: part.stop(), parts))
        for part in parts:
            if part.process() is not None:
                raise StackError(f"{part.name} does not end: process {part.process().pid}")
            self.say(f"{part.name}: stopped")

    def clean(self) -> None:
        """Ends all and removes what was made: the stack folder, keys and facts. Log files stay."""
        self.down()
        self.folder.remove()
        files = [self.facts_file, self.broker.root_token_file, self.broker.unseal_key_file]
        files += [cluster.password_file for cluster in self.clusters.values()]
        for path in files:
            if os.path.exists(path):
                os.unlink(path)
        subprocess.run(["rm", "-rf", "--", self.authority.folder], check=True)

    # Single actions ----------------------------------------------------------------------------------

    def _known(self, name: str) -> dict:
        """The facts of a part that `up` has made."""
        part = self.part(name)
        facts = self.facts() or {}
        entries = {server["name"]: server for server in facts.get("servers", [])}
        entries[Broker.name] = facts.get("broker")
        if not entries.get(part.name):
            raise StackError(f"{name} was never made", "stack.py up")
        return entries[part.name]

    def start(self, name: str, sealed: bool = False) -> None:
        """Starts a stopped or killed part; the broker is unsealed unless `sealed`."""
        facts = self._known(name)
        if name == Broker.name:
            self.broker.start(facts["binary"])
            if not sealed:
                self.broker.open()
        else:
            self.clusters[name].start(facts["bin_dir"])
        self.refresh()

    def stop(self, name: str) -> None:
        self._known(name)
        self.part(name).stop()
        self.refresh()

    def kill(self, name: str) -> None:
        self._known(name)
        self.part(name).kill()
        self.refresh()

    def certificate(self, name: str, names: tuple[str, ...] = LOOPBACK) -> dict:
        """One more certificate of our authority, for the caller: {"cert_file", "key_file"}."""
        if self.facts() is None:
            raise StackError("there is no stack", "stack.py up")
        if name in ("ca", "leasehold"):
            raise StackError(f"the certificate {name} is the launcher's own")
        paths = {"cert_file": os.path.join(self.authority.folder, f"{name}.crt"),
                 "key_file": os.path.join(self.authority.folder, f"{name}.key")}
        self.authority.issue(paths["cert_file"], paths["key_file"], name, names)
        return paths

    def psql_command(self, name: str, arguments: list[str]) -> tuple[list[str], dict[str, str]]:
        """Command line and environment of psql of the server's own version, as superuser on the socket."""
        facts = self._known(name)
        command = [os.path.join(facts["bin_dir"], "psql"), "-X", "-v", "ON_ERROR_STOP=1",
                   "-h", facts["socket_dir"], "-p", str(facts["port"]), "-U", SUPERUSER, *arguments]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        return command, environment

    def psql(self, name: str, text: str = "", file: str = "", database: str = "postgres",
             variables: dict[str, str] | None = None) -> str:
        """Runs SQL text or a file as superuser; gives the rows, unaligned, columns separated by |.

        Variables go in by standard input and not by -v: they may be secrets, and a command line is public.
        """
        settings = "".join(f"\\set {key} {_quoted(value)}\n" for key, value in (variables or {}).items())
        script = settings + (f"\\i {_quoted(file)}\n" if file else text)
        command, environment = self.psql_command(name, ["-q", "-A", "-t", "-d", database, "-f", "-"])
        done = subprocess.run(command, env=environment, input=script, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StackError(f"psql on {name} failed: {done.stderr.strip()}")
        return done.stdout


def _quoted(value: str) -> str:
    """A psql argument in single quotes, with C escapes as \\set reads them."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
