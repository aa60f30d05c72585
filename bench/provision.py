"""Provision a tenant: from the accepted request to the end of the operation, in parallel and one after the other."""

from figure import Figure, median, percentile
from stand import Stand

COUNT = 20
GATE = 2.0  # seconds


def seconds(stand: Stand, operations: list[dict]) -> list[float]:
    """As the registry has them: no polling in it."""
    ids = ", ".join(f"'{operation['id']}'" for operation in operations)
    rows = stand.registry(f"select extract(epoch from finished_at - created_at) from registry_operation where id in ({ids})")
    return [float(row[0]) for row in rows]


def makespan(stand: Stand, operations: list[dict]) -> float:
    ids = ", ".join(f"'{operation['id']}'" for operation in operations)
    rows = stand.registry(f"select extract(epoch from max(finished_at) - min(created_at)) from registry_operation where id in ({ids})")
    return float(rows[0][0])


def steps(stand: Stand, operations: list[dict]) -> list[list[str]]:
    """Median of each step, in their order."""
    ids = ", ".join(f"'{operation['id']}'" for operation in operations)
    return stand.registry("select name, round(percentile_cont(0.5) within group (order by extract(epoch from finished_at - started_at)) "
                          f"* 1000) || ' ms' from registry_operation_step where operation_id in ({ids}) "
                          "group by name, position order by position")


def measure(stand: Stand, rounds: int) -> Figure:
    count = rounds or COUNT
    # acme and globex were the first of their servers: the template is there, as for every tenant but the first.
    parallel = stand.api.create_all([f"parallel-{n}" for n in range(count)])
    single = [stand.api.wait(stand.api.create(f"single-{n}")) for n in range(count)]

    figure = Figure("Provision a tenant")
    figure.say("From `POST /api/v1/tenants` to the operation's end: row, database from the template, roles, broker roles, "
               "verification. Times are the registry's own. In parallel all are asked for at once, so the last one's time "
               "holds its wait for a worker (`control_plane.operations.workers`, 4 here).")
    figure.say()
    rows = []
    times = {f"{count} in parallel": seconds(stand, parallel), f"{count} one after the other": seconds(stand, single)}
    for what, values in times.items():
        rows.append([what, f"{median(values):.2f} s", f"{percentile(values, 0.95):.2f} s", f"{max(values):.2f} s"])
    figure.table(["tenants", "p50", "p95", "longest"], rows)
    span = makespan(stand, parallel)
    by_step = " · ".join(f"{name} {time}" for name, time in steps(stand, single))
    figure.say(f"One after the other, median of each step: {by_step}.")
    figure.say(f"In parallel all {count} were there after {span:.2f} s, {count / span * 60:.0f} tenants a minute.")
    figure.say()
    for what, values in times.items():
        figure.verdict(f"p95, {what}", percentile(values, 0.95), GATE, " s")
    return figure
