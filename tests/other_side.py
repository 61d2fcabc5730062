"""A far side that is unlike the sandbox on purpose, and whose answers are full of what nobody may see."""

from __future__ import annotations

import json
from typing import Any

from recording import JPEG, Answer, FarSide, Received, reply

OWN = "4915112345678"
# What is anyone's own. None of it may be in a capture.
PERSONAL = [
    "Zenobia Quartermain",
    "Quartermain",
    "zenobia@quartermain.test",
    "16175550142",
    "+1 617 555 0142",
    "spoon allergy",
    "Birchwood Lane 77",
    "birchwood_offer",
    "Meet me behind the bakery",
    "conn-birchwood",
    "conn-bakery",
    "6708aaaabbbbccccddddeeee",
    "data/images/bakery.jpg",
    "quartermain-token",
    OWN,
]
CONTACT: dict[str, Any] = {
    "id": "6708aaaabbbbccccddddeeee",
    "wAid": "16175550142",
    "fullName": "Zenobia Quartermain",
    "phone": 16175550142,
    "created": "/Date(1728656646000)/",
    "lastUpdated": "2026-01-02T00:00:00Z",
    "customParams": [{"name": "spoon allergy", "value": "Birchwood Lane 77"}],
    "displayId": "zenobia@quartermain.test",
    "Quartermain 16175550142": {"Zenobia Quartermain": "spoon allergy"},
}
SAID = {
    "id": "6708aaaabbbbccccddddeee1",
    "eventType": "message",
    "owner": "false",
    "text": "Meet me behind the bakery",
    "type": "image",
    "data": "data/images/bakery.jpg",
    "created": "2026-01-02T00:00:00",
    "statusString": "Quartermain",
}
OLDER = {**SAID, "id": "6708aaaabbbbccccddddeee2", "created": "2026-01-01T00:00:00"}
TEMPLATE = {"elementName": "birchwood_offer", "status": "PENDING", "body": "Meet me behind the bakery"}
LINK = {"nextPage": 2, "prevPage": None, "pageNumber": 1, "pageSize": 50, "total": 7}
ROW = {"connection_id": "conn-birchwood", "status": "ACTIVE", "app": "wati", "label": "Quartermain"}
OTHER = {**ROW, "connection_id": "conn-bakery", "url": "https://x.test/?session_token=quartermain-token"}
# Errors quote whom they are about.
ERROR = (
    "Contact Zenobia Quartermain (+1 617 555 0142, zenobia@quartermain.test) at Birchwood Lane 77 not found"
)


def text(words: str, status: int, **headers: str) -> Answer:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, words.encode(), given, "text/plain")


class OtherSide(FarSide):
    """Its answers follow from the request alone."""

    def _next(self, request: Received) -> Answer:
        key, connection = request.header("authorization"), request.header("maton-connection")
        if key is None or "wati-probe" in key:
            return text(f"Unauthorized for Quartermain: {ERROR}", 401)
        if request.path.startswith("/connections"):
            return self._maton(request)
        if not request.path.startswith("/wati/"):
            return Answer(403, b"<!DOCTYPE html><title>Quartermain</title>", {}, "text/html")
        if connection == "wati-probe-nothing":
            return reply({"message": ERROR}, 403)
        if request.method == "GET":
            return self._read(request)
        return self._write(request)

    def _maton(self, request: Received) -> Answer:
        if request.method != "GET":
            return reply({"error": ERROR}, 202)
        if request.path == "/connections":
            return reply({"connections": [{**OTHER, "creation_time": 1}, {**ROW, "creation_time": 2}]})
        return reply({"connection": {**ROW, "method": "OAUTH2"}})

    def _read(self, request: Received) -> Answer:
        name = request.path.removeprefix("/wati/api/v1/").partition("/")[0]
        query = dict(request.pairs)
        if name == "getContacts":
            rows = [
                CONTACT,
                {**CONTACT, "id": "6708aaaabbbbccccddddeee9", "lastUpdated": "2026-01-03T00:00:00Z"},
            ]
            return reply(
                {"result": True, "contact_list": rows * 80 if "pageSize" not in query else rows, "link": LINK}
            )
        if name == "getMessages":
            number = request.path.rpartition("/")[2]
            if "16175550142" not in number and number != OWN:
                return reply({"message": ERROR}, 404)
            return reply(
                {"result": "success", "messages": {"items": [OLDER, SAID], "total": 9}, "link": LINK}
            )
        if name == "getMessageTemplates":
            return reply({"result": "success", "messageTemplates": [TEMPLATE], "link": LINK}, Date="")
        if name == "getMedia" and "bakery" in query.get("fileName", ""):
            return Answer(200, JPEG, {}, "image/jpeg")
        return reply({"code": 1234567, "message": ERROR, "Quartermain": [ERROR]}, 500)

    def _write(self, request: Received) -> Answer:
        return reply({"result": "Queued for Quartermain", "info": ERROR, "id": OWN}, 200)


def leaves(value: Any) -> list[str]:
    """Every text in a document, names of members included."""
    if isinstance(value, dict):
        return [each for pair in value.items() for one in pair for each in leaves(one)]
    if isinstance(value, list):
        return [each for one in value for each in leaves(one)]
    return [value if isinstance(value, str) else json.dumps(value)]
