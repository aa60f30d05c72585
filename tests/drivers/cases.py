"""The least of a test runner that the drivers' scripts share."""

import traceback


class Cases:
    def __init__(self, driver: str):
        self.driver = driver
        self.all = []

    def add(self, case):
        self.all.append(case)
        return case

    def run(self) -> int:
        failed = 0
        for case in self.all:
            try:
                case()
                print(f"ok   {self.driver}: {case.__name__}")
            except Exception:  # noqa: BLE001 - every failure is reported, and the others still run
                failed += 1
                print(f"FAIL {self.driver}: {case.__name__}\n{traceback.format_exc()}")
        print(f"{len(self.all) - failed} of {len(self.all)}")
        return 1 if failed or not self.all else 0
