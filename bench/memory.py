"""Resident memory of an idle serve, with two tenants and with a thousand in its directory."""

import re
import time
import urllib.request

from demo.error import DemoError
from demo.installation import end
from figure import Figure
from stack.process import wait_until
from stand import Stand

MANY = 1000
QUIET = 10  # seconds without change of more than a page or two

# What a provisioned tenant has in the registry, but no database: nobody looks for one while nobody connects.
ROWS = """
begin;
create temporary table made on commit drop as
select gen_random_uuid() as id, 'bench' || lpad(translate(to_hex(n), '0189', 'ghij'), 5, 'z') as tid, 'bench-' || n as slug
  from generate_series(1, {count}) n;
insert into registry_tenant (id, tid, slug, name, state) select id, tid, slug, slug, 'active' from made;
insert into registry_placement (tenant_id, generation, server_id, name, database, state)
select m.id, 1, s.id, 't_' || m.tid || '_1', 't_' || m.tid || '_1', 'current' from made m, registry_server s where s.name = 'eu-1';
insert into registry_schema_state (chain, tenant_id, version, contract_version, own_version, checksum)
select 'tenant', m.id, s.version, s.contract_version, s.own_version, s.checksum
  from made m, (select * from registry_schema_state where chain = 'tenant' limit 1) s;
insert into registry_api_key (tenant_id, role, name, secret_hmac, postgres, scram_verifier, created_by)
select m.id, k.role, k.name, k.secret_hmac, k.postgres, k.scram_verifier, 'bench'
  from made m, (select * from registry_api_key where tenant_id is not null limit 1) k;
commit;
"""


def tenants_in_directory(stand: Stand) -> int:
    with urllib.request.urlopen(f"{stand.place.url('metrics')}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.search(r'leasehold_router_directory_records\{[^}]*kind="tenant[^"]*"[^}]*\} ([\d.e+]+)', text)
    if not found:
        raise DemoError("the metrics do not tell how many tenants the directory has", stand.place.log("serve"))
    return int(float(found[1]))


def resident(pid: int) -> dict[str, float]:
    """MiB: all that is resident, and of it what no file backs."""
    with open(f"/proc/{pid}/status", encoding="ascii") as source:
        kib = dict(re.findall(r"(VmRSS|RssAnon):\s+(\d+) kB", source.read()))
    return {name: int(value) / 1024 for name, value in kib.items()}


def settled(stand: Stand, tenants: int) -> dict[str, float]:
    """When the directory holds that many and memory has not grown for a while."""
    if not wait_until(lambda: tenants_in_directory(stand) == tenants, 60, step=0.2):
        raise DemoError(f"the directory has {tenants_in_directory(stand)} tenants, not {tenants}", stand.place.log("serve"))
    pid, since = stand.process("serve")["pid"], time.monotonic()
    last = resident(pid)
    while time.monotonic() - since < QUIET:
        time.sleep(0.5)
        now = resident(pid)
        if abs(now["VmRSS"] - last["VmRSS"]) > 0.05:
            last, since = now, time.monotonic()
    return last


def restart(stand: Stand) -> None:
    """Idle from its start: nothing of earlier work in its memory."""
    end(stand.process("serve"))
    stand.serve()


def measure(stand: Stand, _: int) -> Figure:
    restart(stand)
    few = settled(stand, 2)
    stand.registry(ROWS.format(count=MANY - 2))
    grown = settled(stand, MANY)
    restart(stand)
    many = settled(stand, MANY)

    figure = Figure("Resident memory of serve")
    figure.say("`leasehold serve` with all roles, idle: VmRSS of its process, and the part that no file backs. A tenant here is "
               "what a provisioned one has in the registry (tenant, placement, schema state, one key); the rows of all but "
               "two were written by SQL and have no database.")
    figure.say()
    figure.table(["", "resident", "of it anonymous"], [
        [what, f"{seen['VmRSS']:.1f} MiB", f"{seen['RssAnon']:.1f} MiB"] for what, seen in
        (("2 tenants", few), (f"{MANY} tenants, from start", many), (f"{MANY} tenants, {MANY - 2} by the change feed", grown))])
    figure.say(f"Per tenant {(many['RssAnon'] - few['RssAnon']) * 1024 / (MANY - 2):.1f} KiB.")
    return figure
