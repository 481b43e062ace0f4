"""The judge: classifiers (members) that distinguish Geant4 showers from others; the strongest gives the result."""

from caloforge.validation.judges.members import MEMBERS
from caloforge.validation.judges.record import record
from caloforge.validation.judges.verdict import Verdict, judge

__all__ = ["MEMBERS", "Verdict", "judge", "record"]
