"""Which of two classes is the finding."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NEGATIVE = re.compile(
    r"(?<![^\W\d_])"  # not after a letter: "abnormal" is none
    r"(normal|negative|neg|healthy|controls?|benign|absent|none?|no|not|without|clear|free|nevus|nv"
    r"|no(finding|tumou?r|disease)s?|un(infect|affect|involv)ed|non[a-z]+)"
    r"(?![^\W\d_])",
    re.IGNORECASE,
)


def positive_class(classes: Sequence[str], finding: str | None = None) -> int:
    """Of two classes the index of the one a test looks for: `finding`, if that is said.

    Else the second, unless only the second sounds like the absence of a finding (NORMAL, no
    tumor). A guess: "AD" and "CN" sound like nothing.
    """
    if finding is not None:
        return list(classes).index(finding)
    first, second = classes
    return 0 if _NEGATIVE.search(second) and not _NEGATIVE.search(first) else 1
