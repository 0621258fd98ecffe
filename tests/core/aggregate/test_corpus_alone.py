"""The corpus of pipelines on the core alone: MongoDB's answers do not depend on a face, nor on how steps are made."""

from __future__ import annotations

import pytest

from core.aggregate.answering import BareClient
from corpus.cases import CASES, Case, differences, perform, run_blocking, unsupported

LACKING = unsupported()
AGGREGATIONS = [case for case in CASES if "aggregate" in case.body and case.id not in LACKING]


@pytest.mark.parametrize("case", AGGREGATIONS, ids=str)
def test_the_engine_alone_has_mongodbs_answer(case: Case) -> None:
    own = BareClient()["own"]
    own.insert_many(case.documents)

    assert differences(case, run_blocking(perform(own, case))) == [], case.page
