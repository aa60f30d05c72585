"""CPU per transaction of the router's process and of PgBouncer's, in turns: A B B A."""

import time
from dataclasses import dataclass

from cpu import cpu_seconds
from demo import configuration
from demo.place import Place
from figure import Figure, median, spread
from load import run_pgbench
from pgbouncer import PgBouncer, version
from stand import Stand
from system_calls import system_calls

ROUNDS = 7
SECONDS = 5
CLIENTS = 20
GATE = 1.3
NOISE = (0.95, 1.05)


@dataclass(frozen=True)
class Contest:
    protocol: str
    client_tls: bool
    pool_mode: str  # of PgBouncer
    gate: float | None

    @property
    def name(self) -> str:
        mode = ", its session mode" if self.pool_mode == "session" else ""
        return f"{self.protocol}, {'TLS' if self.client_tls else 'plain'} clients{mode}"


CONTESTS = (
    Contest("simple", True, "transaction", GATE),
    Contest("simple", False, "transaction", GATE),
    Contest("extended", True, "transaction", None),
    Contest("prepared", True, "session", None),  # 1.18 has no prepared statements in transaction mode
)


@dataclass(frozen=True)
class Run:
    microseconds: float  # CPU of the process per transaction
    per_second: float


def run(stand: Stand, pid: int, uri: str, protocol: str) -> Run:
    before = cpu_seconds(pid)
    load = run_pgbench(stand, uri, SECONDS, protocol, CLIENTS)
    return Run((cpu_seconds(pid) - before) / load.transactions * 1e6, load.per_second)


def calls_per_transaction(stand: Stand, pid: int, uri: str, protocol: str) -> float:
    loads = []
    calls = system_calls(pid, stand.place.folder, lambda: loads.append(run_pgbench(stand, uri, SECONDS, protocol, CLIENTS)))
    return calls / loads[0].transactions


@dataclass
class Rounds:
    router: list[Run]
    pgbouncer: list[Run]
    calls: tuple[float, float] = (0.0, 0.0)  # system calls per transaction: router, PgBouncer

    def ratios(self) -> list[float]:
        """One a round: the two runs of each side together."""
        pairs = zip(self.router[::2], self.router[1::2], self.pgbouncer[::2], self.pgbouncer[1::2])
        return [(a1.microseconds + a2.microseconds) / (b1.microseconds + b2.microseconds) for a1, a2, b1, b2 in pairs]

    def against_itself(self) -> list[float]:
        return [b1.microseconds / b2.microseconds for b1, b2 in zip(self.pgbouncer[::2], self.pgbouncer[1::2])]

    def is_noisy(self) -> bool:
        return not NOISE[0] <= median(self.against_itself()) <= NOISE[1]


def play(stand: Stand, contest: Contest, router: tuple[int, str], pgbouncer: tuple[int, str], rounds: int) -> Rounds:
    for pid, uri in (router, pgbouncer):  # logins to the server, first leases, caches
        run(stand, pid, uri, contest.protocol)
    seen = Rounds([], [])
    for _ in range(rounds):
        seen.router.append(run(stand, *router, contest.protocol))
        seen.pgbouncer.append(run(stand, *pgbouncer, contest.protocol))
        seen.pgbouncer.append(run(stand, *pgbouncer, contest.protocol))
        seen.router.append(run(stand, *router, contest.protocol))
    seen.calls = tuple(calls_per_transaction(stand, *one, contest.protocol) for one in (router, pgbouncer))
    return seen


def idle(pid: int) -> float:
    """Part of a core that a process takes while nobody asks it for anything."""
    before = cpu_seconds(pid)
    time.sleep(SECONDS)
    return (cpu_seconds(pid) - before) / SECONDS


def start_plain_router(stand: Stand) -> tuple[dict, int]:
    """A router of its own without client TLS, which a configuration has or has not. Its process and port."""
    place = Place(stand.place.folder)
    place.config_file = place.path("plain.yaml")
    place.choose_ports({}, {*stand.place.ports.values(), *(server["port"] for server in stand.stack_facts["servers"])})
    configuration.write_configuration(place, stand.stack_facts, client_tls=False)
    program = type(stand.program)(place, stand.stack_facts["ca_file"])
    process = program.start("plain-router", "serve", "--dev", "--role", "router", "--config", place.config_file)
    stand.add_process(process)
    program.wait_ready(process)
    return process, place.ports["router"]


def play_all(stand: Stand, pgbouncer: PgBouncer, rounds: int) -> dict[Contest, Rounds]:
    acme = stand.by_slug("acme")
    serve = stand.process("serve")["pid"]
    seen = {}
    for contest in CONTESTS:
        sslmode = "verify-full" if contest.client_tls else "disable"
        other = (pgbouncer.pid, pgbouncer.uri(contest.pool_mode, sslmode))
        if contest.client_tls:
            seen[contest] = play(stand, contest, (serve, stand.uri(acme)), other, rounds)
        else:
            process, port = start_plain_router(stand)
            router = (process["pid"], stand.uri(acme, port=port, sslmode=sslmode))
            seen[contest] = play(stand, contest, router, other, rounds)
            stand.end_process(process)
    return seen


def measure(stand: Stand, rounds: int) -> Figure:
    rounds = rounds or ROUNDS
    pgbouncer = PgBouncer(stand, stand.by_slug("acme"))
    resting = [idle(pid) for pid in (stand.process("serve")["pid"], pgbouncer.pid)]
    seen = play_all(stand, pgbouncer, rounds)
    figure = Figure("Router against PgBouncer")
    figure.say(f"PgBouncer {version()} of Debian in transaction mode, the same PostgreSQL server and database, 20 server "
               "connections, SCRAM and TLS (`verify-full`) towards the server for both. "
               f"`pgbench -n -c {CLIENTS} -j 1 -T {SECONDS}` with `select :aid`, order A B B A, {rounds} rounds. CPU is that of "
               "the whole process, logins of the run included; the router's process is `leasehold serve` with all roles, for "
               "plain clients one of `--role router` without `router.tls`. The ratio is router ÷ PgBouncer, the median of "
               "the rounds; the last column but one is PgBouncer's first run of a round ÷ its second, and outside "
               f"{NOISE[0]}–{NOISE[1]} there is no verdict. System calls are counted in a run of their own under strace, "
               "which slows both. Without any client `leasehold serve` takes "
               f"{resting[0]:.1%} of a core, PgBouncer {resting[1]:.1%}.")
    figure.say()
    rows = []
    for contest, one in seen.items():
        ratios, itself = one.ratios(), one.against_itself()
        rows.append([
            contest.name,
            f"{median(r.microseconds for r in one.router):.1f} µs", f"{median(r.microseconds for r in one.pgbouncer):.1f} µs",
            f"**{median(ratios):.2f}**", spread(ratios),
            f"{median(r.per_second for r in one.router):.0f}", f"{median(r.per_second for r in one.pgbouncer):.0f}",
            f"{median(itself):.2f} ({spread(itself)})", f"{one.calls[0]:.1f} · {one.calls[1]:.1f}"])
    figure.table(["", "router", "PgBouncer", "ratio", "spread", "router TPS", "PgBouncer TPS", "PgBouncer against itself",
                  "system calls, router · PgBouncer"], rows)
    for contest, one in seen.items():
        if contest.gate:
            figure.verdict(f"{contest.name}, CPU per transaction", median(one.ratios()), contest.gate,
                           obstacle="too noisy, no verdict" if one.is_noisy() else "")
    return figure
