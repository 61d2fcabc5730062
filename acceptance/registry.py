"""A registry like ClawHub, with what it takes to publish, install, verify and update one skill.

It has the calls and the members of answers that openclaw 2026.9.6 and clawhub 0.23.3 use. It was not compared
with the real server.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import Any

from loopback import Answer, Request, as_json

SLUG = "wati"
PUBLISHER = "acceptance"

# What the audit says about every version: (decision, status) by the verdict that a test chooses.
_AUDITS = {"clean": ("pass", "clean"), "malicious": ("fail", "malicious")}


class Registry:
    """Holds what was published to it. `versions`: by version, the bytes of each path."""

    def __init__(self) -> None:
        self.url = ""
        self.versions: dict[str, dict[str, bytes]] = {}
        self.verdict = "clean"
        self.seen: list[str] = []
        self._uploads: dict[str, bytes] = {}

    def answer(self, request: Request) -> Answer:
        call = f"{request.method} {request.path}"
        self.seen.append(call)
        if request.method == "POST" and request.path.startswith("/uploads/"):
            return self._receive(request)
        if call == "GET /api/v1/download":
            return Answer(self._zip(request.query["version"]), "application/zip")
        documents = {
            "GET /api/v1/whoami": self._whoami,
            "GET /api/v1/resolve": self._resolve,
            "POST /api/v1/skills/-/upload-url": self._upload_url,
            "POST /api/v1/skills": self._publish,
            f"GET /api/v1/skills/{SLUG}": self._skill,
            f"GET /api/v1/skills/{SLUG}/install": self._install,
            f"GET /api/v1/skills/{SLUG}/verify": self._verify,
            "POST /api/v1/skills/-/security-verdicts": self._verdicts,
        }
        if call not in documents:
            return as_json({"error": f"the registry of the tests does not know {call}"}, 404)
        return as_json(documents[call](request))

    @property
    def latest(self) -> str | None:
        return list(self.versions)[-1] if self.versions else None

    # Publishing: a ticket and an upload for each file, then the list of files.

    def _whoami(self, _: Request) -> Any:
        return {"user": {"handle": PUBLISHER}}

    def _resolve(self, _: Request) -> Any:
        return {"match": None, "latestVersion": {"version": self.latest} if self.latest else None}

    def _upload_url(self, request: Request) -> Any:
        ticket = request.json["sha256"]
        return {"uploadUrl": f"{self.url}/uploads/{ticket}", "uploadTicket": ticket}

    def _receive(self, request: Request) -> Answer:
        ticket = request.path.removeprefix("/uploads/")
        if hashlib.sha256(request.body).hexdigest() != ticket:
            return as_json({"error": "these are not the bytes that were announced"}, 400)
        self._uploads[ticket] = request.body
        return as_json({"storageId": ticket})

    def _publish(self, request: Request) -> Any:
        wanted = request.json
        if wanted["slug"] != SLUG:
            raise ValueError(f"published as {wanted['slug']}")
        self.versions[wanted["version"]] = {
            file["path"]: self._uploads[file["storageId"]] for file in wanted["files"]
        }
        return {"ok": True, "skillId": "1", "versionId": "1", "publicationStatus": "published"}

    # Installing.

    def _skill(self, _: Request) -> Any:
        skill = {"slug": SLUG, "displayName": "Wati", "summary": None, "tags": {"latest": self.latest}}
        return {
            "skill": {**skill, "stats": {}, "createdAt": 1, "updatedAt": 1},
            "latestVersion": {"version": self.latest, "createdAt": 1, "changelog": ""},
            "owner": {"handle": PUBLISHER, "displayName": None, "image": None},
        }

    def _install(self, _: Request) -> Any:
        download = f"{self.url}/api/v1/download?slug={SLUG}&version={self.latest}"
        archive = {"version": self.latest, "downloadUrl": download}
        return {"ok": True, "slug": SLUG, "installKind": "archive", "archive": archive}

    def _zip(self, version: str) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in self.versions[version].items():
                archive.writestr(path, content)
        return packed.getvalue()

    def _verdicts(self, request: Request) -> Any:
        return {"items": [self._audit(item["slug"], item["version"]) for item in request.json["items"]]}

    def _audit(self, slug: str, version: str) -> Any:
        decision, status = _AUDITS[self.verdict]
        return {
            "ok": decision == "pass",
            "decision": decision,
            "reasons": [] if decision == "pass" else ["the test says so"],
            "requestedSlug": slug,
            "requestedVersion": version,
            "slug": slug,
            "version": version,
            "publisherHandle": PUBLISHER,
            "overview": "The audit of the tests.",
            "securityAuditUrl": f"{self.url}/audit",
            "skillUrl": f"{self.url}/skill",
            "security": {"status": status, "passed": decision == "pass"},
            "error": None,
        }

    def _verify(self, request: Request) -> Any:
        decision, status = _AUDITS[self.verdict]
        page = f"{self.url}/skill"
        return {
            "schema": "clawhub.skill.verify.v1",
            "ok": decision == "pass",
            "decision": decision,
            "reasons": [] if decision == "pass" else ["the test says so"],
            "slug": SLUG,
            "displayName": "Wati",
            "pageUrl": page,
            "publisherHandle": PUBLISHER,
            "publisherDisplayName": None,
            "publisherProfileUrl": None,
            "version": request.query.get("version", self.latest),
            "resolvedFrom": "version" if "version" in request.query else "latest",
            "tag": None,
            "createdAt": 1,
            "card": None,
            "artifact": None,
            "provenance": None,
            "security": {"status": status, "passed": decision == "pass"},
        }
