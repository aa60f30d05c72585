"""A whole installation in build/bench, made by the demo's own steps, gone when the figure is taken."""

from collections.abc import Iterator
from contextlib import contextmanager

from api import Api
from demo.command import clean, stop
from demo.installation import Installation, end
from demo.place import Place
from demo.report import Report
from stack.launcher import Launcher

LICENSED = 2000  # tenants


class Stand(Installation):
    """Three servers, broker, serve, tenants acme (eu-1) and globex (us-1) with a key each. No agents."""

    def set_up(self) -> None:
        for step in (self.start_servers, self.start_broker, self.migrate, self.bootstrap):
            step()
        self.license(LICENSED)
        self.serve()
        self.tenants()
        self.api = Api(self.place, self.stack_facts["ca_file"])

    def add_process(self, process: dict) -> None:
        """One that ends with the stand, also when it is another run that ends it."""
        self.facts["processes"].append(process)
        self.save_facts()

    def end_process(self, process: dict) -> None:
        end(process)
        self.facts["processes"].remove(process)
        self.save_facts()

    def process(self, name: str) -> dict:
        return next(process for process in self.facts["processes"] if process["name"] == name)

    def server(self, name: str) -> dict:
        return next(server for server in self.stack_facts["servers"] if server["name"] == name)

    def registry(self, sql: str) -> list[list[str]]:
        """Rows of the registry, as its superuser."""
        answer = self.stack.psql("registry", text=sql, database="leasehold")
        return [line.split("|") for line in answer.splitlines()]


@contextmanager
def standing() -> Iterator[Stand]:
    place = Place()
    clean(place, quiet=True)  # what a killed run left behind
    place.make()
    try:
        with Launcher(place.folder) as stack:
            stand = Stand(place, stack, {}, Report(say=lambda line: None))
            stand.set_up()
            yield stand
    except BaseException:
        stop(place, quiet=True)  # the logs stay, to be read; the next run removes them
        raise
    clean(place, quiet=True)
