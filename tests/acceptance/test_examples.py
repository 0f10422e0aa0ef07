"""The numbered examples run, and say what their pages say."""

import subprocess
import sys


def run(name):
    result = subprocess.run(
        [sys.executable, "-W", "error", "-m", f"examples.{name}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


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
    lines = run("03_bus_without_a_loop")

    assert [line for line in lines if "reserved" not in line] == [
        "order 1",
        "refused: nobody buys that many",
        "sold 2",
    ]
    assert lines.count("reserved 2 of pen") == 1
    assert len(lines) == 4


def test_a_fastapi_application_sends_and_a_worker_handles():
    """Whether the mail of the second order is out before the end is not promised."""
    lines = run("04_in_fastapi")

    assert [line for line in lines if "order A-2 is confirmed" not in line] == [
        "{'number': 'A-1'}",
        "mail: order A-1 is confirmed, at attempt 2",
        "{'number': 'A-2'}",
        "{'orders': 2}",
        "healthy",
        "worker: handled 1",
        "dead letter: A-2 nothing to pay for",
    ]


def test_a_django_application_sends_from_its_views():
    """When the mail is out is not promised, nor that another thread's print stays in one piece."""
    mail = "mail: welcome, ada@example.org"
    written = "\n".join(run("05_in_django"))

    assert written.count(mail) == 1
    lines = [line for line in written.replace(mail, "\n").splitlines() if line]
    assert [line for line in lines if not line.startswith("mail")] == [
        "200 {'signed up': 'ada@example.org'}",
        "409 {'taken': 'ada@example.org'}",
        "200 {'users': 1}",
    ]
