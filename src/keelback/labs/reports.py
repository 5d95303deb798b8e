"""A result in the forms that others read: JUnit's XML, and Gradescope's results.json.

Source: the JUnit schema of Jenkins; Gradescope's autograder specification.
"""

import json
import re
from xml.etree import ElementTree

from keelback.labs.result import Result, Verdict

NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML has, whatever they are written as."""


def junit_of(result: Result) -> str:
    """Return a result as a test suite of JUnit's: a case a requirement, a failure where a point is missing."""
    failures = sum(each.points < each.most for each in result.verdicts)
    suite = ElementTree.Element(
        "testsuite", name=result.lab, tests=str(len(result.verdicts)), failures=str(failures), errors="0"
    )
    for verdict in result.verdicts:
        case = ElementTree.SubElement(suite, "testcase", classname=f"lab.{result.lab}", name=verdict.says)
        if verdict.points < verdict.most:
            text = _text_of(result, verdict)
            message = NOT_IN_XML.sub("?", text.partition("\n")[0])
            ElementTree.SubElement(case, "failure", message=message).text = NOT_IN_XML.sub("?", text)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def gradescope_of(result: Result) -> str:
    """Return a result as Gradescope's results.json: a test a requirement, with its score and its text."""
    tests = [
        {
            "name": verdict.says,
            "score": verdict.points,
            "max_score": verdict.most,
            "status": "passed" if verdict.points == verdict.most else "failed",
            "output": _text_of(result, verdict),
            "output_format": "text",
        }
        for verdict in result.verdicts
    ]
    return json.dumps({"score": result.points, "tests": tests}, indent=2) + "\n"


def _text_of(result: Result, verdict: Verdict) -> str:
    """Return why a requirement is not met."""
    if result.refused:
        return f"{result.place}: {result.refused}\n{result.details}".rstrip()
    reason = verdict.reason
    return "\n".join([*reason.told(), "", *reason.drawn()]).rstrip() if reason is not None else ""
