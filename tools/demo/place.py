"""Where the demo's files lie, its addresses, and what of it is written down."""

import json
import os

from stack.files import read_file, write_file
from stack.port import free_port

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The scenario tests run the same line with the binary and in the folder they name.
BINARY = os.environ.get("LEASEHOLD_DEMO_BINARY") or os.path.join(REPOSITORY, "build", "release", "bin", "leasehold")
FOLDER = os.environ.get("LEASEHOLD_DEMO_FOLDER") or os.path.join(REPOSITORY, "build", "demo")


class Place:
    """The demo's folder, build/demo (0700). Paths of the demo's own files are made here and nowhere else."""

    def __init__(self, folder: str = FOLDER):
        self.folder = folder
        self.facts_file = self.path("demo.json")
        self.config_file = self.path("leasehold.yaml")
        self.log_folder = self.path("log")
        self.secrets = self.path("secrets")
        self.owner_key_file = self.path("owner-key")
        self.license_file = self.path("license.jws")
        self.ports: dict[str, int] = {}

    def path(self, *names: str) -> str:
        return os.path.join(self.folder, *names)

    def make(self) -> None:
        for folder in (self.folder, self.log_folder, self.secrets):
            os.makedirs(folder, mode=0o700, exist_ok=True)
            os.chmod(folder, 0o700)

    def log(self, name: str) -> str:
        return os.path.join(self.log_folder, f"{name}.log")

    def facts(self) -> dict:
        text = read_file(self.facts_file)
        return json.loads(text) if text else {}

    def save(self, facts: dict) -> None:
        write_file(self.facts_file, json.dumps(facts, indent=2) + "\n")

    def choose_ports(self, before: dict, taken: set[int]) -> None:
        """One port per listener, the same as last time where it is known."""
        known = before.get("ports", {})
        for name in ("api", "agents", "router", "metrics"):
            self.ports[name] = known.get(name) or free_port(taken)
            taken.add(self.ports[name])

    def has_own_migrations(self) -> bool:
        return os.path.isdir(self.path("tenant-migrations"))

    def url(self, name: str) -> str:
        scheme = "http" if name == "metrics" else "https"
        return f"{scheme}://127.0.0.1:{self.ports[name]}"
