"""Objects that several endpoints return: which members are left out, and when."""

from __future__ import annotations

from wati.contract import omissions

# Members that no call takes, and values that nearly every contact has.
CONTACT = {
    **omissions.omit("photo allowSMS lastFlowId currentFlowNodeId tenantId"),
    **omissions.omit("isDeleted isInFlow isInTestFlow isSendBCLimit", omissions.equal(False)),
    **omissions.omit("isShowCTWAFollowUpNotice deletedFromSMB", omissions.equal(False)),
    **omissions.omit("optedIn", omissions.equal(False)),
    **omissions.omit("allowBroadcast", omissions.equal(True)),
    **omissions.omit("contactStatus", omissions.equal("VALID")),
    **omissions.omit("teamIds", omissions.equal([])),
    **omissions.omit("phone", omissions.same_as("wAid")),
    **omissions.omit("firstName", omissions.prefix_of("fullName")),
    **omissions.omit("customParams", omissions.repeating(name="fullName", phone="wAid")),
}

# Members that no call takes, and those that repeat another one.
MESSAGE = {
    **omissions.omit("avatarUrl conversationId ticketId"),
    **omissions.omit("timestamp", omissions.beside("created")),
    **omissions.omit("type", omissions.equal("text")),
}

# Of a message just sent: what every such answer has, and all but one of its ids.
SENT = {
    **MESSAGE,
    **omissions.omit("text operatorName"),
    **omissions.omit("owner", omissions.equal(True)),
    **omissions.omit("eventType", omissions.equal("message")),
    **omissions.omit("id localMessageId", omissions.beside("whatsappMessageId")),
}

# Of a send's answer in v2: the name and the parameters repeat the arguments.
SEND_V2 = {
    **omissions.omit("result templateName parameters"),
    **omissions.omit("receivers.isValidWhatsAppNumber", omissions.equal(True)),
    **omissions.omit("receivers.errors", omissions.equal([])),
}

# Of the answer to buttons or a list: the text and the choices repeat the arguments.
SEND_INTERACTIVE = {
    **omissions.omit("ok result errors"),
    **omissions.inside("message", {**SENT, **omissions.omit("interactiveData")}),
}
