"""Suspend under load: from the commit to the last byte that any of the tenant's clients received."""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from demo.error import DemoError
from demo.program import clean_environment
from figure import Figure, median
from load import pgbench_command
from stack.process import wait_until
from stand import Stand

REPEATS = 20
GATE = 1.0  # seconds
ENDLESS = "select pg_sleep(120) /* bench */"
COPIED = "copy (select n, repeat('x', 200) from generate_series(1, 1000000000) n) to stdout"
ACTIVE = """
select count(*) filter (where query like '%pg_sleep(120) /* bench */%'), count(*) filter (where query like 'copy (select n%')
  from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()"""


def start(command: list[str]) -> subprocess.Popen:
    return subprocess.Popen(command, env=clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def ended_at(client: subprocess.Popen) -> float:
    client.wait()  # no time limit: with one, Python would look every 50 ms only
    return time.time()


def suspend_once(stand: Stand, tenant: dict) -> float:
    clients = [start(stand.psql_command(tenant, "", "-c", ENDLESS)), start(stand.psql_command(tenant, "", "-c", COPIED)),
               start(pgbench_command(stand, stand.uri(tenant), seconds=120, clients=10))]
    try:
        wait_for_load(stand, tenant, clients)
        with ThreadPoolExecutor(max_workers=len(clients)) as threads:
            ends = [threads.submit(ended_at, client) for client in clients]
            operation = stand.api.call("POST", f"/tenants/{tenant['id']}/suspend", {"reason": "bench"})
            last = max(end.result() for end in ends)
    finally:
        for client in clients:
            client.kill()
            client.wait()
    if any(client.returncode == 0 for client in clients):
        raise DemoError("a client of the suspended tenant ended well", stand.place.log("serve"))
    stand.api.wait(operation)
    committed = float(stand.registry("select extract(epoch from at) from registry_audit_event "
                                     "where action = 'tenant.suspend' order by id desc limit 1")[0][0])
    stand.api.wait(stand.api.call("POST", f"/tenants/{tenant['id']}/resume"))
    return last - committed


def wait_for_load(stand: Stand, tenant: dict, clients: list[subprocess.Popen]) -> None:
    def committed() -> int:
        return int(stand.on_server(tenant, "select xact_commit from pg_stat_database where datname = current_database()"))

    before = committed()
    if not wait_until(lambda: stand.on_server(tenant, ACTIVE) == "1|1" and committed() > before + 100, 30, step=0.1):
        raise DemoError("the clients to be cut do not run", stand.place.log("serve"))
    if any(client.poll() is not None for client in clients):
        raise DemoError("a client ended before the suspension", stand.place.log("serve"))


def measure(stand: Stand, rounds: int) -> Figure:
    acme = stand.by_slug("acme")
    values = [suspend_once(stand, acme) for _ in range(rounds or REPEATS)]
    figure = Figure("Suspend a tenant under load")
    figure.say("Twelve clients of the tenant: one in a long query, one receiving COPY, ten of pgbench. From the commit (the "
               "audit event's time, a little before it) to the end of the last client's process, which is a little after "
               "its last byte; so each value is an upper bound.")
    figure.say()
    figure.table(["repeats", "median", "longest"],
                 [[str(len(values)), f"{median(values) * 1000:.0f} ms", f"{max(values) * 1000:.0f} ms"]])
    figure.verdict("commit to last byte, longest", max(values), GATE, " s")
    return figure
