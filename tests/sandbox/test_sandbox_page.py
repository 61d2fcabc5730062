"""The examples of the published skill page, run with other clients than ours: urllib, curl, Node's fetch."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.parse
import urllib.request

import pytest

from wati.sandbox import control

V1, V2 = "/wati/api/v1", "/wati/api/v2"
JOHN, JANE = "14155551234", "14155555678"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
NAME, ORDER = {"name": "name", "value": "John"}, {"name": "ordernumber", "value": "12345"}
TEMPLATE = {"template_name": "order_update", "broadcast_name": "order_update"}
RECEIVERS = [
    {"whatsappNumber": JOHN, "customParams": [NAME, ORDER]},
    {"whatsappNumber": JANE, "customParams": [NAME, ORDER]},
]
V2_RECEIVERS = [
    {"whatsappNumber": JOHN, "customParams": [NAME]},
    {"whatsappNumber": JANE, "customParams": [NAME]},
]
BUTTONS = {
    "header": {"type": "text", "text": "Order Status"},
    "body": "Your order #12345 is ready. What would you like to do?",
    "footer": "Reply within 24 hours",
    "buttons": [{"text": "Track Order"}, {"text": "Contact Support"}],
}
LIST = {
    "header": "Choose an option",
    "body": "Please select from the menu below",
    "footer": "Powered by WATI",
    "buttonText": "View Options",
    "sections": [
        {
            "title": "Products",
            "rows": [
                {"title": "Product A", "description": "Best seller item"},
                {"title": "Product B", "description": "New arrival"},
            ],
        }
    ],
}
VIP = {"customParams": [{"name": "member", "value": "VIP"}]}

# Verb, path, body, its type, and the member of the answer that says it worked.
EXAMPLES = [
    ("GET", "/connections?app=wati&status=ACTIVE", None, None, "connections"),
    ("POST", "/connections", {"app": "wati"}, JSON, "connection"),
    ("GET", "/connections/sandbox-main", None, None, "connection"),
    ("DELETE", "/connections/sandbox-failed", None, None, None),
    ("GET", f"{V1}/getContacts?pageSize=10&pageNumber=1", None, None, "contact_list"),
    ("POST", f"{V1}/addContact/{JOHN}", {"name": "John Doe", **VIP}, JSON, "contact"),
    ("POST", f"{V1}/updateContactAttributes/{JOHN}", VIP, JSON, "result"),
    ("GET", f"{V1}/getMessages/{JOHN}?pageSize=10&pageNumber=1", None, None, "messages"),
    ("POST", f"{V1}/sendSessionMessage/{JOHN}", b"messageText=Hello%20from%20WATI!", FORM, "ok"),
    ("GET", f"{V1}/getMessageTemplates?pageSize=10&pageNumber=1", None, None, "messageTemplates"),
    (
        "POST",
        f"{V1}/sendTemplateMessage?whatsappNumber={JOHN}",
        {**TEMPLATE, "parameters": [NAME, ORDER]},
        JSON,
        "validWhatsAppNumber",
    ),
    ("POST", f"{V1}/sendTemplateMessages", {**TEMPLATE, "receivers": RECEIVERS}, JSON, "result"),
    (
        "POST",
        f"{V2}/sendTemplateMessage?whatsappNumber={JOHN}",
        {**TEMPLATE, "parameters": [NAME]},
        JSON,
        "result",
    ),
    ("POST", f"{V2}/sendTemplateMessages", {**TEMPLATE, "receivers": V2_RECEIVERS}, JSON, "result"),
    ("POST", f"{V1}/sendInteractiveButtonsMessage?whatsappNumber={JOHN}", BUTTONS, JSON, "ok"),
    ("POST", f"{V1}/sendInteractiveListMessage?whatsappNumber={JOHN}", LIST, JSON, "ok"),
    ("POST", f"{V1}/assignOperator?email=agent@example.com&whatsappNumber={JOHN}", None, None, "result"),
    ("GET", f"{V1}/getMedia?fileName=data/documents/invoice-67890.pdf", None, None, None),
    ("GET", f"{V1}/getContacts?pageSize=50&pageNumber=1", None, None, "contact_list"),
]


@pytest.fixture
def url(serve, state_file):
    return serve(state_file)


def urllib_open(url, method, body=None, content_type=None, **headers):
    """As the page does it, with the standard library only."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    request = urllib.request.Request(url, data=data, method=method)
    request.add_header("Authorization", "Bearer sandbox")
    if content_type:
        request.add_header("Content-Type", content_type)
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request) as answer:
        return answer.read()


