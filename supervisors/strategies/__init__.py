"""The three strategies: one each for whom a restart takes along."""

from .one_for_all import OneForAll as OneForAll
from .one_for_one import OneForOne as OneForOne
from .rest_for_one import RestForOne as RestForOne

__all__ = ["OneForAll", "OneForOne", "RestForOne"]
