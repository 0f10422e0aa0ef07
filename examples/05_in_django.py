"""A Django application: a view, on a thread of the server's, sends and waits for the reply.

One file in place of a project: settings, URLs and views are at the end, and the script makes the
requests itself.

    python -m examples.05_in_django
"""

import threading
from dataclasses import dataclass
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.urls import path

from actorbus import ActorBus, EventBus, MessageRefused, Transaction

bus = ActorBus("site", store=":memory:")  # a site of several processes: "sqlite:///site.db"
bus.add_channel("mail")
welcomed = threading.Event()


@dataclass(frozen=True)
class SignUp:
    email: str


@dataclass(frozen=True)
class SignedUp:
    email: str


@dataclass(frozen=True)
class CountUsers:
    pass


class Taken(Exception):
    """Somebody signed up with this address before."""


@bus.command_handler
def sign_up(command: SignUp, events: EventBus, tx: Transaction) -> str:
    """Runs on a thread, while the view waits; what it raises is raised in the view."""
    tx.execute("CREATE TABLE IF NOT EXISTS users (email TEXT PRIMARY KEY)")
    if tx.fetch_one("SELECT 1 FROM users WHERE email = $1", command.email).get():
        raise Taken(command.email)
    tx.execute("INSERT INTO users VALUES ($1)", command.email)
    events.publish(SignedUp(command.email))
    return command.email


@bus.query_handler
def count_users(query: CountUsers, tx: Transaction) -> int:
    row = tx.fetch_one("SELECT count(*) FROM users").get()
    return int(row[0]) if row else 0


@bus.event_handler(channel="mail")
def welcome(event: SignedUp) -> None:
    """Runs later, on a thread of the bus's: it may block."""
    print(f"mail: welcome, {event.email}")
    welcomed.set()


def post_user(request: HttpRequest, email: str) -> JsonResponse:
    try:
        return JsonResponse({"signed up": bus.commands.send(SignUp(email)).get(timeout=5)})
    except Taken as error:
        return JsonResponse({"taken": str(error)}, status=409)
    except MessageRefused as error:
        return JsonResponse({"refused": str(error)}, status=400)


def get_count(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"users": bus.queries.ask(CountUsers()).get(timeout=5)})


urlpatterns = [path("users/count", get_count), path("users/<str:email>", post_user)]


def visit() -> None:
    from django.test import Client  # noqa: PLC0415  # needs the settings

    client: Any = Client()
    for method, url in (
        (client.post, "/users/ada@example.org"),
        (client.post, "/users/ada@example.org"),
        (client.get, "/users/count"),
    ):
        answer = method(url)
        print(f"{answer.status_code} {answer.json()}")


def main() -> None:
    settings.configure(ALLOWED_HOSTS=["testserver"], ROOT_URLCONF=__name__)
    django.setup()
    with bus.running_in_thread():  # wsgi.py enters it, with an ExitStack: see the README
        visit()
        welcomed.wait(timeout=10)


if __name__ == "__main__":
    main()
