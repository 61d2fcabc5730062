"""The sandbox's page in a real browser, as a person uses it, with the scripts as the business's side."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Programs, Window, programs, until
from toolbox import NotRun, Toolbox

JOHN, JANE, MARIA = "14155551234", "14155555678", "14155550199"
WIDE, NARROW = (1280, 800), (390, 844)
# A red picture of one pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="session")
def found() -> Programs:
    try:
        return programs()
    except NotRun as reason:
        pytest.skip(f"NOT RUN: {reason}")


@pytest.fixture(scope="session")
def windows(found: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], Window]]:
    """`windows(0)`, `windows(1)`: two browsers, which share nothing."""
    opened: dict[int, Window] = {}

    def window(number: int) -> Window:
        if number not in opened:
            opened[number] = Window(found, tmp_path_factory.mktemp("profile"))
        opened[number].shape()
        return opened[number]

    yield window
    for each in opened.values():
        each.close()


class World:
    """A served world. `run`: a script, as an agent runs it; `control`: a command of sandbox.py."""

    def __init__(self, skill: Path, folder: Path) -> None:
        self._scripts, self._state = skill / "scripts", folder / "world.sqlite"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MATON_", "WATI_"))}
        self._environ = {**kept, "MATON_API_KEY": "sandbox", "WATI_SANDBOX_STATE": str(self._state)}
        self.control("reset", "--no-limits")
        self.url = ""
        self.serve()

    def serve(self, port: str = "0") -> None:
        command = [sys.executable, str(self._scripts / "sandbox.py"), "serve", "--quiet", "--port", port]
        self.server = subprocess.Popen(command, env=self._environ, stdout=subprocess.PIPE, encoding="utf-8")
        assert self.server.stdout is not None
        data = json.loads(self.server.stdout.readline())["data"]
        self.url = data["page"]

    def stop(self) -> None:
        self.server.terminate()
        self.server.communicate(timeout=20)

    def run(self, script: str, arguments: Any, *flags: str) -> int:
        environ = {**self._environ, "MATON_BASE_URL": self.url.rstrip("/")}
        command = [sys.executable, str(self._scripts / f"{script}.py"), json.dumps(arguments), *flags]
        return subprocess.run(command, env=environ, capture_output=True, timeout=60, check=False).returncode

    def control(self, *arguments: str) -> Any:
        command = [sys.executable, str(self._scripts / "sandbox.py"), *arguments]
        done = subprocess.run(
            command, env=self._environ, capture_output=True, encoding="utf-8", timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout
        return json.loads(done.stdout)["data"]

    def seed(self, **things: Any) -> None:
        self.control("seed", json.dumps(things))

    def say(self, number: str, text: str) -> int:
        return self.run("send_session_message", {"whatsappNumber": number, "messageText": text})


@pytest.fixture
def world(found: Programs, committed: Path, tmp_path: Path) -> Iterator[World]:
    world = World(committed, tmp_path)
    yield world
    world.stop()


@pytest.fixture
def window(windows: Callable[[int], Window], world: World) -> Iterator[Window]:
    """On the page. What the browser complains of fails the test."""
    window = windows(0)
    window.open(world.url)
    yield window
    complaints = window.complaints()
    window.leave()
    assert complaints == []


def choose(window: Window, name: str) -> None:
    window.click("#people button", name)
    window.sees("#name", name)


SLOT = {
    "elementName": "slot",
    "status": "APPROVED",
    "body": "Hi {{name}}, does Tuesday suit you?",
    "header": {"type": "text", "text": "Your delivery"},
    "footer": "Acme Parts",
    "buttons": [
        {"type": "quick_reply", "text": "Yes"},
        {"type": "url", "text": "Track", "url": "https://track.example.com/{{code}}"},
    ],
}
SECTIONS = [
    {"title": "Morning", "rows": [{"title": "8 to 10", "description": "early"}, {"title": "10 to 12"}]}
]
ORDER = {
    "whatsappNumber": JANE,
    "template_name": "order_update",
    "broadcast_name": "order_update",
    "parameters": [{"name": "name", "value": "Jane"}, {"name": "ordernumber", "value": "67890"}],
}


def test_the_story_of_the_demo(window: Window, world: World) -> None:
    """Find Jane, see the template arrive and free text rejected, answer as Jane, and see free text arrive."""
    window.sees("#total", "57 contacts, 3 unread")
    window.click("#search")
    window.keys("jane")
    window.sees("#total", "1 contact")
    window.click("#people button", "Jane Smith")
    window.sees("#window", "Window closed")
    window.sees(".row.them", "Thanks, that is all for now.")
    assert world.run("send_template_message", ORDER) == 0
    window.sees(".row.us .label", "Template · order_update")
    window.sees(".row.us", "Hi Jane, your order 67890 is ready.")
    window.sees(".row.us:last-child .meta", "Delivered")
    window.sees("#requests .did", f"template order_update to {JANE}: Hi Jane")
    assert world.say(JANE, "Any questions about your order?") == 4
    window.sees("#requests .did", "rejected: Ticket has been expired.")
    window.sees_no("#rows", "Any questions")
    window.click("#reply")
    window.keys("I am back", "\ue007")  # Enter
    window.sees(".row.them:last-child", "I am back")
    window.sees("#window", "Window open, 23:59:")
    assert world.say(JANE, "Any questions about your order?") == 0
    window.sees(".row.us:last-child", "Any questions about your order?")
    window.click("#read")
    window.sees(".row.us:last-child .meta", "Read")
    window.click("[data-advance='86400']")
    window.sees("#window", "Window closed")
    assert world.say(JANE, "Too late") == 4
    window.sees("#requests li:first-child .call, #requests .call", "sendSessionMessage")
    kinds = [(row["kind"], row["status"]) for row in world.control("log")]
    assert kinds == [("template", "READ"), ("text", "READ")]


def test_what_can_be_tapped_sent_and_blocked(window: Window, world: World, tmp_path: Path) -> None:
    world.seed(templates=[SLOT])
    values = [{"name": "name", "value": "John"}, {"name": "code", "value": "A17"}]
    slot = {"whatsappNumber": JOHN, "template_name": "slot", "broadcast_name": "b", "parameters": values}
    assert world.run("send_template_message", slot) == 0
    listed = {"whatsappNumber": JOHN, "body": "When?", "buttonText": "Choose", "sections": SECTIONS}
    assert world.run("send_interactive_list_message", listed) == 0
    choose(window, "John Doe")
    window.sees(".bubble .title", "Your delivery")
    window.sees(".bubble .foot", "Acme Parts")
    window.sees(".bubble .leads", "https://track.example.com/A17")
    window.click(".taps button", "Yes")
    window.sees(".row.them:last-child", "Yes")
    window.click(".taps summary", "Choose")
    window.sees(".taps .leads", "early")
    window.click(".taps details button", "8 to 10")
    window.sees(".row.them:last-child", "8 to 10")
    (tmp_path / "photo.png").write_bytes(PNG)
    window.driver.find_element("id", "file").send_keys(str(tmp_path / "photo.png"))
    window.sees("#chosen-name", "photo.png")
    window.click("#reply")
    window.keys("It looks like this")
    window.click("#send")
    window.sees(".row.them:last-child", "It looks like this")
    until(
        lambda: window.run("return document.querySelector('.row.them:last-child img')?.naturalWidth") == 1,
        lambda: "the photo is not shown",
    )
    window.click("#block", "Block")
    window.sees("#window", "Has blocked the account")
    assert world.say(JOHN, "Are you there?") == 0
    world.control("advance", "10")
    window.sees(".row.us:last-child .meta", "Sent")
    assert window.run("return document.getElementById('reply').disabled")
    window.click("#block", "Unblock")
    window.sees("#window", "Window open")


def test_templates_accounts_faults_limits_and_reset(window: Window, world: World) -> None:
    window.click("[data-open=templates]")
    window.click("[aria-label='Approve spring_sale en']")
    window.sees("#template-list .item", "spring_saleAPPROVED")
    window.click("[aria-label='Pause welcome en']")
    window.sees("#template-list .item", "welcomePAUSED")
    window.click("#templates [data-close]")
    window.click("[data-open=accounts]")
    window.click("#account-list button", "Authorize")
    window.sees("#account-list .item", "sandbox-pendingACTIVE")
    window.click("[aria-label='View sandbox-pending']")
    window.sees("#nobody", "This account has no contacts.")
    window.click("[data-open=accounts]")
    window.click("[aria-label='View sandbox-main']")
    window.sees("#total", "57 contacts")
    window.click("#limits")
    window.sees("#limits[aria-checked=true]", "Limits")
    window.click("#limits")
    window.sees("#limits[aria-checked=false]", "Limits")
    window.click("[data-open=faults]")
    window.run(
        "const kind = document.querySelector('[name=kind]'); kind.value = 'lost_answer';"
        "kind.dispatchEvent(new Event('change', {bubbles: true}))"
    )
    window.click("#fault-form button", "Add the fault")
    window.sees("#fault-list .item", "lost_answer")
    window.click("#faults [data-close]")
    window.sees("#waiting", "1")
    flags = ["--connection", "sandbox-main"]
    said = {"whatsappNumber": JOHN, "messageText": "Did this arrive?"}
    assert world.run("send_session_message", said, *flags) == 7
    window.sees("#requests .pill", "no answer")
    window.sees("#requests .pill", "lost_answer")
    window.sees("#requests .did", f"text to {JOHN}: Did this arrive?")
    window.sees_no("#waiting", "1")
    window.click("[data-open=reset]")
    assert window.focused == "Keep it"
    window.click("#reset button", "Keep it")
    assert world.control("log") != []
    window.click("[data-open=reset]")
    window.click("#reset button", "Reset")
    window.sees("#no-requests", "Nothing has called")
    assert world.control("log") == []


def test_two_browsers_and_a_command_see_each_other_s_changes(
    window: Window, windows: Callable[[int], Window], world: World
) -> None:
    other = windows(1)
    other.open(world.url)
    for each in (window, other):
        choose(each, "Maria Silva")
    window.click("#reply")
    window.keys("from the first")
    window.click("#send")
    other.sees(".row.them:last-child", "from the first")
    other.click("#block")
    window.sees("#window", "Has blocked the account")
    world.control("block", MARIA, "--undo")
    for each in (window, other):
        each.sees("#window", "Window open")
    world.control("reply", MARIA, "from a command")
    world.say(MARIA, "from a script")
    for each in (window, other):
        each.sees("#rows", "from a command")
        each.sees(".row.us:last-child", "from a script")
        each.sees("#people button", "You: from a script")
    other.click("[data-advance='3600']")
    window.sees("#window", "22:59:")
    assert other.complaints() == []
    other.leave()


def test_a_new_customer_writes(window: Window, world: World) -> None:
    window.click("#search")
    window.keys("+1 555 000 1111")
    window.click("#nobody button", "Write as +15550001111")
    window.sees("#window", "Never wrote")
    window.click("#reply")
    window.keys("Hello, I am new")
    window.click("#send")
    window.sees(".row.them", "Hello, I am new")
    window.sees("#people button", "+15550001111")


PWN = "<img src=x onerror=pwned()><script>pwned()</script><svg onload=pwned()>"
TEXTS = {
    "markup": PWN,
    "attribute": "\"'><b onmouseover=pwned()>x</b> javascript:pwned()",
    "template": "{{constructor.constructor('pwned()')()}} ${pwned()} `x`",
    "directions": "\u202ereversed\u202c \u2066isolate\u2069 \u200bzero",
    "long": "x" * 3000,
    "marks": "Z" + "\u0351\u0343" * 200,
}


def hostile(number: str, text: str) -> dict[str, list[dict[str, Any]]]:
    """A seed that has the text in every place that customers, senders and templates can write into."""
    short = text[:200]
    buttons = [
        {"type": "quick_reply", "text": short},
        {"type": "url", "text": short, "url": f"javascript:{short}"},
    ]
    header = {"type": "document", "link": f"javascript:{short}"}
    template = {"elementName": short, "status": "APPROVED", "body": text, "header": header, "footer": short}
    file = {"fileName": f"data/images/{short}", "contentType": "image/svg+xml", "base64": "PHN2Zz48L3N2Zz4="}
    ours, rows = (
        {"owner": True, "operatorName": short},
        [
            {"text": text, "event": "ticket"},
            {"text": text, "type": short},
            {"text": text, "type": "image", "data": file["fileName"]},
            {"text": text, "type": "image", "data": f"missing/{short}"},
            {"text": text, "event": "broadcastMessage", "template": short},
        ],
    )
    rows += [{"text": text, **ours, "statusString": short}]
    rows += [{"text": text, **ours, "statusString": "FAILED", "failedDetail": text}]
    return {
        "connections": [{"connection_id": short, "status": "PENDING"}],
        "contacts": [{"whatsappNumber": number, "name": text}],
        "templates": [{**template, "buttons": buttons, "cards": [{"body": text, "buttons": buttons}]}],
        "media": [file],
        "messages": [{"whatsappNumber": number, **row} for row in rows],
    }


def test_hostile_text_is_text_in_every_place(window: Window, world: World) -> None:
    seeds = [hostile(str(15550001000 + index), text) for index, text in enumerate(TEXTS.values())]
    world.seed(**{kind: [thing for seed in seeds for thing in seed[kind]] for kind in seeds[0]})
    faults = [{"fault": "html", "body": text, "match": {"path": f"/{text[:200]}"}} for text in TEXTS.values()]
    world.control("fault", json.dumps(faults))
    world.run("find_contact", {"name": TEXTS["markup"]})
    for text in TEXTS.values():
        window.click("#people button", text[:20])
        window.sees("#rows .reason", text[:50])
        window.run("document.querySelectorAll('details').forEach(each => { each.open = true })")
        for shape in (WIDE, NARROW):
            window.shape(*shape)
            assert became_more_than_text(window) == []
            assert sticking_out(window) == []
        window.shape()
    window.sees("#requests .call", "getContacts")
    for dialog in ("accounts", "templates", "faults"):
        window.run(f"document.querySelector('[data-open={dialog}]').click()")
        for text in TEXTS.values():
            window.sees(f"#{dialog}", text[:50])
        assert became_more_than_text(window) == []
        assert sticking_out(window) == []
        window.run(f"document.getElementById('{dialog}').close()")


STICKING_OUT = """
const seen = [...document.body.querySelectorAll('*')].filter(each => each.checkVisibility()
  && each.getBoundingClientRect().right > innerWidth + 1 && !each.closest('.hush, .cards, .brand')
  && getComputedStyle(each.parentElement).overflowX === 'visible');