@pytest.mark.parametrize(("method", "path", "body", "content_type", "proof"), EXAMPLES)
def test_urllib(url, method, path, body, content_type, proof):
    answer = urllib_open(url + path, method, body, content_type)
    if proof:
        assert json.loads(answer)[proof], answer


def test_urllib_naming_a_connection(url):
    answer = urllib_open(f"{url}{V1}/getContacts", "GET", Maton_Connection="sandbox-main")
    assert json.loads(answer)["result"] == "success"


def test_the_pages_v2_example_lacks_a_parameter_and_fails_later(url, state_file):
    for method, path, body, content_type, _ in EXAMPLES:
        if path.startswith(V2):
            urllib_open(url + path, method, body, content_type)
    control.advance(state_file, 2)
    assert [row["status"] for row in control.log(state_file)] == ["FAILED"] * 3


def tool(name):
    """A program's path; without it the test is skipped, and says so."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed on this machine")
    return found


def curl(url, *arguments):
    command = [
        tool("curl"),
        "-g",
        "-sS",
        "--noproxy",
        "*",
        "-H",
        "Authorization: Bearer sandbox",
        *arguments,
        url,
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, encoding="utf-8", timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_curl_with_brackets_in_the_address(url):
    entry = '[{"name":"name","operator":"contain","value":"jane"}]'
    answer = json.loads(curl(f"{url}{V1}/getContacts?attribute={entry}"))
    assert [contact["fullName"] for contact in answer["contact_list"]] == ["Jane Smith"]


def test_curl_uploads(url, state_file, tmp_path):
    (tmp_path / "document.pdf").write_bytes(b"%PDF-1.4\r\n" + bytes(range(256)) * 8000)
    (tmp_path / "contacts.csv").write_bytes(
        b"Name,CountryCode,Phone,ordernumber\r\nJohn,1,4155551234,12345\r\n"
    )
    sent = curl(
        f"{url}{V1}/sendSessionFile/{JOHN}?caption=Check%20this%20out", "-F", f"file=@{tmp_path}/document.pdf"
    )
    assert json.loads(sent)["result"] is True
    sent = curl(
        f"{url}{V1}/sendTemplateMessageCSV?template_name=order_update&broadcast_name=order_update",
        "-F",
        f"whatsapp_numbers_csv=@{tmp_path}/contacts.csv",
    )
    assert json.loads(sent)["result"] is True
    file, template = control.log(state_file)
    assert (file["fileName"], file["caption"], file["size"]) == ("document.pdf", "Check this out", 2_048_010)
    assert template["whatsappNumber"] == JOHN


def test_fetch(url):
    script = f"""
        const answer = await fetch('{url}{V1}/getContacts?pageSize=10&pageNumber=1',
            {{headers: {{'Authorization': 'Bearer sandbox'}}}});
        const data = await answer.json();
        console.log(data.contact_list.length);
    """
    command = [tool("node"), "--input-type=module", "-e", script]
    done = subprocess.run(command, check=False, capture_output=True, text=True, encoding="utf-8", timeout=20)
    assert (done.returncode, done.stdout.strip()) == (0, "10"), done.stderr


def test_the_parameters_that_requests_would_send(url):
    query = urllib.parse.urlencode({"pageSize": 10, "pageNumber": 1})
    assert len(json.loads(urllib_open(f"{url}{V1}/getContacts?{query}", "GET"))["contact_list"]) == 10
