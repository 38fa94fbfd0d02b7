"""What capture refuses, as a status, a word and a sentence."""


class CaptureRefused(Exception):
    """`status` is the HTTP status that says it best, `code` a word of docs/recordings.md, `detail` what to do."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(code)
        self.status, self.code, self.detail = status, code, detail


ABSENT = (404, "not_found", "There is nothing here.")
OVER = (410, "over", "This recording takes nothing more.")
