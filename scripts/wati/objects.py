"""The objects that several endpoints answer with: which of their members are left out, and when."""

from __future__ import annotations

from wati import hidden

# Of each contact: what no call takes, and what nearly every contact has.
CONTACT = {
    **hidden.all_of("photo allowSMS lastFlowId currentFlowNodeId tenantId"),
    **hidden.all_of("isDeleted isInFlow isInTestFlow isSendBCLimit", hidden.where_it_is(False)),
    **hidden.all_of("isShowCTWAFollowUpNotice deletedFromSMB", hidden.where_it_is(False)),
    **hidden.all_of("allowBroadcast", hidden.where_it_is(True)),
    **hidden.all_of("contactStatus", hidden.where_it_is("VALID")),
    **hidden.all_of("teamIds", hidden.where_it_is([])),
    **hidden.all_of("phone", hidden.where_same_as("wAid")),
    **hidden.all_of("firstName", hidden.where_it_opens("fullName")),
    **hidden.all_of("customParams", hidden.repeating(name="fullName", phone="wAid")),
}

# Of each message: what no call takes, and what says again what stands beside it.
MESSAGE = {
    **hidden.all_of("avatarUrl conversationId ticketId"),
    **hidden.all_of("timestamp", hidden.where_there_is("created")),
    **hidden.all_of("type", hidden.where_it_is("text")),
}
