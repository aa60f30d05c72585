"""One catalog-only file over 200 tenant databases: leasehold migrate beside a psql loop and xargs -P4 psql."""

import os
import subprocess
import time
from dataclasses import dataclass, field

from demo import configuration
from demo.error import DemoError
from demo.program import clean_environment
from figure import Figure, median, spread
from stack.files import read_file, write_file
from stand import Stand

DATABASES = 200
ROUNDS = 3
LOOPS = {"psql loop": 1, "xargs -P4 psql": 4}
FILE = "create table {table} (id bigint primary key, note text not null);\n"
# What the loops keep as their record of versions.
LEDGER = "create table if not exists bench_version (file text primary key, at timestamptz not null default now());\n"


@dataclass
class Fleet:
    stand: Stand
    databases: list[tuple[str, str]]  # name of the server, name of the database
    next_file: int = 5000  # the operator's own files begin here and have no gaps
    loops: int = 0  # run so far
    no_op: list[float] = field(default_factory=list)


def make_fleet(stand: Stand) -> Fleet:
    missing = DATABASES - len(stand.facts["tenants"])
    slugs = [f"fleet-{n}" for n in range(missing)]
    for begin in range(0, missing, 20):
        stand.api.create_all(slugs[begin:begin + 20])
    rows = stand.registry("select s.name, p.database from registry_placement p join registry_server s on s.id = p.server_id "
                          "where p.state = 'current' order by p.database")
    return Fleet(stand, [(server, database) for server, database in rows])


def leasehold(fleet: Fleet) -> float:
    """The whole program: plan, templates of the new chain, leases, files, records."""
    stand = fleet.stand
    table = f"bench_{fleet.next_file}"
    folder = stand.place.path("tenant-migrations")
    os.makedirs(folder, exist_ok=True)
    write_file(os.path.join(folder, f"{fleet.next_file}_create_bench.sql"),
               "-- leasehold: phase expand\n" + FILE.format(table=table))
    fleet.next_file += 1
    configuration.write_configuration(stand.place, stand.stack_facts)
    command = ("migrate", "--config", stand.place.config_file, "--managed-broker", "--chain", "tenant", "--dev", "--no-progress")
    begin = time.monotonic()
    stand.program.run(*command)
    took = time.monotonic() - begin
    begin = time.monotonic()
    stand.program.run(*command)
    fleet.no_op.append(time.monotonic() - begin)
    look(fleet, table)
    return took


def psql(fleet: Fleet, parallel: int) -> float:
    """A connection of its own per database, as the migrations have: TCP, TLS, SCRAM; file and record in one transaction."""
    stand = fleet.stand
    fleet.loops += 1
    table = f"bench_loop_{fleet.loops}"
    file, targets, passfile = (stand.place.path(name) for name in ("bench.sql", "targets", "superuser.passfile"))
    write_file(file, LEDGER.replace("create", "set client_min_messages = warning;\ncreate", 1)
               + FILE.format(table=table) + f"insert into bench_version values ('{table}');\n")
    servers = {server["name"]: server for server in stand.stack_facts["servers"]}
    write_file(targets, "".join(f"{servers[server]['port']} {database}\n" for server, database in fleet.databases))
    write_file(passfile, "".join(f"127.0.0.1:{server['port']}:*:{server['superuser']}:{read_file(server['superuser_password_file'])}"
                                 for server in servers.values()))
    one = (f'exec {stand.client("psql")} -X -q -v ON_ERROR_STOP=1 -1 -f {file} "host=127.0.0.1 port=$0 dbname=$1 '
           f'user={servers["eu-1"]["superuser"]} sslmode=verify-full sslrootcert={stand.stack_facts["ca_file"]} passfile={passfile}"')
    begin = time.monotonic()
    with open(targets, encoding="ascii") as source:
        done = subprocess.run(["xargs", "-n2", f"-P{parallel}", "sh", "-c", one], stdin=source, env=clean_environment(),
                              capture_output=True, text=True, check=False)
    took = time.monotonic() - begin
    if done.returncode != 0:
        raise DemoError(f"xargs psql ended with {done.returncode}: {done.stderr.strip()[-800:]}")
    look(fleet, table)
    return took


def look(fleet: Fleet, table: str) -> None:
    """Did it arrive? In the first, the last and one between; the programs' exit codes speak for the rest."""
    for server, database in (fleet.databases[0], fleet.databases[len(fleet.databases) // 2], fleet.databases[-1]):
        if fleet.stand.stack.psql(server, text=f"select to_regclass('public.{table}') is not null", database=database).strip() != "t":
            raise DemoError(f"{table} is not in {database} on {server}")


def measure(stand: Stand, rounds: int) -> Figure:
    fleet = make_fleet(stand)
    contestants = {"leasehold migrate": leasehold,
                   **{name: (lambda fleet, parallel=parallel: psql(fleet, parallel)) for name, parallel in LOOPS.items()}}
    names = list(contestants)
    rates: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds or ROUNDS):
        for name in names[number % 3:] + names[:number % 3]:  # each is first once
            rates[name].append(len(fleet.databases) / contestants[name](fleet) * 60)

    figure = Figure("Fan-out of one migration")
    figure.say(f"One new table (catalog-only DDL) in each of {len(fleet.databases)} tenant databases, {len(rates[names[0]])} rounds, "
               "each contestant first in turn. The loops are `xargs -n2 -P1` and `-P4` with `psql -1 -f FILE`: the same DDL "
               "and a version row in one transaction, TLS and SCRAM, but as the superuser with one fixed password. "
               "`leasehold migrate --chain tenant` is timed as a whole program; besides the DDL it builds both servers' new "
               "templates, takes a lease of its own for each database from the broker and gives it back, locks the version table, "
               "checks every version row, and records each result in the registry.")
    figure.say()
    base = median(rates["psql loop"])
    figure.table(["", "databases/min", "spread", "÷ psql loop"], [
        [name, f"{median(values):.0f}", spread(values, 0), f"{median(values) / base:.2f}"] for name, values in rates.items()])
    figure.say(f"A run with nothing to do takes {median(fleet.no_op):.2f} s.")
    return figure
