"""The configuration file of the demo's installation, and of its agents."""

import secrets

from stack.files import read_file, write_file

from .place import Place

ACCEPTED = {15: ["createrole_is_superuser", "lease_network_open"], 17: ["lease_network_open"]}


def write_passwords(place: Place) -> dict[str, str]:
    """Passwords of the three registry logins, one file each; kept when they are there."""
    files = {}
    for login in ("control", "router", "migrate"):
        files[login] = f"{place.secrets}/{login}"
        if not read_file(files[login]):
            write_file(files[login], secrets.token_urlsafe(24) + "\n")
    return files


def write_configuration(place: Place, stack: dict, client_tls: bool = True) -> None:
    registry = next(server for server in stack["servers"] if server["name"] == "registry")
    tenants = [server for server in stack["servers"] if server["name"] != "registry"]
    certificate = stack["certificates"]["leasehold"]
    tls = f"{{ cert_file: {certificate['cert_file']}, key_file: {certificate['key_file']} }}"
    lines = [
        "# Written by tools/demo.py for the demo on this machine.",
        "registry:",
        f"  hosts: [127.0.0.1:{registry['port']}]",
        "  sslmode: verify-full",
        f"  ca_file: {stack['ca_file']}",
        f"  control_plane: {{ user: leasehold_control, password_file: {place.secrets}/control }}",
        f"  router: {{ user: leasehold_router, password_file: {place.secrets}/router }}",
        f"  migrate: {{ user: leasehold_migrate, password_file: {place.secrets}/migrate }}",
        f"security: {{ hmac_key_file: {place.secrets}/hmac-key }}",
        "multitenancy: { enabled: true, delete_grace: 0s }",
        f"license: {{ file: {place.license_file} }}",
        "vault:",
        "  enabled: true",
        f"  url: [{stack['broker']['url']}]",
        f"  ca_file: {stack['broker']['ca_file']}",
        "  auth:",
    ]
    for name in ("router", "provisioner"):
        lines.append(f"    {name}: {{ method: approle, mount: approle, role_id_file: {place.secrets}/{name}-role-id, "
                     f"secret_id_file: {place.secrets}/{name}-secret-id }}")
    lines += [
        "control_plane:",
        f"  listen: 127.0.0.1:{place.ports['api']}",
        f"  public_url: {place.url('api')}",
        f"  tls: {tls}",
        f"  bootstrap: {{ key_file: {place.owner_key_file} }}",
        "router:",
        f"  listen: [127.0.0.1:{place.ports['router']}]",
        f"  tls: {tls}" if client_tls else "",
        "agents:",
        f"  listen: 127.0.0.1:{place.ports['agents']}",
        f"  tls: {tls}",
        "  heartbeat: { interval: 5s }",
        f"metrics: {{ listen: 127.0.0.1:{place.ports['metrics']} }}",
        f"migrations: {{ tenant_dir: {place.path('tenant-migrations')} }}" if place.has_own_migrations() else "",
        "provisioning:",
        "  servers:",
    ]
    for server in tenants:
        lines += [
            f"    - name: {server['name']}",
            f"      hosts: [127.0.0.1:{server['port']}]",
            f"      region: {server['region']}",
            f"      ca_file: {server['ca_file']}",
            f"      broker_ca_file: {server['ca_file']}",
            f"      superuser: {server['superuser']}",
            f"      superuser_password_file: {server['superuser_password_file']}",
            f"      accept: [{', '.join(ACCEPTED[server['major']])}]",
        ]
    write_file(place.config_file, "\n".join(line for line in lines if line) + "\n")


def write_agent_configuration(place: Place, stack: dict, tenant: str, token: str) -> str:
    file = place.path(f"agent-{tenant}.yaml")
    write_file(file, "\n".join([
        f"server: {{ url: {place.url('agents')}, ca_file: {stack['ca_file']} }}",
        f"security: {{ enrollment_token: {token}, state_dir: {place.path('agent-' + tenant)} }}",
    ]) + "\n")
    return file
