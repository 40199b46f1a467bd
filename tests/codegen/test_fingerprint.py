"""What changes the fingerprint of a spec, and what does not."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from support.models import attribute, entry, expression, method, parameter, shared, signature, spec

from kinfolk.codegen.fingerprint import fingerprint
from kinfolk.spec.model import Location, Name, Parameter, Spec, TypeParameter

RUN = method("run", parameter("url", "str"), parameter("n", default="3"), result="bool", doc="Run.")
LIMIT = attribute("limit", "int", "int | str", doc="The limit.")
JOB = shared("Job", RUN, LIMIT, doc="A job.")
ENTRIES = (entry("one", "@Job"), entry("job", "@Job", parameter("n")))
BASE = spec(JOB, entries=ENTRIES, doc="Jobs.", values=(Name("app.spec", "Page"),))


def with_job(**changes: Any) -> Spec:
    """Return the spec with another class `Job`."""
    return attrs.evolve(BASE, classes=(attrs.evolve(JOB, **changes),))


def with_run(*parameters: Parameter, **changes: Any) -> Spec:
    """Return the spec with another method `run`."""
    run = method("run", *parameters, **changes)
    return with_job(members=(run, LIMIT))


def test_it_is_short_and_always_the_same() -> None:
    """It is 32 hexadecimal digits, and never depends on the process."""
    assert fingerprint(BASE) == "d4ce854822b02d31fbea5c98ea44982d"


@pytest.mark.parametrize(
    "same",
    [
        with_job(doc="Another text."),
        with_job(members=(LIMIT, RUN)),
        with_job(members=(attrs.evolve(RUN, doc=None, location=Location("b.py", 9)), LIMIT)),
        with_job(members=(attrs.evolve(RUN, overloads=(signature(),)), LIMIT)),
        with_run(parameter("url", "str"), parameter("n", default="4"), result="bool"),
        attrs.evolve(BASE, doc=None, file="elsewhere/spec.py"),
        spec(JOB, entries=ENTRIES[::-1], values=BASE.values),
    ],
    ids=["doc", "order", "place", "overloads", "default", "file", "entries"],
)
def test_it_stays_where_nothing_that_travels_changes(same: Spec) -> None:
    """Documentation, order, places and the values of defaults are nobody else's business."""
    assert fingerprint(same) == fingerprint(BASE)


@pytest.mark.parametrize(
    "other",
    [
        with_job(name="Work"),
        with_job(bases=(expression("@Other"),)),
        with_job(type_parameters=(TypeParameter("T"),)),
        with_job(members=(RUN,)),
        with_job(members=(RUN, attribute("limit", "str", "int | str"))),
        with_job(members=(RUN, attribute("limit", "int", "int"))),
        with_job(members=(RUN, attribute("limit", "int"))),
        with_job(members=(attrs.evolve(RUN, ahead=1), LIMIT)),
        with_run(parameter("url", "bytes"), parameter("n", default="3"), result="bool"),
        with_run(parameter("uri", "str"), parameter("n", default="3"), result="bool"),
        with_run(parameter("url", "str"), parameter("n"), result="bool"),
        with_run(parameter("url", "str"), parameter("n", default="3"), result="int"),
        with_run(
            parameter("url", "str"), parameter("n", default="3", kind="keyword-only"), result="bool"
        ),
        spec(JOB, entries=ENTRIES[:1], values=BASE.values),
        spec(JOB, entries=(ENTRIES[0], entry("job", "@Job", factory=True)), values=BASE.values),
        attrs.evolve(BASE, values=()),
        attrs.evolve(BASE, errors=(Name("app.spec", "Refused"),)),
        attrs.evolve(BASE, layouts=("app.spec.Page(url: str)",)),
    ],
)
def test_it_changes_with_everything_that_travels(other: Spec) -> None:
    """Names, types, kinds, what is required, entries, values and their fields all count."""
    assert fingerprint(other) != fingerprint(BASE)
