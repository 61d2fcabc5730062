"""The objects that several endpoints answer with: which of their members are left out, and when."""

from __future__ import annotations

from wati import shape

# Of each contact: what no call takes, and what nearly every contact has.
CONTACT = {
    **shape.all_of("photo allowSMS lastFlowId currentFlowNodeId tenantId"),
    **shape.all_of("isDeleted isInFlow isInTestFlow isSendBCLimit", shape.where_it_is(False)),
    **shape.all_of("isShowCTWAFollowUpNotice deletedFromSMB", shape.where_it_is(False)),
    **shape.all_of("allowBroadcast", shape.where_it_is(True)),
    **shape.all_of("contactStatus", shape.where_it_is("VALID")),
    **shape.all_of("teamIds", shape.where_it_is([])),
    **shape.all_of("phone", shape.where_same_as("wAid")),
    **shape.all_of("firstName", shape.where_it_opens("fullName")),
    **shape.all_of("customParams", shape.repeating(name="fullName", phone="wAid")),
}

# Of each message: what no call takes, and what says again what stands beside it.
MESSAGE = {
    **shape.all_of("avatarUrl conversationId ticketId"),
    **shape.all_of("timestamp", shape.where_there_is("created")),
    **shape.all_of("type", shape.where_it_is("text")),
}
