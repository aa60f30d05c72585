"""The control plane's API as an owner uses it: no process per call, so little of what is measured is the client's."""

import json
import ssl
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from demo.error import DemoError
from demo.place import Place
from stack.files import read_file

PATIENCE = 300  # seconds for an operation


class Api:
    def __init__(self, place: Place, ca_file: str):
        self.base = place.url("api") + "/api/v1"
        self.log = place.log("serve")
        self.key = (read_file(place.owner_key_file) or "").strip()
        self.tls = ssl.create_default_context(cafile=ca_file)

    def call(self, method: str, path: str, body: dict | None = None) -> dict:
        request = urllib.request.Request(
            self.base + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, context=self.tls, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise DemoError(f"{method} {path}: {refused.code} {refused.read().decode(errors='replace')}", self.log) from refused

    def wait(self, operation: dict, step: float = 0.05) -> dict:
        """The operation when it has ended well."""
        until = time.monotonic() + PATIENCE
        while operation["state"] != "succeeded":
            if operation["state"] in ("failed", "cancelled") or time.monotonic() > until:
                raise DemoError(f"operation {operation['id']} is {operation['state']}: {operation.get('error')}", self.log)
            time.sleep(step)
            operation = self.call("GET", f"/operations/{operation['id']}")
        return operation

    def create(self, slug: str, region: str = "eu") -> dict:
        return self.call("POST", "/tenants", {"slug": slug, "name": slug, "region": region})

    def create_all(self, slugs: list[str]) -> list[dict]:
        """All asked for at the same time; their operations when all have ended."""
        with ThreadPoolExecutor(max_workers=20) as threads:
            begun = list(threads.map(self.create, slugs))
        return [self.wait(operation, 0.2) for operation in begun]