const wide = document.documentElement.scrollWidth > innerWidth ? ['the page'] : [];
return [...wide, ...seen.map(each => each.outerHTML.slice(0, 90))];
"""


def sticking_out(window: Window) -> list[str]:
    """What is cut off at the right, or makes the whole page scroll sideways."""
    found: list[str] = window.run(STICKING_OUT)
    return found


OWN = (
    "accept alt aria-[a-z]+ autocomplete autofocus class controls cx cy d data-[a-z]+ datetime dir disabled "
    "download enterkeyhint fill for hidden href id loading max min name open placeholder preload r required "
    "role rows spellcheck src step style tabindex title type value viewBox"
)
BECAME_MORE = """
const own = new RegExp(`^(${arguments[0].split(' ').join('|')})$`);
const address = /^(#[a-z-]+|[/]_sandbox[/]media[?].*)$/;
const foreign = 'img:not([src^="/_sandbox/"]), b[onmouseover], svg[onload]';
const all = [...document.body.querySelectorAll('*')];
const attributes = all.flatMap(element => [...element.attributes].map(each => each.name));
const addresses = all.flatMap(element => [element.getAttribute('href'), element.getAttribute('src')]);
return [
  ...attributes.filter(each => !own.test(each)),
  ...addresses.filter(each => each !== null && !address.test(each)),
  ...all.filter(each => each.matches(foreign)).map(each => each.outerHTML),
  ...[...document.scripts].slice(1).map(each => each.text),
  ...('pwned' in window ? ['pwned'] : []),
];
"""


def became_more_than_text(window: Window) -> list[str]:
    """What someone wrote and is now an element, an attribute, an address or a script."""
    found: list[str] = window.run(BECAME_MORE, OWN)
    return found


REACHED = """
const all = [...document.querySelectorAll('button, summary, input, textarea, a')];
return all.filter(each => each.checkVisibility() && !each.disabled).map(each => {
  each.focus({focusVisible: true});
  const marked = getComputedStyle(each.closest('label.button') || each).outlineStyle;
  return [each.outerHTML.slice(0, 80), document.activeElement === each, marked];
});
"""


def test_with_the_keyboard_alone(window: Window, world: World) -> None:
    down, enter, escape, tab = "\ue015", "\ue007", "\ue00c", "\ue004"
    window.run("document.body.focus()")
    window.keys("/")
    assert window.focused == "search"
    window.keys(down, down)
    assert "Maria Silva" in window.focused
    window.keys(enter)
    window.sees("#name", "Maria Silva")
    until(lambda: window.focused == "reply", lambda: f"the focus is at {window.focused}")
    window.keys("typed", enter)
    window.sees(".row.them:last-child", "typed")
    until(lambda: window.focused == "reply", lambda: f"the focus is at {window.focused}")
    window.run("document.querySelector('[data-open=templates]').focus()")
    window.keys(enter)
    window.sees("#templates h2", "Templates")
    window.keys(tab)
    assert window.run("return document.activeElement.closest('dialog')?.id") == "templates"
    window.keys(escape)
    until(lambda: window.focused == "Templates", lambda: f"the focus is at {window.focused}")
    # Everything that can be clicked can be reached, and shows where the focus is.
    marks = window.run(REACHED)
    assert len(marks) > 30
    assert [each for each in marks if each[1:] != [True, "solid"]] == []


def test_the_focus_stays_where_it_is_while_things_come_in(window: Window, world: World) -> None:
    choose(window, "John Doe")
    window.click("#reply")
    window.keys("half a sen")
    world.control("reply", JANE, "something else")
    world.say(JOHN, "meanwhile")
    window.sees(".row.us:last-child", "meanwhile")
    window.keys("tence")
    assert window.run("return document.getElementById('reply').value") == "half a sentence"
    window.run("document.querySelector('#people button').focus()")
    world.control("reply", MARIA, "and again")
    window.sees("#people li:first-child", "Maria Silva")
    assert window.run("return document.activeElement.classList.contains('person')")


def test_on_a_phone(window: Window, world: World) -> None:
    window.shape(*NARROW)
    window.sees("#people button", "John Doe")
    window.sees_no("#compose")
    choose(window, "John Doe")
    window.sees_no("#people")
    window.click("#reply")
    window.keys("by thumb")
    window.click("#send")
    window.sees(".row.them:last-child", "by thumb")
    window.click("#show-log")
    window.sees("#log-title", "Requests")
    window.click("#hide-log")
    window.click("#back")
    window.sees("#people button", "John Doe")
    window.click("#show-controls")
    window.click("[data-open=faults]")
    window.sees("#faults h2", "Faults")
    assert window.run("return document.documentElement.scrollWidth <= innerWidth")


def test_it_says_when_the_sandbox_is_gone_and_comes_back(window: Window, world: World) -> None:
    window.sees("#people button", "John Doe")
    port = world.url.rstrip("/").rpartition(":")[2]
    world.stop()
    window.sees("#banner", "The sandbox has stopped")
    world.serve(port)
    window.click("#banner button", "Load the page again")
    window.sees_no("#banner", "The sandbox")
    window.sees("#people button", "John Doe")
    window.complaints()  # of the connection that was refused meanwhile


# What opens a view, and what closes it.
VIEWS = {
    "inbox": ("", "document.querySelector('#people button').click()"),
    "conversation": ("document.querySelectorAll('.taps details').forEach(each => { each.open = true })", ""),
    "log": (
        "document.querySelectorAll('#requests details').forEach(each => { each.open = true });"
        "if (innerWidth < 1180) document.getElementById('show-log').click()",
        "if (innerWidth < 1180) document.getElementById('hide-log').click()",
    ),
    "menu": ("if (innerWidth < 720) document.getElementById('show-controls').click()", ""),
    **{
        name: (
            f"document.querySelector('[data-open={name}]').click()",
            f"document.getElementById('{name}').close()",
        )
        for name in ("accounts", "templates", "faults", "reset")
    },
}
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = """
const done = arguments[arguments.length - 1];
axe.run({runOnly: arguments[0], resultTypes: ['violations']}).then(done, error => done(String(error)));
"""


@pytest.fixture(scope="session")
def full_world(found: Programs, committed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world with something of everything that the page can show."""
    world = World(committed, tmp_path_factory.mktemp("full"))
    world.seed(templates=[SLOT], connections=[{"connection_id": "other", "status": "PENDING"}])
    values = [{"name": "name", "value": "John"}, {"name": "code", "value": "A  \t17"}]
    slot = {"whatsappNumber": JOHN, "template_name": "slot", "broadcast_name": "b", "parameters": values}
    world.run("send_template_message", slot)
    listed = {"whatsappNumber": JOHN, "body": "When?", "buttonText": "Choose", "sections": SECTIONS}
    world.run("send_interactive_list_message", listed)
    world.say(JANE, "rejected")
    world.control("block", MARIA)
    world.control("fault", '{"fault": "lost_answer"}')
    world.say(JOHN, "lost")
    world.control("fault", '{"fault": "status", "status": 503, "times": 2}')
    world.control("read", JOHN)
    yield world
    world.stop()


@pytest.mark.parametrize("shape", [WIDE, NARROW], ids=["wide", "narrow"])
def test_axe_finds_nothing(
    windows: Callable[[int], Window], full_world: World, toolbox: Toolbox, shape: tuple[int, int]
) -> None:
    """Light, with all its rules; dark, where only the colours are others."""
    window = windows(0)
    window.shape(*shape)
    window.open(full_world.url)
    window.find("#people button")
    window.run((toolbox.modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    found: list[str] = []
    for name, (opens, closes) in VIEWS.items():
        window.run(opens)
        for dark, rules in ((False, RULES), (True, COLOURS)):
            window.shape(*shape, dark=dark)
            result = window.driver.execute_async_script(AXE, rules)
            assert isinstance(result, dict), result
            assert result["passes"], f"{name}: nothing was looked at"
            found += [
                f"{name}, {'dark' if dark else 'light'}: {each['id']}: {node['html'][:160]}"
                for each in result["violations"]
                for node in each["nodes"]
            ]
        window.shape(*shape)
        window.run(closes)
    window.leave()
    assert found == [], "\n".join(found)
