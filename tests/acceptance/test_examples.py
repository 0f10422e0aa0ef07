"""The numbered examples run, and say what their pages say."""

import re
import subprocess
import sys


def run(name):
    return output(name).splitlines()


def printed(name, *texts):
    """Return which of the texts were printed, in order, and nothing else was.

    Where two threads print, the end of one's line may come after the other's text.
    """
    said = output(name)
    known = re.compile("|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True)))
    assert known.sub("", said).strip() == ""
    return known.findall(said)


def output(name):
    result = subprocess.run(
        [sys.executable, "-W", "error", "-m", f"examples.{name}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_service_with_actors_answers_and_a_failed_request_resets_nobody():
    assert run("01_actors_in_a_service") == [
        "ada /: 200 page 1 for ada",
        "ben /: 200 page 1 for ben",
        "ada /broken: 500 no such template",
        "ada /news: 200 page 2 for ada",
        "ben /a: 200 page 2 for ben",
    ]


def test_a_subscriber_in_trouble_restarts_alone():
    """Which of the two subscribers is first is not promised; what happens to each is."""
    lines = run("02_supervised_subscriber")

    assert lines.count("stock: order 7 reserved") == 1
    assert lines.count("mail: order 7 confirmed") == 1
    assert sum("restarted" in line for line in lines) == 3
    assert all("/channels/mail" in line for line in lines if "rest" in line)


def test_a_program_without_a_loop_sends_asks_and_is_rolled_back():
    """The event of the order that failed was never sent: only one reservation."""
    program = ["order 1", "refused: nobody buys that many", "sold 2"]
    found = printed("03_bus_without_a_loop", *program, "reserved 2 of pen")

    assert found.count("reserved 2 of pen") == 1
    assert [text for text in found if text != "reserved 2 of pen"] == program


def test_a_fastapi_application_sends_and_a_worker_handles():
    """Whether the mail of the second order is out before the end is not promised."""
    program = [
        "{'number': 'A-1'}",
        "mail: order A-1 is confirmed, at attempt 2",
        "{'number': 'A-2'}",
        "{'orders': 2}",
        "healthy",
        "worker: handled 1",
        "dead letter: A-2 nothing to pay for",
    ]
    late = [f"mail: order A-2 is confirmed, at attempt {attempt}" for attempt in (1, 2)]
    found = printed("04_in_fastapi", *program, *late)

    assert [text for text in found if text not in late] == program


def test_a_django_application_sends_from_its_views():
    """When the mail is out is not promised."""
    program = ["200 {'signed up': 'ada@example.org'}", "409 {'taken': 'ada@example.org'}"]
    program.append("200 {'users': 1}")
    mail = "mail: welcome, ada@example.org"
    found = printed("05_in_django", *program, mail)

    assert found.count(mail) == 1
    assert [text for text in found if text != mail] == program
