"""What is sent in these tests."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    number: int
    tenant: str = "acme"
