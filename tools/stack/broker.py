"""The OpenBAO broker: configuration, start, initialisation, seal."""

import json
import os
import signal
import ssl
import urllib.error
import urllib.request

from .account import Account
from .error import StackError
from .files import read_file, write_file
from .folder import Folder
from .port import free_port, is_free
from .process import Process, log_tail, spawn, wait_until

START_SECONDS = 30
END_SIGNALS = [(signal.SIGTERM, 15), (signal.SIGKILL, 10)]

CONFIGURATION = """\
# Written by the stack launcher at every start; changes here are lost.
storage "pebbledb" {{
  path = "{data}"
}}
listener "tcp" {{
  address         = "127.0.0.1:{port}"
  tls_cert_file   = "{cert_file}"
  tls_key_file    = "{key_file}"
  tls_min_version = "tls12"
}}
api_addr = "https://127.0.0.1:{port}"
ui       = false
"""


class Broker:
    """Root token and unseal key lie in the facts folder, so a restart can unseal it again."""

    name = "broker"

    def __init__(self, folder: Folder, account: Account, ca_file: str):
        self.folder, self.account, self.ca_file = folder, account, ca_file
        self.home = os.path.join(folder.path, self.name)
        self.data = os.path.join(self.home, "data")
        self.cert_file = os.path.join(self.home, "server.crt")
        self.key_file = os.path.join(self.home, "server.key")
        self.config_file = os.path.join(self.home, "openbao.hcl")
        self.root_token_file = os.path.join(folder.facts_folder, "bao-root-token")
        self.unseal_key_file = os.path.join(folder.facts_folder, "bao-unseal-key")
        self.log_file = os.path.join(folder.facts_folder, "log", "broker.log")
        self._port_file = os.path.join(self.home, "port")

    @property
    def port(self) -> int | None:
        text = read_file(self._port_file)
        return int(text) if text else None

    def choose_port(self, taken: set[int]) -> None:
        if self.port is None:
            self.folder.make_home(self.name)
            write_file(self._port_file, f"{free_port(taken)}\n")

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def process(self) -> Process | None:
        return self.folder.process(self.name)

    def configure(self) -> bool:
        text = CONFIGURATION.format(data=self.data, port=self.port, cert_file=self.cert_file, key_file=self.key_file)
        self.folder.make_data(self.data)
        if read_file(self.config_file) == text:
            return False
        write_file(self.config_file, text, 0o644)
        return True

    def call(self, method: str, path: str, body: dict | None = None, token: str = "", timeout: float = 10) -> dict:
        """One request; any status with a JSON body is an answer, except 4xx and 5xx of other calls than health."""
        request = urllib.request.Request(f"{self.url}/v1/{path}", method=method)
        if token:
            request.add_header("X-Vault-Token", token)
        data = json.dumps(body).encode() if body is not None else None
        # The caller's proxy settings are not for loopback.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.ca_file)))
        try:
            with opener.open(request, data=data, timeout=timeout) as answer:
                text = answer.read()
        except urllib.error.HTTPError as failure:
            with failure:
                raise StackError(f"broker: {method} {path}: {failure.code} {failure.read().decode(errors='replace')}"
                                 ) from None
        return json.loads(text) if text else {}

    def seal_status(self) -> dict | None:
        """None while nothing answers."""
        try:
            return self.call("GET", "sys/seal-status", timeout=2)
        except (OSError, StackError):
            return None

    def is_active(self) -> bool:
        try:
            self.call("GET", "sys/health", timeout=2)
            return True
        except (OSError, StackError):
            return False

    def start(self, binary: str) -> None:
        """Starts it and waits until it answers, sealed or not."""
        if self.process() is not None:
            return
        if not wait_until(lambda: is_free(self.port), 10, step=0.1):
            raise StackError(f"port {self.port} of the broker is taken by another process")
        self.account.own_tree(self.data)
        begin = os.path.getsize(self.log_file) if os.path.exists(self.log_file) else 0
        child, process = spawn(self.account, [binary, "server", f"-config={self.config_file}"],
                               self.log_file, self.home)
        self.folder.record(self.name, process)
        wait_until(lambda: child.poll() is not None or self.seal_status() is not None, START_SECONDS)
        if child.poll() is not None or self.seal_status() is None:
            process.end(END_SIGNALS)
            raise StackError(f"OpenBAO does not start; {self.log_file} ends with\n{log_tail(self.log_file, begin)}")

    def open(self) -> None:
        """Initialises it if it is new, unseals it if it is sealed, waits until it is active."""
        status = self.seal_status()
        if status is None:
            raise StackError("the broker does not answer")
        if not status["initialized"]:
            made = self.call("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1}, timeout=30)
            write_file(self.unseal_key_file, made["keys_base64"][0] + "\n")
            write_file(self.root_token_file, made["root_token"] + "\n")
        if status["sealed"]:
            key = read_file(self.unseal_key_file)
            if key is None:
                raise StackError(f"the broker is sealed and its key is gone: {self.unseal_key_file}", "stack.py clean")
            self.call("PUT", "sys/unseal", {"key": key.strip()}, timeout=30)
        if not wait_until(self.is_active, START_SECONDS):
            raise StackError(f"the broker does not become active; see {self.log_file}")

    def seal(self) -> None:
        token = read_file(self.root_token_file) or ""
        self.call("PUT", "sys/seal", {}, token=token.strip())

    def stop(self) -> None:
        process = self.process()
        if process:
            process.end(END_SIGNALS)

    def kill(self) -> None:
        process = self.process()
        if process:
            process.kill_with_children()

    def facts(self, binary: str, source: str) -> dict:
        process = self.process()
        status = self.seal_status() if process else None
        return {
            "url": self.url, "version": status["version"] if status else None, "binary": binary, "source": source,
            "root_token_file": self.root_token_file, "unseal_key_file": self.unseal_key_file,
            "ca_file": self.ca_file, "config_file": self.config_file, "data": self.data,
            "log_file": self.log_file, "pid": process.pid if process else None,
        }
